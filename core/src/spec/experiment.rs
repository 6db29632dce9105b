//! The kind `experiment`: whether users of one variant converted more often than those of another.
//!
//! It is a funnel without what splits or repeats its answer, and with what tells variants apart:
//!
//! ```text
//! {"kind": "experiment", "steps": [{"event": "see_page"}, {"event": "purchase"}],
//!  "variant": "page_version", "control": "old", "expected": {"old": 0.5, "new": 0.5}}
//! ```

use std::collections::BTreeSet;

use serde_json::Value;

use super::condition::{property, property_path};
use super::fields::{EXPERIMENT_FIELDS, Fields, METRIC_FIELDS, Problems, VARIANT_FIELDS, describe, one_of, shorten};
use super::model::{Breakdown, Count, FunnelSpec, Order, PropertyPath, Step};
use super::parse::funnel_of;
use crate::answer::group_key;

/// The most variants that are compared.
pub const MAX_VARIANTS: usize = 20;

/// How sure intervals and tests are, unless a question says otherwise.
pub(super) const DEFAULT_CONFIDENCE: f64 = 0.95;

/// The least and the greatest confidence of a question.
pub(super) const CONFIDENCES: (f64, f64) = (0.5, 0.999);

pub(super) const MIXES: &[&str] = &["exclude", "count"];

/// The metric that is a word.
const CONVERSION: &str = "conversion";

const EXPECTED_EXPERIMENT: &str = r#"an object such as {"kind": "experiment", "steps": [{"event": "see"}, {"event": "buy"}], "variant": "page_version"}"#;
const EXPECTED_VARIANT: &str = r#"a property such as "page_version", or {"property": "page_version", "step": 1}"#;
const EXPECTED_SHARES: &str = r#"the share of users of each variant, such as {"A": 0.5, "B": 0.5}"#;

/// An experiment.
#[derive(Debug, Clone)]
pub struct ExperimentSpec {
    /// What is asked of users. Its breakdown is the property of variants, at the step of the exposure.
    pub funnel: FunnelSpec,
    /// What tells variants apart.
    pub exposure: ExposureStep,
    /// The value of the variant that others are compared with; `None` for the first.
    pub control: Option<Value>,
    /// The variants that are compared; empty for all that are found, with equal shares.
    pub variants: Vec<Variant>,
    /// What becomes of users who were seen with several variants.
    pub mixed: Mixed,
    /// The step that is a success, numbered from 1; behind that of the exposure.
    pub metric: usize,
    /// How sure intervals are: a share of 1.
    pub confidence: f64,
}

/// The event that shows a user a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposureStep {
    /// The property whose values are variants.
    pub property: PropertyPath,
    /// Numbered from 1. Never an optional step, and never the last.
    pub step: usize,
}

/// A variant that a question names.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// A text, a number or a boolean.
    pub value: Value,
    /// The share of users that is expected in it. Those of all variants make 1.
    pub share: f64,
}

/// What becomes of users who were seen with several variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mixed {
    /// They are left out.
    #[default]
    Exclude,
    /// They count in the variant of their chosen attempt.
    Count,
}

impl Mixed {
    /// The word of a question.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exclude => "exclude",
            Self::Count => "count",
        }
    }
}

/// A variant as a name in `expected` and as people read it: a text as it is, others as JSON writes them.
pub fn variant_name(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => group_key(Some(other)),
    }
}

/// Reads the document.
pub(super) fn experiment(value: &Value, now_ms: i64, problems: &mut Problems) -> Option<ExperimentSpec> {
    let fields = Fields::open(value, "", &EXPERIMENT_FIELDS, EXPECTED_EXPERIMENT, problems)?;
    let mut funnel = funnel_of(&fields, now_ms, problems);
    refuse_what_makes_no_experiment(&fields, &funnel, problems);
    let exposure = exposure(&fields, &funnel.steps, problems);
    let metric = metric(&fields, &funnel.steps, exposure.as_ref().map_or(1, |exposure| exposure.step), problems);
    let listed = listed(&fields, problems);
    let variants = with_shares(&fields, listed, problems);
    let control = control(&fields, &variants, problems);
    let mixed = match fields.choice("mixed", MIXES, &[], problems) {
        Some("count") => Mixed::Count,
        _ => Mixed::Exclude,
    };
    let confidence = confidence(&fields, problems);
    let exposure = exposure?;
    funnel.breakdown =
        Some(Breakdown { property: exposure.property.clone(), step: exposure.step, limit: MAX_VARIANTS });
    Some(ExperimentSpec { funnel, exposure, control, variants, mixed, metric, confidence })
}

