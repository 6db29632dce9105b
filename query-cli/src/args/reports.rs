//! The command line of `weir reports`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{AskArgs, LakeArg, OutputArgs, WebhookArgs};

const AFTER_HELP: &str = "\
Examples:
  weir reports save --name Buyers --folder growth --spec buyers.json --lake ./lake
  weir reports list --lake ./lake
  weir reports run Buyers --lake ./lake
  weir reports check --lake ./lake
  weir reports save --id 0190f3a1 --revision 3 --spec buyers.json --lake ./lake

A report is a question that is kept in the lake, for the page and the command line alike. Every save
makes a revision; none is lost. Where a command asks for a REPORT, its name, its id or the first
characters of its id do.";

/// `weir reports`
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ReportsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ReportsCommand,
}

/// What can be done with reports.
#[derive(Debug, Subcommand)]
pub enum ReportsCommand {
    /// List the reports of a lake
    List(ListReportsArgs),
    /// Show a report, with its question
    Show(ShowReportArgs),
    /// List the revisions of a report, the newest first
    History(OneReportArgs),
    /// Keep a question as a report, or change one
    Save(Box<SaveReportArgs>),
    /// Remove a report; its revisions stay, and saving it brings it back
    Remove(RemoveReportArgs),
    /// Ask the question of a report, as its own command would
    Run(RunReportArgs),
    /// Run the checks of reports now, and fail if one of them does
    Check(CheckReportsArgs),
}

/// `weir reports list`
#[derive(Debug, Args)]
pub struct ListReportsArgs {
    /// List those that are removed instead
    #[arg(long)]
    pub removed: bool,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonReportsArgs,
}

/// `weir reports show`
#[derive(Debug, Args)]
pub struct ShowReportArgs {
    /// The report: its name, its id or the first characters of that
    #[arg(value_name = "REPORT")]
    pub report: String,

    /// This revision of it [default: the newest]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub revision: Option<u64>,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonReportsArgs,
}

/// `weir reports history`
#[derive(Debug, Args)]
pub struct OneReportArgs {
    /// The report: its name, its id or the first characters of that
    #[arg(value_name = "REPORT")]
    pub report: String,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonReportsArgs,
}

/// `weir reports save`
#[derive(Debug, Args)]
pub struct SaveReportArgs {
    /// What people call it; a new report needs one
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Where it lies, such as growth/weekly [default: the top]
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<String>,

    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,

    /// The question as a JSON document; - is standard input; a new report needs one
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,

    /// Change this report instead of making a new one: what is not given stays as it is
    #[arg(long, value_name = "REPORT")]
    pub id: Option<String>,

    /// The revision that was changed: if somebody has saved another since, nothing is written
    #[arg(long, value_name = "N", requires = "id", value_parser = clap::value_parser!(u64).range(1..))]
    pub revision: Option<u64>,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonReportsArgs,
}

/// `weir reports remove`
#[derive(Debug, Args)]
pub struct RemoveReportArgs {
    /// The report: its name, its id or the first characters of that
    #[arg(value_name = "REPORT")]
    pub report: String,

    /// Only if this is its newest revision
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub revision: Option<u64>,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonReportsArgs,
}

/// `weir reports run`
#[derive(Debug, Args)]
pub struct RunReportArgs {
    /// The report: its name, its id or the first characters of that
    #[arg(value_name = "REPORT")]
    pub report: String,

    /// How to ask.
    #[command(flatten)]
    pub ask: AskArgs,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonReportsArgs,
}

/// `weir reports check`
#[derive(Debug, Args)]
pub struct CheckReportsArgs {
    /// These reports, each by its name, its id or the first characters of that [default: all that have a check]
    #[arg(value_name = "REPORT")]
    pub reports: Vec<String>,

    /// Whom they may call.
    #[command(flatten)]
    pub webhooks: WebhookArgs,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonReportsArgs,
}

/// What all of them take.
#[derive(Debug, Args)]
pub struct CommonReportsArgs {
    /// Whose reports.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}
