//! From JSON to [`Spec`]: everything that is wrong is reported at once, each problem with the path of its field.

use chrono_tz::Tz;
use serde_json::Value;

use super::condition::{conditions, property, property_path};
use super::fields::{
    ALTERNATIVE_FIELDS, BREAKDOWN_FIELDS, Fields, Problems, SPEC_FIELDS, STEP_FIELDS, describe, did_you_mean,
    not_in_this_version, shorten,
};
use super::model::{Breakdown, EventMatch, FunnelSpec, MAX_STEPS, Spec, SpecError, Step, Ties};
use super::time;

/// Kinds of questions that the language has, and this version does not.
const LATER_KINDS: &[&str] = &["trends", "retention", "paths", "sessions", "events", "user"];

pub(super) const ORDERS: &[&str] = &["ordered"];
const LATER_ORDERS: &[&str] = &["strict", "any"];

pub(super) const COUNTS: &[&str] = &["users"];
const LATER_COUNTS: &[&str] = &["sessions", "attempts"];

pub(super) const TIES: &[&str] = &["lenient", "arrival", "strict"];

pub(super) const DEFAULT_WINDOW_MS: i64 = 14 * 86_400_000;

pub(super) const DEFAULT_LIMIT: usize = 10;
pub(super) const MAX_LIMIT: usize = 1000;

/// The most bytes of an event name.
pub(super) const MAX_EVENT_BYTES: usize = 200;

/// The most events of one `any`.
pub(super) const MAX_ALTERNATIVES: usize = 100;

/// The name that stands for any event, and how people read it.
const ANY_EVENT: &str = "*";
const ANY_EVENT_LABEL: &str = "any event";

const EXPECTED_STEPS: &str = r#"a list of 1 to 64 steps, such as [{"event": "view_item"}, {"event": "purchase"}]"#;
const EXPECTED_EVENT: &str = r#"the name of an event, such as "purchase", or "*" for any event"#;

/// Reads a question from JSON text. `now_ms` is the present in milliseconds since 1970, from which `last` counts back.
///
/// # Errors
/// [`SpecError`] holds everything that is wrong, and only one problem where the
/// text is no JSON or asks for another kind of question.
pub fn parse(json: &str, now_ms: i64) -> Result<Spec, SpecError> {
    match serde_json::from_str(json) {
        Ok(value) => parse_value(&value, now_ms),
        Err(error) => {
            let mut problems = Problems::default();
            problems.add("", format!("not valid JSON: {error}; expected {EXPECTED_SPEC}"));
            problems.finish(None)
        }
    }
}

/// As [`parse`], from a JSON tree.
///
/// # Errors
/// As [`parse`].
pub fn parse_value(value: &Value, now_ms: i64) -> Result<Spec, SpecError> {
    let mut problems = Problems::default();
    let spec = funnel(value, now_ms, &mut problems);
    problems.finish(spec.map(Spec::Funnel))
}

const EXPECTED_SPEC: &str = r#"an object such as {"kind": "funnel", "steps": [{"event": "view_item"}]}"#;

fn funnel(value: &Value, now_ms: i64, problems: &mut Problems) -> Option<FunnelSpec> {
    if let Some(later) = value.get("kind").and_then(Value::as_str).filter(|kind| LATER_KINDS.contains(kind)) {
        // The fields of another kind are not known here, so nothing else is checked.
        problems.add("kind", format!("{}; expected `funnel`", not_in_this_version(&format!("kind `{later}`"))));
        return None;
    }
    let fields = Fields::open(value, "", &SPEC_FIELDS, EXPECTED_SPEC, problems)?;
    kind(&fields, problems);
    let zone = timezone(&fields, problems);
    let range = time::range(&fields, zone, now_ms, problems);
    let steps = steps(&fields, problems);
    let window_ms = window(&fields, problems);
    fields.choice("order", ORDERS, LATER_ORDERS, problems);
    let ties = match fields.choice("ties", TIES, &[], problems) {
        Some("arrival") => Ties::Arrival,
        Some("strict") => Ties::Strict,
        _ => Ties::Lenient,
    };
    fields.choice("count", COUNTS, LATER_COUNTS, problems);
    let filters = conditions(&fields, problems);
    let breakdown = breakdown(&fields, steps.len(), problems);
    let version = fields.whole_number("version", 0, u64::MAX, problems);
    refuse_later_fields(&fields, problems);
    Some(FunnelSpec { range, timezone: zone, steps, window_ms, ties, filters, breakdown, version })
}

