//! Demo data: what a neighbourhood job board in Korea would send, generated from a seed.
//!
//! The data looks like a real app's. Few users are very active and most are not, people look at jobs in the evening
//! and apply on Mondays, new users come back less every week, and a funnel of
//! `view_job → apply_start → apply_submit → chat_open → hired` loses people at every step. It is also as dirty as real
//! data: repeated and late events, ties, missing and mistyped properties, three ways to write a timestamp. Every line
//! is a valid event all the same.
//!
//! Words used here:
//!
//! - **town** (`town.rs`): the users and jobs that exist. Nobody is stored; a user or a job is a number, and its traits
//!   are rolled again from the seed wherever they are needed.
//! - **window**: 24 hours of the generated period, counted back from its end. Data is made one window at a time.
//! - **plan** (`behaviour.rs`): one event before it is written: who, what, when, and when it reaches the stream.
//! - **visit**: a session that an earlier one has caused, such as the chat after an application, hours or days later.
//! - **line** (`line.rs`): a plan as JSON.
//!
//! Plans are small and lines are written only as they are taken, so memory holds about one window of plans, whatever
//! the number of events.
//!
//! ```text
//! sessions of a window ─┐
//! visits due in it ─────┼─▶ plans, sorted by arrival ─▶ lines
//! late from before ─────┘          └─▶ arriving after the window: kept for a later one
//! ```
//!
//! A line, broken up to fit here:
//!
//! ```json
//! {"event":"save_job","user_id":"u_010055","timestamp":"2026-04-02T00:10:03.383Z",
//!  "event_id":"920a8454-ffb6-4ecf-b544-9e20fc16aecd","session_id":"s_00000256",
//!  "properties":{"job_id":"job_000115","category":"매장관리","wage":11450,"region":"마포구 서교동",
//!                "is_urgent":false,"distance_m":1700.1},
//!  "context":{"platform":"android","app_version":"5.10.0","locale":"en-US","os":{"version":"14"},
//!             "device":{"model":"SM-G998N"}}}
//! ```

mod behaviour;
mod dice;
mod line;
#[cfg(test)]
mod tests;
mod town;
mod world;

use behaviour::{Behaviour, Plan};
use town::Town;

/// Milliseconds in an hour.
const HOUR_MS: i64 = 3_600_000;

/// Milliseconds in a day.
const DAY_MS: i64 = 24 * HOUR_MS;

/// What to generate. The same configuration gives the same bytes on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoConfig {
    /// The number of lines.
    pub events: u64,
    /// Another seed gives another town with other people.
    pub seed: u64,
    /// The last instant, in milliseconds since 1970; no timestamp is later.
    pub end_ms: i64,
    /// How many days of data: every timestamp is later than `end_ms` minus this many times 24 hours. Zero counts as
    /// one. The period must lie between the years 2000 and 9999 for the events to be valid.
    pub days: u32,
}

impl DemoConfig {
    /// The length of the period where nobody asks for another one.
    pub const DEFAULT_DAYS: u32 = 60;

    /// `events` lines of the [`DemoConfig::DEFAULT_DAYS`] before `end_ms`.
    pub fn new(events: u64, seed: u64, end_ms: i64) -> Self {
        DemoConfig { events, seed, end_ms, days: Self::DEFAULT_DAYS }
    }
}

/// Yields exactly `config.events` lines of NDJSON, without the newline, each one event as a JSON object.
///
/// Lines come in the order in which a collector would receive them, which is nearly, but not quite, that of their
/// timestamps. The iterator's size hint is exact.
pub fn generate(config: &DemoConfig) -> impl Iterator<Item = String> + Send + use<> {
    Lines::new(config)
}

/// The 24 hours of generated data that end `days_before_end` days before the end of the period.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// Its place in the period, from 0.
    index: u32,
    /// First millisecond.
    first: i64,
    /// Last millisecond.
    last: i64,
}

impl Window {
    fn new(config: &DemoConfig, index: u32) -> Self {
        let last = config.end_ms - i64::from(config.days - index - 1) * DAY_MS;
        Window { index, first: last - DAY_MS + 1, last }
    }

    /// The hours of the window, each as its number from the start and how busy it is.
    fn hours(&self) -> [(i64, u32); 24] {
        std::array::from_fn(|hour| {
            let hour = hour as i64;
            (hour, world::busyness(self.first + hour * HOUR_MS + HOUR_MS / 2))
        })
    }

    /// How many of the period's events belong here, in no unit: the busy hours, and a business that grows by half.
    fn weight(&self, days: u32) -> u64 {
        let busy: u64 = self.hours().iter().map(|(_, weight)| u64::from(*weight)).sum();
        busy * (1_000 + 500 * u64::from(self.index) / u64::from(days))
    }
}

/// The iterator behind [`generate`].
struct Lines {
    config: DemoConfig,
    town: Town,
    behaviour: Behaviour,
    /// The index of the window to make next.
    next_window: u32,
    /// Sum of the weights of all windows.
    weight: u64,
    /// Sum of the weights of the windows already made.
    weight_made: u64,
    /// Events planned so far.
    planned: u64,
    /// Lines not yet given out.
    remaining: u64,
    /// Plans to write now, in order of arrival.
    ready: std::vec::IntoIter<Plan>,
    /// Plans that arrive in a later window.
    later: Vec<Plan>,
}

impl Lines {
    fn new(config: &DemoConfig) -> Self {
        let config = DemoConfig { days: config.days.max(1), ..config.clone() };
        let weight = (0..config.days).map(|index| Window::new(&config, index).weight(config.days)).sum();
        Lines {
            town: Town::new(&config),
            behaviour: Behaviour::new(config.end_ms),
            next_window: 0,
            weight,
            weight_made: 0,
            planned: 0,
            remaining: config.events,
            ready: Vec::new().into_iter(),
            later: Vec::new(),
            config,
        }
    }

    /// Plans the next window and makes what arrives in it ready; all that is left, if it is the last one.
    fn plan_window(&mut self) {
        let window = Window::new(&self.config, self.next_window);
        self.next_window += 1;
        self.weight_made += window.weight(self.config.days);
        // Rounding the running total, not each window, makes the last window end at exactly the number asked for.
        let due = u128::from(self.config.events) * u128::from(self.weight_made) / u128::from(self.weight);
        let quota = due as u64 - self.planned;
        self.planned += quota;

        let mut plans = std::mem::take(&mut self.later);
        self.behaviour.plan_window(&self.town, &window, quota, &mut plans);
        plans.sort_unstable_by_key(|plan| (plan.arrival, plan.number));
        if self.next_window < self.config.days {
            let arrived = plans.partition_point(|plan| plan.arrival <= window.last);
            self.later = plans.split_off(arrived);
        }
        self.ready = plans.into_iter();
    }
}

impl Iterator for Lines {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            if let Some(plan) = self.ready.next() {
                self.remaining -= 1;
                return Some(line::render(&self.town, &plan));
            }
            if self.next_window == self.config.days {
                return None;
            }
            self.plan_window();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let remaining = usize::try_from(self.remaining).ok();
        (remaining.unwrap_or(usize::MAX), remaining)
    }
}
