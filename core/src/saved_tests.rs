//! What is kept, and what a person reads where it is wrong.

use serde_json::json;

use super::*;

fn report_errors(value: &Value) -> String {
    Report::parse(value, 0).unwrap_err().to_string()
}

#[test]
fn a_report_keeps_its_question_as_it_was_written() {
    let spec = json!({"last": "30d", "kind": "funnel", "steps": [{"event": "a"}]});
    let report = Report::parse(&json!({"name": "Buyers", "spec": spec}), 0).unwrap();
    assert_eq!((report.name.as_str(), report.folder.as_str(), report.kind()), ("Buyers", "", Some("funnel")));
    assert_eq!(report.spec.to_string(), spec.to_string(), "the order of fields too");
    let full = json!({"name": "Käufer", "folder": "growth/weekly", "description": "who buys", "spec": spec,
        "check": {"measure": "count", "below": 3}});
    let report = Report::parse(&full, 0).unwrap();
    assert_eq!(serde_json::to_value(&report).unwrap(), full);
}

#[test]
fn a_document_that_was_read_may_be_sent_back() {
    let spec = json!({"kind": "funnel", "steps": [{"event": "a"}]});
    let whole = json!({"format": 1, "id": "x", "revision": 3, "name": "n", "folder": "", "description": "", "spec": spec,
        "saved_at": "2026-01-01T00:00:00.000Z", "saved_by": null, "removed": false});
    assert!(Report::parse(&whole, 0).is_ok());
}

#[test]
fn a_report_is_refused_with_all_its_problems() {
    let text = report_errors(&json!({"nam": "x", "folder": "a//b", "description": 7,
        "spec": {"kind": "funnel", "steps": [{"event": ""}], "widnow": "1d"}}));
    insta::assert_snapshot!(text, @"
    nam: unknown field `nam`; did you mean `name`?
    name: missing; expected what people call it
    folder: found `a//b`; expected names with `/` between them, such as `growth/weekly`
    description: found the number 7; expected a text
    spec.widnow: unknown field `widnow`; did you mean `window`?
    spec.steps[0].event: found an empty text; expected a name of 1 to 200 bytes
    ");
    insta::assert_snapshot!(report_errors(&json!([])), @r#"document: found an empty list; expected a report such as {"name": "Buyers", "spec": {"kind": "funnel", "steps": […]}}"#);
    insta::assert_snapshot!(report_errors(&json!({"name": " ", "spec": "funnel"})), @"
    name: found an empty text; expected 1 to 200 characters
    spec: found the text `funnel`; expected a question, as an object
    ");
    let spec = json!({"kind": "funnel", "steps": [{"event": "a"}]});
    for name in ["two\nlines", "a\u{1b}[2J"] {
        let refused = report_errors(&json!({"name": name, "spec": spec}));
        assert_eq!(refused, "name: found a line break or another control character; expected a name of one line");
    }
    insta::assert_snapshot!(report_errors(&json!({"name": "n"})), @r#"spec: missing; expected a question such as {"kind": "funnel", "steps": […]}"#);
}

#[test]
fn lengths_are_those_of_characters() {
    let spec = json!({"kind": "funnel", "steps": [{"event": "a"}]});
    let of = |name: usize, folder: usize, description: usize| {
        let text = |chars: usize| "ü".repeat(chars);
        json!({"name": text(name), "folder": text(folder), "description": text(description), "spec": spec})
    };
    assert!(Report::parse(&of(MAX_NAME_CHARS, MAX_FOLDER_CHARS, MAX_DESCRIPTION_CHARS), 0).is_ok());
    let text = report_errors(&of(MAX_NAME_CHARS + 1, MAX_FOLDER_CHARS + 1, MAX_DESCRIPTION_CHARS + 1));
    insta::assert_snapshot!(text, @"
    name: found 201 characters; expected at most 200
    folder: found 201 characters; expected at most 200
    description: found 2001 characters; expected at most 2000
    ");
}

#[test]
fn a_dashboard_has_tiles() {
    let whole = json!({"name": "Monday", "folder": "", "description": "",
        "tiles": [{"report": "r1", "wide": true}, {"text": "look here"}], "last": "30d"});
    let dashboard = Dashboard::parse(&whole).unwrap();
    assert_eq!(serde_json::to_value(&dashboard).unwrap(), whole);
    let refused = |value: Value| Dashboard::parse(&value).unwrap_err().to_string();
    insta::assert_snapshot!(refused(json!({"name": "n"})), @r#"tiles: missing; expected a list, of which each is a tile such as {"report": "ID", "wide": true} or {"text": "what to look for"}"#);
    let tiles = json!([{}, {"report": "r", "text": "t"}, {"text": ""}, {"report": 7}, {"report": "r", "wide": "yes", "high": 1}]);
    insta::assert_snapshot!(refused(json!({"name": "n", "tiles": tiles, "last": "soon"})), @r#"
    tiles[0]: expected either `report` or `text`: a tile such as {"report": "ID", "wide": true} or {"text": "what to look for"}
    tiles[1]: expected either `report` or `text`: a tile such as {"report": "ID", "wide": true} or {"text": "what to look for"}
    tiles[2].text: found an empty text; expected 1 to 2000 characters
    tiles[3].report: found the number 7; expected the id of a report
    tiles[4].high: unknown field `high`; known fields: report, text, wide
    tiles[4].wide: found the text `yes`; expected true or false
    last: found `soon`; expected a whole number and a unit (ms, s, m, h, d, w), such as `14d`
    "#);
    let many = vec![json!({"report": "r"}); MAX_TILES + 1];
    insta::assert_snapshot!(refused(json!({"name": "n", "tiles": many})), @"tiles: found a list of 101; expected at most 100");
    let long = "x".repeat(MAX_TEXT_CHARS + 1);
    insta::assert_snapshot!(refused(json!({"name": "n", "tiles": [{"text": long}]})), @"tiles[0].text: found 2001 characters; expected at most 2000");
}

#[test]
fn an_annotation_has_a_day_and_a_text() {
    let whole = json!({"date": "2026-01-05", "text": "prices went up"});
    assert_eq!(serde_json::to_value(Annotation::parse(&whole).unwrap()).unwrap(), whole);
    let refused = |value: Value| Annotation::parse(&value).unwrap_err().to_string();
    insta::assert_snapshot!(refused(json!({})), @"
    date: missing; expected a day such as `2026-01-05`
    text: missing; expected a text
    ");
    for date in ["2026-02-30", "2026-1-5", "today", "02026-01-05"] {
        let text = refused(json!({"date": date, "text": "x"}));
        assert_eq!(text, format!("date: found `{date}`; expected a day such as `2026-01-05`"));
    }
    insta::assert_snapshot!(refused(json!({"date": 20260105, "text": "x".repeat(MAX_TEXT_CHARS + 1)})), @"
    date: found the number 20260105; expected a day such as `2026-01-05`
    text: found 2001 characters; expected at most 2000
    ");
}
