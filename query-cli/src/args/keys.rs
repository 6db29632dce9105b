//! The command line of `weir keys`.

use std::num::NonZeroU32;

use clap::{Args, Subcommand};
use ingest_fn::keys::{Origin, SourceName};
use weir_core::spec::duration_ms;

use super::{LakeArg, OutputArgs};

const AFTER_HELP: &str = "\
Examples:
  weir keys add --source web --origin https://shop.example --lake ./lake
  weir keys add --source ios --events-per-second 200 --burst 5000 --lake ./lake
  weir keys rotate wk_3f --grace 7d --lake ./lake

A write key is public: it lets events in under the name of its source, and lets nobody read.
A running `weir dev` takes up a change within seconds. Where a command asks for a KEY, its first
characters do.";

/// A key that was replaced goes on for so long.
const DEFAULT_GRACE: &str = "24h";
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

    /// Lake and output.
    #[command(flatten)]
    pub common: CommonKeysArgs,
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

fn grace(text: &str) -> Result<i64, String> {
    if text == "0" { Ok(0) } else { duration_ms(text, LONGEST_GRACE_DAYS) }
}
