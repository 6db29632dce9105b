//! The events of one user as a question sees them: what each fills, and which conditions it fails.

use std::borrow::Borrow;

use crate::funnel::{Entangled, HeldValues, Journey, RuleSet, Sessions, UserEvent};
use crate::property::PropertyValue;
use crate::spec::{Condition, EventMatch, FunnelSpec, Order};

use super::judge::{Judgement, filled_in_any_order, judge};
use super::{ConditionOf, ExplainedAttempt, ExplainedEvent, Explanation, Missing, Reason, Unmet, Verdict};

/// An event as it is stored.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawEvent<'a> {
    /// When it happened, milliseconds since 1970.
    pub time_ms: i64,
    /// Its name.
    pub event: &'a str,
    /// Its session, if it says one.
    pub session_id: Option<&'a str>,
    /// Its properties, a JSON object.
    pub properties: Option<&'a str>,
    /// Its context, a JSON object.
    pub context: Option<&'a str>,
}

impl<'a> RawEvent<'a> {
    fn value(&self, condition: &Condition) -> Option<PropertyValue<'a>> {
        condition.property.find(self.properties, self.context)
    }
}

/// Takes the events of one user in the order of (timestamp, arrival, event id), and explains what became of them.
///
/// Memory: some hundred bytes for each candidate, and the values that decide about it.
#[derive(Debug)]
pub struct Explainer {
    spec: FunnelSpec,
    rules: RuleSet,
    sessions: Sessions,
    values: HeldValues,
    /// Those that nothing has left out, for the rules.
    events: Vec<UserEvent>,
    /// Which candidate each of these is.
    numbers: Vec<usize>,
    seen: Vec<ExplainedEvent>,
    /// For each step the candidates that have one of its names.
    named: Vec<Vec<usize>>,
}

/// What an event is to the steps and exclusions of a question, as bits.
#[derive(Debug, Default)]
struct Sight {
    /// Steps that it fills.
    steps: u64,
    /// Exclusions that it matches.
    excludes: u64,
    /// Steps that have its name.
    named: u64,
    /// Whether anything has its name.
    is_named: bool,
    unmet: Vec<Unmet>,
}

impl Explainer {
    /// For a question about one user.
    pub fn new(spec: &FunnelSpec) -> Self {
        Self {
            spec: spec.clone(),
            rules: RuleSet::from(spec),
            sessions: Sessions::default(),
            values: HeldValues::default(),
            events: Vec::new(),
            numbers: Vec::new(),
            seen: Vec::new(),
            named: vec![Vec::new(); spec.steps.len()],
        }
    }

    /// Takes the next event; the number that it has in the explanation, if it is a candidate.
    pub fn push(&mut self, event: &RawEvent<'_>) -> Option<usize> {
        let filtered = unmet_of(ConditionOf::Question, &self.spec.filters, event);
        let mut sight = self.look(event);
        // Whatever passes the filters makes sessions.
        let session = match filtered.is_empty() && self.rules.needs_sessions() {
            true => self.sessions.next(event.time_ms, event.session_id),
            false => 0,
        };
        if !sight.is_named && self.spec.order != Order::Strict {
            return None;
        }
        let number = self.seen.len();
        let each = |bits: u64| (0..64).filter(move |at| bits >> at & 1 == 1);
        each(sight.named).for_each(|step| self.named[step].push(number));
        let is_left_out = !filtered.is_empty();
        let fills_nothing = sight.steps == 0 && sight.excludes == 0;
        let found: Vec<Option<PropertyValue<'_>>> =
            self.spec.hold.iter().map(|property| property.find(event.properties, event.context)).collect();
        if !is_left_out && (!fills_nothing || self.rules.needs_all_events()) {
            let held = match sight.steps {
                _ if self.spec.hold.is_empty() => Some(0),
                0 => None,
                _ => self.values.next(found.iter().cloned()),
            };
            let Sight { steps, excludes, .. } = sight;
            self.events.push(UserEvent { time_ms: event.time_ms, steps, excludes, session, held });
            self.numbers.push(number);
        }
        let unmet = if is_left_out { filtered } else { std::mem::take(&mut sight.unmet) };
        let reason = match (is_left_out, sight.is_named) {
            (true, _) => Reason::Filtered,
            (false, true) => Reason::Unmet,
            (false, false) => Reason::Unnamed,
        };
        self.seen.push(ExplainedEvent {
            time_ms: event.time_ms,
            event: event.event.to_owned(),
            steps: each(sight.steps).map(|step| step + 1).collect(),
            exclusions: each(sight.excludes).map(|exclusion| exclusion + 1).collect(),
            unmet,
            held: found.into_iter().map(|value| value.map(PropertyValue::into_value)).collect(),
            reason,
        });
        Some(number)
    }

