//! The answer to a question about sessions, in the shape that programs rely on.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{Cell, SessionsWalk};
use crate::answer::{Figure, GroupValue, Groups, Scanned, Source, percentile, share};
use crate::buckets::Buckets;
use crate::funnel::{HistogramBin, histogram};
use crate::spec::DateRange;
use crate::tallies::most_frequent;

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionsReport {
    /// Always `sessions`.
    pub kind: &'static str,
    /// Version of the table that was read.
    pub version: u64,
    /// Everything received up to then is in this version (RFC 3339).
    pub complete_to: Option<String>,
    /// Of all sessions.
    #[serde(flatten)]
    pub figures: SessionFigures,
    /// The most frequent first events, then all others.
    pub first_events: Vec<EventShare>,
    /// The most frequent last events, then all others.
    pub last_events: Vec<EventShare>,
    /// One entry a bucket of time, by when sessions began. Absent where no interval was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trend: Option<Vec<SessionBucket>>,
    /// One entry a value of the breakdown property, by sessions descending. Absent where none was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<Vec<SessionGroup>>,
    /// What it took.
    pub scanned: Scanned,
}

/// What some sessions are like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionFigures {
    /// How many.
    pub sessions: u64,
    /// Of how many users.
    pub users: u64,
    /// Of them, those that may go on.
    pub open: u64,
    /// Sessions for each user.
    pub per_user: Figure,
    /// How many events they have.
    pub events: EventsPerSession,
    /// From their first to their last event.
    pub duration_ms: SessionTimes,
    /// Those of one event.
    pub bounces: u64,
    /// Their share.
    pub bounce_share: f64,
}

/// How many events sessions have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventsPerSession {
    /// All events of these sessions.
    pub n: u64,
    /// Arithmetic mean.
    pub mean: Figure,
    /// Median, exact, with linear interpolation.
    pub median: Figure,
    /// 90th percentile of the same.
    pub p90: Figure,
}

/// How long sessions are, in milliseconds; 0 for those of one event, which count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionTimes {
    /// Sessions.
    pub n: u64,
    /// Arithmetic mean.
    pub mean: Figure,
    /// Median, exact, with linear interpolation.
    pub median: Figure,
    /// 90th percentile of the same.
    pub p90: Figure,
    /// Bins from the shortest to the longest time, the empty ones between them too.
    pub histogram: Vec<HistogramBin>,
}

/// Sessions that begin, or end, with one event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventShare {
    /// Which.
    #[serde(flatten)]
    pub event: ListedEvent,
    /// How many sessions.
    pub count: u64,
    /// Of all sessions.
    pub share: f64,
}

/// One event by name, or all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ListedEvent {
    /// This one.
    Event {
        /// Its name.
        event: String,
    },
    /// Any event that is not listed.
    Other {
        /// Always `true`.
        other: bool,
    },
}

/// Sessions that begin in one bucket of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionBucket {
    /// Its first instant, RFC 3339 with the offset of the question's time zone.
    pub start: String,
    /// The first instant behind it.
    pub end: String,
    /// How many.
    pub sessions: u64,
    /// Of how many users.
    pub users: u64,
    /// Of them, those that may go on.
    pub open: u64,
    /// Median of their durations, in milliseconds.
    pub median_ms: Figure,
    /// Whether more sessions may come in that begin here.
    pub partial: bool,
}

/// Sessions of one value of the breakdown property.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionGroup {
    /// Which.
    #[serde(flatten)]
    pub value: GroupValue,
    /// As for all.
    #[serde(flatten)]
    pub figures: SessionFigures,
}

impl SessionsWalk {
    /// The answer.
    pub fn report(self, source: Source) -> SessionsReport {
        let Self { spec, buckets, names, groups, counts, .. } = self;
        let sessions = counts.whole.sessions;
        let listed = |counts: HashMap<u32, u64>| event_shares(counts, &names, spec.limit, sessions);
        let trend = buckets.map(|buckets| trend(counts.trend, buckets, spec.scope.range, source));
        SessionsReport {
            kind: "sessions",
            version: source.version,
            complete_to: source.complete_to(),
            figures: counts.whole.figures(),
            first_events: listed(counts.first_names),
            last_events: listed(counts.last_names),
            trend,
            breakdown: spec.breakdown.as_ref().map(|breakdown| by_group(counts.by_group, &groups, breakdown.limit)),
            scanned: source.scanned,
        }
    }
}

