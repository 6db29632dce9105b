//! The command line of `weir tokens`.

use clap::{Args, Subcommand};

use super::{LakeArg, OutputArgs};
use crate::tokens::{Role, token_name};

const AFTER_HELP: &str = "\
Examples:
  weir tokens add --name ana --role admin --lake s3://bucket/lake
  weir tokens add --name dashboards --role viewer --lake s3://bucket/lake
  weir tokens disable ana --lake s3://bucket/lake

A token lets its holder ask questions of a server that `weir serve` runs, and is to be kept
secret. It is shown once: the lake keeps only a hash of it. Whoever writes the lake's folder can
make one.";

/// `weir tokens`
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct TokensArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: TokensCommand,
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokensCommand {
    /// Make a token, and print it: it cannot be shown again
    Add(AddTokenArgs),
    /// List the tokens of a lake, without their text
    List(ListTokensArgs),
    /// Switch a token off: its holder is logged out within seconds
    Disable(DisableTokenArgs),
}

/// `weir tokens add`
#[derive(Debug, Args)]
pub struct AddTokenArgs {
    /// Whose it is; what they save has this name beside it
    #[arg(long, value_name = "NAME", value_parser = token_name)]
    pub name: String,

    /// What they may do
    #[arg(long, value_name = "ROLE", value_enum)]
    pub role: Role,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonTokensArgs,
}

/// `weir tokens list`
#[derive(Debug, Args)]
pub struct ListTokensArgs {
    /// Lake and output.
    #[command(flatten)]
    pub common: CommonTokensArgs,
}

/// `weir tokens disable`
#[derive(Debug, Args)]
pub struct DisableTokenArgs {
    /// Whose it is
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonTokensArgs,
}

/// What all of them take.
#[derive(Debug, Args)]
pub struct CommonTokensArgs {
    /// Whose tokens.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}
