//! From JSON to [`Plan`]: everything that is wrong is reported at once, each problem with the path of its field.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::model::{JsonType, Plan, PlanError, PlanProblem, PlannedEvent, PlannedProperty, VERSION};
use crate::event::MAX_NAME_BYTES;
use crate::nearest::nearest;
use crate::property::compare_numbers;
use crate::spec::fields::{FieldTable, Fields, Problems, describe, one_of, shorten};

// `docs/tracking-plan.schema.json` has the same names and limits; a test holds the two together.
pub(super) const PLAN_FIELDS: FieldTable =
    FieldTable { supported: &["weir_plan", "description", "additional_events", "events"], later: &[] };
pub(super) const EVENT_FIELDS: FieldTable =
    FieldTable { supported: &["description", "owner", "additional_properties", "properties"], later: &[] };
pub(super) const PROPERTY_FIELDS: FieldTable =
    FieldTable { supported: &["description", "type", "required", "enum", "minimum", "maximum"], later: &[] };

/// The most events of a plan.
pub(super) const MAX_EVENTS: usize = 5_000;
/// The most properties of an event.
pub(super) const MAX_PROPERTIES: usize = 1_000;
/// The most values of an `enum`.
pub(super) const MAX_VALUES: usize = 1_000;

const EXPECTED_PLAN: &str = r#"an object such as {"weir_plan": 1, "events": {"view_item": {}}}"#;
const EXPECTED_EVENTS: &str = r#"an object of events by name, such as {"view_item": {"owner": "growth"}}"#;
const EXPECTED_EVENT: &str = r#"an object such as {"owner": "growth", "properties": {}}"#;
const EXPECTED_PROPERTIES: &str = r#"an object of properties by name, such as {"price": {"type": "number"}}"#;
const EXPECTED_PROPERTY: &str = r#"an object such as {"type": "string", "required": true}"#;
const EXPECTED_TYPE: &str = r#"a type such as "string", or a list such as ["string", "null"]"#;
const EXPECTED_VALUES: &str = r#"a list of strings, numbers and booleans, such as ["web", "ios"]"#;

/// Reads a plan.
///
/// # Errors
/// [`PlanError`] holds everything that is wrong (the first 200 problems of a document that is wrong throughout), and only
/// one problem where the document is of another version.
pub fn parse(document: &Value) -> Result<Plan, PlanError> {
    let mut problems = Problems::default();
    let plan = plan(document, &mut problems);
    let found: Vec<PlanProblem> = problems
        .into_found()
        .into_iter()
        .map(|problem| PlanProblem { field: problem.field, message: problem.message })
        .collect();
    match plan {
        Some(plan) if found.is_empty() => Ok(plan),
        _ => Err(PlanError { problems: found }),
    }
}

fn plan(document: &Value, problems: &mut Problems) -> Option<Plan> {
    if let Some(newer) = document.get("weir_plan").and_then(Value::as_u64).filter(|version| *version > VERSION) {
        // The fields of another version are not known here, so nothing else is checked.
        problems.add("weir_plan", format!("found version {newer}; this weir reads version {VERSION}, so upgrade weir"));
        return None;
    }
    let fields = Fields::open(document, "", &PLAN_FIELDS, EXPECTED_PLAN, problems)?;
    match fields.get("weir_plan") {
        Some(version) if version.as_u64() == Some(VERSION) => {}
        Some(other) => problems.add("weir_plan", format!("found {}; expected {VERSION}", describe(other))),
        None => {
            problems.add("weir_plan", format!("missing; expected `weir_plan: {VERSION}`, the version of the document"))
        }
    }
    let description = text(&fields, "description", problems);
    let additional_events = flag(&fields, "additional_events", true, problems);
    if fields.get("events").is_none() {
        problems.add("events", format!("missing; expected {EXPECTED_EVENTS}"));
    }
    let members = members(&fields, "events", MAX_EVENTS, EXPECTED_EVENTS, problems);
    let events = members.into_iter().flatten().map(|(name, value)| event(name, value, problems)).collect();
    Some(Plan { description, additional_events, events })
}

