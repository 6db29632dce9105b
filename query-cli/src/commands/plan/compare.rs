//! `weir plan diff` and `weir plan infer`: what a lake has, beside a plan or made into one.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::json;
use weir_core::plan::{Difference, Profile, differences, draft, parse};
use weir_lake::Table as LakeTable;

use super::{in_force, open_lake, print_document};
use crate::args::{DiffPlanArgs, InferPlanArgs};
use crate::commands::{engine, say_foreign};
use crate::error::Failure;
use crate::output;
use crate::plan::document::read_plan;
use crate::plan::scan::each_event;
use crate::render::numbers::{count, counted};
use crate::render::table::{Align, Table};
use crate::render::{Records, Report};

pub(super) async fn diff(args: &DiffPlanArgs) -> Result<(), Failure> {
    let from_file = args.plan.as_deref().map(read_plan).transpose()?;
    let store = open_lake(&args.lake).await?;
    let plan = match from_file {
        Some((_, plan)) => plan,
        None => parse(&in_force(&store).await?)?,
    };
    let snapshot = LakeTable::open(&store).await?.snapshot();
    let mut profile = Profile::default();
    say_foreign(&snapshot);
    each_event(&store, &snapshot, |event, properties| profile.add(event, properties)).await?;
    let found = Differences(differences(&plan, &profile));
    output::print(&found, args.output.format)?;
    if !args.output.quiet {
        let events: u64 = profile.events.values().map(|event| event.count).sum();
        output::say(format_args!("{} in {}", counted(found.0.len() as u64, "difference"), counted(events, "event")));
        say_cuts(&profile, 0);
    }
    Ok(())
}

pub(super) async fn infer(args: &InferPlanArgs) -> Result<(), Failure> {
    let store = open_lake(&args.lake).await?;
    // The names are all counted first: a sample of rare events would miss them.
    let counts = engine(&args.lake).await?.events().await?;
    let totals: BTreeMap<String, u64> = counts.events.into_iter().map(|event| (event.event, event.count)).collect();
    if totals.is_empty() {
        return Err(Failure::failed("the lake has no events to draft a plan from")
            .hint("bring some in with `weir import FILE`"));
    }
    let mut sample = Sample::new(&totals, args.sample);
    let snapshot = LakeTable::open_at(&store, counts.version).await?.snapshot();
    let mut profile = Profile::default();
    let take = |event: &str, properties: Option<&str>| {
        if sample.takes(event) {
            profile.add(event, properties);
        }
    };
    say_foreign(&snapshot);
    each_event(&store, &snapshot, take).await?;
    let draft = draft(&profile, &totals);
    print_document(&draft.document, &draft.notes, args.format)?;
    if !args.quiet {
        let (looked_at, all) = (profile.events.values().map(|event| event.count).sum(), totals.values().sum());
        output::say(said_of_draft(looked_at, all, totals.len() as u64));
        say_cuts(&profile, draft.properties_cut);
    }
    Ok(())
}

fn said_of_draft(looked_at: u64, all: u64, names: u64) -> String {
    let of = match all {
        all if all == looked_at => format!("all of {}", counted(all, "event")),
        all => format!("{} of {}; --sample takes more of each name", count(looked_at), counted(all, "event")),
    };
    format!("a draft of {}, from {of}; read it before you rely on it", counted(names, "event name"))
}

fn say_cuts(profile: &Profile, properties_of_draft: u64) {
    if profile.events_cut > 0 {
        output::say(format_args!(
            "left out, because there are too many names: {}",
            counted(profile.events_cut, "event")
        ));
    }
    let properties = profile.properties_cut + properties_of_draft;
    if properties > 0 {
        output::say(format_args!(
            "left out, because there are too many or their names are too long: properties, {} times",
            count(properties)
        ));
    }
}

/// Takes events of each name that are spread evenly over all of that name.
#[derive(Debug)]
struct Sample {
    /// By name: every how many, and how many went by.
    names: HashMap<String, (u64, u64)>,
}

impl Sample {
    fn new(totals: &BTreeMap<String, u64>, most: u64) -> Self {
        let name = |(name, total): (&String, &u64)| (name.clone(), (total.div_ceil(most.max(1)).max(1), 0));
        Self { names: totals.iter().map(name).collect() }
    }

    fn takes(&mut self, event: &str) -> bool {
        let Some((every, seen)) = self.names.get_mut(event) else { return false };
        *seen += 1;
        (*seen - 1).is_multiple_of(*every)
    }
}

/// What differs: its document is an array.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Differences(Vec<Difference>);

impl Differences {
    fn table(&self) -> Table {
        let left = |title: &str| (title.to_owned(), Align::Left);
        let columns = vec![
            left("difference"),
            left("event"),
            left("property"),
            ("count".to_owned(), Align::Right),
            left("detail"),
        ];
        let mut table = Table::new(columns);
        for found in &self.0 {
            let property = found.property.clone().unwrap_or_default();
            let kind = found.kind.name().to_owned();
            table.row(vec![kind, found.event.clone(), property, count(found.count), found.detail.clone()]);
        }
        table
    }
}

impl Report for Differences {
    fn records(&self) -> Records {
        let row = |found: &Difference| {
            vec![json!(found.kind), json!(found.event), json!(found.property), json!(found.count), json!(found.detail)]
        };
        let columns = vec!["kind", "event", "property", "count", "detail"];
        Records { columns, rows: self.0.iter().map(row).collect() }
    }

    fn text(&self, _width: usize) -> String {
        if self.0.is_empty() { String::new() } else { self.table().text() }
    }

    fn markdown(&self) -> String {
        self.table().markdown()
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
