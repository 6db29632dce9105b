//! The command line of `weir embeds`.

use clap::{Args, Subcommand};

use super::{LakeArg, OutputArgs};
use crate::tokens::token_name;

const AFTER_HELP: &str = "\
Examples:
  weir embeds add --name wiki --report 0190a2b4-7c1e-7000-8000-000000000001 --lake s3://bucket/lake
  weir embeds list --lake s3://bucket/lake
  weir embeds disable wiki --lake s3://bucket/lake

Whoever has the link sees the answer of that report as it is saved now, and nothing else of the
lake. Open ADDRESS/#embed=TOKEN, or put it into a frame of a site that `weir serve` names with
--frame-ancestor. The token is shown once: the lake keeps only a hash of it.";

/// `weir embeds`
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct EmbedsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: EmbedsCommand,
}

/// What can be done with embeds.
#[derive(Debug, Subcommand)]
pub enum EmbedsCommand {
    /// Make a link, and print its token: it cannot be shown again
    Add(AddEmbedArgs),
    /// List the embeds of a lake, without their token
    List(ListEmbedsArgs),
    /// Switch one off: its link shows nothing more within seconds
    Disable(DisableEmbedArgs),
}

/// `weir embeds add`
#[derive(Debug, Args)]
pub struct AddEmbedArgs {
    /// What to call it
    #[arg(long, value_name = "NAME", value_parser = token_name)]
    pub name: String,

    /// The id of the report: `weir reports list` shows them
    #[arg(long, value_name = "ID")]
    pub report: String,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonEmbedsArgs,
}

/// `weir embeds list`
#[derive(Debug, Args)]
pub struct ListEmbedsArgs {
    /// Lake and output.
    #[command(flatten)]
    pub common: CommonEmbedsArgs,
}

/// `weir embeds disable`
#[derive(Debug, Args)]
pub struct DisableEmbedArgs {
    /// Which one
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonEmbedsArgs,
}

/// What all of them take.
#[derive(Debug, Args)]
pub struct CommonEmbedsArgs {
    /// Whose embeds.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}
