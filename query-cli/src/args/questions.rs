//! Options of questions: what all kinds have in common, and the kinds beside the funnel.

use std::path::PathBuf;

use clap::Args;

use super::{LakeArg, OutputArgs, QuestionArgs};

/// What all kinds of questions have in common.
#[derive(Debug, Default, Args)]
pub struct ScopeArgs {
    /// The question as a JSON document; - is standard input
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,

    /// Look only at events with these properties, as `price >= 100 and country = KR`; all must hold
    #[arg(long = "where", value_name = "CONDITIONS")]
    pub conditions: Vec<String>,

    /// Only users who did this, as `EVENT [where CONDITIONS] [at least N] [at most N] [last DURATION]`, or `EVENT never`;
    /// once for each
    #[arg(long, value_name = "COHORT")]
    pub cohort: Vec<String>,

    /// From this date (in --timezone) or instant on
    #[arg(long, value_name = "DATE")]
    pub from: Option<String>,

    /// Up to and including this date, or before this instant
    #[arg(long, value_name = "DATE")]
    pub to: Option<String>,

    /// The last so much time, such as 30d
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["from", "to"])]
    pub last: Option<String>,

    /// The time zone that dates are in, such as Asia/Seoul [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,

    /// Answer from this version of the lake instead of the newest
    #[arg(long, value_name = "N")]
    pub at_version: Option<u64>,
}

/// How a question is asked.
#[derive(Debug, Default, Args)]
pub struct AskArgs {
    /// Print the question as a JSON document for --spec, and do not ask it
    #[arg(long)]
    pub print_spec: bool,

    /// Show what it would take, files, bytes and requests, and do not ask it
    #[arg(long, conflicts_with = "print_spec")]
    pub dry_run: bool,

    /// Show how it would be answered, and do not ask it
    #[arg(long, conflicts_with_all = ["print_spec", "dry_run"])]
    pub explain: bool,

    /// Ask again with each new version of the lake, which is looked for every so many seconds [default: 5]
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..), conflicts_with_all = ["print_spec", "dry_run", "explain"])]
    pub watch: Option<u32>,
}

/// A breakdown of a question without steps.
#[derive(Debug, Default, Args)]
pub struct SplitArgs {
    /// Count each value of this property apart, such as country or context.platform
    #[arg(long, value_name = "PROPERTY")]
    pub breakdown: Option<String>,

    /// List so many values; the others are summed [default: 10]
    #[arg(long, value_name = "N")]
    pub breakdown_limit: Option<u64>,
}

const COMPLETION_AFTER_HELP: &str = "\
Put one of these where the shell reads it as it starts:
  source <(weir completion bash)                        ~/.bashrc
  source <(weir completion zsh)                         ~/.zshrc
  weir completion fish | source                         ~/.config/fish/config.fish
  weir completion powershell | Out-String | Invoke-Expression

Names of events and properties are those of the lake in --lake or WEIR_LAKE.";

/// `weir completion`
#[derive(Debug, Args)]
#[command(after_help = COMPLETION_AFTER_HELP)]
pub struct CompletionArgs {
    /// bash, zsh, fish, elvish or powershell
    #[arg(value_name = "SHELL", value_parser = clap::builder::PossibleValuesParser::new(crate::completion::shells()))]
    #[arg(hide_possible_values = true)]
    pub shell: String,
}

const TEST_AFTER_HELP: &str = "\
A file of tests is YAML or JSON:
  weir_test: 1
  events: events.ndjson              # beside this file; or a list of events
  now: 2026-02-01T00:00:00Z          # when it is asked; by default a year after the latest event
  tests:
    - name: who buys
      spec: buyers.json              # a question, or the name of its file
      expect: {steps: [{count: 3}, {count: 1}]}

Of what is expected, the fields that are named have to be in the answer as they are written; lists have to be as long.
Exit code 1 if a test fails.";

/// `weir test`
#[derive(Debug, Args)]
#[command(after_help = TEST_AFTER_HELP)]
pub struct TestArgs {
    /// Files of tests
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

const TRENDS_USAGE: &str = "\
weir trends --series SERIES [--series SERIES]… [OPTIONS]
       weir trends --spec FILE [OPTIONS]";

const TRENDS_AFTER_HELP: &str = "\
A series is the name of an event, with a measure before it and conditions, alternatives and a label behind it if need be:
  purchase
  users: view_item | view_list as visitors
  sum of price: purchase where country = KR
Measures:
  events (default)  users  per_user
  sum of P  average of P  min of P  max of P  median of P  p90 of P (p1 to p99), where P is a property

Examples:
  weir trends --series view_job --series 'users: view_job' --last 30d
  weir trends --series 'sum of price: purchase' --series 'users: purchase' --formula 'A / B' --interval week
  weir trends --series signup --breakdown country --cumulative --from 2026-01-01 --to 2026-03-31

Given beside --spec, --where adds to what the document says, and every other option replaces it.";

/// `weir trends`
#[derive(Debug, Default, Args)]
#[command(override_usage = TRENDS_USAGE, after_help = TRENDS_AFTER_HELP)]
pub struct TrendsArgs {
    /// Which lake to ask.
    #[command(flatten)]
    pub lake: LakeArg,

    /// What is counted, as `[MEASURE:] EVENT [where CONDITIONS] [| EVENT…] [as LABEL]`; once for each. The first is A
    #[arg(long, value_name = "SERIES", visible_alias = "event")]
    pub series: Vec<String>,

