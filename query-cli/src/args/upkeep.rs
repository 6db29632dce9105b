//! The command lines of `weir delete-user`, `weir keep` and `weir vacuum`.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use compact_fn::expire;

use super::{LakeArg, OutputArgs};

const DELETE_USER_AFTER_HELP: &str = "\
Examples:
  weir delete-user u-4711 --dry-run --lake ./lake
  weir delete-user u-4711 --anonymous-id 0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e --lake ./lake
  weir delete-user u-4711 --refuse-later --vacuum-now --yes --lake ./lake
  weir delete-user --allow-again u-4711 --lake ./lake
  weir delete-user --list --lake ./lake

Takes away every event of the user, and the failed events that mention them. Devices go with the
user if events of theirs link them (identify, alias). Events of other users on these devices stay,
without the device. The answer says what is done, where ids of the user still are, and until when.

If it is cut off, run it again, or let `weir dev` or `weir compact` finish it.";

const KEEP_AFTER_HELP: &str = "\
Examples:
  weir keep set --events 400d --failed 30d --lake ./lake
  weir keep show --lake ./lake
  weir keep unset events --lake ./lake

An event is too old by its own time, a failed event by its receipt. What is too old is gone after a
tenth of the retention more, at least one day and at most seven. `weir dev` and `weir compact` see
to it, at most once an hour.";

const VACUUM_AFTER_HELP: &str = "\
Examples:
  weir vacuum --dry-run --lake ./lake
  weir vacuum --keep 7d --lake ./lake

Removes files that no version needs which is the newest or was so within the last hour, and files
that no commit names once they are a day old. Older versions can be read no more then. `weir dev`
and `weir compact` do the same, at most once an hour.";

/// What is no erasure, and takes nothing that belongs to one.
const OTHERS: [&str; 2] = ["list", "allow_again"];

/// `weir delete-user`
#[derive(Debug, Args)]
#[command(after_help = DELETE_USER_AFTER_HELP)]
#[command(group = ArgGroup::new("what").required(true).args(["id", "allow_again", "list"]))]
pub struct DeleteUserArgs {
    /// The id of the user: a user_id, or an anonymous_id of somebody who has none
    #[arg(value_name = "ID", value_parser = id)]
    pub id: Option<String>,

    /// A device or browser of the user that no event of theirs links; once for each
    #[arg(long = "anonymous-id", value_name = "ID", value_parser = id, conflicts_with_all = OTHERS)]
    pub anonymous_ids: Vec<String>,

    /// Refuse events of these ids from now on
    #[arg(long, conflicts_with_all = OTHERS)]
    pub refuse_later: bool,

    /// Remove the files of old versions at once, also from under queries that run
    #[arg(long, conflicts_with = "dry_run", conflicts_with_all = OTHERS)]
    pub vacuum_now: bool,

    /// Say what would be erased, and change nothing
    #[arg(long, conflicts_with_all = OTHERS)]
    pub dry_run: bool,

    /// Do not ask whether to erase it
    #[arg(short, long, conflicts_with_all = OTHERS)]
    pub yes: bool,

    /// Take events of an erased user again
    #[arg(long, value_name = "ID", value_parser = id)]
    pub allow_again: Option<String>,

    /// List what was erased, without ids, for these are not kept
    #[arg(long)]
    pub list: bool,

    /// Which lake.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

fn id(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("an id has at least one character".to_owned()) } else { Ok(text.to_owned()) }
}

/// `weir keep`
#[derive(Debug, Args)]
#[command(after_help = KEEP_AFTER_HELP)]
pub struct KeepArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: KeepCommand,
}

/// What can be done with how long things are kept.
#[derive(Debug, Subcommand)]
pub enum KeepCommand {
    /// Show how long things are kept
    Show(ShowKeepArgs),
    /// Say how long things are kept
    Set(SetKeepArgs),
    /// Keep things for good again, and old versions for an hour
    Unset(UnsetKeepArgs),
}

/// `weir keep`, under the name that it had before: not shown in help, and as good as ever.
#[derive(Debug, Subcommand)]
pub enum FormerKeepCommand {
    /// Show how long things are kept
    #[command(hide = true)]
    Show(ShowKeepArgs),
    /// Say how long things are kept
    #[command(hide = true)]
    Set(SetKeepArgs),
    /// Keep things for good again, and old versions for an hour
    #[command(hide = true)]
    Unset(UnsetKeepArgs),
}

/// `weir keep show`
#[derive(Debug, Args)]
pub struct ShowKeepArgs {
    /// Which lake.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `weir keep set`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("kept").required(true).multiple(true).args(["events", "failed", "old_versions"]))]
pub struct SetKeepArgs {
    /// Keep events so long, such as 400d
    #[arg(long, value_name = "DURATION", value_parser = retention)]
    pub events: Option<String>,

    /// Keep failed events so long
    #[arg(long, value_name = "DURATION", value_parser = retention)]
    pub failed: Option<String>,

    /// Keep versions that are not the newest any more so long, at least 1h
    #[arg(long, value_name = "DURATION", value_parser = old_versions)]
    pub old_versions: Option<String>,

    /// Do not ask, though something is too old already
    #[arg(short, long)]
    pub yes: bool,

    /// Which lake.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `weir keep unset`
#[derive(Debug, Args)]
pub struct UnsetKeepArgs {
    /// What to keep
    #[arg(value_name = "WHAT", required = true, value_enum)]
    pub what: Vec<Kept>,

    /// Which lake.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What has a retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kept {
    /// Events.
    Events,
    /// Failed events.
    Failed,
    /// Versions that are not the newest any more.
    OldVersions,
}

fn retention(text: &str) -> Result<String, String> {
    expire::parse(text).map(|_| text.to_owned())
}

fn old_versions(text: &str) -> Result<String, String> {
    expire::parse_old(text).map(|_| text.to_owned())
}

/// `weir vacuum`
#[derive(Debug, Args)]
#[command(after_help = VACUUM_AFTER_HELP)]
pub struct VacuumArgs {
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Leave versions readable that were the newest within so much time, at least 1h [default: what `weir keep` says]
    #[arg(long, value_name = "DURATION", value_parser = expire::parse_old)]
    pub keep: Option<i64>,

    /// Which lake.
    #[command(flatten)]
    pub lake: LakeArg,

    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
}
