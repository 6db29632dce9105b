//! The kind `trends`: how much of something there was, bucket by bucket.

use serde_json::Value;

use super::fields::{FORMULA_FIELDS, Fields, Problems, SERIES_FIELDS, TRENDS_FIELDS, describe, did_you_mean, shorten};
use super::formula::Formula;
use super::model::{DateRange, EventMatch, Interval, PropertyPath, Scope, SplitBy};
use super::parse::{default_label, events, label, split_by};
use super::scope::scope;
use super::{condition, rules};

/// A trends question.
#[derive(Debug, Clone)]
pub struct TrendsSpec {
    /// When, of what, of whose.
    pub scope: Scope,
    /// The buckets.
    pub interval: Interval,
    /// At least one; the first is `A`.
    pub series: Vec<TrendSeries>,
    /// What is reckoned from them.
    pub formulas: Vec<TrendFormula>,
    /// Splits events by a property.
    pub breakdown: Option<SplitBy>,
    /// Whether each bucket has everything from the beginning of the range on.
    pub cumulative: bool,
    /// Also the mean of so many buckets.
    pub moving_average: Option<usize>,
    /// The period before, where the two are to be compared.
    pub previous: Option<DateRange>,
}

/// One line of a trend.
#[derive(Debug, Clone)]
pub struct TrendSeries {
    /// What people read.
    pub label: String,
    /// Which events: at least one alternative.
    pub any: Vec<EventMatch>,
    /// What of them.
    pub measure: Measure,
}

/// What of some events is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measure {
    /// How many.
    Events,
    /// How many users did them.
    Users,
    /// How many for each user who did them.
    PerUser,
    /// The sum of the numbers of a property.
    Sum(PropertyPath),
    /// Their mean.
    Average(PropertyPath),
    /// The smallest.
    Min(PropertyPath),
    /// The greatest.
    Max(PropertyPath),
    /// A percentile, from 1 to 99.
    Percentile(PropertyPath, u8),
}

impl Measure {
    /// The property that is measured.
    pub fn property(&self) -> Option<&PropertyPath> {
        match self {
            Self::Events | Self::Users | Self::PerUser => None,
            Self::Sum(p) | Self::Average(p) | Self::Min(p) | Self::Max(p) | Self::Percentile(p, _) => Some(p),
        }
    }

    /// Its name in a question.
    pub fn name(&self) -> String {
        match self {
            Self::Events => "events".to_owned(),
            Self::Users => "users".to_owned(),
            Self::PerUser => "per_user".to_owned(),
            Self::Sum(_) => "sum".to_owned(),
            Self::Average(_) => "average".to_owned(),
            Self::Min(_) => "min".to_owned(),
            Self::Max(_) => "max".to_owned(),
            Self::Percentile(_, 50) => "median".to_owned(),
            Self::Percentile(_, percent) => format!("p{percent}"),
        }
    }

    /// What people read of it for some events.
    pub fn label(&self, events: &str) -> String {
        match self {
            Self::Events => events.to_owned(),
            Self::Users => format!("users: {events}"),
            Self::PerUser => format!("{events} per user"),
            measure => {
                let property = measure.property().map(ToString::to_string).unwrap_or_default();
                format!("{} of {property}: {events}", measure.name())
            }
        }
    }
}

/// Something that is reckoned from the series of a trend.
#[derive(Debug, Clone, PartialEq)]
pub struct TrendFormula {
    /// What people read.
    pub label: String,
    /// How.
    pub formula: Formula,
}

/// The most series of one question: each has a letter.
pub(super) const MAX_SERIES: usize = 26;

/// The most formulas of one question.
pub(super) const MAX_FORMULAS: usize = 10;

/// The most buckets of a moving average.
pub(super) const MAX_MOVING_AVERAGE: u64 = 366;

/// Measures by name. There is also `p` and a whole number from 1 to 99.
pub(super) const MEASURES: &[&str] = &["events", "users", "per_user", "sum", "average", "min", "max", "median"];

const EXPECTED_SERIES: &str =
    r#"a series such as {"event": "purchase"} or {"event": "purchase", "measure": "sum", "property": "price"}"#;

/// Reads the document.
pub(super) fn trends(value: &Value, now_ms: i64, problems: &mut Problems) -> Option<TrendsSpec> {
    let expected = r#"an object such as {"kind": "trends", "series": [{"event": "purchase"}]}"#;
    let fields = Fields::open(value, "", &TRENDS_FIELDS, expected, problems)?;
    let scope = scope(&fields, now_ms, problems);
    let interval = rules::interval(&fields, Some(Interval::Day), scope.timezone, scope.range, problems);
    let series = series(&fields, problems);
    let formulas = formulas(&fields, series.len(), problems);
    let breakdown = split_by(&fields, problems);
    let cumulative = fields.flag("cumulative", problems).unwrap_or(false);
    if cumulative {
        refuse_cumulative(&series, problems);
    }
    let moving_average = fields.whole_number("moving_average", 2, MAX_MOVING_AVERAGE, problems);
    let previous = rules::previous(&fields, scope.timezone, scope.range, problems);
    Some(TrendsSpec {
        scope,
        interval: interval.unwrap_or(Interval::Day),
        series,
        formulas,
        breakdown,
        cumulative,
        moving_average: moving_average.map(|buckets| buckets as usize),
        previous,
    })
}

