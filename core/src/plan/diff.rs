//! Where a plan and the events that are sent have grown apart.
//!
//! ```text
//! plan                             profile                   differences
//! view_job: tab string             view_job: tab integer     type_drift view_job tab
//! hired                                                      event_not_seen hired
//!                                  view_map                  event_not_planned view_map
//! ```

use serde::Serialize;

use super::draft::count;
use super::model::{JsonType, Plan, PlannedEvent, PlannedProperty};
use super::profile::{EventProfile, Profile};

/// In what they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Planned, and never sent.
    EventNotSeen,
    /// Sent, and not planned.
    EventNotPlanned,
    /// Planned for an event that is sent, and never there.
    PropertyNotSeen,
    /// There, and not planned.
    PropertyNotPlanned,
    /// Sent in another type than planned.
    TypeDrift,
    /// Required, and not always there.
    RequiredMissing,
}

impl Kind {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::EventNotSeen => "event_not_seen",
            Self::EventNotPlanned => "event_not_planned",
            Self::PropertyNotSeen => "property_not_seen",
            Self::PropertyNotPlanned => "property_not_planned",
            Self::TypeDrift => "type_drift",
            Self::RequiredMissing => "required_missing",
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// In what.
    pub kind: Kind,
    /// The event.
    pub event: String,
    /// The property; `None` where the event as a whole is meant.
    pub property: Option<String>,
    /// How many events differ; 0 where nothing was seen.
    pub count: u64,
    /// What was planned and what was seen.
    pub detail: String,
}

/// All differences: those of planned events in the order of the plan, then events that are not planned, most frequent first.
pub fn differences(plan: &Plan, profile: &Profile) -> Vec<Difference> {
    let mut differences = Vec::new();
    for planned in &plan.events {
        match profile.events.get(&planned.name) {
            Some(seen) => of_event(planned, seen, &mut differences),
            None => differences.push(Difference {
                kind: Kind::EventNotSeen,
                event: planned.name.clone(),
                property: None,
                count: 0,
                detail: planned.owner.as_ref().map(|owner| format!("owner: {owner}")).unwrap_or_default(),
            }),
        }
    }
    let is_planned = |name: &str| plan.events.iter().any(|planned| planned.name == name);
    let mut others: Vec<_> = profile.events.iter().filter(|(name, _)| !is_planned(name)).collect();
    others.sort_by_key(|(_, event)| std::cmp::Reverse(event.count));
    differences.extend(others.into_iter().map(|(name, event)| Difference {
        kind: Kind::EventNotPlanned,
        event: name.clone(),
        property: None,
        count: event.count,
        detail: String::new(),
    }));
    differences
}

fn of_event(planned: &PlannedEvent, seen: &EventProfile, differences: &mut Vec<Difference>) {
    let mut add = |kind, property: &str, count, detail| {
        let (event, property) = (planned.name.clone(), Some(property.to_owned()));
        differences.push(Difference { kind, event, property, count, detail });
    };
    for rule in &planned.properties {
        let Some(property) = seen.properties.get(&rule.name) else {
            if !is_inside_a_list(&rule.name, seen) {
                add(Kind::PropertyNotSeen, &rule.name, 0, written(rule));
            }
            continue;
        };
        let other = property.types.iter().filter(|(kind, _)| !kind.is_in(&rule.types));
        let (mut count_of_others, mut kinds) = (0, Vec::new());
        for (kind, n) in other {
            count_of_others += n;
            kinds.push(format!("{kind} ({})", count(*n)));
        }
        if count_of_others > 0 {
            let detail = format!("planned {}, seen {}", written(rule), kinds.join(", "));
            add(Kind::TypeDrift, &rule.name, count_of_others, detail);
        }
        let missing = seen.count.saturating_sub(property.present);
        if rule.required && missing > 0 && !rule.types.contains(&JsonType::Null) {
            let detail = format!("in {} of {} events", count(property.present), count(seen.count));
            add(Kind::RequiredMissing, &rule.name, missing, detail);
        }
    }
    let leads_to = |object: &str, name: &str| name.strip_prefix(object).is_some_and(|rest| rest.starts_with('.'));
    for (name, property) in &seen.properties {
        let is_known = planned
            .properties
            .iter()
            .any(|rule| rule.name == *name || leads_to(&rule.name, name) || leads_to(name, &rule.name));
        // An object is told of by its members.
        let first_behind = || seen.properties.range(format!("{name}.")..).next();
        let has_members = || first_behind().is_some_and(|(other, _)| leads_to(name, other));
        let is_told_of = property.types.len() == 1 && property.types.contains_key(&JsonType::Object) && has_members();
        if !is_known && !is_told_of {
            let kinds: Vec<&str> = property.planned_types().iter().map(|kind| kind.name()).collect();
            add(Kind::PropertyNotPlanned, name, property.present, kinds.join(" or "));
        }
    }
}

/// What is inside of lists is not looked into.
fn is_inside_a_list(name: &str, seen: &EventProfile) -> bool {
    let objects = name.match_indices('.').filter_map(|(dot, _)| name.get(..dot));
    objects
        .into_iter()
        .any(|object| seen.properties.get(object).is_some_and(|property| property.types.contains_key(&JsonType::Array)))
}

fn written(rule: &PlannedProperty) -> String {
    match rule.types.as_slice() {
        [] => "any type".to_owned(),
        types => types.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" or "),
    }
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
