//! A report against the whole answer that it must be.

use serde_json::Value;

/// Fields of the document that depend on more than the events and the question.
const FREE: [&str; 2] = ["version", "scanned"];

/// All differences between a report and the answer that was worked out; empty where there is none.
pub fn differences(report: &Value, expected: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut report = report.clone();
    for field in FREE {
        let given = report.as_object_mut().and_then(|fields| fields.remove(field));
        if given.is_none_or(|given| given.is_null()) {
            found.push(format!("{field}: is missing"));
        }
    }
    compare("", &report, expected, &mut found);
    found
}

fn compare(path: &str, given: &Value, expected: &Value, found: &mut Vec<String>) {
    match (given, expected) {
        (Value::Object(given), Value::Object(expected)) => {
            for (name, value) in given {
                match expected.get(name) {
                    Some(expected) => compare(&format!("{path}.{name}"), value, expected, found),
                    None => found.push(format!("{path}.{name}: found {value}, expected no such field")),
                }
            }
            let missing = expected.iter().filter(|(name, _)| !given.contains_key(*name));
            found.extend(missing.map(|(name, value)| format!("{path}.{name}: is missing, expected {value}")));
        }
        (Value::Array(given), Value::Array(expected)) => {
            if given.len() != expected.len() {
                found.push(format!("{path}: found {} elements, expected {}", given.len(), expected.len()));
            }
            for (at, (given, expected)) in given.iter().zip(expected).enumerate() {
                compare(&format!("{path}[{at}]"), given, expected, found);
            }
        }
        _ if same(given, expected) => {}
        _ => found.push(format!("{path}: found {given}, expected {expected}")),
    }
}

/// Doubles may differ in their last digits, by the order in which they were summed.
fn same(given: &Value, expected: &Value) -> bool {
    match (given.as_f64(), expected.as_f64()) {
        (Some(given), Some(expected)) => (given - expected).abs() <= expected.abs() * 1e-12 + 1e-9,
        _ => given == expected,
    }
}
