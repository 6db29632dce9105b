//! Names in a question that the lake does not have: slips of the pen, most likely. The answer stands either way; these are notes beside it.
//!
//! ```text
//! --step vew_job                     the lake has no event `vew_job`; did you mean `view_job`?
//! --step "view_job where wgae > 5"   no event `view_job` has a property `wgae`; did you mean `wage`?
//! ```

use std::collections::BTreeSet;

use weir_core::activity::LifecycleBucket;
use weir_core::experiment::ExperimentReport;
use weir_core::funnel::FunnelReport;
use weir_core::nearest::nearest;
use weir_core::spec::{
    Activity, Cohort, EventMatch, ExperimentSpec, FunnelSpec, PathsSpec, PropertyPath, PropertyRoot, Scope, Spec,
};
use weir_core::trends::TrendLine;
use weir_lake::catalogue::{Catalogue, EventEntry};

use crate::engine::questions::Answer;
use crate::render::table::plain;

/// Where a question looks at events of any name.
static ANY_EVENT: EventMatch = EventMatch { event: None, filters: Vec::new() };

/// The names of a question.
#[derive(Debug, Clone, Default)]
pub struct Names<'s> {
    /// Events that the answer gives reason to look for: nobody did them, or no count tells.
    suspects: Vec<&'s EventMatch>,
    /// Events with conditions of their own.
    events: Vec<&'s EventMatch>,
    /// Events in which the properties of the whole question are looked at.
    counted: Vec<&'s EventMatch>,
    /// Properties of the whole question.
    properties: Vec<&'s PropertyPath>,
}

impl<'s> Names<'s> {
    /// Of a question, given its answer.
    pub fn of(spec: &'s Spec, answer: &Answer) -> Self {
        match (spec, answer) {
            (Spec::Funnel(spec), Answer::Funnel(report)) => Self::of_funnel(spec, report),
            (Spec::Trends(spec), Answer::Trends(report)) => {
                let nothing = |line: &TrendLine| line.total.0.unwrap_or(0.0) == 0.0;
                let never = spec.series.iter().zip(&report.series).filter(|(_, line)| nothing(line));
                let properties = spec.series.iter().filter_map(|series| series.measure.property());
                Self::of_question(
                    &spec.scope,
                    spec.series.iter().flat_map(|series| &series.any),
                    never.flat_map(|(series, _)| &series.any),
                    properties.chain(spec.breakdown.iter().map(|breakdown| &breakdown.property)),
                )
            }
            (Spec::Experiment(spec), Answer::Experiment(report)) => Self::of_experiment(spec, report),
            (Spec::Retention(spec), Answer::Retention(report)) => {
                let nobody_began = report.whole.users == 0;
                let cells = || report.cohorts.iter().flat_map(|cohort| &cohort.returned).flatten();
                let nobody_returned = !nobody_began && cells().all(|cell| cell.count == 0);
                let never = spec.start.any.iter().filter(|_| nobody_began);
                Self::of_question(
                    &spec.scope,
                    spec.start.any.iter().chain(&spec.back.any),
                    never.chain(spec.back.any.iter().filter(|_| nobody_returned)),
                    spec.breakdown.iter().map(|breakdown| &breakdown.property),
                )
            }
            (Spec::Lifecycle(spec), Answer::Lifecycle(report)) => {
                let is_empty = |bucket: &LifecycleBucket| bucket.new + bucket.returning + bucket.resurrecting == 0;
                Self::of_activity(&spec.scope, &spec.of, report.buckets.iter().all(is_empty))
            }
            (Spec::Stickiness(spec), Answer::Stickiness(report)) => {
                Self::of_activity(&spec.scope, &spec.of, report.users == 0)
            }
            (Spec::Paths(spec), Answer::Paths(report)) => Self::of_paths(spec, report.total == 0),
            (Spec::Sessions(spec), Answer::Sessions(_)) => Self::of_question(
                &spec.scope,
                std::iter::once(&ANY_EVENT),
                std::iter::empty(),
                spec.breakdown.iter().map(|breakdown| &breakdown.property),
            ),
            // An answer is of the kind of its question.
            _ => Self::default(),
        }
    }

    /// Of a question about one thing that users do, which nobody may have done.
    fn of_activity(scope: &'s Scope, of: &'s Activity, nobody_did: bool) -> Self {
        Self::of_question(scope, of.any.iter(), of.any.iter().filter(|_| nobody_did), std::iter::empty())
    }

    /// Of a funnel.
    pub fn of_funnel(spec: &'s FunnelSpec, report: &FunnelReport) -> Self {
        Self::of_steps(spec, |at| report.steps.get(at).is_some_and(|step| step.count == 0))
    }

    /// Of an experiment, whose answer tells of the exposure and of the success alone.
    pub fn of_experiment(spec: &'s ExperimentSpec, report: &ExperimentReport) -> Self {
        let is_nobody = report.variants.iter().all(|variant| variant.users == 0);
        let is_no_success = report.variants.iter().all(|variant| variant.converted == 0);
        Self::of_steps(&spec.funnel, |at| is_nobody || (is_no_success && at >= spec.exposure.step))
    }

