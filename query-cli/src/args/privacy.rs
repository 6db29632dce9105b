//! The command line of `weir privacy`.

use clap::{Args, Subcommand, ValueEnum};
use ingest_fn::keys::SourceName;
use ingest_fn::privacy::Action;

use super::{LakeArg, OutputArgs};

const AFTER_HELP: &str = "\
Examples:
  weir privacy add --property email --action hash --lake ./lake
  weir privacy add --property cart.card --action drop --source web --lake ./lake
  weir privacy add --property context.ip --action hash --lake ./lake
  weir privacy add --property user_id --action hash --lake ./lake

A rule holds for what is sent or imported after it. Events that are in the lake stay as they are.
A hash takes the place of a value, so that it can be counted still. Equal values have equal hashes.";

/// `weir privacy`
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct PrivacyArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: PrivacyCommand,
}

/// What can be done with rules.
#[derive(Debug, Subcommand)]
pub enum PrivacyCommand {
    /// Drop or hash a property from now on
    Add(AddRuleArgs),
    /// List the rules of a lake
    List(ListRulesArgs),
    /// Store a property as it is again
    Remove(RemoveRuleArgs),
}

/// `weir privacy add`
#[derive(Debug, Args)]
pub struct AddRuleArgs {
    /// Which values.
    #[command(flatten)]
    pub about: RuleArgs,

    /// Leave the value out, or put a hash in its place
    #[arg(long, value_enum)]
    pub action: ActionArg,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonPrivacyArgs,
}

/// `weir privacy list`
#[derive(Debug, Args)]
pub struct ListRulesArgs {
    /// Lake and output.
    #[command(flatten)]
    pub common: CommonPrivacyArgs,
}

/// `weir privacy remove`
#[derive(Debug, Args)]
pub struct RemoveRuleArgs {
    /// Which values.
    #[command(flatten)]
    pub about: RuleArgs,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonPrivacyArgs,
}

/// What a rule is about.
#[derive(Debug, Args)]
pub struct RuleArgs {
    /// The property, such as email, cart.card or context.traits.email; or user_id
    #[arg(long, value_name = "PROPERTY")]
    pub property: String,

    /// Only in events of this source [default: of any]
    #[arg(long, value_name = "NAME", value_parser = SourceName::parse)]
    pub source: Option<SourceName>,

    /// Only in events of this name [default: of any]
    #[arg(long, value_name = "NAME")]
    pub event: Option<String>,
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ActionArg {
    /// It is left out.
    Drop,
    /// A hash takes its place.
    Hash,
}

impl From<ActionArg> for Action {
    fn from(action: ActionArg) -> Self {
        match action {
            ActionArg::Drop => Self::Drop,
            ActionArg::Hash => Self::Hash,
        }
    }
}

/// What all of them take.
#[derive(Debug, Args)]
pub struct CommonPrivacyArgs {
    /// Whose rules.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}
