//! A report against what it must say.

use std::collections::HashMap;

use serde_json::Value;

use super::expect::{Figures, Journey, group_name, quantile};
use super::question::Question;

/// All differences between a report and the journeys that it is about; empty where there is none.
pub fn differences(report: &Value, question: &Question, journeys: &[Journey]) -> Vec<String> {
    let mut found = Differences::default();
    let steps = question.steps.len();
    let complete_to = report["complete_to"].as_str().map(weir_tests::instant_ms);
    let whole = Figures::of(journeys.iter(), steps, question.window_ms, complete_to);
    found.figures("", report, &whole);
    for (step, given) in question.steps.iter().zip(report["steps"].as_array().into_iter().flatten()) {
        if !step.label.is_empty() {
            found.same(&format!("label of step {}", given["step"]), given["label"].as_str(), Some(step.label.as_str()));
        }
    }
    match &question.breakdown {
        None => found.same("breakdown", report.get("breakdown"), None),
        Some(breakdown) => {
            let groups = Figures::by_group(journeys, steps, question.window_ms, complete_to);
            let others = |unlisted: &[&str]| {
                let is_other = |journey: &&Journey| journey.group.as_deref().is_some_and(|g| unlisted.contains(&g));
                Figures::of(journeys.iter().filter(is_other), steps, question.window_ms, complete_to)
            };
            found.groups(&report["breakdown"], &groups, breakdown.limit, others);
        }
    }
    found.0
}

#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, given: T, expected: T) {
        if given != expected {
            self.0.push(format!("{what}: found {given:?}, expected {expected:?}"));
        }
    }

    /// Doubles may differ in their last digits, by the order in which they were summed.
    fn near(&mut self, what: &str, given: &Value, expected: Option<f64>) {
        let same = match (given.as_f64(), expected) {
            (Some(given), Some(expected)) => (given - expected).abs() <= expected.abs() * 1e-12 + 1e-9,
            (None, None) => given.is_null(),
            _ => false,
        };
        if !same {
            self.0.push(format!("{what}: found {given}, expected {expected:?}"));
        }
    }

    fn figures(&mut self, of: &str, given: &Value, expected: &Figures) {
        let steps = given["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        self.same(&format!("{of}number of steps"), steps.len(), expected.counts.len());
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        for (at, step) in steps.iter().enumerate().take(expected.counts.len()) {
            let of = format!("{of}step {}: ", at + 1);
            let counts = &expected.counts;
            self.same(&format!("{of}number"), step["step"].as_u64(), Some(at as u64 + 1));
            self.same(&format!("{of}count"), step["count"].as_u64(), Some(counts[at]));
            self.same(&format!("{of}in_window"), step["in_window"].as_u64(), Some(expected.in_window[at]));
            self.near(&format!("{of}from_first"), &step["from_first"], Some(share(counts[at], counts[0])));
            let previous = share(counts[at], counts[at.saturating_sub(1)]);
            self.near(&format!("{of}from_previous"), &step["from_previous"], Some(previous));
            self.near(&format!("{of}median_ms"), &step["median_ms"], expected.medians[at]);
            self.near(&format!("{of}p90_ms"), &step["p90_ms"], expected.p90s[at]);
        }
        self.conversion(of, &given["conversion_ms"], &expected.conversions);
    }

    fn conversion(&mut self, of: &str, given: &Value, times: &[i64]) {
        self.same(&format!("{of}conversions"), given["n"].as_u64(), Some(times.len() as u64));
        self.near(&format!("{of}median of conversions"), &given["median"], quantile(times, 0.5));
        let mean = times.iter().sum::<i64>() as f64 / times.len() as f64;
        self.near(&format!("{of}mean of conversions"), &given["mean"], (!times.is_empty()).then_some(mean));
        let bins = given["histogram"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut counted = 0;
        for bin in bins {
            let (from, to) = (bin["from"].as_i64().unwrap_or(0), bin["to"].as_i64().unwrap_or(0));
            let inside = times.iter().filter(|time| (from..to).contains(*time)).count();
            self.same(&format!("{of}bin from {from} to {to}"), bin["count"].as_u64(), Some(inside as u64));
            counted += inside;
        }
        self.same(&format!("{of}conversions in bins"), counted, times.len());
    }

    /// Which of equally large groups are listed is free; that the largest are is not.
    fn groups(
        &mut self,
        given: &Value,
        expected: &[(String, Figures)],
        limit: usize,
        others: impl Fn(&[&str]) -> Figures,
    ) {
        let mut left: HashMap<&str, &Figures> =
            expected.iter().map(|(name, figures)| (name.as_str(), figures)).collect();
        let (mut smallest, mut other) = (u64::MAX, None);
        for group in given.as_array().into_iter().flatten() {
            if group.get("other").is_some() {
                self.same("a second group of others", other.is_some(), false);
                other = Some(group);
                continue;
            }
            self.same("a group behind the others", other.is_some(), false);
            let name = group_name(group.get("value").filter(|value| !value.is_null()));
            match left.remove(name.as_str()) {
                Some(figures) => {
                    self.figures(&format!("group {name}: "), group, figures);
                    self.same(&format!("group {name} is larger than one before"), figures.counts[0] > smallest, false);
                    smallest = figures.counts[0];
                }
                None => self.0.push(format!("group {name} is not expected, or listed twice")),
            }
        }
        self.same("groups that are listed", expected.len() - left.len(), expected.len().min(limit));
        let too_large = left.values().any(|figures| figures.counts[0] > smallest);
        self.same("a group among the others is larger than a listed one", too_large, false);
        self.same("others are there", other.is_some(), !left.is_empty());
        if let Some(other) = other {
            let unlisted: Vec<&str> = left.into_keys().collect();
            self.figures("others: ", other, &others(&unlisted));
        }
    }
}
