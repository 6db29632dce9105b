//! Stickiness: in how many buckets of a range users were active.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::{ACTIVE, ActiveBuckets};
use crate::answer::{Figure, Scanned, Source, share};
use crate::buckets::Buckets;
use crate::scan::{Seen, Selector, Walk, Wants};
use crate::spec::StickinessSpec;

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StickinessReport {
    /// Always `stickiness`.
    pub kind: &'static str,
    /// Version of the table that was read.
    pub version: u64,
    /// Everything received up to then is in this version (RFC 3339).
    pub complete_to: Option<String>,
    /// What the buckets are: `hour`, `day`, `week` or `month`.
    pub interval: &'static str,
    /// Users who were active at all.
    pub users: u64,
    /// In so many buckets one can have been active. Where the range is open, it is from the first to the last in which somebody was.
    pub buckets_in_range: u64,
    /// Whether events of the range may still come in, so that users may yet have been active in more of it.
    pub open: bool,
    /// One entry for each number of buckets, from 1 to all of them.
    pub active: Vec<StickinessRow>,
    /// In how many buckets a user was active, on average; `null` where there is nobody.
    pub average: Figure,
    /// What it took.
    pub scanned: Scanned,
}

/// Users by the number of buckets in which they were active.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StickinessRow {
    /// So many.
    pub periods: u64,
    /// Users with exactly so many.
    pub users: u64,
    /// The same as a share of all who were active.
    pub share: f64,
    /// Users with so many or more.
    pub at_least: u64,
    /// The same as a share of all who were active.
    pub at_least_share: f64,
}

/// Counts users by the number of buckets in which they were active.
#[derive(Debug)]
pub struct StickinessWalk {
    spec: Arc<StickinessSpec>,
    buckets: Buckets,
    /// Users by the number of buckets.
    users: BTreeMap<u64, u64>,
    /// First instants of buckets in which somebody was active.
    used: BTreeSet<i64>,
    user: ActiveBuckets,
}

/// What a question wants of the events: those of the range.
pub fn wants(spec: &StickinessSpec) -> Wants {
    let range = spec.scope.range;
    Wants {
        selectors: Selector::each(ACTIVE, &spec.of.any).collect(),
        filters: spec.scope.filters.clone(),
        bounds_ms: Some((range.from_ms.unwrap_or(i64::MIN), range.to_ms.map_or(i64::MAX, |to| to.saturating_sub(1)))),
        ..Wants::default()
    }
}

impl StickinessWalk {
    /// Has counted nothing.
    pub fn new(spec: Arc<StickinessSpec>) -> Self {
        Self {
            buckets: Buckets::new(spec.interval, spec.scope.timezone),
            users: BTreeMap::new(),
            used: BTreeSet::new(),
            user: ActiveBuckets::default(),
            spec,
        }
    }

    /// The answer.
    pub fn report(self, source: Source) -> StickinessReport {
        let Self { spec, buckets, users, used, .. } = self;
        let range = spec.scope.range;
        let in_range = buckets.list(range, used.iter().copied()).len() as u64;
        let all: u64 = users.values().sum();
        let active_buckets: u64 = users.iter().map(|(periods, users)| periods * users).sum();
        let mut at_least = all;
        let row = |periods: u64| {
            let users = users.get(&periods).copied().unwrap_or(0);
            let row = StickinessRow {
                periods,
                users,
                share: share(users, all),
                at_least,
                at_least_share: share(at_least, all),
            };
            at_least -= users;
            row
        };
        StickinessReport {
            kind: "stickiness",
            version: source.version,
            complete_to: source.complete_to(),
            interval: spec.interval.name(),
            users: all,
            buckets_in_range: in_range,
            open: range.to_ms.is_none_or(|to| source.is_open(to)),
            active: (1..=in_range).map(row).collect(),
            average: Figure((all > 0).then(|| active_buckets as f64 / all as f64)),
            scanned: source.scanned,
        }
    }
}

impl Walk for StickinessWalk {
    fn take(&mut self, event: &Seen<'_>) {
        if event.fits(ACTIVE) && self.spec.scope.range.contains(event.time_ms) {
            self.user.take(self.buckets.start_ms(event.time_ms));
        }
    }

    fn end_user(&mut self, is_counted: bool) {
        if is_counted && !self.user.0.is_empty() {
            *self.users.entry(self.user.0.len() as u64).or_default() += 1;
            self.used.extend(&self.user.0);
        }
        self.user.0.clear();
    }

    fn merge(&mut self, other: Self) {
        for (periods, users) in other.users {
            *self.users.entry(periods).or_default() += users;
        }
        self.used.extend(other.used);
    }
}
