//! What a funnel does with the events of a user: which steps each fills, and, at the end, how far the user came.
//!
//! Where steps are in order and nothing else is asked, an event is a time and some bits. Other rules ask for more, which is only
//! read and kept for them: sessions, held values, exclusions, events that fill no step.

use std::sync::Arc;

use weir_core::answer::write_group_key;
use weir_core::funnel::{
    FunnelTally, HeldValues, Journey, Journeys, Matcher, Outcome, RuleSet, Sessions, StepEvent, UserEvent, UserResult,
};
use weir_core::scan::{Selector, Wants};
use weir_core::spec::{Breakdown, FunnelSpec, PropertyPath, Ties};

use super::cohorts::CohortSets;
use super::rows::Batch;
use super::walk::{Found, RowPlan, Take, WalkError};

/// Bits of steps are those below this one, bits of exclusions those from here on.
const FIRST_EXCLUDE: usize = 64;

/// A funnel, ready to run over rows.
#[derive(Debug)]
pub struct FunnelPlan {
    /// Which rows it looks at.
    pub rows: Arc<RowPlan>,
    pub(super) rules: RuleSet,
    breakdown: Option<Breakdown>,
    /// The properties that are held, and their numbers among those that are looked at.
    hold: Vec<(usize, PropertyPath)>,
    /// Whether results say whose they are.
    names_users: bool,
}

/// What a funnel wants of rows.
pub fn wants(spec: &FunnelSpec) -> Wants {
    let rules = RuleSet::from(spec);
    let steps = spec.steps.iter().enumerate().flat_map(|(n, step)| Selector::each(n, &step.any));
    let excludes = spec.exclude.iter().enumerate();
    let excludes = excludes.flat_map(|(n, exclude)| Selector::each(FIRST_EXCLUDE + n, &exclude.any));
    let to = spec.range.to_ms.map_or(i64::MAX, |to| to.saturating_add(spec.window.most_ms()));
    Wants {
        selectors: steps.chain(excludes).collect(),
        filters: spec.filters.clone(),
        properties: spec.breakdown.iter().map(|b| &b.property).chain(&spec.hold).cloned().collect(),
        needs_sessions: rules.needs_sessions(),
        needs_every_event: rules.needs_all_events() || rules.needs_sessions(),
        bounds_ms: Some((spec.range.from_ms.unwrap_or(i64::MIN), to)),
    }
}

impl FunnelPlan {
    /// The plan of a checked question. `sets` are the users of its cohorts that are results of other funnels.
    pub fn new(spec: &FunnelSpec, sets: CohortSets) -> Self {
        let rules = RuleSet::from(spec);
        // Of events of one millisecond, which one an attempt has shows in nothing but the breakdown: they are at the same time.
        let no_order = rules.is_plain() && rules.base.ties != Ties::Arrival && spec.breakdown.is_none();
        let rows = RowPlan::new(wants(spec), &spec.cohorts, sets).in_any_order_of_ties(no_order);
        Self {
            rows: Arc::new(rows),
            rules,
            breakdown: spec.breakdown.clone(),
            hold: (usize::from(spec.breakdown.is_some())..).zip(spec.hold.iter().cloned()).collect(),
            names_users: false,
        }
    }

    /// With the users in the results.
    #[must_use]
    pub fn naming_users(mut self) -> Self {
        self.names_users = true;
        self
    }
}

/// What becomes of the users of a funnel.
pub trait TakeUsers {
    /// Takes one of them: a user, or a session or an attempt where those are counted.
    ///
    /// # Errors
    /// Where no more can be taken.
    fn take(&mut self, user: &UserResult) -> Result<(), WalkError>;
}

impl TakeUsers for FunnelTally {
    fn take(&mut self, user: &UserResult) -> Result<(), WalkError> {
        self.add(user);
        Ok(self.check()?)
    }
}

/// Takes events of a funnel, and says of each user who is in it how far they came.
#[derive(Debug)]
pub(super) struct FunnelTaker<U> {
    plan: Arc<FunnelPlan>,
    events: Events,
    kept: Kept,
    /// The user that is told of: its texts and lists are used again and again.
    result: UserResult,
    /// Who is told.
    pub users: U,
}

/// The events of one user, for what runs over them.
#[derive(Debug)]
enum Events {
    /// Steps in order and nothing else: the fast way.
    Plain { matcher: Matcher, events: Vec<StepEvent> },
    /// All other rules.
    Ruled(Box<Ruled>),
}

#[derive(Debug)]
struct Ruled {
    journeys: Journeys,
    events: Vec<UserEvent>,
    sessions: Sessions,
    values: HeldValues,
}

/// Where the events of the user are. Only kept for a breakdown.
#[derive(Debug, Default)]
struct Kept {
    /// Of each event: batch in `held`, row.
    rows: Vec<(usize, usize)>,
    /// Batches, by their numbers.
    held: Vec<(usize, Arc<Batch>)>,
}

