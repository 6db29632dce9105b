//! How much may be under way at once, in two lanes, so that an emergency in one never takes the other.
//!
//! The *live* lane has what happens now. The *bulk* lane has what happened some time ago and can wait: `POST /v1/import`, and
//! batches that say `historical` (or `historical_migration`). The path of a request decides at first; a batch that turns out
//! to be historical is moved to bulk before its events are checked.
//!
//! What is counted is requests, and bytes of bodies: what has been read of a body, and then the record that is made of it,
//! until the log has it. A slow client holds what it has sent, not what it announces. So memory stays bounded however many
//! connections there are, and a lane is not taken by those who announce much and send nothing.
//!
//! ```text
//! 0            1/4           1/2           3/4            1     of --max-in-flight
//! |--- bulk ----|                                               bulk has a quarter of its own,
//! |             |------------ live ----------------------|      live the other three: neither can use the other's
//! |------ bulk is taken ------|-- bulk is refused -------|      by all that is under way; also while the log struggles
//! ```
//!
//! - [`decide`] is the rule, and pure; [`Load`] counts; a [`Permit`] is a request's share, given back when it is dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use weir_core::ports::Ids;

use crate::body::MAX_BODY_BYTES;
use crate::metrics::LoadMeters;

/// A body is given room in steps of so many bytes.
const STEP_BYTES: u64 = 64 * 1024;
/// The longest `Retry-After` before it is spread, in seconds.
const MAX_RETRY_SECONDS: u64 = 120;
/// How much longer bulk waits than live.
const BULK_PATIENCE: u64 = 5;

/// Which requests share a fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// What happens now.
    Live,
    /// What can wait.
    Bulk,
}

impl Lane {
    /// Its name, for people and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Bulk => "bulk",
        }
    }
}

/// What a collector may have under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadSettings {
    /// Bytes and requests of both lanes.
    pub most: Amount,
    /// How long a body may take, from its first byte to its last.
    pub body_time: Duration,
    /// Whether metrics say what is under way.
    pub shows_in_flight: bool,
}

impl LoadSettings {
    /// The fewest bytes with which each lane takes a body of any allowed size.
    pub const FEWEST_BYTES: u64 = 4 * (MAX_BODY_BYTES as u64 + STEP_BYTES);
}

impl Default for LoadSettings {
    /// 256 MiB in 16,384 requests, and 30 seconds.
    fn default() -> Self {
        let most = Amount { bytes: 256 << 20, requests: 16_384 };
        Self { most, body_time: Duration::from_secs(30), shows_in_flight: true }
    }
}

/// So much, of bytes and of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Of bodies and records.
    pub bytes: u64,
    /// Each from its headers to its answer.
    pub requests: u64,
}

impl Amount {
    fn plus(self, other: Self) -> Self {
        Self { bytes: self.bytes.saturating_add(other.bytes), requests: self.requests.saturating_add(other.requests) }
    }

    fn minus(self, other: Self) -> Self {
        Self { bytes: self.bytes.saturating_sub(other.bytes), requests: self.requests.saturating_sub(other.requests) }
    }

    fn quarters(self, of_four: u64) -> Self {
        Self { bytes: self.bytes / 4 * of_four, requests: self.requests / 4 * of_four }
    }

    fn fits(self, most: Self) -> bool {
        self.bytes <= most.bytes && self.requests <= most.requests
    }
}

/// What each lane has under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InFlight {
    /// Live.
    pub live: Amount,
    /// Bulk.
    pub bulk: Amount,
}

impl InFlight {
    fn lane(&mut self, lane: Lane) -> &mut Amount {
        match lane {
            Lane::Live => &mut self.live,
            Lane::Bulk => &mut self.bulk,
        }
    }

    /// Both lanes as a part of `most`: 0 is nothing, 1 is all there may be.
    pub fn level(self, most: Amount) -> f64 {
        let all = self.live.plus(self.bulk);
        let part = |of: u64, most: u64| of as f64 / most.max(1) as f64;
        part(all.bytes, most.bytes).max(part(all.requests, most.requests))
    }
}

