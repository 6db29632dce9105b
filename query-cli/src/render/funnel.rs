//! A funnel as people read it: a table of steps, bars with what was lost between them, one sentence, and the groups of
//! a breakdown.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use weir_core::funnel::{ConversionTimes, FunnelReport, GroupValue, StepReport};

use super::bars::bar;
use super::numbers::{count, counted, duration, percent};
use super::table::{Align, Table, clip, pad, width};
use super::{Records, Report};

/// A longer label or value is cut in tables for people.
const LONGEST_NAME: usize = 40;
/// A longer label is cut beside its bar.
const LONGEST_BAR_NAME: usize = 24;
/// Bars are at least and at most so wide.
const BAR_WIDTHS: (usize, usize) = (10, 60);
/// The table of groups has a column for each step up to so many; beyond, for the last one only.
const MOST_STEP_COLUMNS: usize = 7;
/// What stands where there is no figure.
const NO_FIGURE: &str = "–";

/// A report and what its question called the groups.
#[derive(Debug)]
pub struct FunnelView<'a> {
    /// The answer.
    pub report: &'a FunnelReport,
    /// The property of the breakdown, where one was asked.
    pub property: Option<String>,
}

impl Serialize for FunnelView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.report.serialize(serializer)
    }
}

impl Report for FunnelView<'_> {
    /// One row a step, of the whole funnel and then of each group. The columns `group` and `value` are there only with
    /// a breakdown: `group` says `all`, `value`, `none` (the property is absent) or `other`.
    fn records(&self) -> Records {
        let groups = self.report.breakdown.iter().flatten();
        let whole = (json!("all"), Value::Null, &self.report.steps);
        let groups = std::iter::once(whole).chain(groups.map(|group| {
            let (kind, value) = match &group.value {
                GroupValue::Value { value: Value::Null } => ("none", Value::Null),
                GroupValue::Value { value } => ("value", value.clone()),
                GroupValue::Other { .. } => ("other", Value::Null),
            };
            (json!(kind), value, &group.steps)
        }));
        let with_groups = self.report.breakdown.is_some();
        let rows = groups.flat_map(|(kind, value, steps)| {
            let group = if with_groups { vec![kind, value] } else { Vec::new() };
            steps.iter().map(move |step| group.iter().cloned().chain(step_record(step)).collect())
        });
        let group_columns = if with_groups { &["group", "value"][..] } else { &[] };
        let columns = group_columns.iter().chain(&STEP_COLUMNS).copied().collect();
        Records { columns, rows: rows.collect() }
    }

    fn text(&self, width: usize) -> String {
        let mut text = self.steps(LONGEST_NAME).text();
        if self.report.steps.len() > 1 && self.users() > 0 {
            text.push('\n');
            text.push_str(&chart(&self.report.steps, width));
        }
        text.push('\n');
        text.push_str(&self.sentence());
        text.push('\n');
        if let Some((title, groups)) = self.groups(LONGEST_NAME) {
            text.push_str(&format!("\n{title}\n\n{}", groups.text()));
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = format!("{}\n{}\n", self.steps(usize::MAX).markdown(), self.sentence());
        if let Some((title, groups)) = self.groups(usize::MAX) {
            text.push_str(&format!("\n{title}\n\n{}", groups.markdown()));
        }
        text
    }
}

/// The fields of a [`StepReport`], in the order in which it has them.
const STEP_COLUMNS: [&str; 8] =
    ["step", "label", "count", "from_first", "from_previous", "median_ms", "p90_ms", "in_window"];

fn step_record(step: &StepReport) -> Vec<Value> {
    // By way of its own serialisation, so that figures are written as in the JSON document.
    let fields = serde_json::to_value(step).unwrap_or_default();
    STEP_COLUMNS.iter().map(|name| fields.get(name).cloned().unwrap_or_default()).collect()
}