/// Every test rests on users who were dealt out to variants independently of each other.
fn refuse_what_makes_no_experiment(fields: &Fields<'_>, funnel: &FunnelSpec, problems: &mut Problems) {
    if funnel.steps.len() == 1 {
        let message = "found 1 step; expected one that shows the variant, and one behind it that is a success";
        problems.add(fields.path_of("steps"), message);
    }
    if funnel.order == Order::Any {
        let message = "in order `any` a success may come before the variant was shown; expected `ordered` or `strict`";
        problems.add(fields.path_of("order"), message);
    }
    if funnel.count != Count::Users {
        let message = "an experiment counts users: several sessions or attempts of one user are not independent, and tests \
                       would find differences that are not there; leave it out";
        problems.add(fields.path_of("count"), message);
    }
}

fn exposure(fields: &Fields<'_>, steps: &[Step], problems: &mut Problems) -> Option<ExposureStep> {
    let path = fields.path_of("variant");
    let (property, step) = match fields.get("variant") {
        None => {
            problems.add(path, format!("missing; expected {EXPECTED_VARIANT}"));
            return None;
        }
        Some(Value::String(text)) => (property_path(text, &path, problems)?, 1),
        Some(value) => {
            let fields = Fields::open(value, &path, &VARIANT_FIELDS, EXPECTED_VARIANT, problems)?;
            let property = property(&fields, problems);
            // The last step leaves nothing to succeed in.
            let most = steps.len().saturating_sub(1).max(1);
            let step = fields.whole_number("step", 1, most as u64, problems).map_or(1, |step| step as usize);
            refuse_optional(&fields, steps, step, problems);
            (property?, step)
        }
    };
    Some(ExposureStep { property, step })
}

/// An attempt may pass over an optional step, but for the last one.
fn refuse_optional(fields: &Fields<'_>, steps: &[Step], step: usize, problems: &mut Problems) {
    if step < steps.len() && steps[step - 1].optional {
        let message = format!("step {step} is optional, and an attempt may pass over it; expected a step that is not");
        problems.add(fields.path_of("step"), message);
    }
}

/// The field `metric`: the step that is a success.
fn metric(fields: &Fields<'_>, steps: &[Step], exposure: usize, problems: &mut Problems) -> usize {
    let last = steps.len();
    let path = fields.path_of("metric");
    let expected = r#""conversion", which is the last step, or a step such as {"step": 2}"#;
    match fields.get("metric") {
        None => last,
        Some(Value::String(word)) if word == CONVERSION => last,
        Some(value @ Value::Object(_)) => {
            let Some(fields) = Fields::open(value, &path, &METRIC_FIELDS, expected, problems) else { return last };
            let (least, most) = (exposure as u64 + 1, last.max(exposure + 1) as u64);
            let step = fields.whole_number("step", least, most, problems).map_or(last, |step| step as usize);
            refuse_optional(&fields, steps, step, problems);
            step
        }
        Some(other) => {
            problems.add(path, format!("found {}; expected {expected}", describe(other)));
            last
        }
    }
}

/// The field `variants`.
fn listed(fields: &Fields<'_>, problems: &mut Problems) -> Option<Vec<Value>> {
    let expected = r#"a list of 2 to 20 values, such as ["A", "B"]"#;
    let list = fields.list("variants", expected, problems)?;
    let path = fields.path_of("variants");
    if !(2..=MAX_VARIANTS).contains(&list.len()) {
        problems.add(&path, format!("found {} values; expected {expected}", list.len()));
        return None;
    }
    let mut seen = BTreeSet::new();
    let mut values = Vec::with_capacity(list.len());
    for (at, value) in list.iter().enumerate() {
        let path = format!("{path}[{at}]");
        let value = scalar(value, &path, problems)?;
        if !seen.insert(group_key(Some(&value))) {
            problems.add(path, format!("{} is listed twice", describe(&value)));
        }
        values.push(value);
    }
    Some(values)
}

