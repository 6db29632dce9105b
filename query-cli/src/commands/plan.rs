//! `weir plan`: which events an app is meant to send, in force for a lake or as a file.
//!
//! The commands that change or show the plan in force are here; `check` holds events against a plan, `compare` compares
//! a plan with what a lake has, and drafts one.

mod check;
mod compare;

use std::collections::BTreeMap;

use ingest_fn::keys::State;
use ingest_fn::plan::PlanMode;
use ingest_fn::settings_watch::{PLAN, POLL, keys_of};
use serde::Serialize;
use serde_json::{Map, Value, json};
use weir_core::ports::Clock;
use weir_lake::{Settings, Store, Table as LakeTable};

use super::open_store;
use crate::args::{DocumentFormat, LakeArg, PlanArgs, PlanCommand, SetPlanArgs, ShowPlanArgs, UnsetPlanArgs};
use crate::error::Failure;
use crate::output::{self, Results};
use crate::plan::document::read_plan;
use crate::plan::yaml;
use crate::render::numbers::counted;
use crate::render::table::{Align, Table};
use crate::render::{Records, Report};
use weir_core::ports::SystemClock;

/// Runs the command.
///
/// # Errors
/// Whatever is wrong with the plan, the lake or the files; and where `check` finds violations.
pub async fn run(args: &PlanArgs) -> Result<(), Failure> {
    match &args.command {
        PlanCommand::Check(args) => check::run(args).await,
        PlanCommand::Diff(args) => compare::diff(args).await,
        PlanCommand::Infer(args) => compare::infer(args).await,
        PlanCommand::Set(args) => set(args).await,
        PlanCommand::Show(args) => show(args).await,
        PlanCommand::Unset(args) => unset(args).await,
    }
}

/// The store of a lake: a folder that holds none is none.
async fn open_lake(lake: &LakeArg) -> Result<Store, Failure> {
    let store = open_store(lake).await?;
    LakeTable::must_exist(&store).await?;
    Ok(store)
}

/// The document in force.
async fn in_force(store: &Store) -> Result<Value, Failure> {
    let settings = Settings::newest(store).await?;
    settings.get::<Value>(PLAN)?.ok_or_else(|| {
        Failure::failed("the lake has no tracking plan")
            .hint("draft one with `weir plan infer`, and put it in force with `weir plan set PLAN`")
    })
}

async fn set(args: &SetPlanArgs) -> Result<(), Failure> {
    let (document, _) = read_plan(&args.plan)?;
    let store = open_lake(&args.lake).await?;
    let (before, settings) = Settings::update(&store, |settings| -> Result<_, Failure> {
        let before = settings.get::<Value>(PLAN)?;
        settings.set(PLAN, &document)?;
        Ok((before, settings.clone()))
    })
    .await?;
    output::print(&Changes::between(before.as_ref(), &document), args.output.format)?;
    if !args.output.quiet {
        output::say(who_checks(&settings)?);
    }
    Ok(())
}

/// Which keys hold their events against the plan, and what to do if none does.
fn who_checks(settings: &Settings) -> Result<String, Failure> {
    let now_ms = SystemClock.now_ms();
    let keys = keys_of(settings)?;
    let of = |mode: PlanMode| {
        keys.iter().filter(|key| key.plan == mode && key.state(now_ms) != State::Disabled).count() as u64
    };
    let (warn, enforce) = (of(PlanMode::Warn), of(PlanMode::Enforce));
    Ok(if warn + enforce == 0 {
        "no key holds its events against the plan yet; let one with `weir keys set KEY --plan warn`".to_owned()
    } else {
        let seconds = POLL.as_secs();
        format!(
            "{} flagged and {} refused by it; a running collector knows within {seconds} s",
            whose(warn),
            whose(enforce)
        )
    })
}

fn whose(keys: u64) -> String {
    format!("events of {} are", counted(keys, "key"))
}

async fn show(args: &ShowPlanArgs) -> Result<(), Failure> {
    let document = in_force(&open_lake(&args.lake).await?).await?;
    print_document(&document, &BTreeMap::new(), args.format)
}

fn print_document(
    document: &Value,
    notes: &BTreeMap<Vec<String>, String>,
    format: DocumentFormat,
) -> Result<(), Failure> {
    let mut results = Results::stdout();
    match format {
        DocumentFormat::Yaml => results.text(&yaml::text(document, notes))?,
        DocumentFormat::Json => results.line(&document.to_string())?,
    }
    results.finish().map(|_| ())
}

async fn unset(args: &UnsetPlanArgs) -> Result<(), Failure> {
    let store = open_lake(&args.lake).await?;
    let was_there = Settings::update(&store, |settings| Ok::<_, Failure>(settings.remove(PLAN))).await?;
    if !args.quiet {
        output::say(if was_there { "the plan is out of force" } else { "the lake had no tracking plan" });
    }
    Ok(())
}

/// What `set` changes: its document is an array.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Changes(Vec<Change>);

#[derive(Debug, PartialEq, Serialize)]
struct Change {
    /// `added`, `changed` or `removed`.
    change: &'static str,
    /// `None` where it is about the plan as a whole.
    event: Option<String>,
}

impl Changes {
    fn between(before: Option<&Value>, after: &Value) -> Self {
        let none = Map::new();
        let events = |document: Option<&Value>| match document.and_then(|document| document.get("events")) {
            Some(Value::Object(events)) => events.clone(),
            _ => none.clone(),
        };
        let about = |document: &Value| {
            let mut about = document.as_object().cloned().unwrap_or_default();
            about.shift_remove("events");
            about
        };
        let (old, new) = (events(before), events(Some(after)));
        let change = |change, event: &str| Change { change, event: Some(event.to_owned()) };
        let mut changes = Vec::new();
        match before {
            None => changes.push(Change { change: "added", event: None }),
            Some(before) if about(before) != about(after) => changes.push(Change { change: "changed", event: None }),
            Some(_) => {}
        }
        for (name, event) in &new {
            match old.get(name) {
                None => changes.push(change("added", name)),
                Some(before) if before != event => changes.push(change("changed", name)),
                Some(_) => {}
            }
        }
        changes.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| change("removed", name)));
        Self(changes)
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["change", "event"].map(|title| (title.to_owned(), Align::Left)).to_vec());
        for Change { change, event } in &self.0 {
            table.row(vec![(*change).to_owned(), event.clone().unwrap_or_else(|| "(the plan)".to_owned())]);
        }
        table
    }
}

impl Report for Changes {
    fn records(&self) -> Records {
        let rows = self.0.iter().map(|change| vec![json!(change.change), json!(change.event)]);
        Records { columns: vec!["change", "event"], rows: rows.collect() }
    }

    fn text(&self, _width: usize) -> String {
        if self.0.is_empty() { "nothing changes\n".to_owned() } else { self.table().text() }
    }

    fn markdown(&self) -> String {
        self.table().markdown()
    }
}

#[cfg(test)]
#[path = "plan/plan_tests.rs"]
mod tests;