/// Whether a lane may have `more` under way. Live goes by what live has alone. Bulk goes by what bulk has, by what both have,
/// and, where `log_struggles`, by that.
pub fn decide(most: Amount, in_flight: InFlight, lane: Lane, more: Amount, log_struggles: bool) -> bool {
    match lane {
        Lane::Live => in_flight.live.plus(more).fits(most.quarters(3)),
        Lane::Bulk => {
            let bulk = in_flight.bulk.plus(more);
            let is_calm = bulk.plus(in_flight.live).fits(most.quarters(2));
            is_calm && !log_struggles && bulk.fits(most.quarters(1))
        }
    }
}

/// A request is refused, because too much is under way. Nothing of it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}; nothing was stored, send the same batch again in {retry_after_s} s", self.reason())]
pub struct Shed {
    /// The lane that is full.
    pub lane: Lane,
    /// After how many seconds to try again, at least 1.
    pub retry_after_s: u64,
}

impl Shed {
    /// A short stable name, for programs.
    pub fn code(&self) -> &'static str {
        match self.lane {
            Lane::Live => "overloaded",
            Lane::Bulk => "bulk_paused",
        }
    }

    fn reason(&self) -> &'static str {
        match self.lane {
            Lane::Live => "the collector has as much under way as it may",
            Lane::Bulk => "imports and historical batches wait while the collector is busy",
        }
    }
}

/// After how many seconds a refused request comes back: longer the more were refused lately, longer for bulk, and up to
/// twice that by `spread`, so that not all of them come back at once.
pub fn retry_after_s(lane: Lane, refused_lately: u64, spread: u8) -> u64 {
    let patience = if lane == Lane::Bulk { BULK_PATIENCE } else { 1 };
    let least = (1 + u64::from(refused_lately.saturating_add(1).ilog2())) * patience;
    let least = least.min(MAX_RETRY_SECONDS);
    least + least * u64::from(spread) / u64::from(u8::MAX)
}

/// What is under way, and what may be.
#[derive(Debug)]
pub struct Load {
    settings: LoadSettings,
    meters: LoadMeters,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    in_flight: InFlight,
    refused: Refused,
}

/// Refusals, of which half are forgotten each second.
#[derive(Debug, Clone, Copy, Default)]
struct Refused {
    lately: u64,
    at: Option<Instant>,
}

impl Refused {
    fn one_more(&mut self, now: Instant) {
        let seconds = self.at.map_or(0, |at| now.saturating_duration_since(at).as_secs());
        if seconds > 0 || self.at.is_none() {
            self.lately = self.lately.checked_shr(u32::try_from(seconds).unwrap_or(u32::MAX)).unwrap_or(0);
            self.at = Some(now);
        }
        self.lately = self.lately.saturating_add(1);
    }
}

fn shed(counts: &Counts, lane: Lane, ids: &dyn Ids) -> Shed {
    // The last byte of an id is random, or counts up.
    let [.., spread] = ids.next_id();
    Shed { lane, retry_after_s: retry_after_s(lane, counts.refused.lately, spread) }
}

impl Load {
    /// With nothing under way.
    pub fn new(settings: LoadSettings) -> Arc<Self> {
        Arc::new(Self { settings, meters: LoadMeters::new(settings.shows_in_flight), counts: Mutex::default() })
    }

    /// What it was made with.
    pub fn settings(&self) -> LoadSettings {
        self.settings
    }

    /// How much is under way, from 0 to 1.
    pub fn level(&self) -> f64 {
        self.lock().in_flight.level(self.settings.most)
    }

    /// Whether a live request would be taken: asks, and takes nothing.
    ///
    /// # Errors
    /// [`Shed`], which does not count as a refused request.
    pub fn probe(&self, ids: &dyn Ids) -> Result<(), Shed> {
        let counts = self.lock();
        let more = Amount { bytes: STEP_BYTES, requests: 1 };
        if decide(self.settings.most, counts.in_flight, Lane::Live, more, false) {
            return Ok(());
        }
        Err(shed(&counts, Lane::Live, ids))
    }

