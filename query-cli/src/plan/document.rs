//! A plan from a file. What is wrong is said with its place: the line where the file is no YAML or JSON, the path of the
//! field where it is no plan.
//!
//! ```text
//! weir: the plan has 2 problems:
//!   events.view.ownr: unknown field `ownr`; did you mean `owner`?
//!   events.view.properties.tab.type: unknown type `strnig`; did you mean `string`?
//! ```

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;
use weir_core::plan::{Plan, PlanError, parse};
use weir_core::strict::StrictValue;

use crate::error::Failure;

/// The largest file, in bytes.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Reads a plan; `-` is standard input. Gives the document as it was written, too.
///
/// # Errors
/// A failure where the file cannot be read, a usage error where it is no plan.
pub fn read_plan(path: &Path) -> Result<(Value, Plan), Failure> {
    let document = read_document(path, "a plan")?;
    let plan = parse(&document)?;
    Ok((document, plan))
}

/// Reads a file that is JSON or YAML; `-` is standard input. `what` it is, messages say.
///
/// # Errors
/// A failure where the file cannot be read, a usage error where it is neither.
pub fn read_document(path: &Path, what: &str) -> Result<Value, Failure> {
    document(path, what, &read(path, what)?)
}

fn read(path: &Path, what: &str) -> Result<String, Failure> {
    let failed = |error: io::Error| Failure::failed(format!("cannot read `{}`: {error}", path.display()));
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).map_err(failed)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)
    };
    read.map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Failure::usage(format!(
            "`{}` has more than {MAX_BYTES} bytes, the most of {what}",
            path.display()
        )));
    }
    let text = String::from_utf8(bytes);
    text.map_err(|error| Failure::usage(format!("`{}` is not UTF-8 text: {error}", path.display())))
}

/// The tree of a text that is JSON or YAML, by the name of its file, and else by how it begins.
fn document(path: &Path, what: &str, text: &str) -> Result<Value, Failure> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_json = match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => true,
        Some("yaml" | "yml") => false,
        _ => text.trim_start().starts_with('{'),
    };
    let (language, read) = if is_json {
        ("JSON", serde_json::from_str::<StrictValue>(text).map_err(|error| error.to_string()))
    } else {
        ("YAML", from_yaml(text))
    };
    let StrictValue(value) = read
        .map_err(|error| Failure::usage(format!("`{}` is not {language} as {what} has it: {error}", path.display())))?;
    Ok(value)
}

fn from_yaml(text: &str) -> Result<StrictValue, String> {
    // Booleans of YAML 1.2: `no` is Norway, and `off` is a word.
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { key, location } => {
            let key = key.as_deref().unwrap_or_default();
            format!("duplicate entry `{key}` at line {}, column {}", location.line(), location.column())
        }
        other => other.to_string(),
    })
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        match error.problems.as_slice() {
            [one] => Self::usage(one),
            problems => {
                let lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
                Self::usage(format!("the plan has {} problems:{lines}", problems.len()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(name: &str, text: &str) -> Result<Value, String> {
        document(Path::new(name), "a plan", text).map_err(|failure| {
            assert_eq!(failure.exit.code(), 2);
            failure.message
        })
    }

    #[test]
    fn yaml_and_json_are_the_same_document() {
        let yaml = "\u{feff}# a comment\nweir_plan: 1\nevents:\n  a:\n    properties:\n      country: {type: [string, null], enum: [no, se, off, \"1\", 1]}\n";
        let json = r#"{"weir_plan":1,"events":{"a":{"properties":{"country":{"type":["string",null],"enum":["no","se","off","1",1]}}}}}"#;
        let expected: Value = serde_json::from_str(json).unwrap();
        for (name, text) in [("a.yaml", yaml), ("a", yaml), ("a.json", json), ("-", json), ("a.yml", json)] {
            assert_eq!(read(name, text).unwrap(), expected, "{name}");
        }
        assert_eq!(read("a.yaml", "a: &x [1, 2]\nb: *x").unwrap(), json!({"a": [1, 2], "b": [1, 2]}));
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_line() {
        let said = |name, text| read(name, text).unwrap_err();
        let twice = said("a.yaml", "events:\n  a: {}\n  b: {}\n  a: {}\n");
        assert_eq!(twice, "`a.yaml` is not YAML as a plan has it: duplicate entry `a` at line 4, column 3");
        let twice = said("a.json", "{\"a\": {\"b\": 1,\n\"b\": 2}}");
        assert_eq!(twice, "`a.json` is not JSON as a plan has it: duplicate entry `b` at line 2 column 3");
        for (name, text) in [
            ("a.yaml", "a: [1"),
            ("a.yaml", "a: .nan"),
            ("a.yaml", "a: 1\n---\nb: 2"),
            ("a.json", "a: 1"),
            ("a.json", ""),
        ] {
            let message = said(name, text);
            assert!(message.contains("line "), "{message}");
        }
    }

    #[test]
    fn a_document_that_grows_when_it_is_read_is_refused() {
        let mut yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let of = level - 1;
            yaml.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{of}"); 10].join(", ")));
        }
        assert!(read("a.yaml", &yaml).is_err());
    }

    #[test]
    fn a_plan_is_refused_with_all_its_problems() {
        let refuse = |document: Value| Failure::from(parse(&document).unwrap_err());
        let one = refuse(json!({"weir_plan": 1}));
        assert!(one.message.starts_with("events: missing"), "{one}");
        insta::assert_snapshot!(refuse(json!({"weir_plan": 1, "events": {"view": {"ownr": "x", "properties": {"tab": {"type": "strnig"}}}}})), @r"
        the plan has 2 problems:
          events.view.ownr: unknown field `ownr`; did you mean `owner`?
          events.view.properties.tab.type: unknown type `strnig`; did you mean `string`?
        ");
    }
}
