//! One module a command: from checked arguments to a printed result.
//!
//! | module | command | prints |
//! |---|---|---|
//! | [`dev`] | `weir dev` | where it listens |
//! | [`serve`] | `weir serve` | where it listens |
//! | [`import`] | `weir import` | accepted, duplicate and rejected events |
//! | [`funnel`] | `weir funnel` | how many users took some steps |
//! | [`trends`] | `weir trends` | how much there was, by day |
//! | [`experiment`] | `weir experiment` | whether users of one variant converted more often |
//! | [`paths`] | `weir paths` | what users did after an event, or before it |
//! | [`sessions`] | `weir sessions` | how many sessions there were, and what they were like |
//! | [`explain_user`] | `weir explain-user` | why one user did or did not go all the way |
//! | [`user`] | `weir user` | what one user did |
//! | [`retention`] | `weir retention` | who came back |
//! | [`activity`] | `weir lifecycle`, `weir stickiness` | which active users are new; on how many days users were active |
//! | [`events`] | `weir events` | names and counts; one event in full |
//! | [`sql`] | `weir sql` | the rows of a query |
//! | [`reports`] | `weir reports` | questions that are kept in the lake |
//! | [`checks`] | `weir reports check` | which of them do not hold |
//! | [`mod@test`] | `weir test` | which questions are answered as expected |
//! | [`failed`] | `weir failed` | what was sent and not taken |
//! | [`keys`] | `weir keys` | the keys that apps send events with |
//! | [`tokens`] | `weir tokens` | who may ask a server |
//! | [`privacy`] | `weir privacy` | which properties are dropped or hashed |
//! | [`plan`] | `weir plan` | which events an app is meant to send, and what departs from that |
//! | [`stats`] | `weir stats` | the figures of a lake |
//! | [`compact`] | `weir compact` | files and bytes before and after |
//! | [`delete_user`] | `weir delete-user` | what of a user was erased, and what remains |
//! | [`keep`] | `weir keep` | how long things are kept |
//! | [`vacuum`] | `weir vacuum` | files that were removed |
//! | [`doctor`] | `weir doctor` | what is wrong with a lake |
//! | [`repair`] | `weir repair` | what was mended |
//! | [`completion`] | `weir completion` | the script that completes command lines |
//! | [`demo`] | `weir demo` | generated events |

pub mod activity;
mod ask;
pub mod checks;
pub mod compact;
pub mod completion;
pub mod cost;
pub mod delete_user;
pub mod demo;
pub mod dev;
pub mod doctor;
pub mod embeds;
pub mod events;
pub mod experiment;
pub mod explain_user;
pub mod failed;
pub mod funnel;
pub mod import;
pub mod keep;
pub mod keys;
mod listening;
pub mod paths;
pub mod plan;
pub mod privacy;
mod question;
pub mod repair;
pub mod reports;
pub mod retention;
pub mod serve;
pub mod sessions;
pub mod sql;
pub mod stats;
pub mod test;
pub mod tokens;
pub mod trends;
pub mod user;
pub mod vacuum;

use std::fs::File;
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

/// The most bytes of a question that are read: what has no end is no question.
const MOST_TEXT: u64 = 16 * 1024 * 1024;

/// Runs a command to its end.
///
/// # Errors
/// What a person is to be told, with the exit code.
pub async fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Dev(args) => dev::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Import(args) => import::run(args).await,
        Command::Funnel(args) => funnel::run(args).await,
        Command::Trends(args) => trends::run(args).await,
        Command::Experiment(args) => experiment::run(args).await,
        Command::Paths(args) => paths::run(args).await,
        Command::Sessions(args) => sessions::run(args).await,
        Command::ExplainUser(args) => explain_user::run(args).await,
        Command::User(args) => user::run(args).await,
        Command::Retention(args) => retention::run(args).await,
        Command::Lifecycle(args) => activity::run("lifecycle", &args.activity).await,
        Command::Stickiness(args) => activity::run("stickiness", &args.activity).await,
        Command::Events(args) => events::run(args).await,
        Command::Sql(args) => sql::run(args).await,
        Command::Reports(args) => reports::run(args).await,
        Command::Test(args) => test::run(args).await,
        Command::Failed(args) => failed::run(args).await,
        Command::Keys(args) => keys::run(args).await,
        Command::Tokens(args) => tokens::run(args).await,
        Command::Cost(args) => cost::run(args),
        Command::Embeds(args) => embeds::run(args).await,
        Command::Privacy(args) => privacy::run(args).await,
        Command::Plan(args) => plan::run(args).await,
        Command::Stats(args) => stats::run(args).await,
        Command::Compact(args) => compact::run(args).await,
        Command::DeleteUser(args) => delete_user::run(args).await,
        Command::Keep(args) => keep::run(args).await,
        Command::Vacuum(args) => vacuum::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Repair(args) => repair::run(args).await,
        Command::Completion(args) => completion::run(args),
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
    let is_file = file.as_os_str() != "-";
    let name = if is_file { format!("`{}`", file.display()) } else { "standard input".to_owned() };
    let failed = |error: io::Error| Failure::failed(format!("cannot read {name}: {error}"));
    let mut bytes = Vec::new();
    let read = if is_file {
        File::open(file).map_err(failed)?.take(MOST_TEXT + 1).read_to_end(&mut bytes)
    } else {
        io::stdin().lock().take(MOST_TEXT + 1).read_to_end(&mut bytes)
    };
    if read.map_err(failed)? as u64 > MOST_TEXT {
        return Err(Failure::usage(format!("{name} has more than {MOST_TEXT} bytes; expected a question")));
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{name} is not UTF-8 text; expected a question")))
}
