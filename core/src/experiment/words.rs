//! What the numbers of an experiment bear, in words: never more than that. Figures have as many digits as their intervals give a meaning.

use super::report::{Caveat, Comparison, ExperimentReport, VariantReport, Verdict};
use super::statistics::Interval;
use crate::spec::fields::shorten;
use crate::spec::variant_name;

/// From this share of users on who still have time, that comes first.
const MANY_OPEN: f64 = 0.1;

/// A smaller p-value is only said to be smaller.
const LEAST_P: f64 = 0.0001;

/// A share of 1 within its interval, as `12.0%`: the wider that is, the fewer digits.
pub fn share_within(share: f64, interval: Option<Interval>) -> String {
    format!("{:.*}%", digits(interval), share * 100.0)
}

/// A difference of shares within its interval, in percentage points with a sign, as `+2.0`.
pub fn points(difference: f64, interval: Option<Interval>) -> String {
    let text = format!("{:+.*}", digits(interval), difference * 100.0);
    // What is rounded to nothing has no sign.
    match text.trim_start_matches(['+', '-', '0', '.']).is_empty() {
        true => text.trim_start_matches(['+', '-']).to_owned(),
        false => text.replacen('-', "−", 1),
    }
}

/// Behind the point: one, or enough for two that differ between the ends.
fn digits(interval: Option<Interval>) -> usize {
    let width = interval.map_or(1.0, |interval| (interval.high - interval.low) * 100.0);
    if width > 0.0 { (1.0 - width.log10().floor()).clamp(1.0, 6.0) as usize } else { 1 }
}

/// A p-value: `0.012`, `0.48`, `< 0.0001`.
pub fn p_value(p: f64) -> String {
    match p {
        p if p < LEAST_P => format!("< {LEAST_P}"),
        p if p < 0.001 => format!("{p:.4}"),
        p if p < 0.1 => format!("{p:.3}"),
        // Only certainty is 1.
        p if (0.995..1.0).contains(&p) => "> 0.99".to_owned(),
        p => format!("{p:.2}"),
    }
}

/// `p = 0.012`, `p < 0.0001`
fn p_is(p: f64) -> String {
    let text = p_value(p);
    if text.starts_with(['<', '>']) { format!("p {text}") } else { format!("p = {text}") }
}

/// `95%`
fn confidence(report: &ExperimentReport) -> String {
    format!("{}%", (report.confidence * 1000.0).round() / 10.0)
}

fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What can be said.
pub(super) fn verdict(report: &ExperimentReport) -> Verdict {
    let is_tested = report.comparisons.iter().any(|comparison| comparison.p.is_some());
    let [control, _, ..] = report.variants.as_slice() else {
        let sentence = match report.variants.first() {
            Some(only) if only.users > 0 => {
                format!("There is nothing to compare: all users were shown {}.", name(only))
            }
            _ => "There is nothing to compare: no user was shown a variant.".to_owned(),
        };
        return Verdict { code: "nothing_to_compare", sentence };
    };
    if report.split.mismatch {
        return Verdict { code: "split_mismatch", sentence: mismatch(report) };
    }
    if !is_tested {
        let nobody = report.variants.iter().find(|variant| variant.users == 0).unwrap_or(control);
        let sentence = format!("There is nothing to compare: no user was shown {}.", name(nobody));
        return Verdict { code: "nothing_to_compare", sentence };
    }
    let differ: Vec<&Comparison> =
        report.comparisons.iter().filter(|comparison| is_different(comparison, report.confidence)).collect();
    if differ.is_empty() {
        return Verdict { code: "no_difference", sentence: no_difference(report, control) };
    }
    let said: Vec<String> = differ.iter().map(|comparison| said_of(comparison, control, report)).collect();
    let rest = report.comparisons.len() - differ.len();
    let rest = match rest {
        0 => String::new(),
        1 => " Of the other variant no difference can be told.".to_owned(),
        _ => format!(" Of the other {rest} variants no difference can be told."),
    };
    Verdict { code: "difference", sentence: format!("{}{rest}", said.join(" ")) }
}

fn is_different(comparison: &Comparison, confidence: f64) -> bool {
    comparison.p_adjusted.is_some_and(|p| p < 1.0 - confidence)
}

fn name(variant: &VariantReport) -> String {
    shorten(&variant_name(&variant.value))
}

/// `+2.0 points (95% interval +0.4 to +3.6)`
fn how_much(comparison: &Comparison, report: &ExperimentReport) -> String {
    let (difference, interval) = (comparison.difference.unwrap_or(0.0), comparison.difference_interval);
    let between = interval.map_or_else(String::new, |between| {
        let ends = [between.low, between.high].map(|end| points(end, interval));
        format!(" ({} interval {} to {})", confidence(report), ends[0], ends[1])
    });
    format!("{} points{between}", points(difference, interval))
}

