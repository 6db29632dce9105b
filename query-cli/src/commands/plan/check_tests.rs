use std::io::Write;

use serde_json::Value;
use weir_core::plan::parse;

use super::*;
use crate::output::Format;
use crate::render::render;

fn plan() -> Plan {
    let document = json!({"weir_plan": 1, "additional_events": false, "events": {"apply": {"properties": {
        "job_id": {"type": "string", "required": true}, "channel": {"enum": ["web", "ios"]}}}}});
    parse(&document).unwrap()
}

#[test]
fn violations_are_counted_with_an_example() {
    let mut file = tempfile::Builder::new().suffix(".ndjson").tempfile().unwrap();
    let lines = [
        r#"{"event":"apply","user_id":"u","properties":{"job_id":"j"}}"#,
        r#"{"event":"apply","user_id":"u","properties":{"channel":"tv"}}"#,
        "",
        r#"{"event":"apply","user_id":"u"}"#,
        r#"{"event":"aply","user_id":"u"}"#,
        r#"{"event":"apply"}"#,
        "nonsense",
    ];
    file.write_all(lines.join("\n").as_bytes()).unwrap();
    let mut tally = Tally::new(&plan());
    tally.add_file(file.path(), 0).unwrap();
    tally.add("apply", Some(r#"{"job_id": 5}"#), None);
    assert_eq!((tally.events, tally.departing), (7, 6));
    let report = tally.report();
    let path = file.path().display().to_string();
    let show = |format| render(&report, format, 80).unwrap().replace(&path, "events.ndjson");
    insta::assert_snapshot!(show(Format::Csv), @r#"
    event,code,property,count,example
    apply,missing_property,job_id,2,"events.ndjson:2: is missing, and required"
    "",invalid_json,"",1,events.ndjson:7: not JSON: expected ident at line 1 column 2
    "",missing_field,"",1,"events.ndjson:6: user_id: is missing, and so is anonymous_id; one of the two is needed"
    aply,unplanned_event,"",1,events.ndjson:5: the plan has no event `aply`
    apply,value_not_allowed,channel,1,"events.ndjson:2: is the string ""tv"", expected one of ""web"", ""ios"""
    apply,wrong_property_type,job_id,1,"is the number 5, expected string"
    "#);
    let first: Value = serde_json::from_str::<Value>(&show(Format::Json)).unwrap()[0].clone();
    assert_eq!((&first["event"], &first["count"]), (&json!("apply"), &json!(2)));
    let table = render(&Violations(vec![row("x".repeat(200))]), Format::Table, 80).unwrap();
    insta::assert_snapshot!(table, @"
    event  code              property  count  example
    ─────  ────────────────  ────────  ─────  ────────────────────────────────────────────────────────────────────────────────
    apply  missing_property  job_id    1,200  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
    ");
    assert_eq!(render(&Violations(Vec::new()), Format::Table, 80).unwrap(), "");
    assert_eq!(render(&Violations(Vec::new()), Format::Json, 80).unwrap(), "[]\n");
}

fn row(example: String) -> Row {
    let text = |text: &str| text.to_owned();
    Row { event: text("apply"), code: text("missing_property"), property: text("job_id"), count: 1_200, example }
}

#[test]
fn different_violations_are_bounded() {
    let mut tally = Tally::new(&plan());
    (0..MOST_ROWS + 7).for_each(|i| tally.add(&format!("e{i}"), None, None));
    let report = tally.report();
    let last = report.0.last().unwrap();
    assert_eq!((report.0.len(), last.code.as_str(), last.count), (MOST_ROWS + 1, "other", 7));
}
