//! Conditions: `{"property": "price", "op": ">=", "value": 100}` and lists of them.

use std::fmt;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::fields::{CONDITION_FIELDS, Fields, Problems, describe, one_of, shorten};
use super::model::{Condition, PropertyPath, PropertyRoot, Test};
use crate::nearest::nearest;

/// Every `op`, as JSON writes it.
pub(super) const OPS: &[&str] = &[
    "=",
    "!=",
    "in",
    "not in",
    "<",
    "<=",
    ">",
    ">=",
    "contains",
    "not contains",
    "starts with",
    "ends with",
    "matches",
    "exists",
    "not exists",
];

/// What people write who know another language.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("==", "="),
    ("===", "="),
    ("eq", "="),
    ("is", "="),
    ("equals", "="),
    ("<>", "!="),
    ("!==", "!="),
    ("ne", "!="),
    ("is not", "!="),
    ("=<", "<="),
    ("=>", ">="),
    ("lt", "<"),
    ("lte", "<="),
    ("gt", ">"),
    ("gte", ">="),
    ("nin", "not in"),
    ("like", "contains"),
    ("~", "matches"),
    ("=~", "matches"),
    ("regex", "matches"),
    ("is set", "exists"),
    ("is not set", "not exists"),
];

/// The most values of one `in`.
pub(super) const MAX_VALUES: usize = 1000;

/// The most memory, in bytes, of one compiled expression: real ones need some kilobytes, `(a{1000}){1000}` does not
/// fit.
const EXPRESSION_SIZE: usize = 1 << 20;

/// The most regular expressions of one document: together with their size this bounds memory.
const MAX_EXPRESSIONS: usize = 100;

/// The most bytes of the path of a property: each dot is one more way to read it, in every event.
pub(super) const MAX_PROPERTY_BYTES: usize = 1000;

/// The most conditions of one `where`.
pub(super) const MAX_CONDITIONS: usize = 100;

const EXAMPLE: &str = r#"a condition such as {"property": "price", "op": ">=", "value": 100}"#;

/// The conditions of the field `where` of an object; none where it is absent.
pub(super) fn conditions(fields: &Fields<'_>, problems: &mut Problems) -> Vec<Condition> {
    let expected = format!("a list of conditions, [{}]", EXAMPLE.trim_start_matches("a condition such as "));
    let list = fields.short_list("where", MAX_CONDITIONS, &expected, problems).unwrap_or_default();
    let path = fields.path_of("where");
    let read = list.iter().enumerate().map(|(at, value)| condition(value, &format!("{path}[{at}]"), problems));
    read.collect::<Vec<_>>().into_iter().flatten().collect()
}

fn condition(value: &Value, path: &str, problems: &mut Problems) -> Option<Condition> {
    let fields = Fields::open(value, path, &CONDITION_FIELDS, EXAMPLE, problems)?;
    let property = property(&fields, problems);
    let test = op(&fields, problems).and_then(|op| test(op, &fields, problems));
    Some(Condition { property: property?, test: test? })
}

/// The required field `property` of an object.
pub(super) fn property(fields: &Fields<'_>, problems: &mut Problems) -> Option<PropertyPath> {
    let expected = "the name of a property, such as `price` or `context.platform`";
    if fields.get("property").is_none() {
        problems.add(fields.path_of("property"), format!("missing; expected {expected}"));
        return None;
    }
    let text = fields.text("property", expected, problems)?;
    property_path(text, &fields.path_of("property"), problems)
}

/// `context.x` is `x` of the context, everything else is a path of the properties.
pub(super) fn property_path(text: &str, path: &str, problems: &mut Problems) -> Option<PropertyPath> {
    let (root, below) = match text.strip_prefix("context.") {
        Some(below) => (PropertyRoot::Context, below),
        None => (PropertyRoot::Properties, text),
    };
    if text == "context" || (root == PropertyRoot::Context && below.is_empty()) {
        problems.add(path, format!("found `{text}`; expected `context.…`, such as `context.platform`"));
        return None;
    }
    if below.is_empty() {
        problems.add(path, "found an empty text; expected the name of a property, such as `price`");
        return None;
    }
    if text.len() > MAX_PROPERTY_BYTES {
        problems.add(path, format!("found a path of {} bytes; expected at most {MAX_PROPERTY_BYTES}", text.len()));
        return None;
    }
    Some(PropertyPath { root, path: below.to_owned() })
}

