//! What the collector counts, through the `metrics` facade: every name, label and unit is here.
//!
//! | metric | kind | labels | |
//! |---|---|---|---|
//! | `weir_requests_total` | counter | `protocol`, `status` | answers; `protocol` is `none` where no events were sent |
//! | `weir_body_bytes_total` | counter | `protocol` | bytes of bodies as they came, before unpacking |
//! | `weir_events_accepted_total` | counter | `source` | events that are durable |
//! | `weir_events_rejected_total` | counter | `code` | events and bodies that are not taken, by their first problem |
//! | `weir_append_seconds` | histogram | | how long the log took for a record |
//! | `weir_append_failures_total` | counter | | records that the log did not take |
//! | `weir_in_flight_requests` | gauge | `lane` | requests under way |
//! | `weir_in_flight_bytes` | gauge | `lane` | bytes of bodies and records that they hold |
//! | `weir_shed_total` | counter | `lane` | requests that were refused, because too much was under way |
//!
//! No label holds what a sender writes: names of sources come from the lake's settings, and after [`MAX_SOURCES`] of them the
//! others count as `other`. Handles are made once, by the recorder that is there when a collector is made; a request costs a
//! few additions, however many events it has.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram};

use crate::accept::Rejected;
use crate::codes;
use crate::load::{Amount, Lane};
use crate::protocol::Protocol;

/// Answers.
pub const REQUESTS: &str = "weir_requests_total";
/// Bytes of bodies.
pub const BODY_BYTES: &str = "weir_body_bytes_total";
/// Events that are durable.
pub const ACCEPTED: &str = "weir_events_accepted_total";
/// Events that are not taken.
pub const REJECTED: &str = "weir_events_rejected_total";
/// How long an append took.
pub const APPEND: &str = "weir_append_seconds";
/// Appends that failed.
pub const APPEND_FAILURES: &str = "weir_append_failures_total";
/// Requests under way.
pub const IN_FLIGHT_REQUESTS: &str = "weir_in_flight_requests";
/// What they hold.
pub const IN_FLIGHT_BYTES: &str = "weir_in_flight_bytes";
/// Requests that were refused.
pub const SHED: &str = "weir_shed_total";

/// So many sources are told apart.
pub const MAX_SOURCES: usize = 200;
/// Upper bounds for a histogram of [`APPEND`], in seconds.
pub const APPEND_BUCKETS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

const PROTOCOLS: [&str; 4] = ["weir", "segment", "posthog", "none"];
/// What the collector answers with; any other is `other`.
const STATUSES: [u16; 14] = [200, 204, 400, 401, 403, 404, 405, 408, 413, 415, 429, 500, 503, 0];

/// The name of a protocol, for people and metrics.
pub fn protocol_name(protocol: Option<Protocol>) -> &'static str {
    PROTOCOLS[protocol_index(protocol)]
}

fn protocol_index(protocol: Option<Protocol>) -> usize {
    match protocol {
        Some(Protocol::Native) => 0,
        Some(Protocol::Segment(_)) => 1,
        Some(Protocol::PostHog) => 2,
        None => 3,
    }
}

fn status_name(status: u16) -> String {
    if status == 0 { "other".to_owned() } else { status.to_string() }
}

/// Says what each metric means to the recorder that is there.
pub fn describe() {
    describe_counter!(REQUESTS, Unit::Count, "answers of the collector");
    describe_counter!(BODY_BYTES, Unit::Bytes, "bytes of bodies as they came, before unpacking");
    describe_counter!(ACCEPTED, Unit::Count, "events that are durable");
    describe_counter!(REJECTED, Unit::Count, "events and bodies that are not taken, by their first problem");
    describe_histogram!(APPEND, Unit::Seconds, "how long the event log took for a record");
    describe_counter!(APPEND_FAILURES, Unit::Count, "records that the event log did not take");
    describe_gauge!(IN_FLIGHT_REQUESTS, Unit::Count, "requests under way");
    describe_gauge!(IN_FLIGHT_BYTES, Unit::Bytes, "bytes of bodies and records that are under way");
    describe_counter!(SHED, Unit::Count, "requests that were refused, because too much was under way");
}

/// The handles of a collector.
pub struct Meters {
    requests: [[Counter; STATUSES.len()]; PROTOCOLS.len()],
    body_bytes: [Counter; PROTOCOLS.len()],
    accepted: RwLock<HashMap<Arc<str>, Counter>>,
    other_sources: Counter,
    rejected: HashMap<&'static str, Counter>,
    other_codes: Counter,
    append: Histogram,
    append_failures: Counter,
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meters").finish_non_exhaustive()
    }
}

