//! What an answer is expected to say, and where it says something else.
//!
//! ```text
//!   expected  {"steps": [{"count": 3}, {"count": 1}]}
//!   found     {"steps": [{"step": 1, "count": 3, …}, {"step": 2, "count": 2, …}], "version": 1, …}
//!   different steps[1].count: expected 1, found 2
//! ```
//!
//! Of an object, the fields that are named have to be as expected; a list has to have as many elements as expected, each as expected.

use serde::Serialize;
use serde_json::Value;

/// Numbers are the same up to this part of them: shares and means are written in decimals.
const TOLERANCE: f64 = 1e-9;

/// A place where an answer is not as expected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Where, such as `steps[1].count`; empty for the whole.
    pub path: String,
    /// What was expected.
    pub expected: Value,
    /// What was found; nothing where there is no such field.
    pub found: Option<Value>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = if self.path.is_empty() { "the answer" } else { &self.path };
        match &self.found {
            Some(found) => write!(f, "{path}: expected {}, found {found}", self.expected),
            None => write!(f, "{path}: expected {}, but there is no such field", self.expected),
        }
    }
}

/// All places where `found` is not as expected.
pub fn differences(expected: &Value, found: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare("", expected, Some(found), &mut differences);
    differences
}

fn compare(path: &str, expected: &Value, found: Option<&Value>, differences: &mut Vec<Difference>) {
    match (expected, found) {
        (Value::Object(wanted), Some(Value::Object(members))) => {
            for (name, value) in wanted {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                compare(&path, value, members.get(name), differences);
            }
        }
        (Value::Array(wanted), Some(Value::Array(list))) if wanted.len() == list.len() => {
            for (at, (value, found)) in wanted.iter().zip(list).enumerate() {
                compare(&format!("{path}[{at}]"), value, Some(found), differences);
            }
        }
        (Value::Number(wanted), Some(Value::Number(number))) if are_same(wanted.as_f64(), number.as_f64()) => {}
        // A field that is not there has no value, as one that is `null`.
        (Value::Null, None) => {}
        (expected, Some(found)) if expected == found => {}
        (expected, found) => {
            let path = path.to_owned();
            differences.push(Difference { path, expected: expected.clone(), found: found.cloned() });
        }
    }
}

fn are_same(a: Option<f64>, b: Option<f64>) -> bool {
    a.zip(b).is_some_and(|(a, b)| (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(expected: Value, found: Value) -> Vec<String> {
        differences(&expected, &found).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_what_is_named_is_looked_at() {
        let found = json!({"steps": [{"count": 3, "share": 0.1}, {"count": 1}], "n": null, "version": 7});
        assert!(said(json!({"steps": [{"count": 3}, {"count": 1}]}), found.clone()).is_empty());
        assert!(
            said(json!({"steps": [{"share": 0.1000000000001}, {}], "n": null, "gone": null}), found.clone()).is_empty()
        );
        assert_eq!(
            said(json!({"steps": [{"count": 4}, {"count": "1"}], "total": 3}), found),
            [
                "steps[0].count: expected 4, found 3",
                "steps[1].count: expected \"1\", found 1",
                "total: expected 3, but there is no such field"
            ]
        );
        assert_eq!(said(json!({"steps": [{}]}), json!({"steps": []})), ["steps: expected [{}], found []"]);
        assert_eq!(said(json!([]), json!({})), ["the answer: expected [], found {}"]);
        assert_eq!(said(json!({"n": 1}), json!({"n": 1.001})).len(), 1);
    }
}