    /// What the steps and exclusions see in an event.
    fn look(&self, event: &RawEvent<'_>) -> Sight {
        let mut sight = Sight::default();
        for (at, step) in self.spec.steps.iter().enumerate() {
            if let Some(unmet) = fits(&step.any, ConditionOf::Step(at + 1), event) {
                sight.is_named = true;
                sight.named |= 1 << at;
                sight.steps |= u64::from(unmet.is_empty()) << at;
                sight.unmet.extend(unmet);
            }
        }
        for (at, exclude) in self.spec.exclude.iter().enumerate() {
            if let Some(unmet) = fits(&exclude.any, ConditionOf::Exclusion(at + 1), event) {
                sight.is_named = true;
                sight.excludes |= u64::from(unmet.is_empty()) << at;
                sight.unmet.extend(unmet);
            }
        }
        if sight.steps != 0 || sight.excludes != 0 {
            sight.unmet.clear();
        }
        sight
    }

    /// Explains what became of all events.
    ///
    /// # Errors
    /// [`Entangled`]
    pub fn finish(mut self) -> Result<Explanation, Entangled> {
        let Judgement { attempts, reasons } = judge(&self.rules, &self.events, self.sessions.ends_ms())?;
        for (at, reason) in reasons.into_iter().enumerate() {
            let seen = &mut self.seen[self.numbers[at]];
            // One that fails conditions is judged as if nothing named it.
            if reason != Reason::Unnamed {
                seen.reason = reason.renumbered(|event| self.numbers[event]);
            }
        }
        let attempts: Vec<ExplainedAttempt> =
            attempts.into_iter().map(|(journey, is_dropped)| self.attempt(journey, is_dropped)).collect();
        let counted = attempts.iter().filter(|attempt| !attempt.is_dropped);
        let depth = counted.map(|attempt| attempt.journey.attempt.len()).max().unwrap_or(0);
        let verdict = match depth {
            0 if attempts.is_empty() => Verdict::NotEntered,
            0 => Verdict::Dropped,
            depth if depth == self.spec.steps.len() => Verdict::Converted,
            _ => Verdict::Incomplete,
        };
        let first = || match self.spec.order {
            Order::Any => (1..=self.spec.steps.len()).collect(),
            Order::Ordered | Order::Strict => vec![1],
        };
        let missing = (verdict == Verdict::NotEntered).then(|| self.missing(first(), usize::MAX));
        Ok(Explanation { verdict, depth, attempts, missing, events: self.seen })
    }

    /// An attempt, with numbers of candidates and what it lacks.
    fn attempt(&self, journey: Journey, is_dropped: bool) -> ExplainedAttempt {
        let Journey { attempt, open_until_ms } = journey;
        let n = self.spec.steps.len();
        let steps = match self.spec.order {
            Order::Any => filled_in_any_order(n, &self.events, &attempt).0.into_iter().map(|step| step + 1).collect(),
            Order::Ordered | Order::Strict => {
                let required = (attempt.len()..n).find(|step| !self.spec.steps[*step].optional);
                let last = Some(n - 1).filter(|_| attempt.len() < n);
                required.or(last).map(|step| step + 1).into_iter().collect::<Vec<_>>()
            }
        };
        let attempt: Vec<Option<usize>> =
            attempt.into_iter().map(|event| event.map(|event| self.numbers[event])).collect();
        let last = attempt.iter().flatten().max().copied().unwrap_or(0);
        let missing = (!steps.is_empty()).then(|| self.missing(steps, last));
        ExplainedAttempt { journey: Journey { attempt, open_until_ms }, is_dropped, missing }
    }

    /// Steps that are missing, and the nearest candidate from `from` on that no attempt has.
    fn missing(&self, steps: Vec<usize>, from: usize) -> Missing {
        let is_free =
            |number: &&usize| !matches!(self.seen[**number].reason, Reason::Chosen { .. } | Reason::Dropped { .. });
        let named = || steps.iter().filter_map(|step| self.named.get(step - 1));
        let behind = named().filter_map(|list| list[list.partition_point(|at| *at <= from)..].iter().find(is_free));
        let before = named().filter_map(|list| list[..list.partition_point(|at| *at <= from)].iter().rfind(is_free));
        let nearest = behind.min().or_else(|| before.max()).copied();
        Missing { steps, nearest }
    }
}

/// What alternatives make of an event: `None` where none has its name, else the conditions that it fails, none where one of them
/// passes.
fn fits(any: &[EventMatch], of: ConditionOf, event: &RawEvent<'_>) -> Option<Vec<Unmet>> {
    let mut failed: Option<Vec<Unmet>> = None;
    for one in any.iter().filter(|one| one.event.as_deref().is_none_or(|name| name == event.event)) {
        let unmet = unmet_of(of, &one.filters, event);
        if unmet.is_empty() {
            return Some(unmet);
        }
        failed.get_or_insert_default().extend(unmet);
    }
    failed
}

/// The conditions that an event fails.
fn unmet_of<C: Borrow<Condition>>(of: ConditionOf, conditions: &[C], event: &RawEvent<'_>) -> Vec<Unmet> {
    let unmet = conditions.iter().map(Borrow::borrow).filter_map(|condition: &Condition| {
        let found = event.value(condition);
        let passes = condition.test.accepts(found.as_ref());
        (!passes).then(|| Unmet { of, condition: condition.clone(), found: found.map(PropertyValue::into_value) })
    });
    unmet.collect()
}