fn event_shares(counts: HashMap<u32, u64>, names: &Groups, limit: usize, sessions: u64) -> Vec<EventShare> {
    let (named, others) = most_frequent(counts, names, limit);
    let with_share = |(event, count)| EventShare { event, count, share: share(count, sessions) };
    let named =
        named.into_iter().map(|(name, count)| (ListedEvent::Event { event: names.key(name).to_owned() }, count));
    let others = (others > 0).then_some((ListedEvent::Other { other: true }, others));
    named.chain(others).map(with_share).collect()
}

/// All buckets of the range, or, where it is open, from the first to the last with a session.
fn trend(cells: BTreeMap<i64, Cell>, mut buckets: Buckets, range: DateRange, source: Source) -> Vec<SessionBucket> {
    let starts = buckets.list(range, cells.keys().copied());
    let nothing = Cell::default();
    let bucket = |start: i64| {
        let cell = cells.get(&start).unwrap_or(&nothing);
        let end = buckets.end_ms(start);
        SessionBucket {
            start: buckets.text(start),
            end: buckets.text(end),
            sessions: cell.sessions,
            users: cell.users,
            open: cell.open,
            median_ms: Figure(percentile(&cell.durations.sorted(), 5)),
            partial: source.is_open(end),
        }
    };
    starts.into_iter().map(bucket).collect()
}

fn by_group(cells: HashMap<u32, Cell>, keys: &Groups, limit: usize) -> Vec<SessionGroup> {
    let (named, _) = most_frequent(cells.iter().map(|(group, cell)| (*group, cell.sessions)), keys, limit);
    let mut cells = cells;
    let mut listed: Vec<SessionGroup> = Vec::with_capacity(named.len() + 1);
    for (group, _) in named {
        let figures = cells.remove(&group).unwrap_or_default().figures();
        listed.push(SessionGroup { value: GroupValue::of_key(keys.key(group)), figures });
    }
    let others = cells.into_values().reduce(|mut all, cell| {
        all.merge(cell);
        all
    });
    listed.extend(others.map(|cell| SessionGroup { value: GroupValue::other(), figures: cell.figures() }));
    listed
}

impl Cell {
    fn figures(&self) -> SessionFigures {
        let mean = |sum: f64| Figure((self.sessions > 0).then(|| sum / self.sessions as f64));
        let events: u64 = self.events.iter().map(|(events, sessions)| events * sessions).sum();
        let times = self.durations.sorted();
        let sum: i128 = times.iter().map(|ms| i128::from(*ms)).sum();
        let bounces = self.events.get(&1).copied().unwrap_or(0);
        SessionFigures {
            sessions: self.sessions,
            users: self.users,
            open: self.open,
            per_user: Figure((self.users > 0).then(|| self.sessions as f64 / self.users as f64)),
            events: EventsPerSession {
                n: events,
                mean: mean(events as f64),
                median: Figure(self.events_percentile(5)),
                p90: Figure(self.events_percentile(9)),
            },
            duration_ms: SessionTimes {
                n: times.len() as u64,
                mean: mean(sum as f64),
                median: Figure(percentile(&times, 5)),
                p90: Figure(percentile(&times, 9)),
                histogram: histogram(&times),
            },
            bounces,
            bounce_share: share(bounces, self.sessions),
        }
    }

    /// As [`percentile`], of how many events each session has, of which only a few are different.
    fn events_percentile(&self, tenths: u64) -> Option<f64> {
        let rank = self.sessions.checked_sub(1)? * tenths;
        let (below, part) = (self.events_at(rank / 10), rank % 10);
        let above = if part == 0 { below } else { self.events_at(rank / 10 + 1) };
        Some((below * (10 - part) + above * part) as f64 / 10.0)
    }

    /// The number of events of the session at a place, of which the first has the fewest.
    fn events_at(&self, place: u64) -> u64 {
        let mut before = 0;
        let found = self.events.iter().find(|(_, sessions)| {
            before += **sessions;
            before > place
        });
        found.map_or(0, |(events, _)| *events)
    }
}
