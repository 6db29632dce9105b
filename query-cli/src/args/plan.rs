//! The command line of `weir plan`, and the modes that keys have.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use ingest_fn::plan::PlanMode;

use super::{LakeArg, OutputArgs};

const AFTER_HELP: &str = "\
Examples:
  weir plan infer --lake ./lake > plan.yaml      a draft from the events that are there
  weir plan check plan.yaml                      is it a plan?
  weir plan check plan.yaml events.ndjson        do these events keep to it? (exit code 1 if not)
  weir plan diff plan.yaml --lake ./lake         where plan and events have grown apart
  weir plan set plan.yaml --lake ./lake          put it in force
  weir keys set wk_3f --plan warn --lake ./lake  flag the events of a key that depart from it

A plan is YAML or JSON:
  weir_plan: 1
  events:
    apply_submit:
      owner: growth
      properties:
        job_id: {type: string, required: true}
        channel: {enum: [web, ios]}

A plan in force does nothing by itself: each key says what follows (off, warn, enforce).";

/// `weir plan`
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct PlanArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: PlanCommand,
}

/// What can be done with plans.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Check a plan, and the events of files or of a lake against it
    Check(CheckPlanArgs),
    /// Show where a plan and the events of a lake have grown apart
    Diff(DiffPlanArgs),
    /// Draft a plan from the events of a lake
    Infer(InferPlanArgs),
    /// Put a plan in force
    Set(SetPlanArgs),
    /// Print the plan in force
    Show(ShowPlanArgs),
    /// Take the plan out of force
    Unset(UnsetPlanArgs),
}

/// `weir plan check`
#[derive(Debug, Args)]
pub struct CheckPlanArgs {
    /// The plan, YAML or JSON; - is standard input
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,

    /// Files with one JSON event a line, plain or compressed, to hold against the plan
    #[arg(value_name = "EVENTS")]
    pub events: Vec<PathBuf>,

    /// A lake, whose events to hold against the plan; never taken from WEIR_LAKE
    #[arg(long, value_name = "URL")]
    pub lake: Option<String>,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `weir plan diff`
#[derive(Debug, Args)]
pub struct DiffPlanArgs {
    /// The plan, YAML or JSON; - is standard input [default: the one in force]
    #[arg(value_name = "PLAN")]
    pub plan: Option<PathBuf>,

    /// Which lake.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `weir plan infer`
#[derive(Debug, Args)]
pub struct InferPlanArgs {
    /// Which lake.
    #[command(flatten)]
    pub lake: LakeArg,

    /// Look at no more than about so many events of each name, spread evenly
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub sample: u64,

    /// How to print the plan
    #[arg(long, value_enum, default_value_t)]
    pub format: DocumentFormat,

    /// Print nothing but the plan and errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// `weir plan set`
#[derive(Debug, Args)]
pub struct SetPlanArgs {
    /// The plan, YAML or JSON; - is standard input
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,

    /// Which lake.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `weir plan show`
#[derive(Debug, Args)]
pub struct ShowPlanArgs {
    /// Which lake.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print the plan
    #[arg(long, value_enum, default_value_t)]
    pub format: DocumentFormat,
}

/// `weir plan unset`
#[derive(Debug, Args)]
pub struct UnsetPlanArgs {
    /// Which lake.
    #[command(flatten)]
    pub lake: LakeArg,

    /// Print nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// How a document is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DocumentFormat {
    /// For people
    #[default]
    Yaml,
    /// For programs
    Json,
}

/// Reads one of `off`, `warn` and `enforce`.
pub(super) fn plan_mode() -> impl TypedValueParser<Value = PlanMode> {
    let names = PossibleValuesParser::new(PlanMode::ALL.map(PlanMode::name));
    // The parser lets nothing pass but these names.
    names.map(|name| PlanMode::ALL.into_iter().find(|mode| mode.name() == name).unwrap_or_default())
}
