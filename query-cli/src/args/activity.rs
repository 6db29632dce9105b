//! Options of questions about in which buckets of time users were active: `weir retention`, `weir lifecycle`, `weir stickiness`.

use clap::Args;

use super::{AskArgs, FormerKeepCommand, LakeArg, OutputArgs, ScopeArgs, SplitArgs};

const RETENTION_USAGE: &str = "\
weir retention --start STEP [--return STEP] [OPTIONS]
       weir retention --spec FILE [OPTIONS]";

const RETENTION_AFTER_HELP: &str = "\
Users who start in one bucket of time are a cohort, a row of the table. Period n is the n-th bucket behind it, and period 0 is
that bucket itself. A return is another event than the start, and not an earlier one. * marks periods that are not over: more
users may come back. The last row has only cohorts for which a period is over. Counts are in all formats but the table.

Examples:
  weir retention --start signup --interval week --last 90d
  weir retention --start signup --return 'view_job | apply_submit' --brackets 0,1-6,7-13,30 --from 2026-01-01
  weir retention --start 'purchase where price > 10' --return purchase --occurrence any --interval month --breakdown country

`weir keep` says how long things are kept.
Given beside --spec, --where adds to what the document says, and every other option replaces it.";

const LIFECYCLE_USAGE: &str = "\
weir lifecycle [--of STEP] [OPTIONS]
       weir lifecycle --spec FILE [OPTIONS]";

const LIFECYCLE_AFTER_HELP: &str = "\
Active users of a bucket are new (never active before), returning (active in the bucket before too) or resurrecting (active
before, but not in the bucket before). Dormant are those who were active in the bucket before, and are not in this one.

Examples:
  weir lifecycle --interval week --last 90d
  weir lifecycle --of 'view_job | apply_submit' --from 2026-01-01 --to 2026-01-31 --timezone Asia/Seoul

Given beside --spec, --where adds to what the document says, and every other option replaces it.";

const STICKINESS_USAGE: &str = "\
weir stickiness [--of STEP] [OPTIONS]
       weir stickiness --spec FILE [OPTIONS]";

const STICKINESS_AFTER_HELP: &str = "\
Examples:
  weir stickiness --from 2026-01-01 --to 2026-01-31
  weir stickiness --of view_job --interval week --last 90d

Given beside --spec, --where adds to what the document says, and every other option replaces it.";

/// `weir retention`
#[derive(Debug, Default, Args)]
#[command(override_usage = RETENTION_USAGE, after_help = RETENTION_AFTER_HELP)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct RetentionArgs {
    /// What `weir keep` does, under the name that it had before.
    #[command(subcommand)]
    pub former: Option<FormerKeepCommand>,

    /// Which lake to ask.
    #[command(flatten)]
    pub lake: LakeArg,

    /// What users do to begin, as `EVENT [where CONDITIONS] [| EVENT…] [as LABEL]`. --from, --to and --last bound this alone
    #[arg(long, value_name = "STEP")]
    pub start: Option<String>,

    /// What they do to be back [default: any event]
    #[arg(long = "return", value_name = "STEP")]
    pub back: Option<String>,

    /// What cohorts and periods are: hour, day, week or month [default: day]
    #[arg(long, value_parser = ["hour", "day", "week", "month"], hide_possible_values = true)]
    pub interval: Option<String>,

    /// So many periods behind period 0 [default: 24 hours, 14 days, 8 weeks or 12 months]
    #[arg(long, value_name = "N", conflicts_with = "brackets")]
    pub periods: Option<u64>,

    /// These periods instead, several as one, such as 0,1-6,7-13
    #[arg(long, value_name = "PERIODS")]
    pub brackets: Option<String>,

    /// Who is back in a period (on), or in it or later (on_or_after) [default: on]
    #[arg(long, value_parser = ["on", "on_or_after"], hide_possible_values = true)]
    pub mode: Option<String>,

    /// A user begins with the first such event ever, and only if it is in the range (first); with the first in the range
    /// (first_in_range); or with the first of each bucket, in several cohorts (any) [default: first]
    #[arg(long, value_parser = ["first", "first_in_range", "any"], hide_possible_values = true)]
    pub occurrence: Option<String>,

    /// Splits.
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

/// Options of a question about how users are active.
#[derive(Debug, Default, Args)]
pub struct ActivityArgs {
    /// Which lake to ask.
    #[command(flatten)]
    pub lake: LakeArg,

    /// What makes a user active, as `EVENT [where CONDITIONS] [| EVENT…] [as LABEL]` [default: any event]
    #[arg(long, value_name = "STEP", visible_alias = "event")]
    pub of: Option<String>,

    /// The buckets: hour, day, week or month [default: day]
    #[arg(long, value_parser = ["hour", "day", "week", "month"], hide_possible_values = true)]
    pub interval: Option<String>,

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

/// `weir lifecycle`
#[derive(Debug, Default, Args)]
#[command(override_usage = LIFECYCLE_USAGE, after_help = LIFECYCLE_AFTER_HELP)]
pub struct LifecycleArgs {
    /// What to ask.
    #[command(flatten)]
    pub activity: ActivityArgs,
}

/// `weir stickiness`
#[derive(Debug, Default, Args)]
#[command(override_usage = STICKINESS_USAGE, after_help = STICKINESS_AFTER_HELP)]
pub struct StickinessArgs {
    /// What to ask.
    #[command(flatten)]
    pub activity: ActivityArgs,
}