fn op(fields: &Fields<'_>, problems: &mut Problems) -> Option<&'static str> {
    let path = fields.path_of("op");
    if fields.get("op").is_none() {
        problems.add(path, format!("missing; expected {}", one_of(OPS)));
        return None;
    }
    let word = fields.text("op", &one_of(OPS), problems)?;
    let found = OPS.iter().find(|op| **op == word).copied();
    if found.is_none() {
        let lower = word.to_lowercase();
        let other_name = OTHER_NAMES.iter().find(|(name, _)| *name == lower).map(|(_, op)| *op);
        // One sign is near every other sign, so only words are compared by distance.
        let words = OPS.iter().copied().filter(|op| op.starts_with(char::is_alphabetic));
        let hint = match other_name.or_else(|| nearest(word, words)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected {}", one_of(OPS)),
        };
        problems.add(path, format!("unknown op `{}`; {hint}", shorten(word)));
    }
    found
}

fn test(op: &'static str, fields: &Fields<'_>, problems: &mut Problems) -> Option<Test> {
    match op {
        "exists" | "not exists" => {
            if let Some(value) = fields.get("value") {
                let message = format!("found {}; op `{op}` takes no value: leave it out", describe(value));
                problems.add(fields.path_of("value"), message);
            }
            Some(if op == "exists" { Test::Exists } else { Test::NotExists })
        }
        "in" => list(op, fields, problems).map(Test::In),
        "not in" => list(op, fields, problems).map(Test::NotIn),
        "starts with" => text(op, fields, problems).map(Test::StartsWith),
        "ends with" => text(op, fields, problems).map(Test::EndsWith),
        "matches" => expression(&text(op, fields, problems)?, fields, problems).map(Test::Matches),
        _ => {
            let value = scalar(op, value(op, fields, problems)?, &fields.path_of("value"), problems)?;
            Some(match op {
                "=" => Test::Equals(value),
                "!=" => Test::NotEquals(value),
                "<" => Test::Less(value),
                "<=" => Test::LessOrEqual(value),
                ">" => Test::Greater(value),
                ">=" => Test::GreaterOrEqual(value),
                "contains" => Test::Contains(value),
                _ => Test::NotContains(value),
            })
        }
    }
}

/// The field `value`, which `op` needs.
fn value<'v>(op: &str, fields: &Fields<'v>, problems: &mut Problems) -> Option<&'v Value> {
    let value = fields.get("value");
    if value.is_none() {
        let path = fields.path_of("value");
        if fields.is_written("value") {
            problems.add(path, NULL_VALUE);
        } else {
            problems.add(path, format!("missing; op `{op}` needs a value"));
        }
    }
    value
}

const NULL_VALUE: &str = "found null, which no property equals; to ask whether a property is there use op `exists` or \
                          `not exists`, without a value";

fn scalar(op: &str, value: &Value, path: &str, problems: &mut Problems) -> Option<Value> {
    match value {
        Value::Null => problems.add(path, NULL_VALUE),
        Value::Array(_) => {
            let several = match op {
                "=" => "; for several values use op `in`",
                "!=" => "; for several values use op `not in`",
                _ => "",
            };
            problems.add(path, format!("found a list; expected one text, number or boolean{several}"));
        }
        Value::Object(_) => problems.add(path, "found an object; expected one text, number or boolean"),
        _ => return Some(value.clone()),
    }
    None
}

fn list(op: &str, fields: &Fields<'_>, problems: &mut Problems) -> Option<Vec<Value>> {
    let path = fields.path_of("value");
    let value = value(op, fields, problems)?;
    let expected = format!("expected a list of 1 to {MAX_VALUES} values, such as [\"ios\", \"android\"]");
    let Some(list) = value.as_array().filter(|list| !list.is_empty()) else {
        problems.add(path, format!("found {}; {expected}", describe(value)));
        return None;
    };
    if list.len() > MAX_VALUES {
        problems.add(path, format!("found a list of {}; {expected}", list.len()));
        return None;
    }
    let values = list.iter().enumerate().map(|(at, value)| scalar(op, value, &format!("{path}[{at}]"), problems));
    let values: Vec<Option<Value>> = values.collect();
    values.into_iter().collect()
}

