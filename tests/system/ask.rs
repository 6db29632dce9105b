//! Questions that several tests ask, and how their answers are compared.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weir_tests::cli::weir;

/// An event with a user and a time, in milliseconds since 1970.
pub fn event(name: &str, user: &str, time_ms: i64) -> Value {
    json!({"event": name, "user_id": user, "timestamp": time_ms})
}

/// As [`event`], with properties.
pub fn event_with(name: &str, user: &str, time_ms: i64, properties: &Value) -> Value {
    json!({"event": name, "user_id": user, "timestamp": time_ms, "properties": properties})
}

/// A funnel of plain steps.
pub fn funnel_of(steps: &[&str]) -> Value {
    let steps: Vec<Value> = steps.iter().map(|step| json!({"event": step})).collect();
    json!({"kind": "funnel", "steps": steps})
}

/// A spec with other fields beside.
pub fn with(mut spec: Value, fields: Value) -> Value {
    let (Value::Object(spec_fields), Value::Object(fields)) = (&mut spec, fields) else { panic!("not an object") };
    spec_fields.extend(fields);
    spec
}

/// The count of each step.
#[track_caller]
pub fn counts(report: &Value) -> Vec<u64> {
    figures(report, "count").iter().map(|count| count.as_u64().unwrap()).collect()
}

/// One figure of each step.
#[track_caller]
pub fn figures(report: &Value, name: &str) -> Vec<Value> {
    let steps = report["steps"].as_array().unwrap_or_else(|| panic!("no steps in {report}"));
    steps.iter().map(|step| step[name].clone()).collect()
}

/// The step counts of each group of a breakdown, under the JSON text of its value; the rest is under `other`.
#[track_caller]
pub fn groups(report: &Value) -> BTreeMap<String, Vec<u64>> {
    let groups = report["breakdown"].as_array().unwrap_or_else(|| panic!("no breakdown in {report}"));
    let key = |group: &Value| match group.get("value") {
        Some(value) => value.to_string(),
        None => {
            assert_eq!(group["other"], true, "{group}");
            "other".to_owned()
        }
    };
    let map: BTreeMap<String, Vec<u64>> = groups.iter().map(|group| (key(group), counts(group))).collect();
    assert_eq!(map.len(), groups.len(), "a group is listed twice: {report}");
    map
}

/// The answer of the command line.
#[track_caller]
pub fn funnel(lake: &str, options: &[&str]) -> Value {
    weir(&[&["funnel", "--lake", lake, "--format", "json"], options].concat()).ok().json()
}

/// The rows of an SQL query.
#[track_caller]
pub fn sql(lake: &str, query: &str) -> Vec<Value> {
    let rows = weir(&["sql", query, "--lake", lake, "--format", "json"]).ok().json();
    rows.as_array().unwrap_or_else(|| panic!("no list of rows: {rows}")).clone()
}

/// How many events a lake has, counted in SQL.
#[track_caller]
pub fn event_count(lake: &str) -> u64 {
    sql(lake, "SELECT count(*) AS n FROM events")[0]["n"].as_u64().unwrap()
}

/// Names and counts, from a list of events.
#[track_caller]
pub fn catalogue(events: &Value) -> BTreeMap<String, u64> {
    let list = events.as_array().unwrap_or_else(|| panic!("no list of events: {events}"));
    let entry = |event: &Value| (event["event"].as_str().unwrap().to_owned(), event["count"].as_u64().unwrap());
    list.iter().map(entry).collect()
}

/// A report without what may differ between two answers to one question about the same events: the version of the
/// table, and what it took to read.
pub fn without_cost(mut report: Value) -> Value {
    let fields = report.as_object_mut().expect("a report is an object");
    fields.remove("version");
    fields.remove("scanned");
    report
}

/// A report without its version and the time that it took.
pub fn without_time(mut report: Value) -> Value {
    let fields = report.as_object_mut().expect("a report is an object");
    fields.remove("version");
    fields["scanned"]["elapsed_ms"] = Value::Null;
    report
}
