//! The command line of `weir failed`.

use chrono::{DateTime, Days, NaiveDate, NaiveTime};
use clap::{Args, Subcommand};
use weir_core::spec::duration_ms;

use super::{LakeArg, OutputArgs};

const AFTER_HELP: &str = "\
Examples:
  weir failed list --lake ./lake
  weir failed list --each --code missing_field --since 24h --lake ./lake
  weir failed show 0190f3a1-7c4e --lake ./lake
  weir failed replay --source web --dry-run --lake ./lake
  weir failed drop --until 2026-01-31 --lake ./lake

Failed events are those that a collector did not take, with the reason and what was sent. Where a
command asks for an ID, its first characters do, if no other id begins with them.";

/// The longest time back that `--since 7d` may say, in days.
const LONGEST_BACK_DAYS: i64 = 36_500;

/// `weir failed`
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct FailedArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: FailedCommand,
}

/// What can be done with failed events.
#[derive(Debug, Subcommand)]
pub enum FailedCommand {
    /// Show what fails, a line a reason, or each failed event
    List(ListFailedArgs),
    /// Show one failed event, with what was sent
    Show(ShowFailedArgs),
    /// Check failed events again, and land those that are good now
    Replay(ReplayFailedArgs),
    /// Remove failed events
    Drop(DropFailedArgs),
}

/// `weir failed list`
#[derive(Debug, Args)]
pub struct ListFailedArgs {
    /// Which of them.
    #[command(flatten)]
    pub filter: FilterArgs,

    /// List each failed event, the newest first, instead of the reasons
    #[arg(long)]
    pub each: bool,

    /// List so many lines at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonFailedArgs,
}

/// `weir failed show`
#[derive(Debug, Args)]
pub struct ShowFailedArgs {
    /// The id, or its first characters
    #[arg(value_name = "ID")]
    pub id: String,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonFailedArgs,
}

/// `weir failed replay`
#[derive(Debug, Args)]
pub struct ReplayFailedArgs {
    /// Which of them.
    #[command(flatten)]
    pub chosen: ChosenArgs,

    /// Say what would happen, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonFailedArgs,
}

/// `weir failed drop`
#[derive(Debug, Args)]
pub struct DropFailedArgs {
    /// Which of them.
    #[command(flatten)]
    pub chosen: ChosenArgs,

    /// Do not ask whether to remove them
    #[arg(short, long)]
    pub yes: bool,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonFailedArgs,
}

/// Ids, or what failed events have in common.
#[derive(Debug, Default, Args)]
pub struct ChosenArgs {
    /// These, by their ids or the first characters of them [default: all]
    #[arg(value_name = "ID", conflicts_with_all = ["source", "code", "event", "since", "until"])]
    pub ids: Vec<String>,

    /// Which of them.
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// What failed events have in common.
#[derive(Debug, Clone, Default, Args)]
pub struct FilterArgs {
    /// Only those that this source sent
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,

    /// Only those that failed by this code, such as `missing_field`
    #[arg(long)]
    pub code: Option<String>,

    /// Only those of this event name
    #[arg(long, value_name = "NAME")]
    pub event: Option<String>,

    /// Only those received at or after this date (UTC) or instant, or so long ago at most, such as 24h
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<Moment>,

    /// Only those received on or before this date (UTC), before this instant, or longer ago than so much
    #[arg(long, value_name = "TIME", value_parser = until)]
    pub until: Option<Moment>,
}

/// What all of them take.
#[derive(Debug, Default, Args)]
pub struct CommonFailedArgs {
    /// Which lake.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A bound of times of receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// In milliseconds since 1970.
    At(i64),
    /// So many milliseconds before the present.
    Ago(i64),
}

impl Moment {
    /// In milliseconds since 1970.
    pub fn at(self, now_ms: i64) -> i64 {
        match self {
            Self::At(ms) => ms,
            Self::Ago(ms) => now_ms.saturating_sub(ms),
        }
    }
}

/// The first instant that a text means.
///
/// # Errors
/// What was expected.
pub fn since(text: &str) -> Result<Moment, String> {
    moment(text, 0)
}

/// The instant behind what a text means: a date ends behind its last one.
///
/// # Errors
/// What was expected.
pub fn until(text: &str) -> Result<Moment, String> {
    moment(text, 1)
}

fn moment(text: &str, days_behind: u64) -> Result<Moment, String> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(Moment::At(instant.timestamp_millis()));
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    if let Some(date) = date.and_then(|date| date.checked_add_days(Days::new(days_behind))) {
        return Ok(Moment::At(date.and_time(NaiveTime::MIN).and_utc().timestamp_millis()));
    }
    let expected =
        "expected a date such as 2026-01-31, an instant such as 2026-01-31T09:00:00Z, or a duration such as 24h";
    duration_ms(text, LONGEST_BACK_DAYS).map(Moment::Ago).map_err(|_| expected.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_dates_instants_and_durations() {
        const DAY: i64 = 86_400_000;
        assert_eq!(since("2026-01-01"), Ok(Moment::At(1_767_225_600_000)));
        assert_eq!(until("2026-01-01"), Ok(Moment::At(1_767_225_600_000 + DAY)), "the day is part of it");
        for parse in [since, until] {
            assert_eq!(parse("2026-01-01T09:00:00+09:00"), Ok(Moment::At(1_767_225_600_000)));
            assert_eq!(parse("24h").map(|moment| moment.at(3 * DAY)), Ok(2 * DAY));
            for bad in ["", "yesterday", "2026-02-30", "5", "0s"] {
                assert!(parse(bad).unwrap_err().starts_with("expected a date"), "{bad}");
            }
        }
    }
}
