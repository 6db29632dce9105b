//! What was counted of some events.

use std::collections::BTreeMap;

use crate::answer::{Sum, percentile_of};
use crate::spec::Measure;

/// What was counted of one series and one group.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    /// By first instant.
    pub buckets: BTreeMap<i64, Amount>,
    /// Users in all of them.
    pub users: u64,
}

impl Cell {
    pub fn merge(&mut self, other: Self) {
        self.users += other.users;
        for (start, amount) in other.buckets {
            self.buckets.entry(start).or_default().merge(amount);
        }
    }
}

/// What was counted in one bucket.
#[derive(Debug, Clone, Default)]
pub(super) struct Amount {
    pub events: u64,
    pub users: u64,
    /// Of them, those who are in no bucket before.
    pub new_users: u64,
    numbers: Numbers,
}

/// What is known of the numbers of a property.
#[derive(Debug, Clone, Default)]
struct Numbers {
    count: u64,
    sum: Sum,
    min: Option<f64>,
    max: Option<f64>,
    /// All of them, where a percentile is asked.
    all: Vec<f64>,
}

impl Amount {
    /// Adds the events of a user, each with its number, which is none where it is not a number.
    pub fn add_user(&mut self, is_new: bool, events: impl Iterator<Item = f64>, keeps_numbers: bool) {
        self.users += 1;
        self.new_users += u64::from(is_new);
        for number in events {
            self.events += 1;
            if number.is_nan() {
                continue;
            }
            let numbers = &mut self.numbers;
            numbers.count += 1;
            numbers.sum.add(number);
            numbers.min = Some(numbers.min.map_or(number, |min| min.min(number)));
            numbers.max = Some(numbers.max.map_or(number, |max| max.max(number)));
            if keeps_numbers {
                numbers.all.push(number);
            }
        }
    }

    /// Adds what was counted of other events. A user of both counts twice.
    pub fn merge(&mut self, other: Self) {
        self.events += other.events;
        self.users += other.users;
        self.new_users += other.new_users;
        let (mine, theirs) = (&mut self.numbers, other.numbers);
        mine.count += theirs.count;
        mine.sum.merge(theirs.sum);
        mine.min = mine.min.into_iter().chain(theirs.min).reduce(f64::min);
        mine.max = mine.max.into_iter().chain(theirs.max).reduce(f64::max);
        if mine.all.is_empty() {
            mine.all = theirs.all;
        } else {
            mine.all.extend(theirs.all);
        }
    }

    /// The value of a measure; `None` where nothing can be said.
    pub fn value(&self, measure: &Measure) -> Option<f64> {
        let Numbers { count, sum, min, max, all } = &self.numbers;
        let value = match measure {
            Measure::Events => Some(self.events as f64),
            Measure::Users => Some(self.users as f64),
            Measure::PerUser => (self.users > 0).then(|| self.events as f64 / self.users as f64),
            Measure::Sum(_) => Some(sum.value()),
            Measure::Average(_) => (*count > 0).then(|| sum.value() / *count as f64),
            Measure::Min(_) => *min,
            Measure::Max(_) => *max,
            Measure::Percentile(_, percent) => {
                let mut sorted = all.clone();
                sorted.sort_by(f64::total_cmp);
                percentile_of(&sorted, *percent)
            }
        };
        value.filter(|value| value.is_finite())
    }
}
