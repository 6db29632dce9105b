//! The command line as types. A doc comment here is the help that a person reads.

mod activity;
mod cost;
mod embeds;
mod failed;
mod health;
mod keys;
mod openid;
mod paths;
mod plan;
mod privacy;
mod questions;
mod reports;
mod serve;
mod sql;
mod tokens;
mod upkeep;
mod user;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use axum::http::HeaderName;
use clap::{Args, Parser, Subcommand};
use ingest_fn::plan::PlanMode;
use tracing::level_filters::LevelFilter;

use crate::demo::DemoConfig;
use crate::error::Failure;
use crate::output::Format;

pub use activity::{ActivityArgs, LifecycleArgs, RetentionArgs, StickinessArgs};
pub use cost::CostArgs;
pub use embeds::{AddEmbedArgs, CommonEmbedsArgs, DisableEmbedArgs, EmbedsArgs, EmbedsCommand, ListEmbedsArgs};
pub use failed::{
    ChosenArgs, CommonFailedArgs, DropFailedArgs, FailedArgs, FailedCommand, FilterArgs, ListFailedArgs, Moment,
    ReplayFailedArgs, ShowFailedArgs, since as moment_since, until as moment_until,
};
pub use health::{DoctorArgs, RepairArgs};
pub use keys::{
    AddKeyArgs, CommonKeysArgs, DEFAULT_GRACE, KeyChanges, KeysArgs, KeysCommand, ListKeysArgs, OneKeyArgs,
    OriginsChange, OtherLimit, RotateKeyArgs, SetKeyArgs, grace,
};
pub use paths::{PathsArgs, SessionsArgs};
pub use plan::{
    CheckPlanArgs, DiffPlanArgs, DocumentFormat, InferPlanArgs, PlanArgs, PlanCommand, SetPlanArgs, ShowPlanArgs,
    UnsetPlanArgs,
};
pub use privacy::{
    ActionArg, AddRuleArgs, CommonPrivacyArgs, ListRulesArgs, PrivacyArgs, PrivacyCommand, RemoveRuleArgs, RuleArgs,
};
pub use questions::{AskArgs, AttemptArgs, CompletionArgs, ExperimentArgs, ScopeArgs, SplitArgs, TestArgs, TrendsArgs};
pub use reports::{
    CheckReportsArgs, CommonReportsArgs, ListReportsArgs, OneReportArgs, RemoveReportArgs, ReportsArgs, ReportsCommand,
    RunReportArgs, SaveReportArgs, ShowReportArgs,
};
pub use serve::{AuthArg, LogFormat, ServeArgs, ServeCommandArgs, WebhookArgs};
pub use sql::SqlArgs;
pub use tokens::{AddTokenArgs, CommonTokensArgs, DisableTokenArgs, ListTokensArgs, TokensArgs, TokensCommand};
pub use upkeep::{
    DeleteUserArgs, FormerKeepCommand, KeepArgs, KeepCommand, Kept, SetKeepArgs, ShowKeepArgs, UnsetKeepArgs,
    VacuumArgs,
};
pub use user::{ExplainUserArgs, UserArgs};

const ABOUT: &str = "Collects events and answers how many users went all the way.";

const AFTER_HELP: &str = "\
Start here:
  weir dev --demo 100000                     the whole system, with generated events to look at
  weir demo --events 100000 > demo.ndjson    the same events as a file
  weir import demo.ndjson --lake ./lake      the file into a lake
  weir funnel --lake ./lake --step view_job --step apply_start --step hired

Results go to standard output, everything else to standard error.
Exit codes: 0 success, 1 failure, 2 a command line or a question that cannot be understood.";

const FUNNEL_USAGE: &str = "\
weir funnel --step STEP [--step STEP]… [OPTIONS]
       weir funnel --spec FILE [OPTIONS]";

const FUNNEL_AFTER_HELP: &str = "\
A step is the name of an event, with conditions, alternatives and a label if need be:
  view_item
  purchase where price >= 100 and context.platform in (ios, android)
  add_to_cart | add_to_wishlist as wants it
Operators:
  =  !=  <  <=  >  >=  in  not in  contains  not contains
  starts with  ends with  matches  exists  not exists

Examples:
  weir funnel --step view_item --step purchase --window 1d
  weir funnel --step view_item --step 'purchase where price >= 100' --last 30d --breakdown country
  weir funnel --step view_item --step purchase --exclude 'remove_from_cart between 1 and 2' --hold item_id
  weir funnel --step view_item --step purchase --print-spec > buyers.json
  weir funnel --spec buyers.json --from 2026-01-01 --to 2026-01-31 --format json

Given beside --spec, --where and --optional add to what the document says, and every other option replaces it.";