fn kind(fields: &Fields<'_>, problems: &mut Problems) {
    let path = fields.path_of("kind");
    match fields.get("kind") {
        None => problems.add(path, r#"missing; expected `"kind": "funnel"`"#),
        Some(Value::String(kind)) if kind == "funnel" => {}
        Some(Value::String(kind)) => {
            let known = std::iter::once("funnel").chain(LATER_KINDS.iter().copied());
            let hint = did_you_mean(kind, known, || r#"expected `"kind": "funnel"`"#.to_owned());
            problems.add(path, format!("unknown kind `{}`; {hint}", shorten(kind)));
        }
        Some(other) => problems.add(path, format!("found {}; expected `\"kind\": \"funnel\"`", describe(other))),
    }
}

fn timezone(fields: &Fields<'_>, problems: &mut Problems) -> Tz {
    let Some(text) = fields.text("timezone", "an IANA name such as `Asia/Seoul`", problems) else {
        return Tz::UTC;
    };
    time::zone(text).unwrap_or_else(|message| {
        problems.add(fields.path_of("timezone"), message);
        Tz::UTC
    })
}

fn window(fields: &Fields<'_>, problems: &mut Problems) -> i64 {
    let expected = "a text such as `14d` (units ms, s, m, h, d, w)";
    let Some(text) = fields.text("window", expected, problems) else {
        return DEFAULT_WINDOW_MS;
    };
    let read = match text {
        "session" => Err(format!("{}; expected a duration such as `1d`", not_in_this_version("window `session`"))),
        _ => time::duration_ms(text, time::LONGEST_WINDOW_DAYS),
    };
    read.unwrap_or_else(|message| {
        problems.add(fields.path_of("window"), message);
        DEFAULT_WINDOW_MS
    })
}

fn steps(fields: &Fields<'_>, problems: &mut Problems) -> Vec<Step> {
    let path = fields.path_of("steps");
    if fields.get("steps").is_none() {
        problems.add(path, format!("missing; expected {EXPECTED_STEPS}"));
        return Vec::new();
    }
    let Some(list) = fields.list("steps", EXPECTED_STEPS, problems) else {
        return Vec::new();
    };
    if list.is_empty() || list.len() > MAX_STEPS {
        problems.add(&path, format!("found {} steps; expected {EXPECTED_STEPS}", list.len()));
    }
    // A step with a problem keeps its place, so that the numbers of the others stay right.
    let steps = list.iter().take(MAX_STEPS).enumerate();
    steps.map(|(at, value)| step(value, &format!("{path}[{at}]"), problems)).collect()
}

fn step(value: &Value, path: &str, problems: &mut Problems) -> Step {
    let nothing = Step { label: String::new(), any: Vec::new() };
    let Some(fields) = Fields::open(value, path, &STEP_FIELDS, EXPECTED_STEP, problems) else {
        return nothing;
    };
    let filters = conditions(&fields, problems);
    let any = match (fields.get("event"), fields.get("any")) {
        (Some(_), None) => event(&fields, problems).map(|event| vec![EventMatch { event, filters }]),
        (None, Some(_)) => Some(alternatives(&fields, &filters, problems)),
        (Some(_), Some(_)) => {
            problems.add(path, "has both `event` and `any`; expected one of them");
            None
        }
        (None, None) => {
            problems.add(path, format!("has neither `event` nor `any`; expected {EXPECTED_STEP}"));
            None
        }
    };
    let label = label(&fields, problems);
    if let Some(optional) = fields.get("optional")
        && *optional != Value::Bool(false)
    {
        problems.add(fields.path_of("optional"), not_in_this_version("optional"));
    }
    let any = any.unwrap_or_default();
    Step { label: label.unwrap_or_else(|| default_label(&any)), any }
}

const EXPECTED_STEP: &str =
    r#"a step such as {"event": "purchase"} or {"any": [{"event": "add_to_cart"}, {"event": "add_to_wishlist"}]}"#;

/// The events of `any`; the conditions of the step apply to each of them.
fn alternatives(fields: &Fields<'_>, filters: &[super::Condition], problems: &mut Problems) -> Vec<EventMatch> {
    let expected = r#"a list of events, such as [{"event": "add_to_cart"}, {"event": "add_to_wishlist"}]"#;
    let list = fields.short_list("any", MAX_ALTERNATIVES, expected, problems);
    let path = fields.path_of("any");
    if list.is_some_and(<[Value]>::is_empty) {
        problems.add(&path, format!("found an empty list; expected {expected}"));
    }
    let alternatives = list.unwrap_or_default().iter().enumerate().filter_map(|(at, value)| {
        let expected = r#"an event such as {"event": "add_to_cart"}"#;
        let fields = Fields::open(value, &format!("{path}[{at}]"), &ALTERNATIVE_FIELDS, expected, problems)?;
        let event = event(&fields, problems);
        let own = conditions(&fields, problems);
        Some(EventMatch { event: event?, filters: own.into_iter().chain(filters.iter().cloned()).collect() })
    });
    alternatives.collect()
}

/// The required field `event`: `Some(None)` is any event.
fn event(fields: &Fields<'_>, problems: &mut Problems) -> Option<Option<String>> {
    let path = fields.path_of("event");
    if fields.get("event").is_none() {
        problems.add(path, format!("missing; expected {EXPECTED_EVENT}"));
        return None;
    }
    let name = fields.text("event", EXPECTED_EVENT, problems)?;
    if name.is_empty() || name.len() > MAX_EVENT_BYTES {
        let found = if name.is_empty() { "an empty text".to_owned() } else { format!("{} bytes", name.len()) };
        problems.add(path, format!("found {found}; expected a name of 1 to {MAX_EVENT_BYTES} bytes"));
        return None;
    }
    Some((name != ANY_EVENT).then(|| name.to_owned()))
}

fn label(fields: &Fields<'_>, problems: &mut Problems) -> Option<String> {
    let label = fields.text("label", "a text", problems)?;
    if label.trim().is_empty() {
        problems.add(fields.path_of("label"), "found an empty text; expected a label, or no `label` at all");
    }
    Some(label.to_owned())
}

fn default_label(any: &[EventMatch]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in any.iter().map(|event| event.event.as_deref().unwrap_or(ANY_EVENT_LABEL)) {
        // One event with two sets of conditions is named once.
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(" or ")
}

fn breakdown(fields: &Fields<'_>, steps: usize, problems: &mut Problems) -> Option<Breakdown> {
    let value = fields.get("breakdown")?;
    let path = fields.path_of("breakdown");
    if let Value::String(text) = value {
        let property = property_path(text, &path, problems)?;
        return Some(Breakdown { property, step: 1, limit: DEFAULT_LIMIT });
    }
    let expected = r#"a property such as "country", or {"property": "country", "step": 1, "limit": 10}"#;
    let fields = Fields::open(value, &path, &BREAKDOWN_FIELDS, expected, problems)?;
    let property = property(&fields, problems);
    // Without steps, which is a problem of its own, there is nothing to hold the number against.
    let most_steps = if steps == 0 { MAX_STEPS } else { steps };
    let step = fields.whole_number("step", 1, most_steps as u64, problems);
    let limit = fields.whole_number("limit", 1, MAX_LIMIT as u64, problems);
    Some(Breakdown {
        property: property?,
        step: step.map_or(1, |step| step as usize),
        limit: limit.map_or(DEFAULT_LIMIT, |limit| limit as usize),
    })
}

/// Fields of later versions pass where they ask for nothing.
fn refuse_later_fields(fields: &Fields<'_>, problems: &mut Problems) {
    for name in SPEC_FIELDS.later {
        if *name == "exclusion" {
            fields.choice(name, &["block", "drop_user"], &[], problems);
            continue;
        }
        let Some(value) = fields.get(name) else { continue };
        let asks_for_nothing = matches!(*name, "exclude" | "hold") && value.as_array().is_some_and(Vec::is_empty);
        if !asks_for_nothing {
            problems.add(fields.path_of(name), not_in_this_version(name));
        }
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
