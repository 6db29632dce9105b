//! Completion in shells: commands and options, and names of events and properties that the lake has.
//!
//! ```text
//!   source <(weir completion bash)        the shell asks `weir` itself from then on:
//!   weir funnel --step vie⇥               WEIR_COMPLETE=bash weir -- weir funnel --step vie
//! ```
//!
//! The lake is the one of `--lake` in the line that is being written, or of `WEIR_LAKE`. Where it cannot be read at once, no name is
//! offered: a line that is being written is no place for errors.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::Shells;
use tokio::runtime;
use weir_core::ports::SystemClock;
use weir_lake::Store;
use weir_lake::store::IfMissing;

use crate::args::{Cli, LakeArg};
use crate::catalogue::LakeCatalogue;
use crate::engine::Engine;

/// By this variable the shell asks.
const VARIABLE: &str = "WEIR_COMPLETE";

/// A shell waits so long for names.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a value names, by what the help calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Events,
    Properties,
}

impl Named {
    fn of(value_name: &str) -> Option<Self> {
        match value_name {
            "STEP" | "SERIES" | "EXCLUSION" | "COHORT" | "EVENT" => Some(Self::Events),
            "PROPERTY" => Some(Self::Properties),
            _ => None,
        }
    }
}

/// The shells that can be completed in.
pub fn shells() -> Vec<&'static str> {
    Shells::builtins().names().collect()
}

/// The script that makes a shell ask.
///
/// # Errors
/// There is no such shell.
pub fn script(shell: &str) -> std::io::Result<Vec<u8>> {
    let mut script = Vec::new();
    let known = Shells::builtins();
    let completer = known.completer(shell).ok_or_else(|| std::io::Error::other(format!("no shell `{shell}`")))?;
    completer.write_registration(VARIABLE, "weir", "weir", "weir", &mut script)?;
    Ok(script)
}

/// Answers a shell, if it is one that asks. `arguments` are those of the program.
///
/// # Errors
/// What the shell asks cannot be understood.
pub fn answer(arguments: Vec<OsString>, folder: Option<&Path>) -> Result<bool, clap::Error> {
    let lake = lake_in(&arguments);
    CompleteEnv::with_factory(|| with_names(Cli::command(), &lake)).var(VARIABLE).try_complete(arguments, folder)
}

/// The lake that a line names, or else the environment.
fn lake_in(arguments: &[OsString]) -> Option<String> {
    // What is behind the first `--` is the line.
    let line = arguments.iter().skip_while(|word| *word != "--").skip(1);
    let words: Vec<&str> = line.filter_map(|word| word.to_str()).collect();
    let behind = words.iter().position(|word| *word == "--lake").and_then(|at| words.get(at + 1).copied());
    let given = behind.or_else(|| words.iter().find_map(|word| word.strip_prefix("--lake=")));
    if let Some(given) = given {
        return Some(given.to_owned());
    }
    let command = LakeArg::augment_args(Command::new("weir"));
    command.try_get_matches_from(["weir"]).ok()?.get_one::<String>("lake").cloned()
}

/// A command whose options offer names of the lake.
fn with_names(mut command: Command, lake: &Option<String>) -> Command {
    let commands: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in commands {
        command = command.mut_subcommand(name, |mut sub| {
            let named = sub
                .get_arguments()
                .filter_map(|arg| Some((arg.get_id().clone(), Named::of(arg.get_value_names()?.first()?)?)));
            for (id, named) in named.collect::<Vec<_>>() {
                let lake = lake.clone();
                let complete = move |word: &OsStr| candidates(word, &names(named, lake.as_deref()));
                sub = sub.mut_arg(id, |arg| arg.add(ArgValueCompleter::new(complete)));
            }
            sub
        });
    }
    command
}

/// Names of the lake; none where it cannot be read at once.
fn names(named: Named, lake: Option<&str>) -> Vec<String> {
    let read = async {
        let store = Store::open(lake.unwrap_or_default(), IfMissing::Fail).await.ok()?;
        Engine::new(store, Arc::new(SystemClock)).catalogue().await.ok()
    };
    let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    let catalogue = runtime.block_on(async { tokio::time::timeout(PATIENCE, read).await.ok().flatten() });
    catalogue
        .map(|LakeCatalogue { catalogue, .. }| match named {
            Named::Events => catalogue.events.keys().cloned().collect(),
            Named::Properties => {
                let properties = catalogue.events.values().flat_map(|event| event.properties.keys().cloned());
                properties.collect::<BTreeSet<_>>().into_iter().collect()
            }
        })
        .unwrap_or_default()
}

/// The names that a word may go on with. A step may be behind a measure or another alternative: `users: a | b`.
fn candidates(word: &OsStr, names: &[String]) -> Vec<CompletionCandidate> {
    let word = word.to_string_lossy();
    let cut = word.rfind([':', '|']).map_or(0, |at| at + 1);
    let (head, begun) = word.split_at(cut);
    let space = begun.len() - begun.trim_start().len();
    let (space, begun) = begun.split_at(space);
    let fitting = names.iter().filter(|name| name.starts_with(begun));
    fitting.map(|name| CompletionCandidate::new(format!("{head}{space}{name}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(word: &str) -> Vec<String> {
        let names = ["view_item", "view_list", "Order Completed"].map(str::to_owned);
        let offered = candidates(OsStr::new(word), &names);
        offered.iter().map(|candidate| candidate.get_value().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn names_that_go_on_with_the_word_are_offered() {
        assert_eq!(offered("view"), ["view_item", "view_list"]);
        assert_eq!(offered("users: O"), ["users: Order Completed"]);
        assert_eq!(offered("view_item |view_l"), ["view_item |view_list"]);
        assert!(offered("nothing").is_empty());
        assert_eq!(offered("").len(), 3);
    }

    #[test]
    fn the_lake_of_the_line_is_the_one_that_is_asked() {
        let lake = |line: &[&str]| lake_in(&line.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(lake(&["weir", "--", "weir", "funnel", "--lake", "a", "--step"]).as_deref(), Some("a"));
        assert_eq!(lake(&["weir", "--", "weir", "funnel", "--lake=b", "--step"]).as_deref(), Some("b"));
    }

    #[test]
    fn every_shell_has_a_script_that_asks_weir() {
        assert!(shells().contains(&"bash") && shells().contains(&"zsh") && shells().contains(&"fish"));
        for shell in shells() {
            let script = String::from_utf8(script(shell).unwrap()).unwrap();
            assert!(script.contains(VARIABLE), "{shell}: {script}");
        }
        assert!(script("tcsh").is_err());
    }

    #[test]
    fn options_of_every_question_offer_names() {
        let command = with_names(Cli::command(), &None);
        let completes = |sub: &str, arg: &str| {
            let sub = command.find_subcommand(sub).unwrap();
            let arg = sub.get_arguments().find(|a| a.get_id() == arg).unwrap();
            arg.get::<ArgValueCompleter>().is_some()
        };
        assert!(completes("funnel", "steps") && completes("funnel", "hold") && completes("trends", "series"));
        assert!(!completes("funnel", "window"));
    }
}
