//! Whose events a question is about: which users are in its cohorts.
//!
//! What users did is counted beside the question, in the same walk; who is in the result of another funnel is asked before.

use std::collections::HashSet;
use std::sync::Arc;

use weir_core::scan::{QUESTION_BITS, Selector};
use weir_core::spec::{Cohort, DateRange};

/// For each cohort that is the result of a funnel, the users in it.
pub type CohortSets = Vec<Arc<HashSet<String>>>;

/// The cohorts of a question, ready to be held against users. Bits of those that count events are above the question's.
#[derive(Debug, Clone, Default)]
pub(super) struct Cohorts {
    counted: Vec<Counted>,
    /// Users who are in the results of funnels: they have to be in all of them.
    sets: CohortSets,
}

/// Events of a cohort, and how many of them make a member.
#[derive(Debug, Clone)]
struct Counted {
    selectors: Vec<Selector>,
    at_least: u64,
    at_most: u64,
    range: DateRange,
}

impl Cohorts {
    /// Cohorts by what users did, and sets of users for the others.
    pub fn new(cohorts: &[Cohort], sets: CohortSets) -> Self {
        let mut counted = Vec::new();
        for cohort in cohorts {
            if let Cohort::Did { any, at_least, at_most, range } = cohort {
                let bit = QUESTION_BITS as usize + counted.len();
                let selectors = Selector::each(bit, any).collect();
                counted.push(Counted { selectors, at_least: *at_least, at_most: *at_most, range: *range });
            }
        }
        Self { counted, sets }
    }

    pub fn selectors(&self) -> Vec<Selector> {
        self.counted.iter().flat_map(|counted| counted.selectors.clone()).collect()
    }

    /// First and last instant of events that matter, in milliseconds; `None` where none do.
    pub fn bounds_ms(&self) -> Option<(i64, i64)> {
        let bounds = |counted: &Counted| {
            let DateRange { from_ms, to_ms } = counted.range;
            (from_ms.unwrap_or(i64::MIN), to_ms.map_or(i64::MAX, |to| to.saturating_sub(1)))
        };
        self.counted.iter().map(bounds).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Counts for one user after another.
    pub fn counter(self: &Arc<Self>) -> CohortCounter {
        CohortCounter { counts: vec![0; self.counted.len()], cohorts: Arc::clone(self) }
    }
}

/// What one user did.
#[derive(Debug)]
pub(super) struct CohortCounter {
    cohorts: Arc<Cohorts>,
    counts: Vec<u64>,
}

impl CohortCounter {
    /// Takes an event of the user.
    pub fn take(&mut self, time_ms: i64, bits: u128) {
        let bits = bits >> QUESTION_BITS;
        if bits == 0 {
            return;
        }
        for (at, (count, counted)) in self.counts.iter_mut().zip(&self.cohorts.counted).enumerate() {
            *count += u64::from(bits >> at & 1 == 1 && counted.range.contains(time_ms));
        }
    }

    /// Whether the user is in all cohorts. The next one begins from nothing.
    pub fn end_user(&mut self, user: &str) -> bool {
        let counted = self.counts.iter().zip(&self.cohorts.counted);
        let is_in = counted.into_iter().all(|(count, counted)| (counted.at_least..=counted.at_most).contains(count))
            && self.cohorts.sets.iter().all(|set| set.contains(user));
        self.counts.fill(0);
        is_in
    }
}
