//! The answer to an experiment, in the shape that programs rely on.

use serde::Serialize;
use serde_json::Value;

use super::statistics::{
    Interval, Method, Sample, detectable, difference, holm, lift, split, test, two_sided_z, wilson,
};
use super::{MISMATCH_P, words};
use crate::answer::{Figure, Scanned, Source};
use crate::spec::ExperimentSpec;

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExperimentReport {
    /// Always `experiment`.
    pub kind: &'static str,
    /// Version of the table that was read.
    pub version: u64,
    /// Everything received up to then is in this version (RFC 3339).
    pub complete_to: Option<String>,
    /// The step that shows the variant.
    pub exposure: StepName,
    /// The step that is a success.
    pub metric: StepName,
    /// How sure intervals are: a share of 1.
    pub confidence: f64,
    /// The control first; then the others as the question lists them, or by their values.
    pub variants: Vec<VariantReport>,
    /// Each variant but the control with the control.
    pub comparisons: Vec<Comparison>,
    /// Whether users are dealt out as expected.
    pub split: Split,
    /// Users of these variants who were seen with several.
    pub mixed: MixedUsers,
    /// Users who are in no variant.
    pub apart: Apart,
    /// What can be said.
    pub verdict: Verdict,
    /// What has to be kept in mind.
    pub caveats: Vec<Caveat>,
    /// What it took.
    pub scanned: Scanned,
}

/// A step of the funnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepName {
    /// From 1.
    pub step: usize,
    /// What people read.
    pub label: String,
}

/// The users of one variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VariantReport {
    /// The value of the property.
    pub value: Value,
    /// Whether the others are compared with it.
    pub control: bool,
    /// Users who came to the exposure.
    pub users: u64,
    /// Of them, those who converted.
    pub converted: u64,
    /// Their share; `null` of nobody.
    pub rate: Option<f64>,
    /// Wilson's interval of it.
    pub rate_interval: Option<Interval>,
    /// Users who did not convert and still have time.
    pub open: u64,
    /// Users whose chosen attempt is of this variant, and who were seen with another. Whether they are among `users` says
    /// [`MixedUsers::handling`].
    pub mixed: u64,
    /// Median time from the exposure to the conversion, milliseconds.
    pub median_ms: Figure,
    /// The share of users that is expected here.
    pub expected: f64,
}

/// A variant against the control.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The variant.
    pub value: Value,
    /// Its rate minus the control's, as a share of 1; `null` where one of them has nobody, as all that follows.
    pub difference: Option<f64>,
    /// Newcombe's interval of it.
    pub difference_interval: Option<Interval>,
    /// By what share of the control's rate it is higher; `null` where that is 0.
    pub lift: Option<f64>,
    /// The interval of that; `null` where one of the rates is 0.
    pub lift_interval: Option<Interval>,
    /// Of a two-sided test.
    pub p: Option<f64>,
    /// Raised for as many comparisons as there are, by Holm's rule.
    pub p_adjusted: Option<f64>,
    /// Which test.
    pub test: Option<Method>,
    /// So much higher a rate than the control's would be found in four of five experiments of this size; `null` where none is high
    /// enough.
    pub detectable: Option<f64>,
}

/// Whether users are dealt out as expected.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Split {
    /// Of a chi-square test; `null` where there are too few users to tell.
    pub p: Option<f64>,
    /// Whether chance alone hardly ever does this, so that something is wrong.
    pub mismatch: bool,
}

/// Users who were seen with several variants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MixedUsers {
    /// How many.
    pub users: u64,
    /// `exclude`: they are left out. `count`: they are in the variant of their chosen attempt.
    pub handling: String,
}

/// Users who are in no variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Apart {
    /// Their exposure has no such property.
    pub missing: u64,
    /// It has another value than those that are compared.
    pub other: u64,
    /// They took the first step, and did not come to the exposure.
    pub not_exposed: u64,
}

