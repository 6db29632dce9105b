//! Why one user did or did not convert, as answers have it; `words` says it in words.
//!
//! ```text
//! {"kind":"explanation","version":42,"user":"ana","verdict":"incomplete","depth":1,"steps":[{"step":1,"label":"view"},…],
//!  "text":"did not convert: 1 of 2 steps","attempts":[{"depth":1,"events":[0],"open":false,…}],
//!  "events":[{"number":0,"time":"…","event":"view","steps":[1],"reason":"chosen","attempt":1,"step":1,"text":"…"},…],…}
//! ```

mod words;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use weir_core::answer::Scanned;
use weir_core::funnel::explain::{ConditionOf, ExplainedAttempt, ExplainedEvent, Missing, Reason, Unmet};
use weir_core::spec::{FunnelSpec, Period};
use weir_core::time::rfc3339;

use crate::engine::user::UserExplanation;
use crate::render::numbers::count;
use crate::render::table::{Align, Table, clip};
use crate::render::{Records, Report};
use crate::timeline::{WhoDocument, figures_markdown, figures_text, shown, who_figures, who_notes};

/// A longer name is cut in tables for people.
const LONGEST_NAME: usize = 40;

/// An explanation and how it was asked for.
#[derive(Debug)]
pub struct ExplanationView<'a> {
    /// The id that was asked for.
    pub asked_for: &'a str,
    /// The question.
    pub spec: &'a FunnelSpec,
    /// The answer.
    pub answer: &'a UserExplanation,
}

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    kind: &'static str,
    version: u64,
    complete_to: Option<String>,
    #[serde(flatten)]
    who: WhoDocument<'a>,
    verdict: &'static str,
    depth: usize,
    steps: Vec<Value>,
    text: String,
    /// Whether the user is in all cohorts of the question.
    counted: bool,
    outside_cohorts: &'a [usize],
    attempts: Vec<AttemptDocument<'a>>,
    missing: Option<MissingDocument<'a>>,
    events_total: u64,
    events: Vec<Value>,
    scanned: Scanned,
}

#[derive(Serialize)]
struct AttemptDocument<'a> {
    /// From 1.
    attempt: usize,
    depth: usize,
    converted: bool,
    dropped: bool,
    /// For each step the number of its event.
    events: &'a [Option<usize>],
    open: bool,
    /// Absent where a session that may be of any length is the window and has no end.
    open_until: Option<String>,
    missing: Option<MissingDocument<'a>>,
}

#[derive(Serialize)]
struct MissingDocument<'a> {
    steps: &'a [usize],
    nearest: Option<usize>,
    text: String,
}

impl Serialize for ExplanationView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (answer, explanation) = (self.answer, &self.answer.explanation);
        let steps = self.spec.steps.iter().enumerate();
        let document = Document {
            kind: "explanation",
            version: answer.version,
            complete_to: answer.complete_to_ms.map(rfc3339),
            who: WhoDocument::of(&answer.who, self.asked_for),
            verdict: explanation.verdict.as_str(),
            depth: explanation.depth,
            steps: steps.map(|(at, step)| json!({"step": at + 1, "label": step.label})).collect(),
            text: self.verdict(),
            counted: answer.outside_cohorts.is_empty(),
            outside_cohorts: &answer.outside_cohorts,
            attempts: explanation.attempts.iter().enumerate().map(|(at, attempt)| self.attempt(at, attempt)).collect(),
            missing: explanation.missing.as_ref().map(|missing| self.missing(missing, None)),
            events_total: answer.total,
            events: (0..explanation.events.len()).map(|number| self.event(number)).collect(),
            scanned: answer.scanned,
        };
        document.serialize(serializer)
    }
}

