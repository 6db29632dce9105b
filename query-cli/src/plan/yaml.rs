//! A JSON tree as YAML that people edit: objects as blocks, lists of scalars on one line, notes as comments.
//!
//! ```text
//! weir_plan: 1
//! events:
//!   view_job:  # 41,204 events
//!     properties:
//!       tab: {…}
//! ```
//!
//! Own code, because what the library writes has no place for a comment behind the name of an object.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Words that are no text in some version of YAML.
const NO_TEXTS: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity"];

/// The document, with its last newline. `notes` are comments by the path of names that leads to what they are about.
pub fn text(document: &Value, notes: &BTreeMap<Vec<String>, String>) -> String {
    let mut writer = Writer { text: String::new(), path: Vec::new(), notes };
    match document {
        Value::Object(members) if !members.is_empty() => writer.block(members),
        other => writer.text = flow(other) + "\n",
    }
    writer.text
}

struct Writer<'n> {
    text: String,
    path: Vec<String>,
    notes: &'n BTreeMap<Vec<String>, String>,
}

impl Writer<'_> {
    fn block(&mut self, members: &Map<String, Value>) {
        for (name, value) in members {
            self.text.push_str(&"  ".repeat(self.path.len()));
            self.text.push_str(&scalar(name));
            self.text.push(':');
            self.path.push(name.clone());
            let block = value.as_object().filter(|members| !members.is_empty());
            if block.is_none() {
                self.text.push(' ');
                self.text.push_str(&flow(value));
            }
            if let Some(note) = self.notes.get(&self.path) {
                // A line break would end the comment.
                self.text.push_str("  # ");
                self.text.extend(note.chars().map(|c| if c.is_control() { ' ' } else { c }));
            }
            self.text.push('\n');
            if let Some(members) = block {
                self.block(members);
            }
            self.path.pop();
        }
    }
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(list) => format!("[{}]", list.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{}: {}", scalar(name), flow(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A text, quoted where it could be read as something else.
fn scalar(text: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || "_./- ".contains(c);
    let is_plain = text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(is_word)
        && !text.ends_with(' ')
        && !NO_TEXTS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    for char in Value::from(text).to_string().chars() {
        // JSON leaves these as they are, and YAML does not take them.
        if matches!(char, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') {
            quoted.push_str(&format!("\\u{:04x}", u32::from(char)));
        } else {
            quoted.push(char);
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use weir_core::strict::StrictValue;

    #[test]
    fn a_plan_reads_well() {
        let document = json!({"weir_plan": 1, "events": {
            "view job": {"description": "A page: \"job\"", "owner": "구직", "properties": {
                "no": {"type": ["string", "null"], "enum": ["web", "no", "1.0", ""], "minimum": -0.5}, "$lib": {}}},
            "empty": {}}});
        let path = |path: &[&str]| path.iter().map(ToString::to_string).collect::<Vec<_>>();
        let notes = BTreeMap::from([
            (path(&["events", "view job"]), "41,204 events".to_owned()),
            (path(&["events", "empty"]), "2\nevents".to_owned()),
        ]);
        insta::assert_snapshot!(text(&document, &notes), @r#"
        weir_plan: 1
        events:
          view job:  # 41,204 events
            description: "A page: \"job\""
            owner: 구직
            properties:
              "no":
                type: [string, "null"]
                enum: [web, "no", "1.0", ""]
                minimum: -0.5
              "$lib": {}
          empty: {}  # 2 events
        "#);
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            ".{0,12}",
            "[a-zA-Z0-9 _.:#,&*!|>'\"%@`~?{}\\[\\]\n\t-]{0,12}",
            prop::sample::select(NO_TEXTS).prop_map(str::to_owned),
            "[\u{7f}-\u{a1}\u{2028}\u{feff}\u{fffd}-\u{10001}]{1,3}",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(|double: f64| json!((double * 100.0).round() / 100.0)),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::vec((text.clone(), inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in value()) {
            let written = text(&value, &BTreeMap::new());
            let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
            let read: StrictValue = serde_saphyr::from_str_with_options(&written, options).map_err(|e| TestCaseError::fail(format!("{e}\n{written}")))?;
            // YAML does not tell `5.0` from `5` as a number; neither does a plan.
            prop_assert_eq!(read.0.to_string().replace(".0", ""), value.to_string().replace(".0", ""), "{}", written);
        }
    }
}