fn event(name: &str, value: &Value, problems: &mut Problems) -> PlannedEvent {
    let path = format!("events.{}", shorten(name));
    check_name(name, &path, problems);
    if name == "*" {
        problems.add(&path, "`*` is no name of an event; plan each event by its own name");
    }
    let mut event = PlannedEvent {
        name: name.to_owned(),
        description: None,
        owner: None,
        additional_properties: true,
        properties: Vec::new(),
    };
    // `view_item:` with nothing behind it is an event of which nothing else is said.
    if value.is_null() {
        return event;
    }
    let Some(fields) = Fields::open(value, &path, &EVENT_FIELDS, EXPECTED_EVENT, problems) else { return event };
    event.description = text(&fields, "description", problems);
    event.owner = text(&fields, "owner", problems);
    event.additional_properties = flag(&fields, "additional_properties", true, problems);
    let members = members(&fields, "properties", MAX_PROPERTIES, EXPECTED_PROPERTIES, problems);
    let path = fields.path_of("properties");
    event.properties =
        members.into_iter().flatten().map(|(name, value)| property(name, value, &path, problems)).collect();
    event
}

fn property(name: &str, value: &Value, path: &str, problems: &mut Problems) -> PlannedProperty {
    let path = format!("{path}.{}", shorten(name));
    check_name(name, &path, problems);
    let mut property = PlannedProperty {
        name: name.to_owned(),
        description: None,
        types: Vec::new(),
        required: false,
        allowed: Vec::new(),
        minimum: None,
        maximum: None,
    };
    if value.is_null() {
        return property;
    }
    let Some(fields) = Fields::open(value, &path, &PROPERTY_FIELDS, EXPECTED_PROPERTY, problems) else {
        return property;
    };
    property.description = text(&fields, "description", problems);
    property.types = types(&fields, problems);
    property.required = flag(&fields, "required", false, problems);
    property.allowed = allowed(&fields, &property.types, problems);
    property.minimum = bound(&fields, "minimum", &property.types, problems);
    property.maximum = bound(&fields, "maximum", &property.types, problems);
    if let (Some(minimum), Some(maximum)) = (&property.minimum, &property.maximum)
        && compare_numbers(minimum, maximum) == Some(Ordering::Greater)
    {
        problems.add(fields.path_of("minimum"), format!("{minimum} is more than `maximum`, {maximum}"));
    }
    property
}

fn check_name(name: &str, path: &str, problems: &mut Problems) {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        let found = if name.is_empty() { "an empty name".to_owned() } else { format!("{} bytes", name.len()) };
        problems.add(path, format!("found {found}; expected a name of 1 to {MAX_NAME_BYTES} bytes"));
    }
}

/// The members of an object, if there is one.
fn members<'v>(
    fields: &Fields<'v>,
    name: &str,
    most: usize,
    expected: &str,
    problems: &mut Problems,
) -> Option<&'v Map<String, Value>> {
    let value = fields.get(name)?;
    let Some(members) = value.as_object() else {
        problems.add(fields.path_of(name), format!("found {}; expected {expected}", describe(value)));
        return None;
    };
    if members.len() > most {
        problems.add(fields.path_of(name), format!("found {} {name}; expected at most {most}", members.len()));
        return None;
    }
    Some(members)
}