/// A value that a variant may have.
fn scalar(value: &Value, path: &str, problems: &mut Problems) -> Option<Value> {
    let is_scalar = matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
    if !is_scalar {
        problems.add(path, format!("found {}; expected a text, a number or a boolean", describe(value)));
    }
    is_scalar.then(|| value.clone())
}

/// The variants that `variants` or `expected` name, with the shares of `expected`, or equal ones.
fn with_shares(fields: &Fields<'_>, listed: Option<Vec<Value>>, problems: &mut Problems) -> Vec<Variant> {
    let Some(shares) = shares(fields, problems) else {
        let listed = listed.unwrap_or_default();
        let share = 1.0 / listed.len() as f64;
        return listed.into_iter().map(|value| Variant { value, share }).collect();
    };
    let Some(listed) = listed else {
        // By themselves, names are texts.
        let named = shares.into_iter().map(|(name, share)| Variant { value: Value::String(name), share });
        return named.collect();
    };
    let path = fields.path_of("expected");
    let mut variants = Vec::with_capacity(listed.len());
    let mut left: Vec<(String, f64)> = shares;
    for value in listed {
        let name = variant_name(&value);
        match left.iter().position(|(named, _)| *named == name) {
            Some(at) => variants.push(Variant { value, share: left.swap_remove(at).1 }),
            None => problems.add(&path, format!("has no share of `{}`, which `variants` lists", shorten(&name))),
        }
    }
    for (name, _) in left {
        problems.add(&path, format!("has a share of `{}`, which `variants` does not list", shorten(&name)));
    }
    variants
}

/// The field `expected`: names in order, and shares that make 1.
fn shares(fields: &Fields<'_>, problems: &mut Problems) -> Option<Vec<(String, f64)>> {
    let value = fields.get("expected")?;
    let path = fields.path_of("expected");
    let Some(members) = value.as_object() else {
        problems.add(path, format!("found {}; expected {EXPECTED_SHARES}", describe(value)));
        return None;
    };
    if !(2..=MAX_VARIANTS).contains(&members.len()) {
        let message = format!("found {} variants; expected 2 to {MAX_VARIANTS}: {EXPECTED_SHARES}", members.len());
        problems.add(path, message);
        return None;
    }
    let mut shares = Vec::with_capacity(members.len());
    for (name, value) in members {
        match value.as_f64().filter(|share| share.is_finite() && *share > 0.0) {
            Some(share) => shares.push((name.clone(), share)),
            None => {
                let path = format!("{path}.{}", shorten(name));
                problems.add(path, format!("found {}; expected a number greater than 0", describe(value)));
            }
        }
    }
    let whole: f64 = shares.iter().map(|(_, share)| share).sum();
    shares.iter_mut().for_each(|(_, share)| *share /= whole);
    shares.sort_by(|a, b| a.0.cmp(&b.0));
    Some(shares)
}

/// The field `control`, which is one of the variants where those are named. Where it is absent, that is the first of `variants`.
fn control(fields: &Fields<'_>, variants: &[Variant], problems: &mut Problems) -> Option<Value> {
    let Some(value) = fields.get("control") else {
        return variants.first().map(|variant| variant.value.clone());
    };
    let path = fields.path_of("control");
    let control = scalar(value, &path, problems)?;
    let key = group_key(Some(&control));
    if !variants.is_empty() && variants.iter().all(|variant| group_key(Some(&variant.value)) != key) {
        let names: Vec<String> = variants.iter().map(|variant| variant_name(&variant.value)).collect();
        let names = one_of(&names.iter().map(String::as_str).collect::<Vec<_>>());
        problems.add(path, format!("{} is not among the variants; expected {names}", describe(&control)));
    }
    Some(control)
}

fn confidence(fields: &Fields<'_>, problems: &mut Problems) -> f64 {
    let Some(value) = fields.get("confidence") else { return DEFAULT_CONFIDENCE };
    let (least, most) = CONFIDENCES;
    let confidence = value.as_f64().filter(|confidence| (least..=most).contains(confidence));
    if confidence.is_none() {
        let message =
            format!("found {}; expected a share from {least} to {most}, such as {DEFAULT_CONFIDENCE}", describe(value));
        problems.add(fields.path_of("confidence"), message);
    }
    confidence.unwrap_or(DEFAULT_CONFIDENCE)
}

#[cfg(test)]
#[path = "experiment_tests.rs"]
mod tests;
