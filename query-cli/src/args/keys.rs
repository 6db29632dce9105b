//! The command line of `weir keys`.

use std::num::NonZeroU32;

use clap::{Args, Subcommand};
use ingest_fn::keys::{Origin, SourceName};
use ingest_fn::plan::PlanMode;
use weir_core::spec::duration_ms;

use super::plan::plan_mode;
use super::{LakeArg, OutputArgs};

const AFTER_HELP: &str = "\
Examples:
  weir keys add --source web --origin https://shop.example --lake ./lake
  weir keys add --source ios --events-per-second 200 --burst 5000 --lake ./lake
  weir keys set wk_3f --plan warn --events-per-second any --lake ./lake
  weir keys rotate wk_3f --grace 7d --lake ./lake

A write key is public: it lets events in under the name of its source, and lets nobody read.
A running `weir dev` takes up a change within seconds. Where a command asks for a KEY, its first
characters do.";

/// A key that was replaced goes on for so long.
pub const DEFAULT_GRACE: &str = "24h";
/// The longest time that a replaced key goes on, in days.
const LONGEST_GRACE_DAYS: i64 = 3_650;

/// `weir keys`
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key for a source, and print it
    Add(AddKeyArgs),
    /// Change what a key may do; what is not named stays as it is
    Set(SetKeyArgs),
    /// List the keys of a lake
    List(ListKeysArgs),
    /// Switch a key off: events that come with it are refused
    Disable(OneKeyArgs),
    /// Switch a key on again, or let one that was replaced go on
    Enable(OneKeyArgs),
    /// Replace a key: print a new one like it, and let the old one go on for a while
    Rotate(RotateKeyArgs),
}

/// `weir keys add`
#[derive(Debug, Args)]
pub struct AddKeyArgs {
    /// The source of the events that come with the key, such as web or ios
    #[arg(long, value_name = "NAME", value_parser = SourceName::parse)]
    pub source: SourceName,

    /// Pages of this origin (scheme and host) may use it; once for each [default: of any]
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = Origin::parse)]
    pub origins: Vec<Origin>,

    /// It may bring so many events a second [default: any number]
    #[arg(long, value_name = "N")]
    pub events_per_second: Option<NonZeroU32>,

    /// It may bring so many events at once after a pause [default: ten seconds' worth]
    #[arg(long, value_name = "N", requires = "events_per_second")]
    pub burst: Option<NonZeroU32>,

    /// Store the IP address of who sends with each event, as context.ip [default: it is stored nowhere]
    #[arg(long)]
    pub store_ip: bool,
    /// What follows where an event departs from the tracking plan: nothing, it is flagged, it is refused
    #[arg(long, value_name = "MODE", default_value = "off", value_parser = plan_mode())]
    pub plan: PlanMode,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonKeysArgs,
}

/// `weir keys set`
#[derive(Debug, Args)]
pub struct SetKeyArgs {
    /// The key, or its first characters
    #[arg(value_name = "KEY")]
    pub key: String,

    /// What to change.
    #[command(flatten)]
    pub changes: KeyChanges,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonKeysArgs,
}

/// What changes of a key; at least one thing does.
#[derive(Debug, Clone, Default, Args)]
#[group(required = true, multiple = true)]
pub struct KeyChanges {
    /// What follows where an event departs from the tracking plan: nothing, it is flagged, it is refused
    #[arg(long, value_name = "MODE", value_parser = plan_mode())]
    pub plan: Option<PlanMode>,

    /// Pages of this origin may use it, and of no other but those named here; once for each, or any
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = OriginsChange::parse)]
    pub origins: Vec<OriginsChange>,

    /// It may bring so many events a second, or any
    #[arg(long, value_name = "N", value_parser = |text: &str| OtherLimit::parse(text, "any"))]
    pub events_per_second: Option<OtherLimit>,

    /// It may bring so many events at once after a pause; default is ten seconds' worth
    #[arg(long, value_name = "N", value_parser = |text: &str| OtherLimit::parse(text, "default"))]
    pub burst: Option<OtherLimit>,
}

/// One `--origin` of `weir keys set`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginsChange {
    /// Those of any origin.
    Any,
    /// Those of this one.
    Of(Origin),
}

impl OriginsChange {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "any" { Ok(Self::Any) } else { Origin::parse(text).map(Self::Of) }
    }
}

/// A number that replaces another, or takes it away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherLimit {
    /// As it is without one.
    None,
    /// This one.
    Of(NonZeroU32),
}

impl OtherLimit {
    fn parse(text: &str, none: &str) -> Result<Self, String> {
        if text == none {
            return Ok(Self::None);
        }
        let number = text.parse().map(Self::Of);
        number.map_err(|_| format!("expected a whole number from 1 to {}, or `{none}`", u32::MAX))
    }

    /// The number, if there is one.
    pub fn number(self) -> Option<NonZeroU32> {
        match self {
            Self::None => None,
            Self::Of(number) => Some(number),
        }
    }
}

/// `weir keys list`
#[derive(Debug, Args)]
pub struct ListKeysArgs {
    /// Lake and output.
    #[command(flatten)]
    pub common: CommonKeysArgs,
}

/// `weir keys disable`, `weir keys enable`
#[derive(Debug, Args)]
pub struct OneKeyArgs {
    /// The key, or its first characters
    #[arg(value_name = "KEY")]
    pub key: String,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonKeysArgs,
}

/// `weir keys rotate`
#[derive(Debug, Args)]
pub struct RotateKeyArgs {
    /// The key to replace, or its first characters
    #[arg(value_name = "KEY")]
    pub key: String,

    /// The old key goes on for so long, such as 24h or 7d; 0 ends it at once
    #[arg(long, value_name = "DURATION", default_value = DEFAULT_GRACE, value_parser = grace)]
    pub grace: i64,

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonKeysArgs,
}

/// What all of them take.
#[derive(Debug, Args)]
pub struct CommonKeysArgs {
    /// Whose keys.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// How long a key that was replaced goes on, in milliseconds.
///
/// # Errors
/// What was expected.
pub fn grace(text: &str) -> Result<i64, String> {
    if text == "0" { Ok(0) } else { duration_ms(text, LONGEST_GRACE_DAYS) }
}
