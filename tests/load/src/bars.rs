//! The bars of ingest, measured in one run and printed as a table.
//!
//! ```text
//! bar                                                      figure       bar
//! requests of the bare handler's, 20 events a request      44 %         35 %     met
//! ```
//!
//! Peer and collector take turns, because a shared machine is not as fast at one moment as at the next. The ratio of a round
//! is that of requests a CPU second of the server, which leaves out what else the machine does; the figure is the median of
//! the rounds. Requests a second by the clock stand beside it.

use std::fmt::{self, Write};
use std::io::Error;
use std::path::PathBuf;
use std::time::Duration;

use crate::drive::{Load, Outcome, drive};
use crate::process::Server;

/// Enough to keep a server of one thread busy.
const CONNECTIONS: usize = 32;
/// An open loop has more than it should need.
const OPEN_CONNECTIONS: usize = 128;
const WARM_UP: Duration = Duration::from_millis(500);
const LATENCY_TIME: Duration = Duration::from_secs(20);

/// Of the bare handler's requests a CPU second: what is asked for at 20 events a request, what is hoped for, and what is
/// asked for at one.
const TWENTY_LEAST: f64 = 0.35;
const TWENTY_STRETCH: f64 = 0.50;
const ONE_LEAST: f64 = 0.70;
/// Events a CPU second, from socket to record.
const EVENTS_LEAST: f64 = 150_000.0;
/// At half of that, synced to disk: 99 of 100 answers within so many milliseconds.
const P99_MOST_MS: f64 = 20.0;

/// What to measure with.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The program `ingest-server`.
    pub server: PathBuf,
    /// The core that servers are pinned to.
    pub core: Option<usize>,
    /// How long each turn of a comparison takes.
    pub turn: Duration,
    /// How often peer and collector take turns.
    pub rounds: usize,
    /// A folder on the disk that the file log is to use.
    pub disk: PathBuf,
}

/// Requests that a server answered, and what it used for them.
#[derive(Debug, Clone, Copy)]
struct Work {
    requests: f64,
    cpu_s: f64,
    wall_s: f64,
}

impl Work {
    fn a_cpu_second(self) -> f64 {
        self.requests / self.cpu_s
    }

    fn a_second(self) -> f64 {
        self.requests / self.wall_s
    }
}

/// What peer and collector did with closed loops, round by round.
#[derive(Debug, Clone)]
struct Rounds {
    events: usize,
    rounds: Vec<(Work, Work)>,
}

impl Rounds {
    /// The median of what a round says.
    fn median(&self, of: impl Fn(&(Work, Work)) -> f64) -> f64 {
        let mut values: Vec<f64> = self.rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn ratio(&self) -> f64 {
        self.median(|(peer, collector)| collector.a_cpu_second() / peer.a_cpu_second())
    }

    /// Events a CPU second of the collector.
    fn events_a_cpu_second(&self) -> f64 {
        self.median(|(_, collector)| collector.a_cpu_second()) * self.events as f64
    }
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, of: fn(&(Work, Work)) -> Work| {
            let (cpu, wall) =
                (self.median(|round| of(round).a_cpu_second()), self.median(|round| of(round).a_second()));
            let what = format!("{name}, events a request: {}", self.events);
            writeln!(f, "{what:<40} {cpu:>9.0} requests a CPU second {wall:>9.0} a second")
        };
        row("bare handler", |round| round.0)?;
        row("collector", |round| round.1)?;
        let wall = self.median(|(peer, collector)| collector.a_second() / peer.a_second());
        writeln!(f, "{:<40} {:>9.1} %                     {:>9.1} %", "", self.ratio() * 100.0, wall * 100.0)
    }
}

/// The table.
#[derive(Debug, Clone)]
pub struct Bars {
    twenty: Rounds,
    one: Rounds,
    /// Requests a second of the open loop that were asked for, and what came of it.
    asked: f64,
    synced: Outcome,
}

/// Measures all bars: about a minute and a half with the usual plan.
///
/// # Errors
/// If a server cannot be started, or does not answer everything with a 200: figures of such a run say nothing.
pub async fn measure(plan: &Plan) -> Result<Bars, Error> {
    let twenty = compare(plan, 20).await?;
    let one = compare(plan, 1).await?;
    let asked = EVENTS_LEAST / 2.0 / 20.0;
    let synced = synced(plan, asked).await?;
    Ok(Bars { twenty, one, asked, synced })
}

async fn compare(plan: &Plan, events: usize) -> Result<Rounds, Error> {
    let mut rounds = Vec::with_capacity(plan.rounds);
    for _ in 0..plan.rounds {
        let peer = saturate(plan, &["--peer"], events).await?;
        rounds.push((peer, saturate(plan, &["--sink", "null"], events).await?));
    }
    Ok(Rounds { events, rounds })
}

