//! What the answer of a report is held against: one number of it, and the bounds that it is to keep.
//!
//! ```text
//! {"measure": "conversion", "below": 0.2, "every": "1d"}        fails while less than a fifth come to the last step
//! {"measure": "latest", "series": "B", "above": 1000}           fails while the last day that is over had more
//! ```
//!
//! A check reads the answer as it is published, so it holds whatever the number means there. Who runs it, and when, is not
//! known here.

use serde_json::Value;

use crate::spec::fields::{FieldTable, Fields, Problems, describe, one_of};
use crate::spec::{MAX_STEPS, SpecError, duration_ms};

/// How often a check runs that does not say it, in milliseconds: once a day.
pub const DEFAULT_EVERY_MS: i64 = 86_400_000;
/// The shortest time between two runs, in milliseconds.
pub const LEAST_EVERY_MS: i64 = 600_000;
/// The longest time between two runs, in days.
const LONGEST_EVERY_DAYS: i64 = 31;
/// The longest address of a webhook, in bytes.
const MAX_WEBHOOK_BYTES: usize = 2_000;
/// The most periods of a retention.
const MAX_PERIOD: u64 = 3_650;

const CHECK_FIELDS: FieldTable = FieldTable {
    supported: &["measure", "step", "series", "period", "below", "above", "every", "webhook"],
    later: &[],
};
const EXPECTED_CHECK: &str = r#"a check such as {"measure": "conversion", "below": 0.2}"#;

/// What is looked at in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measure {
    /// The share of those at the first step of a funnel who came to a step, by its number; by default the last.
    Conversion(Option<u64>),
    /// How many came to a step of a funnel, by its number; by default the last.
    Count(Option<u64>),
    /// The total of a series of trends, by its letter.
    Total(String),
    /// The last bucket of a series of trends that is over.
    Latest(String),
    /// The share of all cohorts of a retention that came back in a period, by its number.
    Returned(u64),
}

impl Measure {
    /// Its name in a check.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conversion(_) => "conversion",
            Self::Count(_) => "count",
            Self::Total(_) => "total",
            Self::Latest(_) => "latest",
            Self::Returned(_) => "returned",
        }
    }

    /// Whether it is a share, of which 1 is all.
    pub fn is_share(&self) -> bool {
        matches!(self, Self::Conversion(_) | Self::Returned(_))
    }
}

/// What an answer is held against.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What is looked at.
    pub measure: Measure,
    /// It fails while the value is below.
    pub below: Option<f64>,
    /// It fails while the value is above.
    pub above: Option<f64>,
    /// How often it runs, in milliseconds.
    pub every_ms: i64,
    /// The address that is called when its state changes.
    pub webhook: Option<String>,
}

/// How an answer stands to a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The value keeps the bounds.
    Ok,
    /// It does not.
    Failing,
    /// There is no value: nobody entered, or no bucket is over.
    None,
}

impl Check {
    /// Reads the check of a report whose question is of this kind.
    ///
    /// # Errors
    /// Everything that is wrong with it, by field.
    pub fn parse(value: &Value, kind: &str) -> Result<Self, SpecError> {
        let mut problems = Problems::default();
        let read = Fields::open(value, "", &CHECK_FIELDS, EXPECTED_CHECK, &mut problems).and_then(|fields| {
            let measure = measure(&fields, kind, &mut problems);
            let below = bound(&fields, "below", &mut problems);
            let above = bound(&fields, "above", &mut problems);
            if fields.get("below").is_none() && fields.get("above").is_none() {
                problems.add("below", "missing, and so is `above`; expected at least one of them, as a number");
            }
            let every_ms = every(&fields, &mut problems);
            let webhook = webhook(&fields, &mut problems);
            Some(Self { measure: measure?, below, above, every_ms, webhook })
        });
        problems.finish(read)
    }

    /// The number of an answer that it looks at, as published; `None` where there is none.
    pub fn value_in(&self, answer: &Value) -> Option<f64> {
        match &self.measure {
            Measure::Conversion(step) => {
                let entered = answer["steps"][0]["count"].as_u64()?;
                let share = step_of(answer, *step)?["from_first"].as_f64()?;
                (entered > 0).then_some(share)
            }
            Measure::Count(step) => step_of(answer, *step)?["count"].as_f64(),
            Measure::Total(series) => series_of(answer, series)?["total"].as_f64(),
            Measure::Latest(series) => {
                let over = answer["buckets"].as_array()?.iter().rposition(|bucket| bucket["open"] == false)?;
                series_of(answer, series)?["values"][over].as_f64()
            }
            Measure::Returned(period) => {
                let columns = answer["columns"].as_array()?;
                let has = |column: &Value| {
                    column["from"].as_u64().is_some_and(|from| from <= *period)
                        && column["to"].as_u64().is_some_and(|to| *period <= to)
                };
                let returned = &answer["whole"]["returned"][columns.iter().position(has)?];
                let users = returned["users"].as_u64()?;
                (users > 0).then(|| returned["share"].as_f64()).flatten()
            }
        }
    }