fn text(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Option<String> {
    fields.text(name, "a text", problems).map(str::to_owned)
}

fn flag(fields: &Fields<'_>, name: &str, default: bool, problems: &mut Problems) -> bool {
    match fields.get(name) {
        None => default,
        Some(Value::Bool(flag)) => *flag,
        Some(other) => {
            problems.add(fields.path_of(name), format!("found {}; expected true or false", describe(other)));
            default
        }
    }
}

/// One type or a list of them. In YAML `[string, null]` holds a `null` and no text, and means the same.
fn types(fields: &Fields<'_>, problems: &mut Problems) -> Vec<JsonType> {
    let path = fields.path_of("type");
    let one = |value: &Value, path: &str, problems: &mut Problems| match value {
        Value::Null => Some(JsonType::Null),
        Value::String(word) => {
            let found = JsonType::ALL.into_iter().find(|known| known.name() == word);
            if found.is_none() {
                let names = JsonType::ALL.map(JsonType::name);
                let other_name = match word.to_ascii_lowercase().as_str() {
                    "bool" => Some("boolean"),
                    "int" | "long" => Some("integer"),
                    "float" | "double" | "decimal" => Some("number"),
                    "text" | "str" | "date" | "datetime" | "timestamp" => Some("string"),
                    "list" => Some("array"),
                    "map" | "json" => Some("object"),
                    _ => nearest(word, names),
                };
                let hint = other_name
                    .map_or_else(|| format!("expected {}", one_of(&names)), |near| format!("did you mean `{near}`?"));
                problems.add(path, format!("unknown type `{}`; {hint}", shorten(word)));
            }
            found
        }
        other => {
            problems.add(path, format!("found {}; expected {EXPECTED_TYPE}", describe(other)));
            None
        }
    };
    match fields.get("type") {
        None => Vec::new(),
        Some(Value::Array(list)) => {
            if list.is_empty() {
                problems.add(&path, format!("found an empty list; expected {EXPECTED_TYPE}"));
            }
            let mut types = Vec::new();
            for (at, value) in list.iter().enumerate() {
                let path = format!("{path}[{at}]");
                match one(value, &path, problems) {
                    Some(twice) if types.contains(&twice) => problems.add(&path, format!("`{twice}` is listed twice")),
                    found => types.extend(found),
                }
            }
            types
        }
        Some(value) => one(value, &path, problems).into_iter().collect(),
    }
}

fn allowed(fields: &Fields<'_>, types: &[JsonType], problems: &mut Problems) -> Vec<Value> {
    let Some(list) = fields.short_list("enum", MAX_VALUES, EXPECTED_VALUES, problems) else { return Vec::new() };
    let path = fields.path_of("enum");
    if list.is_empty() {
        problems.add(&path, format!("found an empty list; expected {EXPECTED_VALUES}, or no `enum` at all"));
    }
    let mut allowed: Vec<Value> = Vec::with_capacity(list.len());
    for (at, value) in list.iter().enumerate() {
        let path = format!("{path}[{at}]");
        match value {
            Value::Null => problems
                .add(&path, r#"found null; expected a value, and `type: [string, "null"]` where null is allowed too"#),
            Value::Array(_) | Value::Object(_) => {
                problems.add(&path, format!("found {}; expected a string, a number or a boolean", describe(value)));
            }
            _ if !JsonType::of(value).is_in(types) => {
                let types = types.iter().map(|kind| kind.name()).collect::<Vec<_>>();
                problems.add(&path, format!("found {}, which is no {}", describe(value), types.join(" or ")));
            }
            _ if allowed.contains(value) => problems.add(&path, format!("{} is listed twice", describe(value))),
            _ => allowed.push(value.clone()),
        }
    }
    allowed
}

fn bound(fields: &Fields<'_>, name: &str, types: &[JsonType], problems: &mut Problems) -> Option<Number> {
    match fields.get(name)? {
        Value::Number(number) => {
            if !JsonType::Integer.is_in(types) {
                let message = format!(
                    "found a bound of numbers on a property that has none; expected `type` to list `number`, or no `{name}`"
                );
                problems.add(fields.path_of(name), message);
            }
            Some(number.clone())
        }
        other => {
            problems.add(fields.path_of(name), format!("found {}; expected a number", describe(other)));
            None
        }
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
