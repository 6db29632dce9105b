//! What all kinds of questions have in common: when, in which zone, of which events, of whose, and from which version.

use chrono_tz::Tz;
use serde_json::Value;

use super::condition::conditions;
use super::fields::{COHORT_EVENT_FIELDS, COHORT_FUNNEL_FIELDS, COHORT_REPORT_FIELDS, Fields, Problems, USERS_FIELDS};
use super::model::{Cohort, FunnelState, FunnelUsers, MAX_STEPS, Scope, UserList};
use super::parse::{events, funnel_inside, timezone};
use super::time;

/// The most cohorts of one question.
pub(super) const MAX_COHORTS: usize = 8;

/// The most users of one list, and so many unless it is said.
pub(super) const MAX_LISTED: u64 = 100_000;
pub(super) const DEFAULT_LISTED: u64 = 100;

/// The longest id of a saved report.
pub(super) const MAX_REPORT_BYTES: usize = 100;

/// The most times that a cohort may ask for.
const MAX_TIMES: u64 = 1_000_000;

pub(super) const STATES: &[&str] = &["converted", "dropped", "open"];

const EXPECTED_COHORT: &str =
    r#"users such as {"event": "purchase", "at_least": 3, "last": "30d"} or {"funnel": {…}, "step": 2}"#;

/// The fields that every kind has.
pub(super) fn scope(fields: &Fields<'_>, now_ms: i64, problems: &mut Problems) -> Scope {
    let zone = timezone(fields, problems);
    Scope {
        range: time::range(fields, zone, now_ms, problems),
        timezone: zone,
        filters: conditions(fields, problems),
        cohorts: cohorts(fields, zone, now_ms, problems),
        version: fields.whole_number("version", 0, u64::MAX, problems),
    }
}

/// The field `cohort`: one, or a list of which all must hold.
pub(super) fn cohorts(fields: &Fields<'_>, zone: Tz, now_ms: i64, problems: &mut Problems) -> Vec<Cohort> {
    let path = fields.path_of("cohort");
    match fields.get("cohort") {
        None => Vec::new(),
        Some(Value::Array(list)) if list.len() > MAX_COHORTS => {
            problems.add(path, format!("found a list of {}; expected at most {MAX_COHORTS}", list.len()));
            Vec::new()
        }
        Some(Value::Array(list)) => {
            let read = list.iter().enumerate();
            read.filter_map(|(at, value)| cohort(value, &format!("{path}[{at}]"), zone, now_ms, problems)).collect()
        }
        Some(value) => cohort(value, &path, zone, now_ms, problems).into_iter().collect(),
    }
}

fn cohort(value: &Value, path: &str, zone: Tz, now_ms: i64, problems: &mut Problems) -> Option<Cohort> {
    if value.get("funnel").is_some() {
        let fields = Fields::open(value, path, &COHORT_FUNNEL_FIELDS, EXPECTED_COHORT, problems)?;
        let inner = fields.get("funnel")?;
        let funnel = funnel_inside(inner, &fields.path_of("funnel"), now_ms, problems)?;
        let steps = funnel.steps.len();
        let users = funnel_users(&fields, steps, problems);
        return Some(Cohort::InFunnel { funnel: Box::new(funnel), users });
    }
    if value.get("report").is_some() {
        return in_report(value, path, problems);
    }
    let fields = Fields::open(value, path, &COHORT_EVENT_FIELDS, EXPECTED_COHORT, problems)?;
    let any = events(&fields, EXPECTED_COHORT, problems);
    let at_least = fields.whole_number("at_least", 0, MAX_TIMES, problems);
    let at_most = fields.whole_number("at_most", 0, MAX_TIMES, problems);
    // Who asks for at most so many asks for those too who never did.
    let at_least = at_least.unwrap_or(u64::from(at_most.is_none()));
    if let Some(most) = at_most.filter(|most| *most < at_least) {
        problems.add(fields.path_of("at_most"), format!("{most} is less than `at_least`, {at_least}"));
    }
    let range = time::range(&fields, zone, now_ms, problems);
    Some(Cohort::Did { any, at_least, at_most: at_most.unwrap_or(u64::MAX), range })
}

/// Users in the result of a saved report. How many steps it has is known to who reads it.
fn in_report(value: &Value, path: &str, problems: &mut Problems) -> Option<Cohort> {
    let fields = Fields::open(value, path, &COHORT_REPORT_FIELDS, EXPECTED_COHORT, problems)?;
    let expected = "the id of a saved report";
    let place = funnel_users(&fields, MAX_STEPS, problems);
    let is_said = fields.get("step").is_some();
    if fields.get("report").is_none() {
        problems.add(fields.path_of("report"), format!("found null; expected {expected}"));
    }
    let report = fields.text("report", expected, problems)?;
    if report.is_empty() || report.len() > MAX_REPORT_BYTES {
        let message = format!("found a text of {} bytes; expected {expected}", report.len());
        problems.add(fields.path_of("report"), message);
        return None;
    }
    let step = is_said.then_some(place.step);
    Some(Cohort::InReport { report: report.to_owned(), step, state: place.state, path: path.to_owned() })
}

/// The field `users` of a funnel of so many steps.
pub(super) fn user_list(fields: &Fields<'_>, steps: usize, problems: &mut Problems) -> Option<UserList> {
    let value = fields.get("users")?;
    let expected = r#"a place in the funnel such as {"step": 2, "state": "dropped"}"#;
    let fields = Fields::open(value, &fields.path_of("users"), &USERS_FIELDS, expected, problems)?;
    let place = funnel_users(&fields, steps, problems);
    let limit = fields.whole_number("limit", 1, MAX_LISTED, problems).unwrap_or(DEFAULT_LISTED);
    Some(UserList { place, limit: limit as usize })
}

/// The fields `step` and `state` beside a funnel of so many steps: the last step, and those who reached it, by default.
pub(super) fn funnel_users(fields: &Fields<'_>, steps: usize, problems: &mut Problems) -> FunnelUsers {
    let step = fields.whole_number("step", 1, steps.max(1) as u64, problems).map_or(steps, |step| step as usize);
    let state = match fields.choice("state", STATES, &[], problems) {
        Some("dropped") => FunnelState::Dropped,
        Some("open") => FunnelState::Open,
        _ => FunnelState::Converted,
    };
    FunnelUsers { step, state }
}