    /// How a value stands to the bounds.
    pub fn standing(&self, value: Option<f64>) -> Standing {
        let Some(value) = value else { return Standing::None };
        let is_out = self.below.is_some_and(|below| value < below) || self.above.is_some_and(|above| value > above);
        if is_out { Standing::Failing } else { Standing::Ok }
    }
}

fn step_of(answer: &Value, step: Option<u64>) -> Option<&Value> {
    let steps = answer["steps"].as_array()?;
    match step {
        Some(step) => steps.get(usize::try_from(step).ok()?.checked_sub(1)?),
        None => steps.last(),
    }
}

fn series_of<'a>(answer: &'a Value, id: &str) -> Option<&'a Value> {
    answer["series"].as_array()?.iter().find(|series| series["id"] == id)
}

/// The measures of each kind of question that has any.
fn measures_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "funnel" => &["conversion", "count"],
        "trends" => &["latest", "total"],
        "retention" => &["returned"],
        _ => &[],
    }
}

fn measure(fields: &Fields<'_>, kind: &str, problems: &mut Problems) -> Option<Measure> {
    let known = measures_of(kind);
    if known.is_empty() {
        let message =
            format!("a question of kind `{kind}` has no number to hold; expected funnel, trends or retention");
        problems.add(fields.path_of("measure"), message);
        return None;
    }
    let step = fields.whole_number("step", 1, MAX_STEPS as u64, problems);
    let period = fields.whole_number("period", 0, MAX_PERIOD, problems);
    let series = fields.text("series", "the letter of a series, such as `A`, or `F1` for a formula", problems);
    let name = match fields.get("measure") {
        None => {
            problems.add(fields.path_of("measure"), format!("missing; expected {}", one_of(known)));
            return None;
        }
        Some(value) => value.as_str().filter(|name| known.contains(name)).or_else(|| {
            problems.add(fields.path_of("measure"), format!("found {}; expected {}", describe(value), one_of(known)));
            None
        })?,
    };
    let fitting = match kind {
        "funnel" => "step",
        "trends" => "series",
        _ => "period",
    };
    for other in ["step", "series", "period"] {
        if other != fitting && fields.get(other).is_some() {
            problems.add(fields.path_of(other), format!("does not go with `{name}`; leave it out"));
        }
    }
    let series = series.unwrap_or("A").to_owned();
    Some(match name {
        "conversion" => Measure::Conversion(step),
        "count" => Measure::Count(step),
        "total" => Measure::Total(series),
        "latest" => Measure::Latest(series),
        _ => Measure::Returned(period.unwrap_or(1)),
    })
}

fn bound(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Option<f64> {
    let value = fields.get(name)?;
    let number = value.as_f64();
    if number.is_none() {
        problems.add(fields.path_of(name), format!("found {}; expected a number", describe(value)));
    }
    number
}

fn every(fields: &Fields<'_>, problems: &mut Problems) -> i64 {
    let Some(text) = fields.text("every", "a time such as `1d`", problems) else { return DEFAULT_EVERY_MS };
    match duration_ms(text, LONGEST_EVERY_DAYS) {
        Ok(every_ms) if every_ms >= LEAST_EVERY_MS => every_ms,
        Ok(_) => {
            problems.add(fields.path_of("every"), format!("found `{text}`; expected at least `10m`"));
            DEFAULT_EVERY_MS
        }
        Err(message) => {
            problems.add(fields.path_of("every"), message);
            DEFAULT_EVERY_MS
        }
    }
}

fn webhook(fields: &Fields<'_>, problems: &mut Problems) -> Option<String> {
    let text = fields.text("webhook", "an address such as `https://hooks.example/weir`", problems)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_address = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':', '@']));
    if !is_address || text.len() > MAX_WEBHOOK_BYTES || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        let message =
            format!("expected an address such as `https://hooks.example/weir`, of at most {MAX_WEBHOOK_BYTES} bytes");
        problems.add(fields.path_of("webhook"), message);
        return None;
    }
    Some(text.to_owned())
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