const EVENTS_AFTER_HELP: &str = "\
Examples:
  weir events --lake ./lake
  weir events view_job --lake ./lake
  weir events view_job --format json

Days are those of UTC. Counts are exact; where an event has more properties, or a property more values, than are listed,
the rest is summed.";

const IMPORT_AFTER_HELP: &str = "\
Examples:
  weir import events.ndjson --lake ./lake
  weir import 2026-01-*.jsonl.gz more.zst --lake ./lake
  weir demo --events 10000 | weir import - --lake ./lake

An event whose id is in the lake already is counted as a duplicate and left out: importing a file again is harmless.";

const DEMO_AFTER_HELP: &str = "\
Examples:
  weir demo --events 100000 > demo.ndjson
  weir demo --events 10000 --seed 2 --end now --days 30 | weir import - --lake ./lake

The same options give the same bytes on every machine, unless --end is now.";

const DEV_AFTER_HELP: &str = "\
Examples:
  weir dev
  weir dev --demo 100000
  weir dev --lake ./lake --port 0";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "weir", version, about = ABOUT, after_help = AFTER_HELP, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole system on this machine, on one port
    Dev(DevArgs),
    /// Answer questions and show the page, over a lake that is filled elsewhere
    Serve(Box<ServeCommandArgs>),
    /// Bring the events of files into a lake
    Import(ImportArgs),
    /// Count the users who took some steps, one after the other
    Funnel(Box<FunnelArgs>),
    /// Count events, users or the numbers of a property, by hour, day, week or month
    Trends(Box<TrendsArgs>),
    /// Compare variants: whether users of one converted more often than those of another
    Experiment(Box<ExperimentArgs>),
    /// Show what users did after an event, or before it
    Paths(Box<PathsArgs>),
    /// Count sessions, how long they are, and what they begin and end with
    Sessions(Box<SessionsArgs>),
    /// Say why one user did or did not go all the way, event by event
    ExplainUser(Box<ExplainUserArgs>),
    /// Show what one user did, in order
    User(UserArgs),
    /// Count who came back, and how long after they began
    Retention(Box<RetentionArgs>),
    /// Count which active users are new, returning or resurrecting, and who is dormant
    Lifecycle(Box<LifecycleArgs>),
    /// Count users by on how many days they were active
    Stickiness(Box<StickinessArgs>),
    /// List the events of a lake with their counts, or show one with its properties
    Events(EventsArgs),
    /// Ask a lake in SQL (read only): events, failed events, and funnels as tables
    Sql(SqlArgs),
    /// Keep questions in a lake as reports, list them, and ask them again
    Reports(ReportsArgs),
    /// Ask questions of events that are written down, and hold the answers against what is expected
    Test(TestArgs),
    /// Show what was sent and not taken, and why; try it again, or remove it
    Failed(Box<FailedArgs>),
    /// Make, list, change and switch off the keys that apps send events with
    Keys(KeysArgs),
    /// Make, list and switch off the tokens that people log in to `weir serve` with
    Tokens(TokensArgs),
    /// Links to the answer of one report, for another site or a screen in a hall
    Embeds(EmbedsArgs),
    /// Name the properties that are dropped or hashed before anything is stored
    Privacy(PrivacyArgs),
    /// Say which events apps are to send, and find those that depart from it
    Plan(PlanArgs),
    /// Show the figures of a lake: events, files, bytes, times
    Stats(StatsArgs),
    /// Say what a load costs on AWS in a month
    Cost(CostArgs),
    /// Merge the files of a lake now, so that questions read fewer and better sorted ones
    Compact(CompactArgs),
    /// Take every event of a user away, from the events and the failed events
    DeleteUser(Box<DeleteUserArgs>),
    /// Say how long events, failed events and old versions are kept
    Keep(KeepArgs),
    /// Remove files that no version of the last hour needs
    Vacuum(VacuumArgs),
    /// Find what is wrong with a lake, and say what it means and what to do
    Doctor(Box<DoctorArgs>),
    /// Mend what is wrong with a lake, as far as nothing is lost by it
    Repair(RepairArgs),
    /// Print the script that completes command lines, with the names of events, in a shell
    Completion(CompletionArgs),
    /// Write generated events of a job board, to try weir with
    Demo(DemoArgs),
}

impl Command {
    /// What is worth a line of log: a server says what it does, a command only what is wrong.
    pub fn log_level(&self) -> LevelFilter {
        match self {
            Self::Dev(_) | Self::Serve(_) => LevelFilter::INFO,
            _ => LevelFilter::WARN,
        }
    }

    /// How the log is written.
    pub fn log_format(&self) -> LogFormat {
        match self {
            Self::Dev(args) => args.serve.log_format,
            Self::Serve(args) => args.log_format,
            _ => LogFormat::Text,
        }
    }
}