    /// Lets a request in, before its body is read. It has no bytes yet; one whose `announced` length would not fit now is
    /// refused at once, which spares it the sending.
    ///
    /// # Errors
    /// [`Shed`].
    pub fn admit(
        self: &Arc<Self>,
        lane: Lane,
        announced: Option<u64>,
        log_struggles: bool,
        ids: &dyn Ids,
    ) -> Result<Permit, Shed> {
        let mut counts = self.lock();
        let announced = announced.unwrap_or(0).min(MAX_BODY_BYTES as u64);
        let more = Amount { bytes: announced, requests: 1 };
        if !decide(self.settings.most, counts.in_flight, lane, more, log_struggles) {
            return Err(self.refused(&mut counts, lane, ids));
        }
        counts.in_flight.lane(lane).requests += 1;
        self.show(counts.in_flight);
        Ok(Permit { load: Arc::clone(self), lane, bytes: 0 })
    }

    fn refused(&self, counts: &mut Counts, lane: Lane, ids: &dyn Ids) -> Shed {
        self.meters.shed(lane);
        counts.refused.one_more(Instant::now());
        shed(counts, lane, ids)
    }

    fn show(&self, in_flight: InFlight) {
        self.meters.in_flight(Lane::Live, in_flight.live);
        self.meters.in_flight(Lane::Bulk, in_flight.bulk);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Each change is one assignment; a panic cannot leave it half done.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's share of what may be under way. Given back when it is dropped, however the request ends.
#[derive(Debug)]
pub struct Permit {
    load: Arc<Load>,
    lane: Lane,
    bytes: u64,
}

impl Permit {
    /// Where the request is counted.
    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// How many bytes the request may hold.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How long the request's body may take.
    pub fn body_time(&self) -> Duration {
        self.load.settings.body_time
    }

    /// Makes room for `needed` bytes of a body, of which `announced` will come: in steps that double, so that the number of
    /// steps is small and the room is never more than twice what is needed.
    ///
    /// # Errors
    /// [`Shed`]; the room is as it was.
    pub fn make_room(&mut self, needed: usize, announced: Option<u64>, ids: &dyn Ids) -> Result<(), Shed> {
        let needed = needed as u64;
        if needed <= self.bytes {
            return Ok(());
        }
        let step = needed.max(self.bytes.saturating_mul(2)).next_multiple_of(STEP_BYTES);
        let most = announced.unwrap_or(u64::MAX).min(MAX_BODY_BYTES as u64).max(needed);
        self.resize(step.min(most), ids)
    }

    /// Holds `bytes` from now on: more or less than before.
    ///
    /// # Errors
    /// [`Shed`] where that is more than there is room for; what it held, it still holds.
    pub fn resize(&mut self, bytes: u64, ids: &dyn Ids) -> Result<(), Shed> {
        let mut counts = self.load.lock();
        let more = Amount { bytes: bytes.saturating_sub(self.bytes), requests: 0 };
        // What is on its way already is not stopped by a log that begins to struggle.
        if more.bytes > 0 && !decide(self.load.settings.most, counts.in_flight, self.lane, more, false) {
            return Err(self.load.refused(&mut counts, self.lane, ids));
        }
        let held = counts.in_flight.lane(self.lane);
        held.bytes = held.bytes.saturating_sub(self.bytes).saturating_add(bytes);
        self.load.show(counts.in_flight);
        drop(counts);
        self.bytes = bytes;
        Ok(())
    }

    /// Moves the request, and what it holds, to bulk.
    ///
    /// # Errors
    /// [`Shed`] where bulk does not take it; it is counted where it was.
    pub fn move_to_bulk(&mut self, log_struggles: bool, ids: &dyn Ids) -> Result<(), Shed> {
        if self.lane == Lane::Bulk {
            return Ok(());
        }
        let mut counts = self.load.lock();
        let held = self.held();
        let without = InFlight { live: counts.in_flight.live.minus(held), ..counts.in_flight };
        if !decide(self.load.settings.most, without, Lane::Bulk, held, log_struggles) {
            return Err(self.load.refused(&mut counts, Lane::Bulk, ids));
        }
        counts.in_flight = InFlight { bulk: without.bulk.plus(held), ..without };
        self.load.show(counts.in_flight);
        drop(counts);
        self.lane = Lane::Bulk;
        Ok(())
    }

    fn held(&self) -> Amount {
        Amount { bytes: self.bytes, requests: 1 }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.load.lock();
        let held = self.held();
        let lane = counts.in_flight.lane(self.lane);
        *lane = lane.minus(held);
        self.load.show(counts.in_flight);
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
