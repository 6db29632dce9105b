//! Retention: who came back, and how long after they began.
//!
//! ```text
//!   start S, return any event, by week
//!                                                     users  0  1  2
//!   ana   S  O │       │ O                    week 1      2  1  1  2
//!   ben   S    │ O     │ O                    week 2      1  0  1
//!   cho        │ S     │    O                 week 3      0  0
//!        week 1  week 2  week 3
//! ```
//!
//! Words:
//! - *start*, *return*: what a user does to begin, and what they do to be back.
//! - *cohort*: the users whose start lies in one bucket of time.
//! - *period* n of a cohort: the n-th bucket behind that of its starts; 0 is that bucket.
//! - *column*: one period, several in a row, or one and every one behind it.
//!
//! `reference`, in tests, does the same by looking through all events for each figure.

#[cfg(test)]
mod reference;
mod report;

use std::collections::HashMap;
use std::sync::Arc;

use crate::answer::{Groups, group_key};
use crate::buckets::Buckets;
use crate::property::PropertyValue;
use crate::scan::{Seen, Selector, Walk, Wants};
use crate::spec::{Occurrence, Periods, RetentionSpec};

pub use report::{RetentionCell, RetentionCohort, RetentionGroup, RetentionReport, RetentionTotal, RetentionWhole};

/// The bit of events with which users start.
const START: usize = 0;
/// The bit of events with which they come back.
const RETURN: usize = 1;

/// Counts who came back.
#[derive(Debug)]
pub struct RetentionWalk {
    spec: Arc<RetentionSpec>,
    buckets: Buckets,
    groups: Groups,
    /// By first instant.
    cohorts: HashMap<i64, Cohort>,
    user: User,
}

/// Users who started in one bucket.
#[derive(Debug, Clone)]
struct Cohort {
    /// When each column is.
    spans: Arc<[Span]>,
    /// By group.
    counts: HashMap<u32, Counts>,
}

/// What was counted of a cohort, or of several.
#[derive(Debug, Clone, Default)]
struct Counts {
    users: u64,
    /// Of them, who came back in each column.
    returned: Vec<u64>,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.users += other.users;
        self.returned.resize(self.returned.len().max(other.returned.len()), 0);
        self.returned.iter_mut().zip(&other.returned).for_each(|(mine, theirs)| *mine += theirs);
    }
}

/// When a column of a cohort is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    /// Its first instant.
    begin_ms: i64,
    /// The first instant behind its last period; where it goes on for good, behind its first.
    end_ms: i64,
    /// First instants of the buckets behind period 0 that belong to it: from here to there, the second not.
    behind_start: (i64, i64),
    /// Whether period 0 belongs to it.
    has_start: bool,
}

/// What is known of the user whose events are coming.
#[derive(Debug, Clone, Default)]
struct User {
    has_started: bool,
    /// The starts that count, in order.
    starts: Vec<Start>,
    /// First instants of buckets with a return that is not before the first of the starts.
    returns: Vec<i64>,
    /// When the last return was, whatever came before.
    last_return_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Start {
    bucket: i64,
    group: u32,
    /// Whether another event was a return, in the same bucket and not at an earlier time.
    is_back_at_once: bool,
}

/// What a question wants of the events.
pub fn wants(spec: &RetentionSpec) -> Wants {
    let range = spec.scope.range;
    let from = if spec.occurrence == Occurrence::First { None } else { range.from_ms };
    Wants {
        selectors: Selector::each(START, &spec.start.any).chain(Selector::each(RETURN, &spec.back.any)).collect(),
        filters: spec.scope.filters.clone(),
        properties: spec.breakdown.iter().map(|breakdown| breakdown.property.clone()).collect(),
        bounds_ms: Some((from.unwrap_or(i64::MIN), last_ms(spec).unwrap_or(i64::MAX))),
        ..Wants::default()
    }
}

/// The last instant of a return that matters; `None` where there is none.
fn last_ms(spec: &RetentionSpec) -> Option<i64> {
    let last_start = spec.scope.range.to_ms?.saturating_sub(1);
    spec.columns.last()?.to?;
    let mut buckets = Buckets::new(spec.interval, spec.scope.timezone);
    let last_cohort = buckets.start_ms(last_start);
    let spans = spans(&spec.columns, &mut buckets, last_cohort);
    Some(spans.last()?.end_ms.saturating_sub(1).max(last_start))
}

/// When the columns of a cohort are.
fn spans(columns: &[Periods], buckets: &mut Buckets, cohort: i64) -> Vec<Span> {
    let (mut period, mut start) = (0, cohort);
    let mut go_to = |to: u64, buckets: &mut Buckets| {
        while period < to {
            start = buckets.end_ms(start);
            period += 1;
        }
        start
    };
    let second = buckets.end_ms(cohort);
    let span = |column: &Periods| {
        let begin_ms = go_to(column.from, buckets);
        let end_ms = go_to(column.to.unwrap_or(column.from) + 1, buckets);
        let last = if column.to.is_some() { end_ms } else { i64::MAX };
        Span { begin_ms, end_ms, behind_start: (begin_ms.max(second), last), has_start: column.from == 0 }
    };
    columns.iter().map(span).collect()
}

impl RetentionWalk {
    /// Has counted nothing.
    pub fn new(spec: Arc<RetentionSpec>) -> Self {
        Self {
            buckets: Buckets::new(spec.interval, spec.scope.timezone),
            groups: Groups::default(),
            cohorts: HashMap::new(),
            user: User::default(),
            spec,
        }
    }

