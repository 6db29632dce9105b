//! Lifecycle: which active users of each bucket are new, and which of them were there before; and who is not there any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::{ACTIVE, ActiveBuckets};
use crate::answer::{Scanned, Source};
use crate::buckets::Buckets;
use crate::scan::{Seen, Selector, Walk, Wants};
use crate::spec::{DateRange, LifecycleSpec};

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LifecycleReport {
    /// Always `lifecycle`.
    pub kind: &'static str,
    /// Version of the table that was read.
    pub version: u64,
    /// Everything received up to then is in this version (RFC 3339).
    pub complete_to: Option<String>,
    /// What the buckets are: `hour`, `day`, `week` or `month`.
    pub interval: &'static str,
    /// One entry a bucket of time, in order.
    pub buckets: Vec<LifecycleBucket>,
    /// What it took.
    pub scanned: Scanned,
}

/// The users of one bucket of time. Those who were active are new, returning or resurrecting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LifecycleBucket {
    /// Its first instant, RFC 3339 with the offset of the question's time zone.
    pub start: String,
    /// The first instant behind it.
    pub end: String,
    /// Whether events of it may still come in, so that who is dormant may yet be returning.
    pub open: bool,
    /// Active, and never before.
    pub new: u64,
    /// Active, and in the bucket before too.
    pub returning: u64,
    /// Active, and before, but not in the bucket before.
    pub resurrecting: u64,
    /// Active in the bucket before, and not in this one.
    pub dormant: u64,
}

/// Counts users by when they were active before.
#[derive(Debug)]
pub struct LifecycleWalk {
    spec: Arc<LifecycleSpec>,
    buckets: Buckets,
    range: DateRange,
    /// By first instant, in the range.
    counts: BTreeMap<i64, Counts>,
    user: ActiveBuckets,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    new: u64,
    returning: u64,
    resurrecting: u64,
    dormant: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.new += other.new;
        self.returning += other.returning;
        self.resurrecting += other.resurrecting;
        self.dormant += other.dormant;
    }

    fn active(&self) -> u64 {
        self.new + self.returning + self.resurrecting
    }
}

/// What a question wants of the events: all that were before the end of the range, as they tell who is new.
pub fn wants(spec: &LifecycleSpec) -> Wants {
    let range = whole_buckets(spec, &mut Buckets::new(spec.interval, spec.scope.timezone));
    Wants {
        selectors: Selector::each(ACTIVE, &spec.of.any).collect(),
        filters: spec.scope.filters.clone(),
        bounds_ms: Some((i64::MIN, range.to_ms.map_or(i64::MAX, |to| to.saturating_sub(1)))),
        ..Wants::default()
    }
}

/// The range, with all of the buckets that it begins and ends in: part of a bucket does not tell who was not active in it.
fn whole_buckets(spec: &LifecycleSpec, buckets: &mut Buckets) -> DateRange {
    let DateRange { from_ms, to_ms } = spec.scope.range;
    let from_ms = from_ms.map(|from| buckets.start_ms(from));
    let to_ms = to_ms.map(|to| {
        let last = buckets.start_ms(to.saturating_sub(1));
        buckets.end_ms(last)
    });
    DateRange { from_ms, to_ms }
}

impl LifecycleWalk {
    /// Has counted nothing.
    pub fn new(spec: Arc<LifecycleSpec>) -> Self {
        let mut buckets = Buckets::new(spec.interval, spec.scope.timezone);
        let range = whole_buckets(&spec, &mut buckets);
        Self { buckets, range, counts: BTreeMap::new(), user: ActiveBuckets::default(), spec }
    }

    /// The answer.
    pub fn report(self, source: Source) -> LifecycleReport {
        let Self { spec, mut buckets, range, counts, .. } = self;
        let active = counts.iter().filter(|(_, counts)| counts.active() > 0).map(|(start, _)| *start);
        let last_active = active.clone().next_back();
        let mut starts = buckets.list(range, active);
        // Nobody is dormant in a time that has not come.
        let is_known = |start: i64| {
            last_active.is_some_and(|last| start <= last) || source.complete_to_ms.is_some_and(|to| start <= to)
        };
        starts.truncate(starts.partition_point(|start| is_known(*start)));
        let bucket = |start: i64| {
            let end = buckets.end_ms(start);
            let Counts { new, returning, resurrecting, dormant } = counts.get(&start).copied().unwrap_or_default();
            LifecycleBucket {
                start: buckets.text(start),
                end: buckets.text(end),
                open: source.is_open(end),
                new,
                returning,
                resurrecting,
                dormant,
            }
        };
        LifecycleReport {
            kind: "lifecycle",
            version: source.version,
            complete_to: source.complete_to(),
            interval: spec.interval.name(),
            buckets: starts.into_iter().map(bucket).collect(),
            scanned: source.scanned,
        }
    }

    fn count(&mut self, user: &ActiveBuckets) {
        let Self { buckets, range, counts, .. } = self;
        let mut add = |start: i64, one: Counts| {
            if range.contains(start) {
                counts.entry(start).or_default().add(one);
            }
        };
        // The first bucket in which a user who was active in the one before is not.
        let mut next: Option<i64> = None;
        for start in &user.0 {
            let one = match next {
                None => Counts { new: 1, ..Counts::default() },
                Some(next) if next == *start => Counts { returning: 1, ..Counts::default() },
                Some(next) => {
                    add(next, Counts { dormant: 1, ..Counts::default() });
                    Counts { resurrecting: 1, ..Counts::default() }
                }
            };
            add(*start, one);
            next = Some(buckets.end_ms(*start));
        }
        if let Some(next) = next {
            add(next, Counts { dormant: 1, ..Counts::default() });
        }
    }
}

impl Walk for LifecycleWalk {
    fn take(&mut self, event: &Seen<'_>) {
        if event.fits(ACTIVE) {
            self.user.take(self.buckets.start_ms(event.time_ms));
        }
    }

    fn end_user(&mut self, is_counted: bool) {
        let mut user = std::mem::take(&mut self.user);
        if is_counted {
            self.count(&user);
        }
        user.0.clear();
        self.user = user;
    }

    fn merge(&mut self, other: Self) {
        for (start, counts) in other.counts {
            self.counts.entry(start).or_default().add(counts);
        }
    }
}
