//! The kind `retention`: who came back, and how long after they began.

use serde::Serialize;
use serde_json::Value;

use super::activity::{Activity, any_activity, required_activity};
use super::fields::{Fields, Problems, RETENTION_FIELDS, describe};
use super::model::{Interval, Scope, SplitBy};
use super::parse::split_by;
use super::rules;
use super::scope::scope;
use crate::calendar;

/// The most periods behind period 0 that have a column each.
pub(super) const MAX_PERIODS: u64 = 100;

/// The most brackets of one question.
pub(super) const MAX_BRACKETS: usize = 100;

/// The last period that a bracket may have.
pub(super) const MAX_PERIOD: u64 = 3_650;

/// The most cells of cohorts and columns of a bounded range.
pub(super) const MAX_CELLS: usize = 500_000;

pub(super) const MODES: &[&str] = &["on", "on_or_after"];
pub(super) const OCCURRENCES: &[&str] = &["first", "first_in_range", "any"];

const EXPECTED_BRACKETS: &str = "a list of first and last periods, such as [[0, 0], [1, 3], [4, 7]]";

/// A retention question.
#[derive(Debug, Clone)]
pub struct RetentionSpec {
    /// When users start, of what, of whose.
    pub scope: Scope,
    /// What they do to start.
    pub start: Activity,
    /// What they do to come back.
    pub back: Activity,
    /// The buckets that make cohorts and periods.
    pub interval: Interval,
    /// Which periods are asked for, in order: at least one column, and none overlaps another, unless all go on for good.
    pub columns: Vec<Periods>,
    /// Which of a user's starts count.
    pub occurrence: Occurrence,
    /// Splits users by a property of the event with which they start.
    pub breakdown: Option<SplitBy>,
}

/// Some periods of a cohort. Period n is the n-th bucket behind that of the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Periods {
    /// The first.
    pub from: u64,
    /// The last; `None` where they go on for good.
    pub to: Option<u64>,
}

/// Which of a user's start events count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Occurrence {
    /// The first that there is, if it lies in the range.
    #[default]
    First,
    /// The first in the range.
    FirstInRange,
    /// The first of each bucket: a user may be in several cohorts.
    Any,
}

/// Reads the document.
pub(super) fn retention(value: &Value, now_ms: i64, problems: &mut Problems) -> Option<RetentionSpec> {
    let expected = r#"an object such as {"kind": "retention", "start": {"event": "signup"}}"#;
    let fields = Fields::open(value, "", &RETENTION_FIELDS, expected, problems)?;
    let scope = scope(&fields, now_ms, problems);
    let start = required_activity(&fields, "start", problems);
    let back = any_activity(&fields, "return", problems);
    let interval = rules::interval(&fields, Some(Interval::Day), scope.timezone, scope.range, problems);
    let interval = interval.unwrap_or(Interval::Day);
    let columns = columns(&fields, interval, problems);
    refuse_many_cells(&fields, &scope, interval, columns.len(), problems);
    let occurrence = match fields.choice("occurrence", OCCURRENCES, &[], problems) {
        Some("first_in_range") => Occurrence::FirstInRange,
        Some("any") => Occurrence::Any,
        _ => Occurrence::First,
    };
    let breakdown = split_by(&fields, problems);
    Some(RetentionSpec { scope, start, back, interval, columns, occurrence, breakdown })
}

/// Where the range is bounded, its size tells that of the answer. Where it is open, the data do.
fn refuse_many_cells(fields: &Fields<'_>, scope: &Scope, interval: Interval, columns: usize, problems: &mut Problems) {
    let (Some(from), Some(to)) = (scope.range.from_ms, scope.range.to_ms) else { return };
    let most = MAX_CELLS / columns.max(1);
    // Of too many cohorts for any question, `interval` has said so.
    let is_counted = calendar::buckets(interval, scope.timezone, from, to, rules::MAX_BUCKETS).is_some();
    if is_counted && calendar::buckets(interval, scope.timezone, from, to, most).is_none() {
        let message = format!(
            "{columns} columns for each cohort of this range are more than {MAX_CELLS} figures; expected a longer interval, \
             fewer periods, or less time"
        );
        problems.add(fields.path_of("interval"), message);
    }
}

/// The fields `periods`, `brackets` and `mode`.
fn columns(fields: &Fields<'_>, interval: Interval, problems: &mut Problems) -> Vec<Periods> {
    let goes_on = fields.choice("mode", MODES, &[], problems) == Some("on_or_after");
    if fields.get("brackets").is_some() {
        if goes_on {
            let message = "stands beside mode `on_or_after`, which has no last period; leave one of the two out";
            problems.add(fields.path_of("brackets"), message);
        }
        if fields.get("periods").is_some() {
            problems.add(fields.path_of("brackets"), "stands beside `periods`; expected one of them");
        }
        return brackets(fields, problems);
    }
    let default = match interval {
        Interval::Hour => 24,
        Interval::Day => 14,
        Interval::Week => 8,
        Interval::Month => 12,
    };
    let last = fields.whole_number("periods", 0, MAX_PERIODS, problems).unwrap_or(default);
    (0..=last).map(|period| Periods { from: period, to: (!goes_on).then_some(period) }).collect()
}

fn brackets(fields: &Fields<'_>, problems: &mut Problems) -> Vec<Periods> {
    let path = fields.path_of("brackets");
    let list = fields.short_list("brackets", MAX_BRACKETS, EXPECTED_BRACKETS, problems);
    if list.is_some_and(<[Value]>::is_empty) {
        problems.add(&path, format!("found an empty list; expected {EXPECTED_BRACKETS}"));
    }
    let mut columns: Vec<Periods> = Vec::new();
    for (at, value) in list.unwrap_or_default().iter().enumerate() {
        let path = format!("{path}[{at}]");
        let Some((from, to)) = bracket(value) else {
            let message =
                format!("found {}; expected two whole numbers from 0 to {MAX_PERIOD}, such as [1, 3]", shown(value));
            problems.add(path, message);
            continue;
        };
        if from > to {
            problems.add(path, format!("{from} is after {to}; expected the first period, then the last"));
        } else if let Some(before) = columns.last().and_then(|column| column.to).filter(|before| from <= *before) {
            let message =
                format!("begins with period {from}, and the one before ends with {before}; expected later periods");
            problems.add(path, message);
        } else {
            columns.push(Periods { from, to: Some(to) });
        }
    }
    columns
}

fn bracket(value: &Value) -> Option<(u64, u64)> {
    let period = |value: &Value| value.as_u64().filter(|period| *period <= MAX_PERIOD);
    match value.as_array()?.as_slice() {
        [from, to] => Some((period(from)?, period(to)?)),
        _ => None,
    }
}

/// A short list as it is written, else what [`describe`] says.
fn shown(value: &Value) -> String {
    match value.as_array() {
        Some(list) if list.len() <= 3 && list.iter().all(Value::is_number) => format!("the list {value}"),
        _ => describe(value),
    }
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
