//! The command lines of `weir user` and `weir explain-user`.

use clap::Args;

use super::{LakeArg, OutputArgs, QuestionArgs};
use crate::timeline::{DEFAULT_LIMIT, MOST_EVENTS};

const USER_AFTER_HELP: &str = "\
Examples:
  weir user ana --lake ./lake
  weir user ana --last 7d --timezone Asia/Seoul --newest-first
  weir user 0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e --event view_item --event purchase --format json

An anonymous id that has become a user's shows that user. A line is drawn where another session begins.";

const EXPLAIN_USAGE: &str = "\
weir explain-user ID --step STEP [--step STEP]… [OPTIONS]
       weir explain-user ID --spec FILE [OPTIONS]";

const EXPLAIN_AFTER_HELP: &str = "\
Examples:
  weir explain-user ana --step view_item --step purchase --window 1d
  weir explain-user ana --spec buyers.json
  weir funnel --step view_item --step purchase --print-spec | weir explain-user ana --spec -

The options are those of `weir funnel`, whose help says how a step is written. Those that only say how users are
grouped, such as --breakdown, change nothing.";

/// `weir user`
#[derive(Debug, Args)]
#[command(after_help = USER_AFTER_HELP)]
pub struct UserArgs {
    /// A user id, or an anonymous id
    #[arg(value_name = "ID")]
    pub id: String,

    /// Which lake to ask.
    #[command(flatten)]
    pub lake: LakeArg,

    /// Show events at or after this date (in --timezone) or instant
    #[arg(long, value_name = "DATE")]
    pub from: Option<String>,

    /// Show events on or before this date, or before this instant
    #[arg(long, value_name = "DATE")]
    pub to: Option<String>,

    /// Show events of the last so much time, such as 30d
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["from", "to"])]
    pub last: Option<String>,

    /// The time zone of dates, and of the times in tables, such as Asia/Seoul [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,

    /// Show only events of this name; once for each
    #[arg(long = "event", value_name = "NAME")]
    pub events: Vec<String>,

    /// Show so many events at most
    #[arg(long, value_name = "N", default_value_t = DEFAULT_LIMIT)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=MOST_EVENTS))]
    pub limit: u64,

    /// Show the last events, the newest first, instead of the first ones
    #[arg(long)]
    pub newest_first: bool,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `weir explain-user`
#[derive(Debug, Args)]
#[command(override_usage = EXPLAIN_USAGE, after_help = EXPLAIN_AFTER_HELP)]
pub struct ExplainUserArgs {
    /// A user id, or an anonymous id
    #[arg(value_name = "ID")]
    pub id: String,

    /// Which lake to ask.
    #[command(flatten)]
    pub lake: LakeArg,

    /// What to ask.
    #[command(flatten)]
    pub question: QuestionArgs,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}
