//! How much of something there was, bucket by bucket: events, users, or a property's numbers.
//!
//! ```text
//!   events of a user ──▶ (series, group, bucket, number) ──▶ amounts of each ──▶ TrendsReport
//! ```
//!
//! Words:
//! - *series*: some events and what of them is shown. The first is `A`.
//! - *group*: a value of the breakdown property. An event is in one group; a user may be in several.
//! - *amount*: what was counted of a series and a group in one bucket, from which every measure can be had.
//!
//! `reference`, in tests, does the same by looking through all events for each figure.

mod amount;
#[cfg(test)]
mod reference;
mod report;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::answer::{Groups, group_key};
use crate::buckets::Buckets;
use crate::property::PropertyValue;
use crate::scan::{Seen, Selector, Walk, Wants};
use crate::spec::{Measure, PropertyPath, TrendsSpec};
use amount::{Amount, Cell};

pub use report::{TrendBucketSpan, TrendGroup, TrendLine, TrendsPrevious, TrendsReport};

/// Counts the events of a range.
#[derive(Debug)]
pub struct TrendsWalk {
    spec: Arc<TrendsSpec>,
    /// For each series the number of its property among those that are wanted.
    measured: Vec<Option<usize>>,
    /// The number of the breakdown property.
    split: Option<usize>,
    buckets: Buckets,
    groups: Groups,
    /// By series. A user of several groups counts once here.
    whole: HashMap<usize, Cell>,
    /// By series and group, where a breakdown is asked.
    of_groups: HashMap<(usize, u32), Cell>,
    /// Of the user whose events are coming.
    taken: Vec<Taken>,
}

/// One event of a series.
#[derive(Debug, Clone, Copy)]
struct Taken {
    series: usize,
    group: u32,
    bucket: i64,
    /// Not a number where there is none.
    number: f64,
}

/// What a question wants of the events: those of its series in its range.
pub fn wants(spec: &TrendsSpec) -> Wants {
    let mut properties: Vec<PropertyPath> = Vec::new();
    for property in
        spec.series.iter().filter_map(|s| s.measure.property()).chain(spec.breakdown.iter().map(|b| &b.property))
    {
        if !properties.contains(property) {
            properties.push(property.clone());
        }
    }
    let range = spec.scope.range;
    Wants {
        selectors: spec.series.iter().enumerate().flat_map(|(n, series)| Selector::each(n, &series.any)).collect(),
        filters: spec.scope.filters.clone(),
        properties,
        bounds_ms: Some((range.from_ms.unwrap_or(i64::MIN), range.to_ms.map_or(i64::MAX, |to| to.saturating_sub(1)))),
        ..Wants::default()
    }
}

impl TrendsWalk {
    /// Has counted nothing.
    pub fn new(spec: Arc<TrendsSpec>) -> Self {
        let properties = wants(&spec).properties;
        let number_of = |wanted: &PropertyPath| properties.iter().position(|property| property == wanted);
        Self {
            measured: spec.series.iter().map(|s| s.measure.property().and_then(number_of)).collect(),
            split: spec.breakdown.as_ref().and_then(|b| number_of(&b.property)),
            buckets: Buckets::new(spec.interval, spec.scope.timezone),
            groups: Groups::default(),
            whole: HashMap::new(),
            of_groups: HashMap::new(),
            taken: Vec::new(),
            spec,
        }
    }
}

impl Walk for TrendsWalk {
    fn take(&mut self, event: &Seen<'_>) {
        if !self.spec.scope.range.contains(event.time_ms) {
            return;
        }
        let bucket = self.buckets.start_ms(event.time_ms);
        let group = self.split.map_or(0, |property| {
            let value = event.properties.get(property).map(PropertyValue::into_value);
            self.groups.number(&group_key(value.as_ref()))
        });
        for series in (0..self.measured.len()).filter(|series| event.fits(*series)) {
            let number = match self.measured[series].and_then(|property| event.properties.get(property)) {
                Some(PropertyValue::Number(number)) => number.as_f64().unwrap_or(f64::NAN),
                _ => f64::NAN,
            };
            self.taken.push(Taken { series, group, bucket, number });
        }
    }

    fn end_user(&mut self, is_counted: bool) {
        let mut taken = std::mem::take(&mut self.taken);
        if is_counted {
            // Events come in the order of time, so that those of one series are in the order of buckets, and stay in it.
            taken.sort_by_key(|event| event.series);
            for events in taken.chunk_by(|a, b| a.series == b.series) {
                let cell = self.whole.entry(events[0].series).or_default();
                add_user(cell, &self.spec.series[events[0].series].measure, events);
            }
            if self.split.is_some() {
                taken.sort_by_key(|event| (event.series, event.group));
                for events in taken.chunk_by(|a, b| (a.series, a.group) == (b.series, b.group)) {
                    let cell = self.of_groups.entry((events[0].series, events[0].group)).or_default();
                    add_user(cell, &self.spec.series[events[0].series].measure, events);
                }
            }
        }
        taken.clear();
        self.taken = taken;
    }

    fn merge(&mut self, other: Self) {
        for (series, cell) in other.whole {
            self.whole.entry(series).or_default().merge(cell);
        }
        for ((series, group), cell) in other.of_groups {
            let group = self.groups.number(other.groups.key(group));
            self.of_groups.entry((series, group)).or_default().merge(cell);
        }
    }
}

/// Adds the events of a user that belong to a cell, in order.
fn add_user(cell: &mut Cell, measure: &Measure, events: &[Taken]) {
    let keeps_numbers = matches!(measure, Measure::Percentile(..));
    cell.users += 1;
    for (nth, events) in events.chunk_by(|a, b| a.bucket == b.bucket).enumerate() {
        let amount = cell.buckets.entry(events[0].bucket).or_default();
        amount.add_user(nth == 0, events.iter().map(|event| event.number), keeps_numbers);
    }
}

impl Cell {
    /// All of its buckets as one.
    fn total(&self) -> Amount {
        let mut total = Amount::default();
        self.buckets.values().for_each(|amount| total.merge(amount.clone()));
        total.users = self.users;
        total
    }

    /// Each bucket with everything before it.
    fn running(self) -> Self {
        let mut so_far = Amount::default();
        let mut buckets = BTreeMap::new();
        for (start, amount) in self.buckets {
            so_far.merge(amount);
            so_far.users = so_far.new_users;
            buckets.insert(start, so_far.clone());
        }
        Self { buckets, users: self.users }
    }
}

#[cfg(test)]
#[path = "trends_tests.rs"]
mod tests;
