//! From JSON to [`Spec`]: everything that is wrong is reported at once, each problem with the path of its field.

use std::sync::Arc;

use chrono_tz::Tz;
use serde_json::Value;

use super::activity::{lifecycle, stickiness};
use super::condition::{conditions, property, property_path};
use super::experiment::experiment;
use super::fields::{
    ALTERNATIVE_FIELDS, BREAKDOWN_FIELDS, Fields, PERIOD_FIELDS, Problems, SPEC_FIELDS, SPLIT_FIELDS, STEP_FIELDS,
    describe, did_you_mean, one_of, shorten,
};
use super::model::{
    Breakdown, Condition, Count, EventMatch, FunnelSpec, MAX_STEPS, Order, Period, Scope, Spec, SpecError, SplitBy,
    Step, Ties, Window,
};
use super::paths::paths;
use super::retention::retention;
use super::scope::{scope, user_list};
use super::sessions::sessions;
use super::trends::trends;
use super::{rules, time};
use crate::nearest::nearest;
use crate::strict::StrictValue;

/// Kinds of questions.
const KINDS: &[&str] = &["funnel", "trends", "retention", "lifecycle", "stickiness", "experiment", "paths", "sessions"];

pub(super) const ORDERS: &[&str] = &["ordered", "strict", "any"];

pub(super) const COUNTS: &[&str] = &["users", "sessions", "attempts"];

pub(super) const TIES: &[&str] = &["lenient", "arrival", "strict"];

pub(super) const DEFAULT_WINDOW_MS: i64 = 14 * 86_400_000;

pub(super) const DEFAULT_LIMIT: usize = 10;
pub(super) const MAX_LIMIT: usize = 1000;

/// The window that is a session.
const SESSION: &str = "session";

/// The most bytes of a document: it is a question, not data.
pub const MAX_SPEC_BYTES: usize = 1024 * 1024;

/// How deep the parser of JSON goes. A question needs seven levels.
const MAX_LEVELS: usize = 127;

/// The most bytes of a label, which an answer repeats for every group.
pub(super) const MAX_LABEL_BYTES: usize = 1000;

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
    parse_value(&read(json)?, now_ms)
}

/// The JSON tree of a question's text, which need not be a right one.
///
/// # Errors
/// [`SpecError`] with one problem: the text is too long, no JSON, or says something twice.
pub fn read(json: &str) -> Result<Value, SpecError> {
    let message = if json.len() > MAX_SPEC_BYTES {
        format!("has {} bytes; expected at most {MAX_SPEC_BYTES}", json.len())
    } else {
        match serde_json::from_str(json) {
            Ok(StrictValue(value)) => return Ok(value),
            Err(error) if error.is_data() => format!("{error}; expected each field once"),
            // The parser of JSON has no kind for it.
            Err(error) if error.to_string().starts_with("recursion limit exceeded") => format!(
                "lists and objects are nested more than {MAX_LEVELS} levels deep, at line {} column {}; expected \
                 {EXPECTED_SPEC}",
                error.line(),
                error.column()
            ),
            Err(error) => format!("not valid JSON: {error}; expected {EXPECTED_SPEC}"),
        }
    };
    let mut problems = Problems::default();
    problems.add("", message);
    problems.finish(None)
}

/// As [`parse`], from a JSON tree.
///
/// # Errors
/// As [`parse`].
pub fn parse_value(value: &Value, now_ms: i64) -> Result<Spec, SpecError> {
    let mut problems = Problems::default();
    let problems_of = &mut problems;
    let spec = match kind(value, problems_of) {
        Some("trends") => trends(value, now_ms, problems_of).map(Spec::Trends),
        Some("experiment") => experiment(value, now_ms, problems_of).map(|spec| Spec::Experiment(Box::new(spec))),
        Some("retention") => retention(value, now_ms, problems_of).map(Spec::Retention),
        Some("lifecycle") => lifecycle(value, now_ms, problems_of).map(Spec::Lifecycle),
        Some("stickiness") => stickiness(value, now_ms, problems_of).map(Spec::Stickiness),
        Some("paths") => paths(value, now_ms, problems_of).map(Spec::Paths),
        Some("sessions") => sessions(value, now_ms, problems_of).map(Spec::Sessions),
        Some(_) => funnel(value, "", now_ms, problems_of).map(Spec::Funnel),
        None => None,
    };
    problems.finish(spec)
}