fn series(fields: &Fields<'_>, problems: &mut Problems) -> Vec<TrendSeries> {
    let path = fields.path_of("series");
    let expected = r#"a list of 1 to 26 series, such as [{"event": "purchase"}]"#;
    if fields.get("series").is_none() {
        problems.add(path, format!("missing; expected {expected}"));
        return Vec::new();
    }
    let Some(list) = fields.list("series", expected, problems) else { return Vec::new() };
    if list.is_empty() || list.len() > MAX_SERIES {
        problems.add(&path, format!("found {} series; expected {expected}", list.len()));
    }
    let list = list.iter().take(MAX_SERIES).enumerate();
    list.map(|(at, value)| one_series(value, &format!("{path}[{at}]"), problems)).collect()
}

fn one_series(value: &Value, path: &str, problems: &mut Problems) -> TrendSeries {
    // A series with a problem keeps its letter.
    let nothing = || TrendSeries { label: String::new(), any: Vec::new(), measure: Measure::Events };
    let Some(fields) = Fields::open(value, path, &SERIES_FIELDS, EXPECTED_SERIES, problems) else { return nothing() };
    let any = events(&fields, EXPECTED_SERIES, problems);
    let label = label(&fields, problems);
    let Some(measure) = measure(&fields, problems) else { return nothing() };
    let label = label.unwrap_or_else(|| measure.label(&default_label(&any)));
    TrendSeries { label, any, measure }
}

fn measure(fields: &Fields<'_>, problems: &mut Problems) -> Option<Measure> {
    let word = fields.text("measure", "a measure such as `users`", problems).unwrap_or("events");
    let property = match fields.get("property") {
        None => None,
        Some(_) => Some(condition::property(fields, problems)?),
    };
    let of_property: fn(PropertyPath) -> Measure = match word {
        "events" | "users" | "per_user" => {
            if property.is_some() {
                let message = format!("is for measures of a property, and `{word}` is none; leave one of the two out");
                problems.add(fields.path_of("property"), message);
            }
            return Some(match word {
                "users" => Measure::Users,
                "per_user" => Measure::PerUser,
                _ => Measure::Events,
            });
        }
        "sum" => Measure::Sum,
        "average" => Measure::Average,
        "min" => Measure::Min,
        "max" => Measure::Max,
        "median" => |property| Measure::Percentile(property, 50),
        word => match word.strip_prefix('p').and_then(percent) {
            Some(percent) => {
                return with_property(fields, property, problems).map(|p| Measure::Percentile(p, percent));
            }
            None => {
                let known = MEASURES.iter().copied().chain(["p90"]);
                let hint = did_you_mean(word, known, || {
                    "expected `events`, `users`, `per_user`, `sum`, `average`, `min`, `max`, `median`, or a percentile \
                     such as `p90`"
                        .to_owned()
                });
                problems.add(fields.path_of("measure"), format!("unknown measure `{}`; {hint}", shorten(word)));
                return None;
            }
        },
    };
    with_property(fields, property, problems).map(of_property)
}

fn percent(text: &str) -> Option<u8> {
    text.parse().ok().filter(|percent| (1..=99).contains(percent) && !text.starts_with(['0', '+']))
}

fn with_property(fields: &Fields<'_>, property: Option<PropertyPath>, problems: &mut Problems) -> Option<PropertyPath> {
    if property.is_none() {
        let message = "missing; expected the property that is measured, such as `price`";
        problems.add(fields.path_of("property"), message);
    }
    property
}

fn formulas(fields: &Fields<'_>, series: usize, problems: &mut Problems) -> Vec<TrendFormula> {
    let expected = r#"a list of formulas, such as ["A / B"]"#;
    let list = fields.short_list("formulas", MAX_FORMULAS, expected, problems).unwrap_or_default();
    let path = fields.path_of("formulas");
    let mut read = Vec::new();
    for (at, value) in list.iter().enumerate() {
        let path = format!("{path}[{at}]");
        read.extend(formula(value, &path, series, problems));
    }
    read
}

fn formula(value: &Value, path: &str, series: usize, problems: &mut Problems) -> Option<TrendFormula> {
    let (text, label, path) = match value {
        Value::String(text) => (text.as_str(), None, path.to_owned()),
        Value::Object(_) => {
            let expected = r#"a formula such as "A / B", or {"formula": "A / B", "label": "share"}"#;
            let fields = Fields::open(value, path, &FORMULA_FIELDS, expected, problems)?;
            let label = label(&fields, problems);
            let path = fields.path_of("formula");
            if fields.get("formula").is_none() {
                problems.add(path, "missing; expected a formula such as `A / B`");
                return None;
            }
            (fields.text("formula", "a formula such as `A / B`", problems)?, label, path)
        }
        other => {
            problems.add(path, format!("found {}; expected a formula such as \"A / B\"", describe(other)));
            return None;
        }
    };
    match Formula::parse(text, series) {
        Ok(formula) => Some(TrendFormula { label: label.unwrap_or_else(|| text.to_owned()), formula }),
        Err(message) => {
            problems.add(path, message);
            None
        }
    }
}

/// A running percentile would have to sort everything again for each bucket.
fn refuse_cumulative(series: &[TrendSeries], problems: &mut Problems) {
    for (at, _) in series.iter().enumerate().filter(|(_, s)| matches!(s.measure, Measure::Percentile(..))) {
        let message = "a percentile is not added up over time; leave out `cumulative`, or take `average`";
        problems.add(format!("series[{at}].measure"), message);
    }
}

#[cfg(test)]
#[path = "trends_tests.rs"]
mod tests;
