//! Reasons and verdicts in words.
//!
//! ```text
//! did not convert: 2 of 3 steps
//! no hired after apply_start at 10:00:40, within 14 d of view_job at 10:00:00; the nearest, hired at …, is too late by 3 m
//! ```

use serde_json::Value;
use weir_core::funnel::explain::{ExplainedAttempt, Missing, Reason, Unmet, Verdict};
use weir_core::spec::{Count, Exclusion, Order, Window};

use super::ExplanationView;
use crate::render::numbers::{counted, duration};
use crate::render::table::{clip, plain};

/// Longer values are cut.
const LONGEST_VALUE: usize = 40;

impl ExplanationView<'_> {
    /// The verdict in one line.
    pub(super) fn verdict(&self) -> String {
        let explanation = &self.answer.explanation;
        let n = self.spec.steps.len();
        let is_whole = |attempt: &&ExplainedAttempt| attempt.journey.attempt.len() == n && !attempt.is_dropped;
        let whole: Vec<_> = explanation.attempts.iter().filter(is_whole).collect();
        let things = match self.spec.count {
            Count::Users => None,
            Count::Sessions => Some("session"),
            Count::Attempts => Some("attempt"),
        };
        let steps = format!("{} of {}", explanation.depth, counted(n as u64, "step"));
        match (explanation.verdict, things) {
            (Verdict::Converted, None) => {
                let took_ms = whole.first().map_or(0, |attempt| self.took_ms(attempt));
                format!("converted in {}", duration(took_ms as f64))
            }
            (Verdict::Converted, Some(thing)) => {
                let all = counted(explanation.attempts.len() as u64, thing);
                format!("converted: {} of {all} went all the way", whole.len())
            }
            (Verdict::Incomplete, None) => format!("did not convert: {steps}"),
            (Verdict::Incomplete, Some(thing)) => {
                let all = counted(explanation.attempts.len() as u64, thing);
                format!("did not convert: {all}, the deepest with {steps}")
            }
            (Verdict::NotEntered, _) => "not in the funnel: no first step".to_owned(),
            (Verdict::Dropped, _) => "left out of the funnel for an excluded event".to_owned(),
        }
    }

    fn took_ms(&self, attempt: &ExplainedAttempt) -> i64 {
        let times = attempt.journey.attempt.iter().flatten().map(|event| self.time_ms(*event));
        let (first, last) = (times.clone().min(), times.max());
        last.unwrap_or(0).saturating_sub(first.unwrap_or(0))
    }

    fn time_ms(&self, number: usize) -> i64 {
        self.answer.explanation.events[number].time_ms
    }

    /// `view at 2026-01-31 09:00:00`
    fn event_at(&self, number: usize) -> String {
        let event = &self.answer.explanation.events[number];
        format!("{} at {}", plain(&event.event), self.shown(event.time_ms))
    }

    fn at(&self, number: usize) -> String {
        self.shown(self.time_ms(number))
    }

    /// The label of a step, from 1.
    fn label(&self, step: usize) -> String {
        let label = self.spec.steps.get(step - 1).map_or("", |step| step.label.as_str());
        plain(label).into_owned()
    }

    /// `step 2 (apply)`
    fn step(&self, step: usize) -> String {
        format!("step {step} ({})", self.label(step))
    }

    /// Whether the window of an attempt is still open.
    pub(super) fn window_text(&self, attempt: &ExplainedAttempt) -> String {
        let until = match attempt.journey.open_until_ms {
            i64::MAX => "its end, which is not known".to_owned(),
            until_ms => self.shown(until_ms),
        };
        // Of all attempts that come as far, the one that starts latest is open the longest.
        let start = attempt.journey.attempt.first().copied().flatten();
        let own_ms = start.map(|start| self.time_ms(start).saturating_add(self.spec.window.most_ms()));
        let from = if own_ms < Some(attempt.journey.open_until_ms) { ", from a later start" } else { "" };
        let word = if self.is_open(attempt) { "still open until" } else { "closed since" };
        format!("{word} {until}{from}")
    }

    /// What an attempt lacks; or a user without one.
    pub(super) fn missing_text(&self, missing: &Missing, attempt: Option<&ExplainedAttempt>) -> String {
        let labels = missing.steps.iter().map(|step| self.label(*step)).collect::<Vec<_>>();
        let what = match self.spec.order {
            Order::Any => format!("no {}", labels.join(", no ")),
            Order::Ordered | Order::Strict => format!("no {}", labels.join(", ")),
        };
        let place = attempt.and_then(|attempt| self.place_text(attempt)).unwrap_or_else(|| self.range_text());
        let nearest = match missing.nearest {
            Some(nearest) => format!("; the nearest is {}: {}", self.event_at(nearest), self.reason(nearest)),
            None => "; there is no other such event".to_owned(),
        };
        format!("{what}{place}{nearest}")
    }

    fn range_text(&self) -> String {
        let range = self.spec.range;
        let is_open = range.from_ms.is_none() && range.to_ms.is_none();
        if is_open { String::new() } else { " in the date range".to_owned() }
    }

    /// ` after apply at …, within 14 d of view at …`
    fn place_text(&self, attempt: &ExplainedAttempt) -> Option<String> {
        let mut events = attempt.journey.attempt.iter().flatten();
        let (first, last) = (*events.clone().next()?, *events.next_back()?);
        let after = match self.spec.order {
            Order::Any => String::new(),
            Order::Strict => format!(" directly after {},", self.event_at(last)),
            Order::Ordered if first == last => String::new(),
            Order::Ordered => format!(" after {},", self.event_at(last)),
        };
        let window = match self.spec.window {
            Window::Session => format!(" in the session of {}", self.event_at(first)),
            Window::Duration(ms) if self.spec.order == Order::Any => {
                format!(" in the window of {} from {}", duration(ms as f64), self.event_at(first))
            }
            Window::Duration(ms) => format!(" within {} after {}", duration(ms as f64), self.event_at(first)),
        };
        Some(after + &window)
    }

    /// Why an event counts or does not.
    pub(super) fn reason(&self, number: usize) -> String {
        let event = &self.answer.explanation.events[number];
        match event.reason {
            Reason::Chosen { attempt, step, fills } => self.chosen(attempt, step, fills),
            Reason::Dropped { step, .. } => {
                format!("would be {}, but the user leaves the funnel", self.step(step))
            }
            Reason::Filtered => format!("left out: {}", self.unmet(&event.unmet)),
            Reason::Unmet => format!("does not fit: {}", self.unmet(&event.unmet)),
            Reason::Unnamed => "fits no step".to_owned(),
            Reason::NoHeldValue => format!("has no value that is held: {}", self.held_names()),
            Reason::Drops { after, before, .. } => {
                let (after, before) = (self.event_at(after), self.event_at(before));
                format!("excluded between {after} and {before}: for this the user leaves the funnel")
            }
            Reason::Blocks { after, step, .. } => {
                format!(
                    "excluded: past it, what began with {} cannot go on to {}",
                    self.event_at(after),
                    self.step(step)
                )
            }
            Reason::Harmless { exclusion } => self.harmless(exclusion),
            Reason::OutsideRange => "outside the date range of the first step".to_owned(),
            Reason::NoFirstStep => format!("no {} before it begins an attempt that it could carry on", self.label(1)),
            Reason::OtherSession { start } => format!("in another session than {}", self.event_at(start)),
            Reason::OtherValue { start } => self.other_value(number, start),
            _ => self.placed(number, event.reason),
        }
    }

    /// Reasons that say where an event lies to the attempt.
    fn placed(&self, number: usize, reason: Reason) -> String {
        match reason {
            Reason::TooEarly { step, event } => {
                let word = if self.time_ms(number) == self.time_ms(event) { "not later than" } else { "earlier than" };
                format!("{word} {} at {}", self.step(step), self.at(event))
            }
            Reason::TooLate { start, by_ms } => {
                format!("too late by {}: the window opened with {}", duration(by_ms as f64), self.event_at(start))
            }
            Reason::Excluded { mark, other, .. } => {
                format!("the excluded {} lies between it and {}", self.event_at(mark), self.event_at(other))
            }
            Reason::NotAdjacent { step, between } => {
                format!("not next to {}: {} lies between", self.step(step), self.event_at(between))
            }
            Reason::StepMissing { step } => format!("{} was not taken before it", self.step(step)),
            Reason::WindowFromItTooShort { end, by_ms } => {
                format!("from here the window closes {} before {}", duration(by_ms as f64), self.event_at(end))
            }
            Reason::LaterStart { start } => format!("a later start came closer: {}", self.event_at(start)),
            Reason::EndsLater { end } => {
                format!(
                    "from here an attempt comes less far, or ends later than the chosen one, which ends at {}",
                    self.at(end)
                )
            }
            Reason::Occupied { step, event } => {
                format!("{} is filled by another event, at {}", self.step(step), self.at(event))
            }
            Reason::AllTaken => "other events fill the steps that it fits".to_owned(),
            Reason::PassedOver { step, event } => {
                format!("passed over: the attempt was at {} already, at {}", self.step(step), self.at(event))
            }
            Reason::UnderWay { start } => format!("an attempt was under way since {}", self.at(start)),
            // The others do not say where.
            _ => String::new(),
        }
    }

    fn chosen(&self, attempt: usize, step: usize, fills: usize) -> String {
        let of = match self.spec.count {
            Count::Users => String::new(),
            Count::Sessions | Count::Attempts => format!(" of attempt {attempt}"),
        };
        match self.spec.order {
            Order::Any => format!("taken as {}{of}, number {step} in time", self.label(fills)),
            Order::Ordered | Order::Strict => format!("{}{of}", self.step(step)),
        }
    }

    fn harmless(&self, exclusion: usize) -> String {
        let Some(exclude) = self.spec.exclude.get(exclusion - 1) else { return "excluded".to_owned() };
        let (from, to) = (self.step(exclude.from), self.step(exclude.to));
        let rule = match self.spec.exclusion {
            Exclusion::Block => "breaks nothing",
            Exclusion::DropUser => "nobody leaves for it",
        };
        format!("excluded between {from} and {to}, but {rule} here")
    }

    fn held_names(&self) -> String {
        self.spec.hold.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    fn other_value(&self, number: usize, start: usize) -> String {
        let events = &self.answer.explanation.events;
        let values = events[number].held.iter().zip(&events[start].held).zip(&self.spec.hold);
        let mut differ = values.filter(|((own, theirs), _)| own != theirs);
        match differ.next() {
            Some(((own, theirs), property)) => {
                let (own, theirs) = (value_text(own.as_ref()), value_text(theirs.as_ref()));
                format!("{property} is {own}, but {theirs} in {}", self.event_at(start))
            }
            None => format!("other values of {} than {}", self.held_names(), self.event_at(start)),
        }
    }

    fn unmet(&self, unmet: &[Unmet]) -> String {
        let mut texts: Vec<String> = unmet.iter().map(unmet_text).collect();
        texts.dedup();
        texts.join("; ")
    }
}

/// `price is 40, asked >= 100`
fn unmet_text(unmet: &Unmet) -> String {
    let test = &unmet.condition.test;
    let asked = match test.value() {
        Some(value) => format!("{} {}", test.op(), value_text(Some(&value))),
        None => test.op().to_owned(),
    };
    format!("{} is {}, asked {asked}", plain(&unmet.condition.property.to_string()), value_text(unmet.found.as_ref()))
}

fn value_text(value: Option<&Value>) -> String {
    match value {
        Some(value) => clip(&value.to_string(), LONGEST_VALUE).into_owned(),
        None => "missing".to_owned(),
    }
}
