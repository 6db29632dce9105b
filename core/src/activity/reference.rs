//! Lifecycle and stickiness by looking through all events for each figure: what the walks are tested against.

use std::collections::BTreeSet;

use chrono_tz::Tz;

use crate::calendar;
use crate::scan::hand::Event;
use crate::spec::{DateRange, Interval};

/// The first instants of buckets in which a user was active, by events of a range.
pub fn active(events: &[Event], interval: Interval, zone: Tz, range: DateRange) -> BTreeSet<i64> {
    let counts = |event: &&Event| event.bits & 1 == 1 && range.contains(event.time_ms);
    events.iter().filter(counts).map(|event| calendar::start_ms(interval, zone, event.time_ms)).collect()
}

/// New, returning, resurrecting and dormant users of the bucket that begins with `start`.
pub fn lifecycle(users: &[Vec<Event>], interval: Interval, zone: Tz, start: i64) -> [u64; 4] {
    let before = calendar::start_ms(interval, zone, start - 1);
    let mut counts = [0; 4];
    for events in users {
        let active = active(events, interval, zone, DateRange::default());
        let (is_here, was_there) = (active.contains(&start), active.contains(&before));
        let was_ever = active.iter().any(|bucket| *bucket < start);
        counts[0] += u64::from(is_here && !was_ever);
        counts[1] += u64::from(is_here && was_there);
        counts[2] += u64::from(is_here && was_ever && !was_there);
        counts[3] += u64::from(!is_here && was_there);
    }
    counts
}