    /// What is reckoned from the series, as `A / B`; once for each
    #[arg(long, value_name = "FORMULA")]
    pub formula: Vec<String>,

    /// The buckets: hour, day, week or month [default: day]
    #[arg(long, value_parser = ["hour", "day", "week", "month"], hide_possible_values = true)]
    pub interval: Option<String>,

    /// Add up: each bucket has everything from the beginning of the range on
    #[arg(long)]
    pub cumulative: bool,

    /// Also the mean of so many buckets, each one and those before it
    #[arg(long, value_name = "N")]
    pub moving_average: Option<u64>,

    /// Also answer for the period before: previous
    #[arg(long, value_parser = ["previous"], hide_possible_values = true)]
    pub compare: Option<String>,

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

/// What an attempt is, for questions that rest on a funnel.
#[derive(Debug, Default, Args)]
pub struct AttemptArgs {
    /// A step, as `EVENT [where CONDITIONS] [| EVENT…] [as LABEL]`; once for each step, in order
    #[arg(long = "step", value_name = "STEP", conflicts_with = "spec")]
    pub steps: Vec<String>,

    /// The longest time from the first to the last step, such as 30m, 1d or 2w; or session: all in one [default: 14d]
    #[arg(long, value_name = "DURATION")]
    pub window: Option<String>,

    /// Steps in the order given (ordered), or with nothing else in between (strict) [default: ordered]
    #[arg(long, value_parser = ["ordered", "strict"], hide_possible_values = true)]
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

    /// When a step is later than the one before: its time is not smaller (lenient), it also arrived later (arrival),
    /// its time is greater (strict) [default: lenient]
    #[arg(long, value_parser = ["lenient", "arrival", "strict"], hide_possible_values = true)]
    pub ties: Option<String>,
}

impl AttemptArgs {
    /// The same as options of a funnel, which know how they become fields of a question.
    pub fn of_funnel(&self, scope: &ScopeArgs) -> QuestionArgs {
        QuestionArgs {
            steps: self.steps.clone(),
            window: self.window.clone(),
            order: self.order.clone(),
            optional: self.optional.clone(),
            exclude: self.exclude.clone(),
            exclusion: self.exclusion.clone(),
            hold: self.hold.clone(),
            ties: self.ties.clone(),
            spec: scope.spec.clone(),
            ..QuestionArgs::default()
        }
    }
}

const EXPERIMENT_USAGE: &str = "\
weir experiment --step STEP --step STEP… --variant PROPERTY [OPTIONS]
       weir experiment --spec FILE [OPTIONS]";

const EXPERIMENT_AFTER_HELP: &str = "\
Steps are those of `weir funnel`. The event of the first one shows a user the variant, unless --variant-step says another;
a success is to come to the last one, unless --metric-step says another.

The answer has Wilson intervals of rates, Newcombe's interval of their difference, a two-sided test (z, or Fisher's where
few users are expected in a cell), Holm's correction for several variants, and a check whether users are dealt out as
expected. docs/SEMANTICS.md says what each takes for granted.

Examples:
  weir experiment --step see_checkout --step purchase --variant checkout --control old --from 2026-01-01 --to 2026-01-31
  weir experiment --step 'see_price where plan = pro' --step purchase --variant price --variants 9,12 --window 7d
  weir experiment --step see_checkout --step purchase --variant checkout --expected old=0.9,new=0.1 --format json

Given beside --spec, --where and --optional add to what the document says, and every other option replaces it.";

/// `weir experiment`
#[derive(Debug, Default, Args)]
#[command(override_usage = EXPERIMENT_USAGE, after_help = EXPERIMENT_AFTER_HELP)]
pub struct ExperimentArgs {
    /// Which lake to ask.
    #[command(flatten)]
    pub lake: LakeArg,

    /// What an attempt is.
    #[command(flatten)]
    pub attempt: AttemptArgs,

    /// The property whose values are the variants, such as checkout or context.flags.checkout
    #[arg(long, value_name = "PROPERTY")]
    pub variant: Option<String>,

    /// The step whose event has it [default: 1]
    #[arg(long, value_name = "N")]
    pub variant_step: Option<u64>,

    /// The variant that the others are compared with [default: the first of --variants, or by value]
    #[arg(long, value_name = "VALUE")]
    pub control: Option<String>,

    /// Compare only these, as A,B; a text that looks like a number is put in quotes [default: all that are found]
    #[arg(long, value_name = "VALUES", value_delimiter = ',')]
    pub variants: Vec<String>,

    /// The share of users that each variant is meant to have, as A=0.9,B=0.1 [default: equal shares]
    #[arg(long, value_name = "SHARES", value_delimiter = ',')]
    pub expected: Vec<String>,

    /// The step that is a success [default: the last]
    #[arg(long, value_name = "N")]
    pub metric_step: Option<u64>,

    /// Users who were seen with several variants are left out (exclude), or in that of their attempt (count) [default:
    /// exclude]
    #[arg(long, value_parser = ["exclude", "count"], hide_possible_values = true)]
    pub mixed: Option<String>,

    /// How sure intervals are, from 0.5 to 0.999 [default: 0.95]
    #[arg(long, value_name = "SHARE", value_parser = finite)]
    pub confidence: Option<f64>,

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

/// A number that JSON can write.
fn finite(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| "expected a number such as 0.95".to_owned())
}
