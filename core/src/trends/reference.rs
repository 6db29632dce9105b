//! Trends by looking through all events for each figure: what [`TrendsWalk`](super::TrendsWalk) is tested against.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::answer::group_key;
use crate::calendar;
use crate::scan::hand::Event;
use crate::spec::{Measure, TrendsSpec};

/// The value of a series in the bucket that begins with `start`, or in all of them, in the group of a key, or in all of them.
/// The numbers of the series are the first value of each event, its group the second.
pub fn value(
    spec: &TrendsSpec,
    users: &[Vec<Event>],
    series: usize,
    bucket: Option<i64>,
    group: Option<&str>,
) -> Option<f64> {
    let start_of = |event: &Event| calendar::start_ms(spec.interval, spec.scope.timezone, event.time_ms);
    let is_in_bucket = |event: &Event| match bucket {
        None => true,
        Some(start) if spec.cumulative => start_of(event) <= start,
        Some(start) => start_of(event) == start,
    };
    let counts = |event: &Event| {
        event.bits >> series & 1 == 1
            && spec.scope.range.contains(event.time_ms)
            && is_in_bucket(event)
            && group.is_none_or(|group| group_key(event.values.get(1).filter(|value| !value.is_null())) == group)
    };
    let events: Vec<(usize, &Event)> = users
        .iter()
        .enumerate()
        .flat_map(|(user, events)| events.iter().map(move |event| (user, event)))
        .filter(|(_, event)| counts(event))
        .collect();
    let did: BTreeSet<usize> = events.iter().map(|(user, _)| *user).collect();
    let mut numbers: Vec<f64> =
        events.iter().filter_map(|(_, event)| event.values.first().and_then(Value::as_f64)).collect();
    numbers.sort_by(f64::total_cmp);
    let sum: f64 = numbers.iter().sum();
    match &spec.series[series].measure {
        Measure::Events => Some(events.len() as f64),
        Measure::Users => Some(did.len() as f64),
        Measure::PerUser => (!did.is_empty()).then(|| events.len() as f64 / did.len() as f64),
        Measure::Sum(_) => Some(sum),
        Measure::Average(_) => (!numbers.is_empty()).then(|| sum / numbers.len() as f64),
        Measure::Min(_) => numbers.first().copied(),
        Measure::Max(_) => numbers.last().copied(),
        Measure::Percentile(_, percent) => {
            let at = (numbers.len().checked_sub(1)? * usize::from(*percent)) as f64 / 100.0;
            let (below, above) = (numbers[at.floor() as usize], numbers[at.ceil() as usize]);
            Some(below + (above - below) * at.fract())
        }
    }
}