fn said_of(comparison: &Comparison, control: &VariantReport, report: &ExperimentReport) -> String {
    let variant = report.variants.iter().find(|variant| variant.value == comparison.value).unwrap_or(control);
    let rate = |variant: &VariantReport| share_within(variant.rate.unwrap_or(0.0), variant.rate_interval);
    let p = comparison.p_adjusted.unwrap_or(1.0);
    let more = if comparison.difference.is_some_and(|difference| difference > 0.0) { "more" } else { "less" };
    // What is raised for several comparisons is no longer the share of experiments of one.
    let chance = match report.comparisons.len() {
        1 => format!(
            " If there were no difference, chance alone would show as large a one in {} of experiments ({}).",
            how_rarely(p),
            p_is(p)
        ),
        _ => String::new(),
    };
    let adjusted = if chance.is_empty() { format!(", {} adjusted", p_is(p)) } else { String::new() };
    format!(
        "Users of {} converted {more} often than those of {}: {} against {}, {}{adjusted}.{chance}",
        name(variant),
        name(control),
        rate(variant),
        rate(control),
        how_much(comparison, report)
    )
}

/// A p-value as a share of experiments.
fn how_rarely(p: f64) -> String {
    if p < LEAST_P { "less than 0.01%".to_owned() } else { format!("{}%", significant(p * 100.0)) }
}

/// Two digits that count.
fn significant(number: f64) -> String {
    let digits = if number >= 10.0 { 0 } else { (1.0 - number.log10().floor()).clamp(0.0, 3.0) as usize };
    format!("{number:.digits$}")
}

fn no_difference(report: &ExperimentReport, control: &VariantReport) -> String {
    let detectable = report.comparisons.iter().filter_map(|c| c.detectable).reduce(f64::max);
    let found = detectable.map_or_else(String::new, |detectable| {
        let points = significant(detectable * 100.0);
        format!(" With so many users, a rate {points} points higher would be found in four of five experiments, and a smaller gain less often.")
    });
    let [only] = report.comparisons.as_slice() else {
        return format!(
            "No difference from {} can be told of any variant; that does not show that there is none.{found}",
            name(control)
        );
    };
    let p = only.p_adjusted.map_or_else(String::new, |p| format!("; {}", p_is(p)));
    format!(
        "No difference between {} and {} can be told: {}{p}; that does not show that there is none.{found}",
        shorten(&variant_name(&only.value)),
        name(control),
        how_much(only, report)
    )
}

fn mismatch(report: &ExperimentReport) -> String {
    let users: u64 = report.variants.iter().map(|variant| variant.users).sum();
    let parts = report.variants.iter().map(|variant| {
        let share = variant.users as f64 / users as f64 * 100.0;
        format!(
            "{} has {} users ({share:.2}%), where {:.2}% are expected",
            name(variant),
            count(variant.users),
            variant.expected * 100.0
        )
    });
    let p = report.split.p.map_or_else(String::new, |p| format!(" ({})", p_is(p)));
    format!(
        "Do not trust this comparison: users are not dealt out as expected. {}. Chance alone does that in less than 1 of 1,000 \
         experiments{p}: something in how variants are dealt out, or in how events are sent, favours one of them.",
        parts.collect::<Vec<_>>().join("; ")
    )
}

/// What has to be kept in mind.
pub(super) fn caveats(report: &ExperimentReport) -> Vec<Caveat> {
    let mut caveats = Vec::new();
    let mut say = |code: &'static str, sentence: String| caveats.push(Caveat { code, sentence });
    let total = |of: fn(&VariantReport) -> u64| report.variants.iter().map(of).sum::<u64>();
    let (users, open) = (total(|variant| variant.users), total(|variant| variant.open));
    if open > 0 {
        let still = if open == 1 { "1 user still has".to_owned() } else { format!("{} users still have", count(open)) };
        let share = open as f64 / users as f64;
        say(
            "open",
            match share >= MANY_OPEN {
                true => format!(
                    "{still} time to convert, {:.0}% of all: the rates are not what they will be. Ask again when their windows have closed.",
                    share * 100.0
                ),
                false => format!("{still} time to convert: the rates may still rise."),
            },
        );
    }
    if report.mixed.users > 0 {
        let were = match report.mixed.users {
            1 => "1 user was seen with several variants".to_owned(),
            users => format!("{} users were seen with several variants", count(users)),
        };
        say(
            "mixed",
            match report.mixed.handling.as_str() {
                "exclude" => format!("{were}, and left out."),
                _ => format!("{were}, and counted in that of the chosen attempt."),
            },
        );
    }
    if report.comparisons.len() > 1 {
        let comparisons = report.comparisons.len();
        say(
            "several",
            format!("P-values are raised for {comparisons} comparisons (Holm); each interval stands for itself."),
        );
    }
    if ["difference", "no_difference"].contains(&report.verdict.code) {
        say(
            "peeking",
            "This holds for one look, at a time that was settled before. Who looks again and again, and stops when there is a \
             difference, finds some that are not there."
                .to_owned(),
        );
    }
    caveats
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
