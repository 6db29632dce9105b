//! Retention by looking through all events for each figure: what [`RetentionWalk`](super::RetentionWalk) is tested against.

use serde_json::Value;

use crate::answer::group_key;
use crate::calendar;
use crate::scan::hand::Event;
use crate::spec::{Occurrence, Periods, RetentionSpec};

/// Users of the cohort that begins with `cohort`, in the group of a key or in all of them, and how many of them came back in a column.
/// The group is the first value of each event.
pub fn counts(
    spec: &RetentionSpec,
    users: &[Vec<Event>],
    cohort: i64,
    group: Option<&str>,
    column: Periods,
) -> (u64, u64) {
    let (mut members, mut returned) = (0, 0);
    for events in users {
        let Some(start) = start_of(spec, events, cohort) else { continue };
        let key = group_key(events[start].values.first().filter(|value| !value.is_null()));
        if group.is_some_and(|group| group != key) {
            continue;
        }
        members += 1;
        let is_back = |(at, event): (usize, &Event)| {
            at != start
                && event.bits >> 1 & 1 == 1
                && event.time_ms >= events[start].time_ms
                && period(spec, cohort, event.time_ms)
                    .is_some_and(|n| n >= column.from && column.to.is_none_or(|to| n <= to))
        };
        returned += u64::from(events.iter().enumerate().any(is_back));
    }
    (members, returned)
}

/// All values of the property of starts, as keys, in order.
pub fn groups(spec: &RetentionSpec, users: &[Vec<Event>], cohorts: &[i64]) -> Vec<String> {
    let key = |event: &Event| group_key(event.values.first().filter(|value: &&Value| !value.is_null()));
    let starts = |events: &Vec<Event>| -> Vec<String> {
        cohorts.iter().filter_map(|cohort| start_of(spec, events, *cohort)).map(|at| key(&events[at])).collect()
    };
    let mut keys: Vec<String> = users.iter().flat_map(starts).collect();
    keys.sort();
    keys.dedup();
    keys
}

/// The event with which a user is in a cohort.
fn start_of(spec: &RetentionSpec, events: &[Event], cohort: i64) -> Option<usize> {
    let is_start = |at: &usize| events[*at].bits & 1 == 1;
    let is_in_range = |at: &usize| spec.scope.range.contains(events[*at].time_ms);
    let is_in_cohort = |at: &usize| bucket(spec, events[*at].time_ms) == cohort;
    let mut starts = (0..events.len()).filter(is_start);
    match spec.occurrence {
        Occurrence::First => starts.next().filter(is_in_range).filter(is_in_cohort),
        Occurrence::FirstInRange => starts.find(is_in_range).filter(is_in_cohort),
        Occurrence::Any => starts.find(|at| is_in_range(at) && is_in_cohort(at)),
    }
}

/// How many buckets behind a cohort an instant lies.
fn period(spec: &RetentionSpec, cohort: i64, time_ms: i64) -> Option<u64> {
    let wanted = bucket(spec, time_ms);
    let next = |start: &i64| Some(calendar::end_ms(spec.interval, spec.scope.timezone, *start));
    let mut starts = std::iter::successors(Some(cohort), next).take_while(|start| *start <= wanted);
    starts.position(|start| start == wanted).map(|n| n as u64)
}

fn bucket(spec: &RetentionSpec, time_ms: i64) -> i64 {
    calendar::start_ms(spec.interval, spec.scope.timezone, time_ms)
}
