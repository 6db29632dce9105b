//! How reports read, in every format.

use super::*;
use crate::output::Format;
use crate::render::render;

const ID: &str = "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e";

fn report(name: &str, description: &str, revision: u64) -> Document {
    let fields = json!({"name": name, "folder": "growth/weekly", "description": description,
        "spec": {"kind": "funnel", "steps": [{"event": "view"}], "last": "30d"}});
    let body = Body::parse(KIND, &fields, 0).unwrap();
    Document::new(ID.to_owned(), revision, body, Some("ana"), 1_767_225_600_000)
}

#[test]
fn a_list_in_every_format() {
    let rows = vec![Row::of(&report("Buyers", "", 3))];
    let of = |format| render(&List(rows.clone()), format, 120).unwrap();
    insta::assert_snapshot!(of(Format::Table), @"
    id                                    folder         name    kind    revision  saved                     by
    ────────────────────────────────────  ─────────────  ──────  ──────  ────────  ────────────────────────  ───
    0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e  growth/weekly  Buyers  funnel         3  2026-01-01T00:00:00.000Z  ana
    ");
    insta::assert_snapshot!(of(Format::Csv), @r#"
    id,name,folder,description,kind,revision,saved_at,saved_by,removed
    0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e,Buyers,growth/weekly,"",funnel,3,2026-01-01T00:00:00.000Z,ana,false
    "#);
    insta::assert_snapshot!(of(Format::Ndjson), @r#"{"id":"0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e","name":"Buyers","folder":"growth/weekly","description":"","kind":"funnel","revision":3,"saved_at":"2026-01-01T00:00:00.000Z","saved_by":"ana","removed":false}"#);
    insta::assert_snapshot!(of(Format::Markdown), @"
    | id | folder | name | kind | revision | saved | by |
    | --- | --- | --- | --- | ---: | --- | --- |
    | 0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e | growth/weekly | Buyers | funnel | 3 | 2026-01-01T00:00:00.000Z | ana |
    ");
}

#[test]
fn a_report_is_shown_with_its_question() {
    let whole = Whole(report("Buyers", "who buys\nand when", 3));
    insta::assert_snapshot!(render(&whole, Format::Table, 120).unwrap(), @r#"
    id                                    folder         name    kind    revision  saved                     by
    ────────────────────────────────────  ─────────────  ──────  ──────  ────────  ────────────────────────  ───
    0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e  growth/weekly  Buyers  funnel         3  2026-01-01T00:00:00.000Z  ana

    who buys
    and when

    {
      "kind": "funnel",
      "steps": [
        {
          "event": "view"
        }
      ],
      "last": "30d"
    }
    "#);
    insta::assert_snapshot!(render(&whole, Format::Json, 120).unwrap(), @r#"{"format":1,"id":"0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e","revision":3,"name":"Buyers","folder":"growth/weekly","description":"who buys\nand when","spec":{"kind":"funnel","steps":[{"event":"view"}],"last":"30d"},"saved_at":"2026-01-01T00:00:00.000Z","saved_by":"ana","removed":false}"#);
    insta::assert_snapshot!(render(&whole, Format::Markdown, 120).unwrap(), @r#"
    | id | folder | name | kind | revision | saved | by |
    | --- | --- | --- | --- | ---: | --- | --- |
    | 0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e | growth/weekly | Buyers | funnel | 3 | 2026-01-01T00:00:00.000Z | ana |

    ```json
    {
      "kind": "funnel",
      "steps": [
        {
          "event": "view"
        }
      ],
      "last": "30d"
    }
    ```
    "#);
}

#[test]
fn a_history_says_what_was_removed() {
    let mut removed = report("Buyers", "", 2);
    removed.removed = true;
    let rows = [report("Who buys", "", 3), removed, report("Buyers", "", 1)];
    let history = History(rows.iter().map(Row::of).collect());
    insta::assert_snapshot!(render(&history, Format::Table, 120).unwrap(), @"
    revision  saved                     by   name
    ────────  ────────────────────────  ───  ────────  ───────
           3  2026-01-01T00:00:00.000Z  ana  Who buys
           2  2026-01-01T00:00:00.000Z  ana  Buyers    removed
           1  2026-01-01T00:00:00.000Z  ana  Buyers
    ");
}

#[test]
fn what_somebody_wrote_does_not_command_the_terminal() {
    let mut document = report("n", "c\u{1b}]0;d\u{7}\u{9b}e", 1);
    // No such name is saved, but a file may have one.
    if let Body::Report(report) = &mut document.body {
        report.name = "a\u{1b}[2Jb".to_owned();
    }
    let shown = render(&Whole(document), Format::Table, 120).unwrap();
    assert!(shown.contains("[2Jb") && shown.contains("]0;d"), "{shown}");
    assert!(!shown.chars().any(|char| char.is_control() && char != '\n'), "{shown:?}");
}