/// What can be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// `difference`, `no_difference`, `split_mismatch` or `nothing_to_compare`.
    pub code: &'static str,
    /// The same in words.
    pub sentence: String,
}

/// What has to be kept in mind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caveat {
    /// `open`, `mixed`, `several` or `peeking`.
    pub code: &'static str,
    /// The same in words.
    pub sentence: String,
}

/// What was counted of one variant.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub value: Value,
    /// The share that the question expects, where it names the variant.
    pub share: Option<f64>,
    pub sample: Sample,
    pub open: u64,
    pub mixed: u64,
    pub median_ms: Option<f64>,
}

impl ExperimentReport {
    /// Of variants, the control first.
    pub(super) fn new(
        spec: &ExperimentSpec,
        found: Vec<Found>,
        apart: Apart,
        mixed: MixedUsers,
        source: Source,
    ) -> Self {
        let z = two_sided_z(spec.confidence);
        let label = |step: usize| spec.funnel.steps.get(step - 1).map_or_else(String::new, |step| step.label.clone());
        let name = |step: usize| StepName { step, label: label(step) };
        let equal = 1.0 / found.len() as f64;
        let shares: Vec<f64> = found.iter().map(|found| found.share.unwrap_or(equal)).collect();
        let users: Vec<u64> = found.iter().map(|found| found.sample.users).collect();
        let p = split(&users, &shares);
        let variants = found.iter().zip(&shares).enumerate();
        let mut report = Self {
            kind: "experiment",
            version: source.version,
            complete_to: source.complete_to(),
            exposure: name(spec.exposure.step),
            metric: name(spec.metric),
            confidence: spec.confidence,
            variants: variants.map(|(at, (found, share))| variant(at == 0, found, *share, z)).collect(),
            comparisons: comparisons(&found, 1.0 - spec.confidence, z),
            split: Split { p, mismatch: p.is_some_and(|p| p < MISMATCH_P) },
            mixed,
            apart,
            verdict: Verdict { code: "nothing_to_compare", sentence: String::new() },
            caveats: Vec::new(),
            scanned: source.scanned,
        };
        report.verdict = words::verdict(&report);
        report.caveats = words::caveats(&report);
        report
    }
}

fn variant(control: bool, found: &Found, expected: f64, z: f64) -> VariantReport {
    let Found { value, sample, open, mixed, median_ms, .. } = found;
    VariantReport {
        value: value.clone(),
        control,
        users: sample.users,
        converted: sample.converted,
        rate: sample.rate(),
        rate_interval: wilson(*sample, z),
        open: *open,
        mixed: *mixed,
        median_ms: Figure(*median_ms),
        expected,
    }
}

fn comparisons(found: &[Found], alpha: f64, z: f64) -> Vec<Comparison> {
    let Some((control, others)) = found.split_first() else { return Vec::new() };
    let tests: Vec<_> = others.iter().map(|other| test(control.sample, other.sample)).collect();
    let adjusted = holm(&tests.iter().map(|tested| tested.map(|tested| tested.p)).collect::<Vec<_>>());
    // What Holm's rule asks of the first of several comparisons.
    let strictest = alpha / others.len().max(1) as f64;
    let of = |((other, tested), p_adjusted): ((&Found, &Option<super::Tested>), Option<f64>)| {
        let (control, variant) = (control.sample, other.sample);
        let lift = lift(control, variant, z);
        Comparison {
            value: other.value.clone(),
            difference: variant.rate().zip(control.rate()).map(|(variant, control)| variant - control),
            difference_interval: difference(control, variant, z),
            lift: lift.map(|(lift, _)| lift),
            lift_interval: lift.and_then(|(_, interval)| interval),
            p: tested.map(|tested| tested.p),
            p_adjusted,
            test: tested.map(|tested| tested.method),
            detectable: detectable(control, variant.users, strictest),
        }
    };
    others.iter().zip(&tests).zip(adjusted).map(of).collect()
}
