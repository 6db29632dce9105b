//! One module a command: from checked arguments to a printed result.
//!
//! | module | command | prints |
//! |---|---|---|
//! | [`dev`] | `weir dev` | where it listens |
//! | [`import`] | `weir import` | accepted, duplicate and rejected events |
//! | [`funnel`] | `weir funnel` | how many users took some steps |
//! | [`events`] | `weir events` | names and counts; one event in full |
//! | [`sql`] | `weir sql` | the rows of a query |
//! | [`failed`] | `weir failed` | what was sent and not taken |
//! | [`keys`] | `weir keys` | the keys that apps send events with |
//! | [`privacy`] | `weir privacy` | which properties are dropped or hashed |
//! | [`plan`] | `weir plan` | which events an app is meant to send, and what departs from that |
//! | [`stats`] | `weir stats` | the figures of a lake |
//! | [`compact`] | `weir compact` | files and bytes before and after |
//! | [`delete_user`] | `weir delete-user` | what of a user was erased, and what remains |
//! | [`retention`] | `weir retention` | how long things are kept |
//! | [`vacuum`] | `weir vacuum` | files that were removed |
//! | [`doctor`] | `weir doctor` | what is wrong with a lake |
//! | [`repair`] | `weir repair` | what was mended |
//! | [`demo`] | `weir demo` | generated events |

pub mod compact;
pub mod delete_user;
pub mod demo;
pub mod dev;
pub mod doctor;
pub mod events;
pub mod failed;
pub mod funnel;
pub mod import;
pub mod keys;
pub mod plan;
pub mod privacy;
pub mod repair;
pub mod retention;
pub mod sql;
pub mod stats;
pub mod vacuum;

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use weir_lake::store::IfMissing;
use weir_lake::{Snapshot, Store};

use crate::args::{Command, LakeArg};
use crate::engine::Engine;
use crate::error::Failure;
use crate::output;
use weir_core::ports::SystemClock;

/// Runs a command to its end.
///
/// # Errors
/// What a person is to be told, with the exit code.
pub async fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Dev(args) => dev::run(args).await,
        Command::Import(args) => import::run(args).await,
        Command::Funnel(args) => funnel::run(args).await,
        Command::Events(args) => events::run(args).await,
        Command::Sql(args) => sql::run(args).await,
        Command::Failed(args) => failed::run(args).await,
        Command::Keys(args) => keys::run(args).await,
        Command::Privacy(args) => privacy::run(args).await,
        Command::Plan(args) => plan::run(args).await,
        Command::Stats(args) => stats::run(args).await,
        Command::Compact(args) => compact::run(args).await,
        Command::DeleteUser(args) => delete_user::run(args).await,
        Command::Retention(args) => retention::run(args).await,
        Command::Vacuum(args) => vacuum::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Repair(args) => repair::run(args).await,
        Command::Demo(args) => demo::run(args),
    }
}

/// The store of a lake that must be there.
async fn open_store(lake: &LakeArg) -> Result<Store, Failure> {
    Ok(Store::open(lake.url()?, IfMissing::Fail).await?)
}

/// What answers questions of a lake.
async fn engine(lake: &LakeArg) -> Result<Engine, Failure> {
    Ok(Engine::new(open_store(lake).await?, Arc::new(SystemClock)))
}

/// Says what answers from a snapshot leave out, if anything. Not for `--quiet` to keep back: the answer is not whole.
fn say_foreign(snapshot: &Snapshot) {
    if let Some(note) = snapshot.foreign_note() {
        output::say(note);
    }
}

/// The text of a file; `-` is standard input.
fn read_text(file: &Path) -> Result<String, Failure> {
    if file.as_os_str() != "-" {
        return std::fs::read_to_string(file)
            .map_err(|e| Failure::failed(format!("cannot read `{}`: {e}", file.display())));
    }
    let mut text = String::new();
    let read = io::stdin().lock().read_to_string(&mut text);
    read.map_err(|e| Failure::failed(format!("cannot read standard input: {e}")))?;
    Ok(text)
}