impl<'a> ExplanationView<'a> {
    fn attempt(&self, at: usize, attempt: &'a ExplainedAttempt) -> AttemptDocument<'a> {
        let journey = &attempt.journey;
        AttemptDocument {
            attempt: at + 1,
            depth: journey.attempt.len(),
            converted: journey.attempt.len() == self.spec.steps.len() && !attempt.is_dropped,
            dropped: attempt.is_dropped,
            events: &journey.attempt,
            open: self.is_open(attempt),
            open_until: (journey.open_until_ms != i64::MAX).then(|| rfc3339(journey.open_until_ms)),
            missing: attempt.missing.as_ref().map(|missing| self.missing(missing, Some(attempt))),
        }
    }

    fn missing(&self, missing: &'a Missing, attempt: Option<&ExplainedAttempt>) -> MissingDocument<'a> {
        MissingDocument { steps: &missing.steps, nearest: missing.nearest, text: self.missing_text(missing, attempt) }
    }

    /// Whether an attempt may still go on: nothing is known yet of when its window ends.
    fn is_open(&self, attempt: &ExplainedAttempt) -> bool {
        let is_done = attempt.is_dropped || attempt.journey.attempt.len() == self.spec.steps.len();
        !is_done && self.answer.complete_to_ms.is_none_or(|complete_to| attempt.journey.open_until_ms >= complete_to)
    }

    fn event(&self, number: usize) -> Value {
        let event = &self.answer.explanation.events[number];
        let (attempt, step) = place_of(event.reason);
        json!({
            "number": number,
            "time": rfc3339(event.time_ms),
            "event": event.event,
            "event_id": self.answer.event_ids.get(number),
            "steps": event.steps,
            "exclusions": event.exclusions,
            "reason": event.reason.as_str(),
            "attempt": attempt,
            "step": step,
            "other": other_of(event.reason),
            "unmet": event.unmet.iter().map(unmet_document).collect::<Vec<_>>(),
            "text": self.reason(number),
        })
    }

    /// An instant as the clocks of the question's zone show it.
    fn shown(&self, time_ms: i64) -> String {
        shown(&Period { range: self.spec.range, timezone: self.spec.timezone }, time_ms)
    }

    fn head(&self) -> Vec<(&'static str, String)> {
        let mut figures = who_figures(&self.answer.who, self.asked_for);
        figures.push(("events", count(self.answer.total)));
        figures.push(("verdict", self.verdict()));
        if let [first, others @ ..] = self.answer.outside_cohorts.as_slice() {
            let others = others.iter().map(|cohort| format!(" and {cohort}")).collect::<String>();
            figures.push(("not counted", format!("is not in cohort {first}{others} of the question")));
        }
        let explanation = &self.answer.explanation;
        let of_attempts =
            explanation.attempts.iter().filter_map(|a| Some(self.missing_text(a.missing.as_ref()?, Some(a))));
        let of_none = explanation.missing.iter().map(|missing| self.missing_text(missing, None));
        // Where there are many attempts, the table says enough.
        if explanation.attempts.len() <= 1 {
            figures.extend(of_attempts.chain(of_none).map(|text| ("missing", text)));
        }
        if let [attempt] = explanation.attempts.as_slice()
            && !attempt.is_dropped
            && attempt.missing.is_some()
        {
            figures.push(("window", self.window_text(attempt)));
        }
        figures
    }

    fn table(&self, longest: usize) -> Table {
        let left = |title: &str| (title.to_owned(), Align::Left);
        let time = format!("time ({})", self.spec.timezone.name());
        let mut table = Table::new(vec![left(""), left(&time), left("event"), left("fits"), left("why")]);
        for (number, event) in self.answer.explanation.events.iter().enumerate() {
            let mark = match event.reason {
                Reason::Chosen { .. } => "▲",
                _ => "",
            };
            let name = clip(&event.event, longest).into_owned();
            table.row(vec![mark.to_owned(), self.shown(event.time_ms), name, fits(event), self.reason(number)]);
        }
        table
    }

    /// What a reader should know of the answer beside it.
    pub fn notes(&self) -> Vec<String> {
        who_notes(&self.answer.who, self.asked_for)
    }
}

/// The columns of a record: the fields of an event.
const COLUMNS: [&str; 10] =
    ["number", "time", "event", "event_id", "steps", "exclusions", "reason", "attempt", "step", "text"];

impl Report for ExplanationView<'_> {
    /// One row an event.
    fn records(&self) -> Records {
        let rows = (0..self.answer.explanation.events.len()).map(|number| {
            let fields = self.event(number);
            COLUMNS.iter().map(|name| fields.get(*name).cloned().unwrap_or_default()).collect()
        });
        Records { columns: COLUMNS.to_vec(), rows: rows.collect() }
    }

    fn text(&self, _width: usize) -> String {
        let head = figures_text(&self.head());
        match self.answer.explanation.events.is_empty() {
            true => head,
            false => format!("{head}\n{}", self.table(LONGEST_NAME).text()),
        }
    }

    fn markdown(&self) -> String {
        let head = figures_markdown(&self.head());
        match self.answer.explanation.events.is_empty() {
            true => head,
            false => format!("{head}\n{}", self.table(usize::MAX).markdown()),
        }
    }
}

/// The attempt and the step of an event that is in one.
fn place_of(reason: Reason) -> (Option<usize>, Option<usize>) {
    match reason {
        Reason::Chosen { attempt, step, .. } | Reason::Dropped { attempt, step } => (Some(attempt), Some(step)),
        _ => (None, None),
    }
}

/// The event that a reason is about.
fn other_of(reason: Reason) -> Option<usize> {
    match reason {
        Reason::OtherSession { start: event }
        | Reason::OtherValue { start: event }
        | Reason::TooEarly { event, .. }
        | Reason::TooLate { start: event, .. }
        | Reason::Excluded { mark: event, .. }
        | Reason::NotAdjacent { between: event, .. }
        | Reason::WindowFromItTooShort { end: event, .. }
        | Reason::LaterStart { start: event }
        | Reason::EndsLater { end: event }
        | Reason::Occupied { event, .. }
        | Reason::PassedOver { event, .. }
        | Reason::UnderWay { start: event }
        | Reason::Drops { after: event, .. }
        | Reason::Blocks { after: event, .. } => Some(event),
        _ => None,
    }
}

fn unmet_document(unmet: &Unmet) -> Value {
    let (of, number) = match unmet.of {
        ConditionOf::Question => ("question", None),
        ConditionOf::Step(step) => ("step", Some(step)),
        ConditionOf::Exclusion(exclusion) => ("exclusion", Some(exclusion)),
    };
    let condition = &unmet.condition;
    json!({
        "of": of,
        "number": number,
        "property": condition.property.to_string(),
        "op": condition.test.op(),
        "value": condition.test.value(),
        "found": unmet.found,
    })
}

/// `1, 3`, with exclusions as `not 1`.
fn fits(event: &ExplainedEvent) -> String {
    let steps = event.steps.iter().map(usize::to_string);
    let exclusions = event.exclusions.iter().map(|exclusion| format!("not {exclusion}"));
    steps.chain(exclusions).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[path = "explanation_tests.rs"]
mod tests;