impl Kept {
    fn push(&mut self, event: &Found<'_>) {
        if self.held.last().is_none_or(|(number, _)| *number != event.number) {
            self.held.push((event.number, Arc::clone(event.batch)));
        }
        self.rows.push((self.held.len() - 1, event.row));
    }

    /// Writes the breakdown value of an attempt: that at the step asked for, or at the deepest reached up to there. `event_of` says
    /// which event an attempt of that depth has at a step.
    fn group(&self, breakdown: &Breakdown, depth: usize, event_of: impl Fn(usize) -> Option<usize>, key: &mut String) {
        let value = (0..breakdown.step.min(depth)).rev().find_map(event_of).and_then(|event| {
            let (batch, row) = self.rows[event];
            // It is the first of those that are looked at.
            self.held[batch].1.numbered(0, &breakdown.property, row)
        });
        write_group_key(value, key);
    }
}

impl<U> FunnelTaker<U> {
    /// One that has taken nothing.
    pub fn new(plan: Arc<FunnelPlan>, users: U) -> Self {
        let events = if plan.rules.is_plain() {
            Events::Plain { matcher: Matcher::new(plan.rules.base), events: Vec::new() }
        } else {
            Events::Ruled(Box::new(Ruled {
                journeys: Journeys::new(plan.rules.clone()),
                events: Vec::new(),
                sessions: Sessions::default(),
                values: HeldValues::default(),
            }))
        };
        let result = UserResult {
            user: plan.names_users.then(String::new),
            group: plan.breakdown.as_ref().map(|_| String::new()),
            ..UserResult::default()
        };
        Self { plan, events, kept: Kept::default(), result, users }
    }

    /// Takes an event of the user. Whether it is one of those that are kept.
    fn push(&mut self, found: &Found<'_>) -> bool {
        let plan = &self.plan;
        let Found { batch, row, time_ms, bits, .. } = *found;
        let (steps, excludes) = (bits as u64, (bits >> FIRST_EXCLUDE) as u64);
        match &mut self.events {
            Events::Plain { events, .. } => events.push(StepEvent { time_ms, steps }),
            Events::Ruled(ruled) => {
                let session = match plan.rules.needs_sessions() {
                    true => ruled.sessions.next(time_ms, batch.session(row)),
                    false => 0,
                };
                if bits == 0 && !plan.rules.needs_all_events() {
                    return false;
                }
                let held = match steps {
                    _ if plan.hold.is_empty() => Some(0),
                    0 => None,
                    _ => ruled
                        .values
                        .next(plan.hold.iter().map(|(number, property)| batch.numbered(*number, property, row))),
                };
                ruled.events.push(UserEvent { time_ms, steps, excludes, session, held });
            }
        }
        true
    }
}

impl<U: TakeUsers> FunnelTaker<U> {
    /// Tells of a user whose last event was seen.
    fn tell(&mut self, user: &str) -> Result<(), WalkError> {
        let Self { plan, events, kept, result, users } = self;
        if let Some(name) = &mut result.user {
            user.clone_into(name);
        }
        match events {
            Events::Plain { matcher, events } => {
                let Some(Outcome { attempt, latest_start_ms }) = matcher.run(events) else { return Ok(()) };
                result.times_ms.clear();
                result.times_ms.extend(attempt.iter().map(|event| Some(events[*event].time_ms)));
                result.open_until_ms = latest_start_ms.saturating_add(plan.rules.base.window_ms);
                if let (Some(breakdown), Some(key)) = (&plan.breakdown, &mut result.group) {
                    kept.group(breakdown, attempt.len(), |step| Some(attempt[step]), key);
                }
                users.take(result)
            }
            Events::Ruled(ruled) => {
                for Journey { attempt, open_until_ms } in ruled.journeys.run(&ruled.events, ruled.sessions.ends_ms())? {
                    result.times_ms.clear();
                    let times = attempt.iter().map(|event| event.map(|event| ruled.events[event].time_ms));
                    result.times_ms.extend(times);
                    result.open_until_ms = open_until_ms;
                    if let (Some(breakdown), Some(key)) = (&plan.breakdown, &mut result.group) {
                        kept.group(breakdown, attempt.len(), |step| attempt[step], key);
                    }
                    users.take(result)?;
                }
                Ok(())
            }
        }
    }

    /// Forgets the user.
    fn clear(&mut self) {
        match &mut self.events {
            Events::Plain { events, .. } => events.clear(),
            Events::Ruled(ruled) => {
                ruled.events.clear();
                ruled.sessions.clear();
                ruled.values.clear();
            }
        }
        self.kept.rows.clear();
        self.kept.held.clear();
    }
}

impl<U: TakeUsers> Take for FunnelTaker<U> {
    fn take(&mut self, event: &Found<'_>) {
        if self.push(event) && self.plan.breakdown.is_some() {
            self.kept.push(event);
        }
    }

    fn end_user(&mut self, user: &str, is_counted: bool) -> Result<(), WalkError> {
        if is_counted {
            self.tell(user)?;
        }
        self.clear();
        Ok(())
    }
}
