//! The command lines of `weir doctor` and `weir repair`.

use std::time::Duration;

use clap::Args;
use url::Url;

use super::openid::address;
use super::{LakeArg, OutputArgs};
use crate::outside::Outside;

const DOCTOR_AFTER_HELP: &str = "\
Examples:
  weir doctor --lake ./lake
  weir doctor --deep --lake s3://bucket/lake
  weir doctor --lake ./lake --format json
  weir doctor --lake s3://bucket/lake --collector https://events.example --page https://weir.example

With --collector it also looks from outside: it sends an event, follows its receipt, asks the lake for
it, and says which part fails. That event, `weir_doctor` of the user `weir-doctor`, stays.

Each finding says what was found, what it means for counts, and what to do. Errors and warnings end the
command with exit code 1; notes alone, and a lake without findings, with 0.";

const REPAIR_AFTER_HELP: &str = "\
Examples:
  weir repair --lake ./lake                  what would be done
  weir repair --yes --lake ./lake            does it
  weir repair --deep --yes --lake ./lake     after reading all rows: also order, and events that are there twice
  weir repair --accept-loss --lake ./lake    what would be done, and lost, if what cannot be read were given up

Nothing is lost without --accept-loss. Old files stay in the store, for old versions and for a second look.";

/// `weir doctor`
#[derive(Debug, Args)]
#[command(after_help = DOCTOR_AFTER_HELP)]
pub struct DoctorArgs {
    /// Which lake to look at.
    #[command(flatten)]
    pub lake: LakeArg,

    /// Read all rows: whether they can be read, are in order, and are there once
    #[arg(long)]
    pub deep: bool,

    /// Do not make the object by which it is seen whether the store keeps its word: read only
    #[arg(long)]
    pub read_only: bool,

    /// Send an event to the collector at this address, and see it arrive
    #[arg(long, value_name = "URL", env = "WEIR_COLLECTOR", hide_env_values = true, value_parser = address)]
    pub collector: Option<Url>,

    /// The write key to send it with [default: one that the lake has]
    #[arg(long, value_name = "KEY", requires = "collector")]
    pub key: Option<String>,

    /// See whether the page at this address answers, and asks who is there
    #[arg(long, value_name = "URL", requires = "collector", value_parser = address)]
    pub page: Option<Url>,

    /// The event has to be in the lake within so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "90", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub wait: u64,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl DoctorArgs {
    /// What is looked at from outside, if anything.
    pub fn outside(&self) -> Option<Outside> {
        let collector = self.collector.clone()?;
        let (key, page) = (self.key.clone(), self.page.clone());
        Some(Outside { collector, key, page, patience: Duration::from_secs(self.wait) })
    }
}

/// `weir repair`
#[derive(Debug, Args)]
#[command(after_help = REPAIR_AFTER_HELP)]
pub struct RepairArgs {
    /// Which lake to mend.
    #[command(flatten)]
    pub lake: LakeArg,

    /// Read all rows first, to find what only they show
    #[arg(long)]
    pub deep: bool,

    /// Mend what was found; without it, only say what would be done
    #[arg(short, long)]
    pub yes: bool,

    /// Go on without what cannot be read: each loss is named, with its events and their times
    #[arg(long)]
    pub accept_loss: bool,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}
