//! Options of questions about paths and sessions.

use clap::Args;

use super::{AskArgs, LakeArg, OutputArgs, ScopeArgs, SplitArgs};

const PATHS_AFTER_HELP: &str = "\
An event is its name, with conditions, alternatives and a label if need be, as a step of `weir funnel`:
  view_item
  purchase where price >= 100
  add_to_cart | add_to_wishlist as wants it

Examples:
  weir paths --start view_job --last 30d
  weir paths --end purchase --depth 8 --hide page_view --hide scroll
  weir paths --start search --window 10m --count every --limit 3

Given beside --spec, --where adds to what the document says, and every other option replaces it.";

/// `weir paths`
#[derive(Debug, Default, Args)]
#[command(after_help = PATHS_AFTER_HELP)]
pub struct PathsArgs {
    /// Which lake to ask.
    #[command(flatten)]
    pub lake: LakeArg,

    /// Paths begin with this event, as `EVENT [where CONDITIONS] [| EVENT…] [as LABEL]` [default: the first event there is]
    #[arg(long, value_name = "EVENT", conflicts_with = "end")]
    pub start: Option<String>,

    /// Paths end with this event: what came before it
    #[arg(long, value_name = "EVENT")]
    pub end: Option<String>,

    /// The most steps of a path, the first one included [default: 5]
    #[arg(long, value_name = "N")]
    pub depth: Option<u64>,

    /// List so many events at each step; the others are summed [default: 5]
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,

    /// List so many whole paths; 0 leaves them out, for data that has too many of them [default: 20]
    #[arg(long, value_name = "N")]
    pub top: Option<u64>,

    /// Pass over this event, as `EVENT [where CONDITIONS]`; once for each
    #[arg(long, value_name = "EVENT")]
    pub hide: Vec<String>,

    /// Look at this event only; once for each
    #[arg(long, value_name = "EVENT")]
    pub only: Vec<String>,

    /// An event that repeats in a row is a step each time, instead of one in all
    #[arg(long)]
    pub repeats: bool,

    /// How far from its first event a path goes, such as 30m or 1d; or session: as far as the session, and at most 24h
    /// [default: session]
    #[arg(long, value_name = "DURATION")]
    pub window: Option<String>,

    /// Count a path of each user, of each session, or for every event that one begins or ends with [default: users]
    #[arg(long, value_parser = ["users", "sessions", "every"], hide_possible_values = true)]
    pub count: Option<String>,

    /// When, of what, of whose.
    #[command(flatten)]
    pub scope: ScopeArgs,

    /// How to ask.
    #[command(flatten)]
    pub ask: AskArgs,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

const SESSIONS_AFTER_HELP: &str = "\
Events with a session id are in the session of that id. Those without belong together until the user does nothing for more than
30 minutes.

Examples:
  weir sessions --last 30d --interval day
  weir sessions --breakdown context.platform --from 2026-01-01 --to 2026-01-31
  weir sessions --where 'context.platform = ios' --format json

Given beside --spec, --where adds to what the document says, and every other option replaces it.";

/// `weir sessions`
#[derive(Debug, Default, Args)]
#[command(after_help = SESSIONS_AFTER_HELP)]
pub struct SessionsArgs {
    /// Which lake to ask.
    #[command(flatten)]
    pub lake: LakeArg,

    /// Also count by when sessions began: hour, day, week or month
    #[arg(long, value_parser = ["hour", "day", "week", "month"], hide_possible_values = true)]
    pub interval: Option<String>,

    /// List so many first events, and so many last ones; the others are summed [default: 10]
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,

    /// Splits, by a property of the first event.
    #[command(flatten)]
    pub split: SplitArgs,

    /// When, of what, of whose.
    #[command(flatten)]
    pub scope: ScopeArgs,

    /// How to ask.
    #[command(flatten)]
    pub ask: AskArgs,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}