/// Which lake a command is about.
#[derive(Debug, Clone, Default, Args)]
pub struct LakeArg {
    /// The lake: a directory, or s3://bucket/prefix
    #[arg(long, value_name = "URL", env = "WEIR_LAKE", hide_env_values = true)]
    pub lake: Option<String>,
}

impl LakeArg {
    /// The URL of the lake.
    ///
    /// # Errors
    /// A usage error where none was given.
    pub fn url(&self) -> Result<&str, Failure> {
        let given = self.lake.as_deref().filter(|url| !url.is_empty());
        given.ok_or_else(|| Failure::usage("no lake given").hint("name one with --lake URL, or set WEIR_LAKE"))
    }
}

/// How a command prints its result.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct OutputArgs {
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// Print nothing but the result and errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// `weir dev`
#[derive(Debug, Args)]
#[command(after_help = DEV_AFTER_HELP)]
pub struct DevArgs {
    /// The lake: a directory, or file:///path; made where there is none
    #[arg(long, value_name = "URL", env = "WEIR_LAKE", hide_env_values = true, default_value = ".weir/lake")]
    pub lake: String,

    /// Listen on this port; 0 takes any that is free
    #[arg(long, default_value_t = 8080)]
    pub port: u16,

    /// Listen on this address of this machine itself: it asks nobody who they are
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub host: IpAddr,

    /// Fill the lake with so many generated events first, if it is empty
    #[arg(long, value_name = "EVENTS")]
    pub demo: Option<u64>,

    /// What follows where an event without a key departs from the tracking plan of the lake
    #[arg(long, value_name = "MODE", default_value = "off", value_parser = plan::plan_mode())]
    pub plan: PlanMode,

    /// Seed of the generated events: another one gives other people
    #[arg(long, default_value_t = 1, requires = "demo")]
    pub seed: u64,

    /// Header in which a proxy says the country of who sends; once for each [default: those of CloudFront, Cloudflare,
    /// Vercel and App Engine]
    #[arg(long = "country-header", value_name = "NAME")]
    pub country_headers: Vec<HeaderName>,

    /// Whom the checks of reports may call.
    #[command(flatten)]
    pub webhooks: WebhookArgs,

    /// How it serves.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// `weir import`
#[derive(Debug, Args)]
#[command(after_help = IMPORT_AFTER_HELP)]
pub struct ImportArgs {
    /// Files with one JSON event a line (.ndjson, .jsonl), plain or compressed (.gz, .zst); - is standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// Where the events go.
    #[command(flatten)]
    pub lake: LakeArg,

    /// The source that the events belong to, within which an event id counts once; dev is that of events sent without a key
    #[arg(long, value_name = "NAME", default_value = "dev")]
    pub source: String,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `weir funnel`
#[derive(Debug, Default, Args)]
#[command(override_usage = FUNNEL_USAGE, after_help = FUNNEL_AFTER_HELP)]
pub struct FunnelArgs {
    /// Which lake to ask.
    #[command(flatten)]
    pub lake: LakeArg,

    /// What to ask.
    #[command(flatten)]
    pub question: QuestionArgs,

    /// How to ask.
    #[command(flatten)]
    pub ask: AskArgs,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A funnel, as options, a document, or both.
#[derive(Debug, Default, Args)]
pub struct QuestionArgs {
    /// A step, as `EVENT [where CONDITIONS] [| EVENT…] [as LABEL]`; once for each step, in order
    #[arg(long = "step", value_name = "STEP", conflicts_with = "spec")]
    pub steps: Vec<String>,

    /// The question as a JSON document; - is standard input
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,

    /// Look only at events with these properties, as `price >= 100 and country = KR`; all must hold
    #[arg(long = "where", value_name = "CONDITIONS")]
    pub conditions: Vec<String>,

    /// The longest time from the first to the last step, such as 30m, 1d or 2w; or session: all in one [default: 14d]
    #[arg(long, value_name = "DURATION")]
    pub window: Option<String>,

    /// Steps in the order given (ordered), with nothing else in between (strict), or in whichever order (any) [default:
    /// ordered]
    #[arg(long, value_parser = ["ordered", "strict", "any"], hide_possible_values = true)]
    pub order: Option<String>,

    /// This step may be passed over; once for each
    #[arg(long, value_name = "N")]
    pub optional: Vec<u64>,

    /// What must not happen between two steps, as `EVENT [where CONDITIONS] [| EVENT…] [between N and M]`
    #[arg(long, value_name = "EXCLUSION")]
    pub exclude: Vec<String>,