/// The fields `from`, `to`, `last` and `timezone` alone, which mean what they mean in a question.
///
/// # Errors
/// As [`parse`].
pub fn parse_period(value: &Value, now_ms: i64) -> Result<Period, SpecError> {
    let mut problems = Problems::default();
    let expected = r#"an object such as {"last": "30d"}"#;
    let period = Fields::open(value, "", &PERIOD_FIELDS, expected, &mut problems).map(|fields| {
        let timezone = timezone(&fields, &mut problems);
        Period { range: time::range(&fields, timezone, now_ms, &mut problems), timezone }
    });
    problems.finish(period)
}

const EXPECTED_SPEC: &str = r#"an object such as {"kind": "funnel", "steps": [{"event": "view_item"}]}"#;

/// The kind of a document. One that has none is read as a funnel, and one of an unknown kind where it has steps, so that everything
/// that is wrong is said at once.
fn kind(value: &Value, problems: &mut Problems) -> Option<&'static str> {
    let Some(members) = value.as_object() else {
        problems.add("", format!("found {}; expected {EXPECTED_SPEC}", describe(value)));
        return None;
    };
    let otherwise = members.contains_key("steps").then_some("funnel");
    match members.get("kind").filter(|kind| !kind.is_null()) {
        None => {
            problems.add("kind", format!("missing; expected {}", one_of(KINDS)));
            Some("funnel")
        }
        Some(Value::String(kind)) => {
            let known = KINDS.iter().copied().find(|known| known == kind);
            if known.is_none() {
                let hint = did_you_mean(kind, KINDS.iter().copied(), || format!("expected {}", one_of(KINDS)));
                problems.add("kind", format!("unknown kind `{}`; {hint}", shorten(kind)));
            }
            known.or(otherwise)
        }
        Some(other) => {
            problems.add("kind", format!("found {}; expected {}", describe(other), one_of(KINDS)));
            otherwise
        }
    }
}

/// A funnel inside of another question.
pub(super) fn funnel_inside(value: &Value, path: &str, now_ms: i64, problems: &mut Problems) -> Option<FunnelSpec> {
    match value.get("kind") {
        None | Some(Value::Null) => {}
        Some(Value::String(kind)) if kind == "funnel" => {}
        Some(other) => problems.add(format!("{path}.kind"), format!("found {}; expected `funnel`", describe(other))),
    }
    let funnel = funnel(value, path, now_ms, problems)?;
    for (name, is_there) in [
        ("cohort", !funnel.cohorts.is_empty()),
        ("compare", funnel.previous.is_some()),
        ("users", funnel.users.is_some()),
        ("version", funnel.version.is_some()),
    ] {
        if is_there {
            problems.add(format!("{path}.{name}"), "is not for a funnel inside of another question; leave it out");
        }
    }
    Some(funnel)
}

fn funnel(value: &Value, path: &str, now_ms: i64, problems: &mut Problems) -> Option<FunnelSpec> {
    let fields = Fields::open(value, path, &SPEC_FIELDS, EXPECTED_SPEC, problems)?;
    Some(funnel_of(&fields, now_ms, problems))
}

/// The funnel that the fields of an object make, whatever other fields it has.
pub(super) fn funnel_of(fields: &Fields<'_>, now_ms: i64, problems: &mut Problems) -> FunnelSpec {
    let Scope { range, timezone: zone, filters, cohorts, version } = scope(fields, now_ms, problems);
    let steps = steps(fields, problems);
    let window = window(fields, Window::Duration(DEFAULT_WINDOW_MS), problems);
    let order = match fields.choice("order", ORDERS, &[], problems) {
        Some("strict") => Order::Strict,
        Some("any") => Order::Any,
        _ => Order::Ordered,
    };
    rules::refuse_optional(fields, &steps, order, problems);
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
    let exclude = rules::excludes(fields, &steps, order, problems);
    let exclusion = rules::exclusion(fields, problems);
    let breakdown = breakdown(fields, steps.len(), problems);
    let hold = rules::hold(fields, problems);
    let interval = rules::interval(fields, None, zone, range, problems);
    let previous = rules::previous(fields, zone, range, problems);
    let users = user_list(fields, steps.len(), problems);
    FunnelSpec {
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
        users,
        cohorts,
        version,
    }
}

