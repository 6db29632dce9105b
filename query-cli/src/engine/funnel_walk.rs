//! What a funnel does with the events of a user: which steps each fills, and, at the end, how far the user came.
//!
//! Where steps are in order and nothing else is asked, an event is a time and some bits. Other rules ask for more, which is only
//! read and kept for them: sessions, held values, exclusions, events that fill no step.

use std::sync::Arc;

use arrow::array::RecordBatch;
use weir_core::answer::group_key;
use weir_core::funnel::{HeldValues, Journey, Journeys, Matcher, RuleSet, Sessions, StepEvent, UserEvent, UserResult};
use weir_core::property::PropertyValue;
use weir_core::scan::{Selector, Wants};
use weir_core::spec::{Breakdown, FunnelSpec, PropertyPath};

use super::cohorts::CohortSets;
use super::rows::Batch;
use super::walk::{Found, RowPlan, RowWalk, Take, WalkError};

/// Bits of steps are those below this one, bits of exclusions those from here on.
const FIRST_EXCLUDE: usize = 64;

/// A funnel, ready to run over rows.
#[derive(Debug)]
pub struct FunnelPlan {
    /// Which rows it looks at.
    pub rows: Arc<RowPlan>,
    rules: RuleSet,
    breakdown: Option<Breakdown>,
    hold: Vec<PropertyPath>,
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
        Self {
            rows: Arc::new(RowPlan::new(wants(spec), &spec.cohorts, sets)),
            rules: RuleSet::from(spec),
            breakdown: spec.breakdown.clone(),
            hold: spec.hold.clone(),
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

/// Takes batches in the order of user and time, and gives the results of each user who is in the funnel.
#[derive(Debug)]
pub struct FunnelWalk {
    rows: RowWalk,
    taker: FunnelTaker,
}

impl FunnelWalk {
    /// A walk that has seen nothing.
    pub fn new(plan: Arc<FunnelPlan>) -> Self {
        Self { rows: RowWalk::new(Arc::clone(&plan.rows)), taker: FunnelTaker::new(plan) }
    }

    /// Takes a batch.
    ///
    /// # Errors
    /// [`WalkError`]
    pub fn take(&mut self, batch: &RecordBatch) -> Result<(), WalkError> {
        self.rows.take(batch, &mut self.taker)
    }

    /// The last user has no more events.
    ///
    /// # Errors
    /// [`WalkError`]
    pub fn finish(&mut self) -> Result<(), WalkError> {
        self.rows.finish(&mut self.taker)
    }

    /// Results of users whose last event was seen, and which were not taken yet.
    pub fn results(&mut self) -> &mut Vec<UserResult> {
        &mut self.taker.results
    }
}

/// Takes events of a funnel.
#[derive(Debug)]
pub(super) struct FunnelTaker {
    plan: Arc<FunnelPlan>,
    events: Events,
    /// Where each event of the user is: batch in `held`, row. Only kept for a breakdown.
    rows: Vec<(usize, usize)>,
    /// Batches, by their numbers.
    held: Vec<(usize, Batch)>,
    /// Results of users whose last event was seen.
    pub results: Vec<UserResult>,
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

impl FunnelTaker {
    /// One that has taken nothing.
    pub fn new(plan: Arc<FunnelPlan>) -> Self {
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
        Self { plan, events, rows: Vec::new(), held: Vec::new(), results: Vec::new() }
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
                    _ => ruled.values.next(plan.hold.iter().map(|property| batch.value(property, row))),
                };
                ruled.events.push(UserEvent { time_ms, steps, excludes, session, held });
            }
        }
        true
    }

    fn time_ms(&self, event: usize) -> i64 {
        match &self.events {
            Events::Plain { events, .. } => events[event].time_ms,
            Events::Ruled(ruled) => ruled.events[event].time_ms,
        }
    }

    fn journeys(&mut self) -> Result<Vec<Journey>, WalkError> {
        match &mut self.events {
            Events::Plain { matcher, events } => {
                let window_ms = self.plan.rules.base.window_ms;
                let journey = matcher.run(events).map(|outcome| Journey {
                    attempt: outcome.attempt.into_iter().map(Some).collect(),
                    open_until_ms: outcome.latest_start_ms.saturating_add(window_ms),
                });
                Ok(journey.into_iter().collect())
            }
            Events::Ruled(ruled) => Ok(ruled.journeys.run(&ruled.events, ruled.sessions.ends_ms())?),
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
        self.rows.clear();
        self.held.clear();
    }

    /// The breakdown value of an attempt: at the step asked for, or at the deepest reached up to there.
    fn group(&self, breakdown: &Breakdown, attempt: &[Option<usize>]) -> String {
        let upto = &attempt[..breakdown.step.min(attempt.len())];
        let value = upto.iter().rev().flatten().next().and_then(|event| {
            let (batch, row) = self.rows[*event];
            self.held[batch].1.value(&breakdown.property, row).map(PropertyValue::into_value)
        });
        group_key(value.as_ref())
    }
}

impl Take for FunnelTaker {
    fn take(&mut self, event: &Found<'_>) {
        if self.push(event) && self.plan.breakdown.is_some() {
            if self.held.last().is_none_or(|(number, _)| *number != event.number) {
                self.held.push((event.number, event.batch.clone()));
            }
            self.rows.push((self.held.len() - 1, event.row));
        }
    }

    fn end_user(&mut self, user: &str, is_counted: bool) -> Result<(), WalkError> {
        let journeys = if is_counted { self.journeys()? } else { Vec::new() };
        for journey in journeys {
            let result = UserResult {
                user: self.plan.names_users.then(|| user.to_owned()),
                times_ms: journey.attempt.iter().map(|event| event.map(|event| self.time_ms(event))).collect(),
                open_until_ms: journey.open_until_ms,
                group: self.plan.breakdown.as_ref().map(|b| self.group(b, &journey.attempt)),
            };
            self.results.push(result);
        }
        self.clear();
        Ok(())
    }
}