impl Meters {
    /// Handles of the recorder that is there now.
    pub fn new() -> Self {
        describe();
        let requests = PROTOCOLS.map(|protocol| {
            STATUSES.map(|status| counter!(REQUESTS, "protocol" => protocol, "status" => status_name(status)))
        });
        let rejected = codes::ALL.iter().map(|code| (code.name, counter!(REJECTED, "code" => code.name)));
        Self {
            requests,
            body_bytes: PROTOCOLS.map(|protocol| counter!(BODY_BYTES, "protocol" => protocol)),
            accepted: RwLock::default(),
            other_sources: counter!(ACCEPTED, "source" => "other"),
            rejected: rejected.collect(),
            other_codes: counter!(REJECTED, "code" => "other"),
            append: metrics::histogram!(APPEND),
            append_failures: counter!(APPEND_FAILURES),
        }
    }

    /// An answer.
    pub fn request(&self, protocol: Option<Protocol>, status: u16) {
        let status = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len() - 1);
        self.requests[protocol_index(protocol)][status].increment(1);
    }

    /// Bytes of a body.
    pub fn body(&self, protocol: Option<Protocol>, bytes: u64) {
        self.body_bytes[protocol_index(protocol)].increment(bytes);
    }

    /// Events that are durable.
    pub fn accepted(&self, source: &Arc<str>, events: usize) {
        if events > 0 {
            self.source(source).increment(events as u64);
        }
    }

    fn source(&self, source: &Arc<str>) -> Counter {
        let known = self.accepted.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = known.get(source) {
            return counter.clone();
        }
        drop(known);
        let mut known = self.accepted.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_SOURCES && !known.contains_key(source) {
            return self.other_sources.clone();
        }
        let made = || counter!(ACCEPTED, "source" => source.to_string());
        known.entry(Arc::clone(source)).or_insert_with(made).clone()
    }

    /// Events that are not taken.
    pub fn rejected(&self, rejected: &[Rejected]) {
        for one in rejected {
            self.refused(one.code);
        }
    }

    /// One event, or a whole body, that is not taken.
    pub fn refused(&self, code: &str) {
        self.rejected.get(code).unwrap_or(&self.other_codes).increment(1);
    }

    /// The log took a record, or did not.
    pub fn append(&self, took: Duration, taken: bool) {
        self.append.record(took);
        if !taken {
            self.append_failures.increment(1);
        }
    }
}

impl Default for Meters {
    fn default() -> Self {
        Self::new()
    }
}

/// The handles of a [`Load`](crate::load::Load), of each lane.
pub struct LoadMeters {
    live: LaneMeters,
    bulk: LaneMeters,
}

struct LaneMeters {
    /// Requests, and bytes; none where nobody would look at them.
    in_flight: Option<(Gauge, Gauge)>,
    shed: Counter,
}

impl std::fmt::Debug for LoadMeters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadMeters").finish_non_exhaustive()
    }
}

impl LoadMeters {
    /// Handles of the recorder that is there now, with those of what is under way or without.
    pub fn new(shows_in_flight: bool) -> Self {
        let gauges = |lane: Lane| {
            let requests = metrics::gauge!(IN_FLIGHT_REQUESTS, "lane" => lane.name());
            (requests, metrics::gauge!(IN_FLIGHT_BYTES, "lane" => lane.name()))
        };
        let of = |lane: Lane| LaneMeters {
            in_flight: shows_in_flight.then(|| gauges(lane)),
            shed: counter!(SHED, "lane" => lane.name()),
        };
        Self { live: of(Lane::Live), bulk: of(Lane::Bulk) }
    }

    fn of(&self, lane: Lane) -> &LaneMeters {
        match lane {
            Lane::Live => &self.live,
            Lane::Bulk => &self.bulk,
        }
    }

    /// What a lane has under way.
    pub fn in_flight(&self, lane: Lane, amount: Amount) {
        if let Some((requests, bytes)) = &self.of(lane).in_flight {
            requests.set(amount.requests as f64);
            bytes.set(amount.bytes as f64);
        }
    }

    /// A request of a lane was refused.
    pub fn shed(&self, lane: Lane) {
        self.of(lane).shed.increment(1);
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