    /// Of a funnel, by which of its steps nobody took. An exclusion that never happens excludes nothing, and no count tells.
    fn of_steps(spec: &'s FunnelSpec, is_empty: impl Fn(usize) -> bool) -> Self {
        let empty = spec.steps.iter().enumerate().filter(|(at, _)| is_empty(*at));
        let excluded = || spec.exclude.iter().flat_map(|exclude| &exclude.any);
        let counted = || spec.steps.iter().flat_map(|step| &step.any);
        let properties = spec.filters.iter().map(|condition| &condition.property).chain(&spec.hold);
        Self {
            suspects: empty.flat_map(|(_, step)| &step.any).chain(excluded()).collect(),
            events: counted().chain(excluded()).collect(),
            counted: counted().collect(),
            properties: properties.chain(spec.breakdown.iter().map(|breakdown| &breakdown.property)).collect(),
        }
        .with_cohorts(&spec.cohorts)
    }

    /// Of paths. Events that are passed over, or looked at alone, and never happen change nothing, and no count tells.
    fn of_paths(spec: &'s PathsSpec, is_empty: bool) -> Self {
        let anchors = || spec.anchor.iter().flat_map(|anchor| &anchor.any);
        let chosen = || spec.only.iter().chain(&spec.hide);
        let looked_at = std::iter::once(&ANY_EVENT).filter(|_| spec.only.is_empty());
        let never = chosen().chain(anchors().filter(|_| is_empty));
        Self::of_question(&spec.scope, anchors().chain(chosen()).chain(looked_at), never, std::iter::empty())
    }

    /// Of another question: these of its events happened never, as far as the answer says.
    pub fn of_question(
        scope: &'s Scope,
        events: impl Iterator<Item = &'s EventMatch> + Clone,
        never: impl Iterator<Item = &'s EventMatch>,
        properties: impl Iterator<Item = &'s PropertyPath>,
    ) -> Self {
        let filters = scope.filters.iter().map(|condition| &condition.property);
        Self {
            suspects: never.collect(),
            events: events.clone().collect(),
            counted: events.collect(),
            properties: filters.chain(properties).collect(),
        }
        .with_cohorts(&scope.cohorts)
    }

    fn with_cohorts(mut self, cohorts: &'s [Cohort]) -> Self {
        for cohort in cohorts {
            let events: Vec<&EventMatch> = match cohort {
                Cohort::Did { any, .. } => any.iter().collect(),
                Cohort::InFunnel { funnel, .. } => funnel.steps.iter().flat_map(|step| &step.any).collect(),
                // Who saved it was told.
                Cohort::InReport { .. } => Vec::new(),
            };
            self.suspects.extend(&events);
            self.events.extend(events);
        }
        self
    }

    /// Whether there is reason to look.
    pub fn are_suspicious(&self) -> bool {
        !self.suspects.is_empty()
            || !self.properties.is_empty()
            || self.events.iter().any(|event| !event.filters.is_empty())
    }

    /// What to say of them.
    pub fn notes(&self, lake: &Catalogue) -> Vec<String> {
        let events = self.unknown_events(lake).into_iter().map(|name| {
            let near = nearest(name, lake.events.keys().map(String::as_str));
            note(format!("the lake has no event `{}`", plain(name)), near, "weir events")
        });
        let mut seen = BTreeSet::new();
        let properties = self.unknown_properties(lake).into_iter().filter(|unknown| seen.insert(unknown.clone()));
        let properties = properties.map(|Unknown { of, property, near }| {
            let (of, command) = match &of {
                Some(event) => (format!("no event `{}` has", plain(event)), format!("weir events '{}'", plain(event))),
                None => ("none of these events has".to_owned(), "weir events NAME".to_owned()),
            };
            note(format!("{of} a property `{}`", plain(&property)), near.as_deref(), &command)
        });
        events.chain(properties).collect()
    }

    fn unknown_events(&self, lake: &Catalogue) -> Vec<&'s str> {
        // Events under names that are too many to be listed may be anything.
        if lake.other_events > 0 {
            return Vec::new();
        }
        let mut names: Vec<&str> = Vec::new();
        for name in self.suspects.iter().filter_map(|event| event.event.as_deref()) {
            if !lake.events.contains_key(name) && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn unknown_properties(&self, lake: &Catalogue) -> Vec<Unknown> {
        let mut unknown = Vec::new();
        for event in &self.events {
            let known = named(lake, std::iter::once(*event));
            for condition in &event.filters {
                unknown.extend(unknown_property(event.event.as_deref(), &condition.property, &known));
            }
        }
        let known = named(lake, self.counted.iter().copied());
        unknown.extend(self.properties.iter().filter_map(|property| unknown_property(None, property, &known)));
        unknown
    }
}

fn note(what: String, near: Option<&str>, command: &str) -> String {
    match near {
        Some(near) => format!("note: {what}; did you mean `{}`?", plain(near)),
        None => format!("note: {what}; `{command}` lists those that there are"),
    }
}

/// A property that none of the events has that it is looked for in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Unknown {
    /// The event; `None` where there are several.
    of: Option<String>,
    property: String,
    near: Option<String>,
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
