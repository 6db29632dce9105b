//! From JSON to [`Spec`]: everything that is wrong is reported at once, each problem with the path of its field.

use chrono_tz::Tz;
use serde_json::Value;

use super::condition::{conditions, property, property_path};
use super::fields::{
    ALTERNATIVE_FIELDS, BREAKDOWN_FIELDS, Fields, Problems, SPEC_FIELDS, STEP_FIELDS, describe, did_you_mean,
    not_in_this_version, shorten,
};
use super::model::{Breakdown, Count, EventMatch, FunnelSpec, MAX_STEPS, Order, Spec, SpecError, Step, Ties, Window};
use super::{rules, time};
use crate::nearest::nearest;

/// Kinds of questions that the language has, and this version does not.
const LATER_KINDS: &[&str] = &["trends", "retention", "paths", "sessions", "events", "user"];

pub(super) const ORDERS: &[&str] = &["ordered", "strict", "any"];

pub(super) const COUNTS: &[&str] = &["users", "sessions", "attempts"];

pub(super) const TIES: &[&str] = &["lenient", "arrival", "strict"];

pub(super) const DEFAULT_WINDOW_MS: i64 = 14 * 86_400_000;

pub(super) const DEFAULT_LIMIT: usize = 10;
pub(super) const MAX_LIMIT: usize = 1000;

/// The window that is a session.
const SESSION: &str = "session";

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
    let window = window(&fields, problems);
    let order = match fields.choice("order", ORDERS, &[], problems) {
        Some("strict") => Order::Strict,
        Some("any") => Order::Any,
        _ => Order::Ordered,
    };
    rules::refuse_optional(&fields, &steps, order, problems);
    let ties = match fields.choice("ties", TIES, &[], problems) {
        Some("arrival") => Ties::Arrival,
        Some("strict") => Ties::Strict,
        _ => Ties::Lenient,
    };
    let count = match fields.choice("count", COUNTS, &[], problems) {
        Some("sessions") => Count::Sessions,
        Some("attempts") => Count::Attempts,
        _ => Count::Users,
    };
    let exclude = rules::excludes(&fields, &steps, order, problems);
    let exclusion = rules::exclusion(&fields, problems);
    let filters = conditions(&fields, problems);
    let breakdown = breakdown(&fields, steps.len(), problems);
    let hold = rules::hold(&fields, problems);
    let interval = rules::interval(&fields, zone, range, problems);
    let previous = rules::previous(&fields, zone, range, problems);
    let version = fields.whole_number("version", 0, u64::MAX, problems);
    Some(FunnelSpec {
        range,
        timezone: zone,
        steps,
        window,
        order,
        ties,
        count,
        exclude,
        exclusion,
        hold,
        filters,
        breakdown,
        interval,
        previous,
        version,
    })
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

fn window(fields: &Fields<'_>, problems: &mut Problems) -> Window {
    let default = Window::Duration(DEFAULT_WINDOW_MS);
    let expected = "a text such as `14d` (units ms, s, m, h, d, w), or `session`";
    let Some(text) = fields.text("window", expected, problems) else {
        return default;
    };
    if text == SESSION {
        return Window::Session;
    }
    match time::duration_ms(text, time::LONGEST_WINDOW_DAYS) {
        Ok(ms) => Window::Duration(ms),
        Err(message) => {
            let message = if nearest(text, [SESSION]).is_some() {
                format!("found `{}`; did you mean `session`?", shorten(text))
            } else {
                message
            };
            problems.add(fields.path_of("window"), message);
            default
        }
    }
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
    let nothing = Step { label: String::new(), any: Vec::new(), optional: false };
    let Some(fields) = Fields::open(value, path, &STEP_FIELDS, EXPECTED_STEP, problems) else {
        return nothing;
    };
    let any = events(&fields, EXPECTED_STEP, problems);
    let label = label(&fields, problems);
    let optional = fields.flag("optional", problems).unwrap_or(false);
    Step { label: label.unwrap_or_else(|| default_label(&any)), any, optional }
}

/// What an object with `event` or `any`, and `where`, stands for; nothing where there is a problem.
pub(super) fn events(fields: &Fields<'_>, expected: &str, problems: &mut Problems) -> Vec<EventMatch> {
    let filters = conditions(fields, problems);
    match (fields.get("event"), fields.get("any")) {
        (Some(_), None) => event(fields, problems).map(|event| vec![EventMatch { event, filters }]).unwrap_or_default(),
        (None, Some(_)) => alternatives(fields, &filters, problems),
        (Some(_), Some(_)) => {
            problems.add(fields.path(), "has both `event` and `any`; expected one of them");
            Vec::new()
        }
        (None, None) => {
            problems.add(fields.path(), format!("has neither `event` nor `any`; expected {expected}"));
            Vec::new()
        }
    }
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

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
