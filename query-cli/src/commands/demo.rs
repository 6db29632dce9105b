//! `weir demo`: generated events as NDJSON.

use std::io::Write;

use weir_core::ports::{Clock, SystemClock};
use weir_core::time::{DAY_MS, rfc3339};

use crate::args::{DemoArgs, End};
use crate::demo::{DemoConfig, generate};
use crate::error::Failure;
use crate::output::Results;

/// 2000-01-01T00:00:00Z: earlier events are not valid.
const EARLIEST_MS: i64 = 946_684_800_000;
/// 9999-12-31T00:00:00Z: later instants have no RFC 3339 text.
const LATEST_MS: i64 = 253_402_214_400_000;

/// Runs the command.
///
/// # Errors
/// A usage error for days that no event can have.
pub fn run(args: &DemoArgs) -> Result<(), Failure> {
    write(&config(args, &SystemClock)?, Results::stdout())
}

fn config(args: &DemoArgs, clock: &dyn Clock) -> Result<DemoConfig, Failure> {
    let end_ms = match args.end {
        End::Now => clock.now_ms(),
        End::At(ms) => ms,
    };
    let start_ms = end_ms - i64::from(args.days) * DAY_MS;
    if start_ms < EARLIEST_MS || end_ms > LATEST_MS {
        let (end, days) = (rfc3339(end_ms), args.days);
        return Err(Failure::usage(format!("{days} days up to {end} are not all between the years 2000 and 9999"))
            .hint("give another --end, or fewer --days"));
    }
    Ok(DemoConfig { events: args.events, seed: args.seed, end_ms, days: args.days })
}

fn write(config: &DemoConfig, mut results: Results<impl Write>) -> Result<(), Failure> {
    for line in generate(config) {
        results.line(&line)?;
    }
    results.finish().map(|_| ())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use weir_core::ports::ManualClock;

    use super::*;
    use crate::args::{Cli, Command};

    fn config_of(options: &[&str]) -> Result<DemoConfig, Failure> {
        let cli = Cli::try_parse_from(["weir", "demo"].iter().chain(options)).unwrap();
        let Command::Demo(args) = cli.command else { panic!("another command") };
        config(&args, &ManualClock::new(1_800_000_000_000))
    }

    #[test]
    fn the_default_end_is_a_fixed_day_and_now_is_the_clocks() {
        let default = config_of(&[]).unwrap();
        assert_eq!((rfc3339(default.end_ms).as_str(), default.days), ("2026-06-30T00:00:00.000Z", 60));
        assert_eq!(config_of(&["--end", "now"]).unwrap().end_ms, 1_800_000_000_000);
    }

    #[test]
    fn days_that_no_event_can_have_are_a_usage_error() {
        let failure = config_of(&["--end", "2000-02-01T00:00:00Z"]).unwrap_err();
        let expected = "60 days up to 2000-02-01T00:00:00.000Z are not all between the years 2000 and 9999";
        assert_eq!((failure.exit.code(), failure.message.as_str()), (2, expected));
        assert_eq!(config_of(&["--end", "2000-02-01T00:00:00Z", "--days", "31"]).unwrap().days, 31);
        assert_eq!(config_of(&["--days", "4294967295"]).unwrap_err().exit.code(), 2);
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let bytes = |seed: &str| {
            let mut bytes = Vec::new();
            write(&config_of(&["--events", "100", "--seed", seed]).unwrap(), Results::over(&mut bytes)).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(bytes("7").lines().count(), 100);
        assert!(bytes("7").ends_with("}\n"));
        assert_eq!(bytes("7"), bytes("7"));
        assert_ne!(bytes("7"), bytes("8"));
    }
}