pub(super) fn timezone(fields: &Fields<'_>, problems: &mut Problems) -> Tz {
    let Some(text) = fields.text("timezone", "an IANA name such as `Asia/Seoul`", problems) else {
        return Tz::UTC;
    };
    time::zone(text).unwrap_or_else(|message| {
        problems.add(fields.path_of("timezone"), message);
        Tz::UTC
    })
}

/// The field `window`, or what stands where there is none.
pub(super) fn window(fields: &Fields<'_>, default: Window, problems: &mut Problems) -> Window {
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
    let filters: Vec<Arc<Condition>> = conditions(fields, problems).into_iter().map(Arc::new).collect();
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
fn alternatives(fields: &Fields<'_>, filters: &[Arc<Condition>], problems: &mut Problems) -> Vec<EventMatch> {
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
        Some(EventMatch {
            event: event?,
            filters: own.into_iter().map(Arc::new).chain(filters.iter().cloned()).collect(),
        })
    });
    alternatives.collect()
}

/// The required field `event`: `Some(None)` is any event.
pub(super) fn event(fields: &Fields<'_>, problems: &mut Problems) -> Option<Option<String>> {
    let path = fields.path_of("event");
    if fields.get("event").is_none() {
        problems.add(path, format!("missing; expected {EXPECTED_EVENT}"));
        return None;
    }
    event_name(fields.text("event", EXPECTED_EVENT, problems)?, path, problems)
}

/// A text as the name of an event: `Some(None)` is any event.
pub(super) fn event_name(name: &str, path: String, problems: &mut Problems) -> Option<Option<String>> {
    if name.is_empty() || name.len() > MAX_EVENT_BYTES {
        let found = if name.is_empty() { "an empty text".to_owned() } else { format!("{} bytes", name.len()) };
        problems.add(path, format!("found {found}; expected a name of 1 to {MAX_EVENT_BYTES} bytes"));
        return None;
    }
    Some((name != ANY_EVENT).then(|| name.to_owned()))
}

pub(super) fn label(fields: &Fields<'_>, problems: &mut Problems) -> Option<String> {
    let label = fields.text("label", "a text", problems)?;
    if label.trim().is_empty() {
        problems.add(fields.path_of("label"), "found an empty text; expected a label, or no `label` at all");
    }
    if label.len() > MAX_LABEL_BYTES {
        let message = format!("found a text of {} bytes; expected at most {MAX_LABEL_BYTES}", label.len());
        problems.add(fields.path_of("label"), message);
    }
    Some(label.to_owned())
}

pub(super) fn default_label(any: &[EventMatch]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in any.iter().map(|event| event.event.as_deref().unwrap_or(ANY_EVENT_LABEL)) {
        // One event with two sets of conditions is named once.
        if !names.contains(&name) {
            names.push(name);
        }
    }
    // As many as there is room for, with what stands for the others.
    let room = MAX_LABEL_BYTES - " or 100 more".len();
    let mut bytes = 0;
    let shown = names.iter().take_while(|name| {
        bytes += name.len() + " or ".len();
        bytes <= room
    });
    let shown = shown.count();
    match names.len() - shown {
        0 => names.join(" or "),
        more => format!("{} or {more} more", names[..shown].join(" or ")),
    }
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

/// The field `breakdown` of a question without steps.
pub(super) fn split_by(fields: &Fields<'_>, problems: &mut Problems) -> Option<SplitBy> {
    let value = fields.get("breakdown")?;
    let path = fields.path_of("breakdown");
    if let Value::String(text) = value {
        return Some(SplitBy { property: property_path(text, &path, problems)?, limit: DEFAULT_LIMIT });
    }
    let expected = r#"a property such as "country", or {"property": "country", "limit": 10}"#;
    let fields = Fields::open(value, &path, &SPLIT_FIELDS, expected, problems)?;
    let property = property(&fields, problems);
    let limit = fields.whole_number("limit", 1, MAX_LIMIT as u64, problems);
    Some(SplitBy { property: property?, limit: limit.map_or(DEFAULT_LIMIT, |limit| limit as usize) })
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