impl FunnelView<'_> {
    /// Users of the first step.
    fn users(&self) -> u64 {
        self.report.steps.first().map_or(0, |step| step.count)
    }

    fn steps(&self, longest_name: usize) -> Table {
        let right = |title: &str| (title.to_owned(), Align::Right);
        let mut columns = vec![right("step"), ("event".to_owned(), Align::Left), right("users")];
        // A single step has no step before it.
        let has_more = self.report.steps.len() > 1;
        if has_more {
            columns.extend(["of first", "of previous", "median", "p90", "still open"].map(right));
        }
        let mut table = Table::new(columns);
        for step in &self.report.steps {
            let label = clip(&step.label, longest_name).into_owned();
            let mut cells = vec![step.step.to_string(), label, count(step.count)];
            if has_more {
                cells.push(percent(step.from_first));
                if step.step == 1 {
                    cells.extend(vec![String::new(); 4]);
                } else {
                    let time = |ms: Option<f64>| ms.map_or_else(|| NO_FIGURE.to_owned(), duration);
                    cells.extend([percent(step.from_previous), time(step.median_ms), time(step.p90_ms)]);
                    cells.push(count(step.in_window));
                }
            }
            table.row(cells);
        }
        table
    }

    /// What one would say aloud.
    fn sentence(&self) -> String {
        let users = self.users();
        let ConversionTimes { n, median, .. } = &self.report.conversion_ms;
        let all = counted(users, "user");
        match (users, self.report.steps.as_slice()) {
            (0, _) => return "No user took the first step.".to_owned(),
            (_, [_]) => return format!("{all} took the step."),
            _ => {}
        }
        let who = match *n {
            0 if users == 1 => "The 1 user did not go all the way".to_owned(),
            0 => format!("None of {all} went all the way"),
            n if n == users && n == 1 => "The 1 user went all the way".to_owned(),
            n if n == users => format!("All {all} went all the way"),
            _ => {
                let share = self.report.steps.last().map_or(0.0, |last| last.from_first);
                format!("{} of {all} went all the way", percent(share))
            }
        };
        let how_fast = match (n, median) {
            (2.., Some(median)) => format!("; half of them within {}", duration(*median)),
            (_, Some(median)) => format!("; it took {}", duration(*median)),
            _ => String::new(),
        };
        let open: u64 = self.report.steps.iter().map(|step| step.in_window).sum();
        let who_may = match open {
            0 => String::new(),
            1 => " 1 more still has time.".to_owned(),
            _ => format!(" {} more still have time.", count(open)),
        };
        format!("{who}{how_fast}.{who_may}")
    }

    /// The groups of the breakdown, if there are any, and what they are.
    fn groups(&self, longest_name: usize) -> Option<(String, Table)> {
        let groups = self.report.breakdown.as_ref().filter(|groups| !groups.is_empty())?;
        let property = self.property.as_deref().unwrap_or("value");
        let last = self.report.steps.len();
        let steps = if last > MOST_STEP_COLUMNS { last..=last } else { 2..=last };
        let right = |title: String| (title, Align::Right);
        let mut columns = vec![(clip(property, longest_name).into_owned(), Align::Left), right("users".to_owned())];
        columns.extend(steps.clone().map(|step| right(format!("step {step}"))));
        if last > 1 {
            columns.push(right("median".to_owned()));
        }
        let mut table = Table::new(columns);
        for group in groups {
            let users = group.steps.first().map_or(0, |step| step.count);
            let mut cells = vec![clip(&group_name(&group.value), longest_name).into_owned(), count(users)];
            cells.extend(group.steps.iter().filter(|s| steps.contains(&s.step)).map(|step| percent(step.from_first)));
            if last > 1 {
                cells.push(group.conversion_ms.median.map_or_else(|| NO_FIGURE.to_owned(), duration));
            }
            table.row(cells);
        }
        let shares = if last > 1 { ", as shares of the first step" } else { "" };
        Some((format!("By {}{shares}:", clip(property, longest_name)), table))
    }
}

fn group_name(value: &GroupValue) -> String {
    match value {
        GroupValue::Other { .. } => "(all others)".to_owned(),
        GroupValue::Value { value: Value::Null } => "(not set)".to_owned(),
        GroupValue::Value { value: Value::String(text) } if text.is_empty() => "\"\"".to_owned(),
        GroupValue::Value { value: Value::String(text) } => text.clone(),
        GroupValue::Value { value } => value.to_string(),
    }
}

/// A bar for each step, its share of the first, and how many did not get there from the step before.
fn chart(steps: &[StepReport], columns: usize) -> String {
    let names: Vec<_> = steps.iter().map(|step| clip(&step.label, LONGEST_BAR_NAME)).collect();
    let name_width = names.iter().map(|name| width(name)).max().unwrap_or(0);
    let lost: Vec<String> = std::iter::once(String::new()).chain(steps.windows(2).map(lost_between)).collect();
    let lost_width = lost.iter().map(|lost| width(lost)).max().unwrap_or(0);
    let percents: Vec<String> = steps.iter().map(|step| percent(step.from_first)).collect();
    let percent_width = percents.iter().map(|text| width(text)).max().unwrap_or(0);
    let (narrowest, widest) = BAR_WIDTHS;
    let taken = name_width + percent_width + lost_width + 3 * 2;
    let bar_width = columns.saturating_sub(taken).clamp(narrowest, widest);
    let mut chart = String::new();
    for (((name, step), percent), lost) in names.iter().zip(steps).zip(&percents).zip(&lost) {
        let line = [
            pad(name, name_width, Align::Left),
            pad(&bar(step.from_first, bar_width), bar_width, Align::Left),
            pad(percent, percent_width, Align::Right),
            pad(lost, lost_width, Align::Right),
        ];
        chart.push_str(line.join("  ").trim_end());
        chart.push('\n');
    }
    chart
}

fn lost_between(pair: &[StepReport]) -> String {
    match pair {
        [before, after] if before.count > after.count => format!("−{}", count(before.count - after.count)),
        _ => String::new(),
    }
}

/// What an answer rests on: not part of the result, and said beside it.
pub fn facts(report: &FunnelReport) -> String {
    let complete_to = match &report.complete_to {
        Some(time) => format!("complete to {time}"),
        None => "nothing received yet".to_owned(),
    };
    let scanned = &report.scanned;
    format!(
        "version {}, {complete_to}, {} of {} in {} ms",
        report.version,
        counted(scanned.rows, "row"),
        counted(scanned.files, "file"),
        count(scanned.elapsed_ms)
    )
}

#[cfg(test)]
#[path = "funnel_tests.rs"]
mod tests;