fn text(op: &str, fields: &Fields<'_>, problems: &mut Problems) -> Option<String> {
    let value = value(op, fields, problems)?;
    let text = value.as_str();
    if text.is_none() {
        problems.add(fields.path_of("value"), format!("found {}; op `{op}` expects a text", describe(value)));
    }
    text.map(str::to_owned)
}

fn expression(text: &str, fields: &Fields<'_>, problems: &mut Problems) -> Option<Regex> {
    if problems.count_expression() > MAX_EXPRESSIONS {
        let message = format!("found more than {MAX_EXPRESSIONS} regular expressions; join some of them with `|`");
        problems.add(fields.path_of("value"), message);
        return None;
    }
    match RegexBuilder::new(text).size_limit(EXPRESSION_SIZE).dfa_size_limit(EXPRESSION_SIZE).build() {
        Ok(expression) => Some(expression),
        Err(regex::Error::CompiledTooBig(limit)) => {
            let message = format!(
                "the regular expression `{}` takes more than {limit} bytes when compiled; expected a smaller one, with \
                 fewer or lower counts such as `{{1000}}`",
                shorten(text)
            );
            problems.add(fields.path_of("value"), message);
            None
        }
        Err(error) => {
            let error = error.to_string();
            // A long expression is not repeated, with a mark under each of its letters.
            let message = match (shorten(text), error.lines().last()) {
                (short, Some(reason)) if short != text => {
                    let reason = reason.trim_start_matches("error: ");
                    format!("not a regular expression: `{short}`: {reason}")
                }
                _ => format!("not a regular expression: {error}"),
            };
            problems.add(fields.path_of("value"), message);
            None
        }
    }
}

/// As a question writes it: `price`, `context.platform`.
impl fmt::Display for PropertyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.root {
            PropertyRoot::Properties => f.write_str(&self.path),
            PropertyRoot::Context => write!(f, "context.{}", self.path),
        }
    }
}

impl Test {
    /// The field `op` of a condition.
    pub fn op(&self) -> &'static str {
        match self {
            Self::Equals(_) => "=",
            Self::NotEquals(_) => "!=",
            Self::In(_) => "in",
            Self::NotIn(_) => "not in",
            Self::Less(_) => "<",
            Self::LessOrEqual(_) => "<=",
            Self::Greater(_) => ">",
            Self::GreaterOrEqual(_) => ">=",
            Self::Contains(_) => "contains",
            Self::NotContains(_) => "not contains",
            Self::StartsWith(_) => "starts with",
            Self::EndsWith(_) => "ends with",
            Self::Matches(_) => "matches",
            Self::Exists => "exists",
            Self::NotExists => "not exists",
        }
    }

    /// The field `value`, where the test has one.
    pub fn value(&self) -> Option<Value> {
        match self {
            Self::Equals(value) | Self::NotEquals(value) | Self::Less(value) | Self::LessOrEqual(value) => {
                Some(value.clone())
            }
            Self::Greater(value) | Self::GreaterOrEqual(value) | Self::Contains(value) | Self::NotContains(value) => {
                Some(value.clone())
            }
            Self::In(values) | Self::NotIn(values) => Some(Value::Array(values.clone())),
            Self::StartsWith(text) | Self::EndsWith(text) => Some(Value::String(text.clone())),
            Self::Matches(expression) => Some(Value::String(expression.as_str().to_owned())),
            Self::Exists | Self::NotExists => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_test_says_what_it_was_read_from() {
        for op in OPS {
            let value = match *op {
                "exists" | "not exists" => None,
                "in" | "not in" => Some(json!(["a", 1])),
                _ => Some(json!("a.b")),
            };
            let mut condition = json!({"property": "context.app", "op": op});
            condition.as_object_mut().unwrap().extend(value.clone().map(|value| ("value".to_owned(), value)));
            let mut problems = Problems::default();
            let read = super::condition(&condition, "", &mut problems).unwrap();
            assert_eq!(
                (read.property.to_string().as_str(), read.test.op(), read.test.value()),
                ("context.app", *op, value)
            );
        }
    }
}
