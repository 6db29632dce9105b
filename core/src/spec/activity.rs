//! The kinds `lifecycle` and `stickiness`, and what they share with `retention`: what users do to count as active.

use serde_json::Value;

use super::fields::{ACTIVITY_FIELDS, FieldTable, Fields, LIFECYCLE_FIELDS, Problems, STICKINESS_FIELDS};
use super::model::{EventMatch, Interval, Scope};
use super::parse::{default_label, events, label};
use super::rules;
use super::scope::scope;

/// What users do: any of its events is it.
#[derive(Debug, Clone)]
pub struct Activity {
    /// What people read: the given label, or the names of the alternatives.
    pub label: String,
    /// At least one.
    pub any: Vec<EventMatch>,
}

impl Activity {
    /// Any event at all.
    fn anything() -> Self {
        let any = vec![EventMatch { event: None, filters: Vec::new() }];
        Self { label: default_label(&any), any }
    }
}

/// A lifecycle question: which active users of each bucket are new, and which of them were there before.
#[derive(Debug, Clone)]
pub struct LifecycleSpec {
    /// When, of what, of whose. Each bucket that the range touches counts as a whole.
    pub scope: Scope,
    /// What makes a user active.
    pub of: Activity,
    /// The buckets.
    pub interval: Interval,
}

/// A stickiness question: in how many buckets of a range users were active.
#[derive(Debug, Clone)]
pub struct StickinessSpec {
    /// When, of what, of whose.
    pub scope: Scope,
    /// What makes a user active.
    pub of: Activity,
    /// The buckets.
    pub interval: Interval,
}

const EXPECTED_ACTIVITY: &str =
    r#"what users do, such as {"event": "purchase"} or {"any": [{"event": "view"}, {"event": "search"}]}"#;

/// Reads the document.
pub(super) fn lifecycle(value: &Value, now_ms: i64, problems: &mut Problems) -> Option<LifecycleSpec> {
    let (scope, of, interval) = of_buckets(value, "lifecycle", &LIFECYCLE_FIELDS, now_ms, problems)?;
    Some(LifecycleSpec { scope, of, interval })
}

/// Reads the document.
pub(super) fn stickiness(value: &Value, now_ms: i64, problems: &mut Problems) -> Option<StickinessSpec> {
    let (scope, of, interval) = of_buckets(value, "stickiness", &STICKINESS_FIELDS, now_ms, problems)?;
    Some(StickinessSpec { scope, of, interval })
}

fn of_buckets(
    value: &Value,
    kind: &str,
    table: &FieldTable,
    now_ms: i64,
    problems: &mut Problems,
) -> Option<(Scope, Activity, Interval)> {
    let expected = format!(r#"an object such as {{"kind": "{kind}", "of": {{"event": "purchase"}}}}"#);
    let fields = Fields::open(value, "", table, &expected, problems)?;
    let scope = scope(&fields, now_ms, problems);
    let interval = rules::interval(&fields, Some(Interval::Day), scope.timezone, scope.range, problems);
    let of = any_activity(&fields, "of", problems);
    Some((scope, of, interval.unwrap_or(Interval::Day)))
}

/// A field that says what users do, if there is one that can be read.
fn activity(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Option<Activity> {
    let value = fields.get(name)?;
    let fields = Fields::open(value, &fields.path_of(name), &ACTIVITY_FIELDS, EXPECTED_ACTIVITY, problems)?;
    let any = events(&fields, EXPECTED_ACTIVITY, problems);
    let label = label(&fields, problems);
    Some(Activity { label: label.unwrap_or_else(|| default_label(&any)), any })
}

/// As [`activity`], of a field that must be there.
pub(super) fn required_activity(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Activity {
    if fields.get(name).is_none() {
        problems.add(fields.path_of(name), format!("missing; expected {EXPECTED_ACTIVITY}"));
    }
    any_activity(fields, name, problems)
}

/// As [`activity`], or any event where the field is not there.
pub(super) fn any_activity(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Activity {
    activity(fields, name, problems).unwrap_or_else(Activity::anything)
}

#[cfg(test)]
#[path = "activity_tests.rs"]
mod tests;
