//! The fields that change what an attempt is, and those that split or repeat the answer: `optional`, `exclude`, `hold`,
//! `interval`, `compare`.

use chrono_tz::Tz;
use serde_json::Value;

use super::condition::property_path;
use super::fields::{EXCLUDE_FIELDS, Fields, Problems, describe};
use super::model::{DateRange, Exclude, Exclusion, Interval, Order, PropertyPath, Step};
use super::parse::events;
use super::time;
use crate::calendar;

/// The most exclusions of one funnel.
pub(super) const MAX_EXCLUDES: usize = 32;

/// The most properties that are held.
pub(super) const MAX_HELD: usize = 10;

/// The most buckets of a trend between `from` and `to`.
pub(super) const MAX_BUCKETS: usize = 20_000;

pub(super) const EXCLUSIONS: &[&str] = &["block", "drop_user"];
pub(super) const INTERVALS: &[&str] = &["hour", "day", "week", "month"];
pub(super) const COMPARISONS: &[&str] = &["previous"];

const EXPECTED_EXCLUDE: &str = r#"an event such as {"event": "remove_from_cart", "from": 1, "to": 2}"#;

/// Refuses `optional` where there is nothing to pass over.
pub(super) fn refuse_optional(fields: &Fields<'_>, steps: &[Step], order: Order, problems: &mut Problems) {
    let path = fields.path_of("steps");
    for (at, _) in steps.iter().enumerate().filter(|(_, step)| step.optional) {
        let message = if at == 0 {
            "the first step cannot be optional: every attempt begins with it"
        } else if order == Order::Any {
            "stands beside order `any`, where any step may be missing; leave one of the two out"
        } else {
            continue;
        };
        problems.add(format!("{path}[{at}].optional"), message);
    }
}

/// The field `exclude`.
pub(super) fn excludes(fields: &Fields<'_>, steps: &[Step], order: Order, problems: &mut Problems) -> Vec<Exclude> {
    let expected = format!("a list of events, [{}]", EXPECTED_EXCLUDE.trim_start_matches("an event such as "));
    let list = fields.short_list("exclude", MAX_EXCLUDES, &expected, problems).unwrap_or_default();
    let path = fields.path_of("exclude");
    if order == Order::Any && !list.is_empty() {
        problems.add(&path, "stands beside order `any`, where no step comes before another; leave one of the two out");
    }
    let read = list.iter().enumerate().map(|(at, value)| exclude(value, &format!("{path}[{at}]"), steps, problems));
    read.collect::<Vec<_>>().into_iter().flatten().collect()
}

fn exclude(value: &Value, path: &str, steps: &[Step], problems: &mut Problems) -> Option<Exclude> {
    let fields = Fields::open(value, path, &EXCLUDE_FIELDS, EXPECTED_EXCLUDE, problems)?;
    let any = events(&fields, EXPECTED_EXCLUDE, problems);
    // Without steps, which is a problem of its own, there is nothing to hold the numbers against.
    if steps.is_empty() {
        return None;
    }
    if steps.len() == 1 {
        problems.add(path, "a funnel of one step has nothing between two steps; leave `exclude` out");
        return None;
    }
    let mut step = |name: &str, default: usize, least: usize, most: usize| match fields.get(name) {
        None => Some(default),
        Some(_) => fields.whole_number(name, least as u64, most as u64, problems).map(|step| step as usize),
    };
    let from = step("from", 1, 1, steps.len() - 1);
    let to = step("to", steps.len(), 2, steps.len());
    let (from, to) = (from?, to?);
    if from >= to {
        problems.add(fields.path_of("from"), format!("step {from} is not before step {to}, which is `to`"));
        return None;
    }
    for (name, step) in [("from", from), ("to", to)] {
        // Nothing can be said to lie behind or before a step that an attempt need not have. The last step is safe: an
        // attempt that comes so far has it.
        if step < steps.len() && steps[step - 1].optional {
            let message =
                format!("step {step} is optional, and an attempt may pass over it; expected a step that is not");
            problems.add(fields.path_of(name), message);
        }
    }
    Some(Exclude { any, from, to })
}

/// The field `exclusion`.
pub(super) fn exclusion(fields: &Fields<'_>, problems: &mut Problems) -> Exclusion {
    match fields.choice("exclusion", EXCLUSIONS, &[], problems) {
        Some("drop_user") => Exclusion::DropUser,
        _ => Exclusion::Block,
    }
}

/// The field `hold`.
pub(super) fn hold(fields: &Fields<'_>, problems: &mut Problems) -> Vec<PropertyPath> {
    let expected = r#"a list of properties, such as ["item_id"]"#;
    let list = fields.short_list("hold", MAX_HELD, expected, problems).unwrap_or_default();
    let path = fields.path_of("hold");
    let mut held: Vec<PropertyPath> = Vec::new();
    for (at, value) in list.iter().enumerate() {
        let path = format!("{path}[{at}]");
        let Some(text) = value.as_str() else {
            let message = format!("found {}; expected the name of a property, such as `item_id`", describe(value));
            problems.add(path, message);
            continue;
        };
        if let Some(property) = property_path(text, &path, problems)
            && !held.contains(&property)
        {
            held.push(property);
        }
    }
    held
}

/// The field `interval`, or what stands where there is none.
pub(super) fn interval(
    fields: &Fields<'_>,
    default: Option<Interval>,
    zone: Tz,
    range: DateRange,
    problems: &mut Problems,
) -> Option<Interval> {
    let (interval, word) = match fields.choice("interval", INTERVALS, &[], problems) {
        Some(word @ "hour") => (Interval::Hour, word),
        Some(word @ "day") => (Interval::Day, word),
        Some(word @ "week") => (Interval::Week, word),
        Some(word) => (Interval::Month, word),
        None => (default?, "bucket"),
    };
    if let (Some(from), Some(to)) = (range.from_ms, range.to_ms)
        && calendar::buckets(interval, zone, from, to, MAX_BUCKETS).is_none()
    {
        let message =
            format!("the period has more than {MAX_BUCKETS} {word}s; expected a longer interval, or less time");
        problems.add(fields.path_of("interval"), message);
    }
    Some(interval)
}

/// The field `compare`: the period of the same length that ends where this one begins. Whole days are counted by the
/// calendar.
pub(super) fn previous(fields: &Fields<'_>, zone: Tz, range: DateRange, problems: &mut Problems) -> Option<DateRange> {
    fields.choice("compare", COMPARISONS, &[], problems)?;
    let (Some(from), Some(to)) = (range.from_ms, range.to_ms) else {
        let message = "needs a period to compare with the one before; give `from` and `to`, or `last`";
        problems.add(fields.path_of("compare"), message);
        return None;
    };
    let days = time::days_between(fields, "from", "to");
    let before = days.and_then(|(first, days)| calendar::days_before_ms(first, days, zone));
    let before = before.unwrap_or_else(|| from.saturating_sub(to.saturating_sub(from)));
    Some(DateRange { from_ms: Some(before), to_ms: Some(from) })
}