    /// Whether an event with which one can start does so for the question.
    fn is_start(&mut self, time_ms: i64, bucket: i64) -> bool {
        let is_first = !std::mem::replace(&mut self.user.has_started, true);
        let is_free = match self.spec.occurrence {
            Occurrence::First => is_first,
            Occurrence::FirstInRange => self.user.starts.is_empty(),
            Occurrence::Any => self.user.starts.last().is_none_or(|start| start.bucket != bucket),
        };
        is_free && self.spec.scope.range.contains(time_ms)
    }

    fn group(&mut self, event: &Seen<'_>) -> u32 {
        if self.spec.breakdown.is_none() {
            return 0;
        }
        let value = event.properties.get(0).map(PropertyValue::into_value);
        self.groups.number(&group_key(value.as_ref()))
    }

    fn count(&mut self, user: &User) {
        let Self { spec, buckets, cohorts, .. } = self;
        for start in &user.starts {
            let cohort = cohorts.entry(start.bucket).or_insert_with(|| Cohort {
                spans: spans(&spec.columns, buckets, start.bucket).into(),
                counts: HashMap::new(),
            });
            let counts = cohort.counts.entry(start.group).or_default();
            counts.users += 1;
            counts.returned.resize(spec.columns.len(), 0);
            for (span, returned) in cohort.spans.iter().zip(&mut counts.returned) {
                *returned += u64::from(is_back(start, &user.returns, span));
            }
        }
    }
}

fn is_back(start: &Start, returns: &[i64], span: &Span) -> bool {
    let (from, to) = span.behind_start;
    let next = returns.get(returns.partition_point(|bucket| *bucket < from));
    (span.has_start && start.is_back_at_once) || next.is_some_and(|bucket| *bucket < to)
}

impl Walk for RetentionWalk {
    fn take(&mut self, event: &Seen<'_>) {
        let is_return = event.fits(RETURN);
        // Nobody looks at returns before there is a start.
        if event.fits(START) || (is_return && !self.user.starts.is_empty()) {
            let bucket = self.buckets.start_ms(event.time_ms);
            // One event does not fill both.
            if is_return && let Some(start) = self.user.starts.last_mut().filter(|start| start.bucket == bucket) {
                start.is_back_at_once = true;
            }
            if event.fits(START) && self.is_start(event.time_ms, bucket) {
                let group = self.group(event);
                // Events of one millisecond have no order.
                let is_back_at_once = self.user.last_return_ms == Some(event.time_ms);
                self.user.starts.push(Start { bucket, group, is_back_at_once });
            }
            if is_return && self.user.returns.last() != Some(&bucket) {
                self.user.returns.push(bucket);
            }
        }
        if is_return {
            self.user.last_return_ms = Some(event.time_ms);
        }
    }

    fn end_user(&mut self, is_counted: bool) {
        let mut user = std::mem::take(&mut self.user);
        if is_counted {
            self.count(&user);
        }
        user.starts.clear();
        user.returns.clear();
        self.user = User { starts: user.starts, returns: user.returns, ..User::default() };
    }

    fn merge(&mut self, other: Self) {
        for (start, theirs) in other.cohorts {
            let spans = theirs.spans;
            let mine = self.cohorts.entry(start).or_insert_with(|| Cohort { spans, counts: HashMap::new() });
            for (group, counts) in theirs.counts {
                let is_split = self.spec.breakdown.is_some();
                let group = if is_split { self.groups.number(other.groups.key(group)) } else { 0 };
                mine.counts.entry(group).or_default().add(&counts);
            }
        }
    }
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
