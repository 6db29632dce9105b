//! With which variants one user was seen.

use crate::answer::group_key;
use crate::property::PropertyValue;
use crate::spec::DateRange;

/// The values of one user after another. An event without the property shows no variant.
///
/// Only exposures in the date range of the question count: what an app shows after an experiment has ended is no longer dealt out, and
/// whoever sees the winner then was not in two variants.
#[derive(Debug, Clone, Default)]
pub struct Exposures {
    range: DateRange,
    first: Option<String>,
    are_several: bool,
}

impl Exposures {
    /// Nobody's yet, of this range.
    pub fn new(range: DateRange) -> Self {
        Self { range, ..Self::default() }
    }

    /// Takes an event of the exposure step.
    pub fn take(&mut self, time_ms: i64, value: Option<PropertyValue<'_>>) {
        if self.are_several || !self.range.contains(time_ms) {
            return;
        }
        let Some(value) = value else { return };
        let key = group_key(Some(&value.into_value()));
        match &self.first {
            Some(first) => self.are_several = *first != key,
            None => self.first = Some(key),
        }
    }

    /// Whether the user was seen with another variant than this one, that of the chosen attempt.
    pub fn are_mixed(&self, group: Option<&str>) -> bool {
        self.are_several || self.first.as_deref().zip(group).is_some_and(|(first, group)| first != group)
    }

    /// Begins with another user.
    pub fn clear(&mut self) {
        self.first = None;
        self.are_several = false;
    }
}