/// One turn of one server.
async fn saturate(plan: &Plan, arguments: &[&str], events: usize) -> Result<Work, Error> {
    let server = Server::start(&plan.server, plan.core, arguments)?;
    let load =
        Load { address: server.address(), connections: CONNECTIONS, events, time: WARM_UP, rate: None, first: 0 };
    good(drive(load).await?)?;
    let before = server.cpu_seconds()?;
    let outcome = good(drive(Load { time: plan.turn, ..load }).await?)?;
    let cpu_s = server.cpu_seconds()? - before;
    Ok(Work { requests: outcome.answered() as f64, cpu_s, wall_s: outcome.elapsed.as_secs_f64() })
}

/// A steady rate into a file log that syncs.
async fn synced(plan: &Plan, rate: f64) -> Result<Outcome, Error> {
    let dir = plan.disk.join(format!("ingest-bench-{}", std::process::id()));
    let arguments = ["--sink".as_ref(), "file".as_ref(), "--dir".as_ref(), dir.as_os_str()];
    let measured = async {
        let server = Server::start(&plan.server, plan.core, &arguments)?;
        let load = Load {
            address: server.address(),
            connections: OPEN_CONNECTIONS,
            events: 20,
            time: WARM_UP,
            rate: Some(rate),
            first: 0,
        };
        good(drive(load).await?)?;
        good(drive(Load { time: LATENCY_TIME, first: 1 << 32, ..load }).await?)
    };
    let outcome = measured.await;
    std::fs::remove_dir_all(&dir)?;
    outcome
}

fn good(outcome: Outcome) -> Result<Outcome, Error> {
    if outcome.is_good() { Ok(outcome) } else { Err(Error::other(described(&outcome))) }
}

/// One line about a run.
pub fn described(outcome: &Outcome) -> String {
    let ms = |quantile| outcome.latency_us.value_at_quantile(quantile) as f64 / 1000.0;
    let mut line = format!(
        "{} answered in {:.1} s: {:.0} a second; events: {} sent, {} accepted; ms: p50 {:.2}, p99 {:.2}, p99.9 {:.2}, most {:.2}; lost {}; statuses",
        outcome.answered(),
        outcome.elapsed.as_secs_f64(),
        outcome.rate(),
        outcome.sent,
        outcome.accepted,
        ms(0.5),
        ms(0.99),
        ms(0.999),
        outcome.latency_us.max() as f64 / 1000.0,
        outcome.lost,
    );
    for (status, count) in &outcome.statuses {
        // A string takes everything.
        let _ = write!(line, " {status}: {count}");
    }
    line
}

impl fmt::Display for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { twenty, one, asked, synced } = self;
        write!(f, "{twenty}{one}")?;
        let events = twenty.events_a_cpu_second();
        writeln!(f, "\nat {:.0} events a second, synced: {}\n", asked * 20.0, described(synced))?;
        writeln!(f, "{:<58} {:>10} {:>10}", "", "figure", "bar")?;
        let mut row = |what: &str, figure: String, bar: String, is_met: bool| {
            writeln!(f, "{what:<58} {figure:>10} {bar:>10} {}", if is_met { "met" } else { "MISSED" })
        };
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        let (of_twenty, of_one) = (twenty.ratio(), one.ratio());
        row(
            "of a bare handler's requests, 20 events a request",
            percent(of_twenty),
            percent(TWENTY_LEAST),
            of_twenty >= TWENTY_LEAST,
        )?;
        row("  stretch", percent(of_twenty), percent(TWENTY_STRETCH), of_twenty >= TWENTY_STRETCH)?;
        row(
            "of a bare handler's requests, 1 event a request",
            percent(of_one),
            percent(ONE_LEAST),
            of_one >= ONE_LEAST,
        )?;
        let thousands = |events: f64| format!("{:.0} k", events / 1000.0);
        row(
            "events a CPU second, socket to record",
            thousands(events),
            thousands(EVENTS_LEAST),
            events >= EVENTS_LEAST,
        )?;
        let p99 = synced.latency_us.value_at_quantile(0.99) as f64 / 1000.0;
        // A rate that was not reached has no latency to speak of.
        let is_met = p99 < P99_MOST_MS && synced.rate() > 0.98 * asked;
        row(
            "p99 at half of that bar, file log synced",
            format!("{p99:.1} ms"),
            format!("{P99_MOST_MS:.0} ms"),
            is_met,
        )?;
        write!(f, "\nRatios are of requests a CPU second of the server, medians of {} rounds.", twenty.rounds.len())
    }
}
