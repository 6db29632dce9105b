//! Names in a question that the lake does not have: slips of the pen, most likely. The answer stands either way; these are notes beside it.
//!
//! ```text
//! --step vew_job                     the lake has no event `vew_job`; did you mean `view_job`?
//! --step "view_job where wgae > 5"   no event `view_job` has a property `wgae`; did you mean `wage`?
//! ```

use std::collections::BTreeSet;

use weir_core::funnel::FunnelReport;
use weir_core::nearest::nearest;
use weir_core::spec::{EventMatch, FunnelSpec, PropertyPath, PropertyRoot};
use weir_lake::catalogue::{Catalogue, EventEntry};

use crate::render::table::plain;

/// Whether an answer gives reason to look: a step that nobody took, an exclusion, or a property.
pub fn is_suspicious(spec: &FunnelSpec, report: &FunnelReport) -> bool {
    report.steps.iter().any(|step| step.count == 0)
        || !spec.exclude.is_empty()
        || alternatives(spec).any(|event| !event.filters.is_empty())
        || of_all_events(spec).next().is_some()
}

/// What to say of the names of a question.
pub fn notes(spec: &FunnelSpec, report: &FunnelReport, lake: &Catalogue) -> Vec<String> {
    let events = unknown_events(spec, report, lake).into_iter().map(|name| {
        let near = nearest(name, lake.events.keys().map(String::as_str));
        note(format!("the lake has no event `{}`", plain(name)), near, "weir events")
    });
    let mut seen = BTreeSet::new();
    let properties = unknown_properties(spec, lake).into_iter().filter(|unknown| seen.insert(unknown.clone()));
    let properties = properties.map(|Unknown { of, property, near }| {
        let (of, command) = match &of {
            Some(event) => (format!("no event `{}` has", plain(event)), format!("weir events '{}'", plain(event))),
            None => ("none of these events has".to_owned(), "weir events NAME".to_owned()),
        };
        note(format!("{of} a property `{}`", plain(&property)), near.as_deref(), &command)
    });
    events.chain(properties).collect()
}

fn note(what: String, near: Option<&str>, command: &str) -> String {
    match near {
        Some(near) => format!("note: {what}; did you mean `{}`?", plain(near)),
        None => format!("note: {what}; `{command}` lists those that there are"),
    }
}

fn alternatives(spec: &FunnelSpec) -> impl Iterator<Item = &EventMatch> {
    spec.steps.iter().flat_map(|step| &step.any).chain(spec.exclude.iter().flat_map(|exclude| &exclude.any))
}

/// Properties that are looked at in the events of all steps.
fn of_all_events(spec: &FunnelSpec) -> impl Iterator<Item = &PropertyPath> {
    let filters = spec.filters.iter().map(|condition| &condition.property);
    filters.chain(&spec.hold).chain(spec.breakdown.iter().map(|breakdown| &breakdown.property))
}

/// Of steps that nobody took, and of all exclusions: one that never happens excludes nothing, and no count tells.
fn unknown_events<'s>(spec: &'s FunnelSpec, report: &FunnelReport, lake: &Catalogue) -> Vec<&'s str> {
    // Events under names that are too many to be listed may be anything.
    if lake.other_events > 0 {
        return Vec::new();
    }
    let empty = spec.steps.iter().zip(&report.steps).filter(|(_, counted)| counted.count == 0);
    let of_steps = empty.flat_map(|(step, _)| &step.any);
    let events = of_steps.chain(spec.exclude.iter().flat_map(|exclude| &exclude.any));
    let mut names: Vec<&str> = Vec::new();
    for name in events.filter_map(|event| event.event.as_deref()) {
        if !lake.events.contains_key(name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A property that none of the events has that it is looked for in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Unknown {
    /// The event; `None` where there are several.
    of: Option<String>,
    property: String,
    near: Option<String>,
}

fn unknown_properties(spec: &FunnelSpec, lake: &Catalogue) -> Vec<Unknown> {
    let mut unknown = Vec::new();
    for event in alternatives(spec) {
        let events = named(lake, std::iter::once(event));
        for condition in &event.filters {
            unknown.extend(unknown_property(event.event.as_deref(), &condition.property, &events));
        }
    }
    let events = named(lake, spec.steps.iter().flat_map(|step| &step.any));
    unknown.extend(of_all_events(spec).filter_map(|property| unknown_property(None, property, &events)));
    unknown
}

/// The events that are meant, as far as the lake has them.
fn named<'l, 's>(lake: &'l Catalogue, events: impl Iterator<Item = &'s EventMatch>) -> Vec<&'l EventEntry> {
    let mut found = Vec::new();
    for event in events {
        match &event.event {
            Some(name) => found.extend(lake.events.get(name)),
            None => return lake.events.values().collect(),
        }
    }
    found
}

fn unknown_property(of: Option<&str>, property: &PropertyPath, events: &[&EventEntry]) -> Option<Unknown> {
    let is_listed = events.iter().all(|event| event.other_properties == 0);
    if property.root != PropertyRoot::Properties || events.is_empty() || !is_listed {
        return None;
    }
    let names = || events.iter().flat_map(|event| event.properties.keys()).map(String::as_str);
    // What is in a list is not listed, so `items.0.id` may be there where `items` is.
    let begins = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with('.'));
    let path = property.path.as_str();
    let is_there = names().any(|name| name == path || begins(path, name) || begins(name, path));
    let near = || nearest(path, names()).map(str::to_owned);
    (!is_there).then(|| Unknown { of: of.map(str::to_owned), property: path.to_owned(), near: near() })
}

#[cfg(test)]
#[path = "unknown_tests.rs"]
mod tests;
