//! The command line of `weir cost`.

use std::path::PathBuf;

use clap::Args;
use weir_core::spec::duration_ms;

use super::OutputArgs;
use crate::cost::{Architecture, Deployment, Edge, Load};

const AFTER_HELP: &str = "\
Examples:
  weir cost --events-per-second 100
  weir cost --events-per-second 5 --events-per-request 1 --edge cloudfront
  weir cost --events-per-second 2000 --bytes 600 --retention 800d --architecture arm64 --format json

An estimate of a month of 730 hours, from the price list of one region and from what the benchmarks
have measured; `docs/COST.md` says how. --prices reads another list of the same form.";

/// The longest time that is asked about, in days.
const LONGEST_DAYS: i64 = 36_500;
/// Milliseconds of a day.
const DAY_MS: f64 = 86_400_000.0;

/// `weir cost`
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct CostArgs {
    /// Events a second, in the mean
    #[arg(long, value_name = "N", value_parser = positive)]
    pub events_per_second: f64,

    /// Events of one request
    #[arg(long, value_name = "N", default_value = "10", value_parser = at_least_one)]
    pub events_per_request: f64,

    /// Bytes of an event as JSON
    #[arg(long, value_name = "BYTES", default_value = "400", value_parser = positive)]
    pub bytes: f64,

    /// How long events are kept
    #[arg(long, value_name = "DURATION", default_value = "365d", value_parser = days)]
    pub retention: f64,

    /// The busiest second has so many times the mean
    #[arg(long, value_name = "N", default_value = "3", value_parser = at_least_one)]
    pub peak: f64,

    /// Questions that people ask in a day
    #[arg(long, value_name = "N", default_value = "100", value_parser = none_or_more)]
    pub questions_per_day: f64,

    /// What stands before the collector
    #[arg(long, value_name = "EDGE", value_enum, default_value = "function-url")]
    pub edge: Edge,

    /// What the functions run on
    #[arg(long, value_name = "ARCHITECTURE", value_enum, default_value = "x86_64")]
    pub architecture: Architecture,

    /// Shards of the stream [default: as many as the busiest second needs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub shards: Option<u32>,

    /// A stream on demand, instead of shards
    #[arg(long, conflicts_with = "shards")]
    pub on_demand: bool,

    /// How long the stream keeps records
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = days)]
    pub stream_retention: f64,

    /// How long a batch waits for more records
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = none_or_more)]
    pub window: f64,

    /// Take off what is free each month
    #[arg(long)]
    pub free_tier: bool,

    /// Read prices from this file
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl CostArgs {
    /// What comes in and what is asked.
    pub fn load(&self) -> Load {
        Load {
            events_per_second: self.events_per_second,
            events_per_request: self.events_per_request,
            bytes: self.bytes,
            retention_days: self.retention,
            peak: self.peak,
            questions_per_day: self.questions_per_day,
            question_days: 30.0,
        }
    }

    /// How it is set up.
    pub fn deployment(&self) -> Deployment {
        Deployment {
            edge: self.edge,
            architecture: self.architecture,
            shards: self.shards,
            on_demand: self.on_demand,
            stream_hours: self.stream_retention * 24.0,
            window_seconds: self.window,
            free_tier: self.free_tier,
            ..Deployment::default()
        }
    }
}

/// The largest number that is asked about.
const MOST: f64 = 1e9;

fn number(text: &str, least: f64, expected: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number| (least..=MOST).contains(number)).ok_or_else(|| format!("expected {expected}"))
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, f64::MIN_POSITIVE, "a number over 0, at most a billion")
}

fn at_least_one(text: &str) -> Result<f64, String> {
    number(text, 1.0, "a number from 1 to a billion")
}

fn none_or_more(text: &str) -> Result<f64, String> {
    number(text, 0.0, "a number from 0 to a billion")
}

/// A duration in days.
fn days(text: &str) -> Result<f64, String> {
    Ok(duration_ms(text, LONGEST_DAYS)? as f64 / DAY_MS)
}