    /// Where it does happen, there is no such attempt (block), or the user is not counted at all (drop_user) [default:
    /// block]
    #[arg(long, value_parser = ["block", "drop_user"], hide_possible_values = true)]
    pub exclusion: Option<String>,

    /// This property has the same value in all steps; once for each
    #[arg(long, value_name = "PROPERTY")]
    pub hold: Vec<String>,

    /// Only users who did this, as `EVENT [where CONDITIONS] [at least N] [at most N] [last DURATION]`, or `EVENT never`;
    /// once for each
    #[arg(long, value_name = "COHORT")]
    pub cohort: Vec<String>,

    /// Count users, sessions or attempts [default: users]
    #[arg(long, value_parser = ["users", "sessions", "attempts"], hide_possible_values = true)]
    pub count: Option<String>,

    /// Also count by when the first step happened: hour, day, week or month
    #[arg(long, value_parser = ["hour", "day", "week", "month"], hide_possible_values = true)]
    pub interval: Option<String>,

    /// Also answer for the period before: previous
    #[arg(long, value_parser = ["previous"], hide_possible_values = true)]
    pub compare: Option<String>,

    /// The first step happened at or after this date (in --timezone) or instant
    #[arg(long, value_name = "DATE")]
    pub from: Option<String>,

    /// The first step happened on or before this date, or before this instant
    #[arg(long, value_name = "DATE")]
    pub to: Option<String>,

    /// The first step happened in the last so much time, such as 30d
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["from", "to"])]
    pub last: Option<String>,

    /// The time zone that dates are in, such as Asia/Seoul [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,

    /// When a step is later than the one before: its time is not smaller (lenient), it also arrived later (arrival),
    /// its time is greater (strict) [default: lenient]
    #[arg(long, value_parser = ["lenient", "arrival", "strict"], hide_possible_values = true)]
    pub ties: Option<String>,

    /// Count the users of each value of this property apart, such as country or context.platform
    #[arg(long, value_name = "PROPERTY")]
    pub breakdown: Option<String>,

    /// The step whose event has the property [default: 1]
    #[arg(long, value_name = "N")]
    pub breakdown_step: Option<u64>,

    /// List so many values; the others are summed [default: 10]
    #[arg(long, value_name = "N")]
    pub breakdown_limit: Option<u64>,

    /// Answer from this version of the lake instead of the newest
    #[arg(long, value_name = "N")]
    pub at_version: Option<u64>,

    /// Also list users at a step: those who took it (converted), who took the one before and have no more time (dropped), or still
    /// have time (open)
    #[arg(long, value_name = "STATE", value_parser = ["converted", "dropped", "open"], hide_possible_values = true)]
    pub users: Option<String>,

    /// The step whose users are listed [default: the last]
    #[arg(long, value_name = "N", requires = "users")]
    pub users_step: Option<u64>,

    /// List so many users, the latest first [default: 100]
    #[arg(long, value_name = "N", requires = "users")]
    pub users_limit: Option<u64>,
}

/// `weir events`
#[derive(Debug, Args)]
#[command(after_help = EVENTS_AFTER_HELP)]
pub struct EventsArgs {
    /// Show this event in full: days, sources, properties with their types and most frequent values
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// Which lake to ask.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `weir stats`
#[derive(Debug, Args)]
pub struct StatsArgs {
    /// Which lake to look at.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `weir compact`
#[derive(Debug, Args)]
pub struct CompactArgs {
    /// Which lake to compact.
    #[command(flatten)]
    pub lake: LakeArg,

    /// Stop after so many seconds; what is merged until then stays, and the next run goes on
    #[arg(long, value_name = "SECONDS")]
    pub time_limit: Option<u32>,

    /// Only show what would be merged
    #[arg(long)]
    pub dry_run: bool,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `weir demo`
#[derive(Debug, Args)]
#[command(after_help = DEMO_AFTER_HELP)]
pub struct DemoArgs {
    /// How many events
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub events: u64,

    /// Another seed gives other people
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// The last instant: RFC 3339, or now
    #[arg(long, value_name = "TIME", default_value = "2026-06-30T00:00:00Z", value_parser = end)]
    pub end: End,

    /// How many days of events
    #[arg(long, value_name = "N", default_value_t = DemoConfig::DEFAULT_DAYS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub days: u32,
}

/// When generated events end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// When the command is run.
    Now,
    /// At this instant, in milliseconds since 1970.
    At(i64),
}

fn end(text: &str) -> Result<End, String> {
    if text == "now" {
        return Ok(End::Now);
    }
    let instant = chrono::DateTime::parse_from_rfc3339(text);
    let instant = instant.map_err(|_| "expected an instant such as 2026-06-30T00:00:00Z, or now".to_owned())?;
    Ok(End::At(instant.timestamp_millis()))
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
