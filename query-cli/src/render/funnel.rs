//! A funnel as people read it: a table of steps, bars with what was lost between them, one sentence, and the groups of
//! a breakdown.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use weir_core::funnel::{
    ConversionTimes, FunnelReport, ListedUser, PreviousPeriod, StepReport, TrendBucket, UsersAtStep,
};
use weir_core::spec::{Count, Spec};

use super::bars::bar;
use super::numbers::{count, counted, duration, percent};
use super::table::{Align, Table, clip, pad, width};
use super::{NO_FIGURE, Records, Report, group_name, group_record};

/// A longer label or value is cut in tables for people.
const LONGEST_NAME: usize = 40;
/// A longer label is cut beside its bar.
const LONGEST_BAR_NAME: usize = 24;
/// Bars are at least and at most so wide.
const BAR_WIDTHS: (usize, usize) = (10, 60);
/// The table of groups has a column for each step up to so many; beyond, for the last one only.
const MOST_STEP_COLUMNS: usize = 7;

/// A report and what its question called the groups.
#[derive(Debug)]
pub struct FunnelView<'a> {
    /// The answer.
    pub report: &'a FunnelReport,
    /// The property of the breakdown, where one was asked.
    pub property: Option<String>,
    /// What was counted.
    pub count: Count,
}

impl Serialize for FunnelView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.report.serialize(serializer)
    }
}

impl Report for FunnelView<'_> {
    /// One row a step, of the whole funnel, then of each group, then of each part of a trend, which has the first step and the last
    /// one; the same of the period before. The columns `group` and `value` are there only with a breakdown or a trend: `group` says
    /// `all`, `value`, `none` (the property is absent), `other`, or `start`, with the first instant of the part. The column `period`,
    /// `current` or `previous`, is there only with a comparison, and `taken` only with optional steps.
    ///
    /// Where users are listed, the rows are those instead.
    fn records(&self) -> Records {
        if let Some(users) = &self.report.users {
            return user_records(users);
        }
        let with_groups = self.report.breakdown.is_some() || self.report.trend.is_some();
        let with_taken = self.report.steps.iter().any(|step| step.taken.is_some());
        let mut columns: Vec<&str> = self.report.previous.iter().map(|_| "period").collect();
        columns.extend(["group", "value"].iter().filter(|_| with_groups));
        columns.extend(STEP_COLUMNS.iter().filter(|name| with_taken || **name != "taken"));
        let current = (json!("current"), &self.report.steps, &self.report.breakdown, &self.report.trend);
        let previous = self.report.previous.as_ref().map(|p| (json!("previous"), &p.steps, &p.breakdown, &p.trend));
        let mut rows = Vec::new();
        for (period, steps, breakdown, trend) in std::iter::once(current).chain(previous) {
            let whole = (json!("all"), Value::Null, fields_of(steps));
            let groups = breakdown.iter().flatten().map(|group| {
                let (kind, value) = group_record(&group.value);
                (json!(kind), value, fields_of(&group.steps))
            });
            let parts = trend.iter().flatten();
            let parts = parts.map(|part| (json!("start"), json!(part.start), steps_of_part(part, steps)));
            for (kind, value, steps) in std::iter::once(whole).chain(groups).chain(parts) {
                rows.extend(steps.into_iter().map(|mut fields| {
                    fields["period"] = period.clone();
                    fields["group"] = kind.clone();
                    fields["value"] = value.clone();
                    columns.iter().map(|name| fields.get(name).cloned().unwrap_or_default()).collect()
                }));
            }
        }
        Records { columns, rows }
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
        for (title, table) in self.more_tables(LONGEST_NAME) {
            text.push_str(&format!("\n{title}\n\n{}", table.text()));
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = format!("{}\n{}\n", self.steps(usize::MAX).markdown(), self.sentence());
        for (title, table) in self.more_tables(usize::MAX) {
            text.push_str(&format!("\n{title}\n\n{}", table.markdown()));
        }
        text
    }
}

/// One row a user. The column `value` is there only with a breakdown.
fn user_records(users: &UsersAtStep) -> Records {
    let has_group = users.listed.iter().any(|user| user.group.is_some());
    let mut columns = vec!["user", "depth", "first", "last", "open_until"];
    columns.extend(["value"].iter().filter(|_| has_group));
    let row = |user: &ListedUser| {
        let mut times = user.times.iter().flatten();
        let first = times.next();
        let mut row = vec![
            json!(user.user),
            json!(user.times.len()),
            json!(first),
            json!(times.next_back().or(first)),
            json!(user.open_until),
        ];
        row.extend(user.group.as_ref().filter(|_| has_group).map(|group| group_record(group).1));
        row
    };
    Records { columns, rows: users.listed.iter().map(row).collect() }
}

/// The fields of a [`StepReport`], in the order in which it has them.
pub const STEP_COLUMNS: [&str; 9] =
    ["step", "label", "count", "from_first", "from_previous", "median_ms", "p90_ms", "in_window", "taken"];

/// The first and the last step of a part of a trend, which is all that is known of it. There may be no other step than one.
fn steps_of_part(part: &TrendBucket, steps: &[StepReport]) -> Vec<Value> {
    let share = |count: u64| if part.entered == 0 { 0.0 } else { count as f64 / part.entered as f64 };
    let ends = steps.first().into_iter().chain(steps.last().filter(|last| last.step > 1));
    let counts = [(part.entered, 0), (part.converted, part.open)];
    let fields = |(step, (count, open)): (&StepReport, (u64, u64))| json!({"step": step.step, "label": step.label, "count": count, "from_first": share(count), "in_window": open});
    ends.zip(counts).map(fields).collect()
}

/// The fields of steps, by way of their own serialisation, so that figures are written as in the JSON document.
fn fields_of(steps: &[StepReport]) -> Vec<Value> {
    steps.iter().map(|step| serde_json::to_value(step).unwrap_or_default()).collect()
}

/// The first instant of a part as short as it can be: a date where all are midnight.
fn start_of(part: &TrendBucket, are_days: bool) -> String {
    match part.start.split_once('T') {
        Some((date, _)) if are_days => date.to_owned(),
        _ => part.start.clone(),
    }
}

impl<'a> FunnelView<'a> {
    /// The view of an answer, with what its question says of it.
    pub fn of(spec: &Spec, report: &'a FunnelReport) -> Self {
        match spec {
            Spec::Funnel(spec) => {
                let property = spec.breakdown.as_ref().map(|breakdown| breakdown.property.to_string());
                Self { report, property, count: spec.count }
            }
            _ => Self { report, property: None, count: Count::Users },
        }
    }

    /// Users of the first step.
    fn users(&self) -> u64 {
        self.report.steps.first().map_or(0, |step| step.count)
    }

    /// One and many of what is counted.
    fn words(&self) -> (&'static str, &'static str) {
        match self.count {
            Count::Users => ("user", "users"),
            Count::Sessions => ("session", "sessions"),
            Count::Attempts => ("attempt", "attempts"),
        }
    }

    /// What there is beside the steps, with its title.
    fn more_tables(&self, longest_name: usize) -> Vec<(String, Table)> {
        let trend = self.report.trend.as_ref().map(|trend| self.trend(trend));
        let previous = self.report.previous.as_ref().map(|previous| self.comparison(previous, longest_name));
        let users = self.report.users.as_ref().map(|users| self.users_at_step(users, longest_name));
        self.groups(longest_name).into_iter().chain(trend).chain(previous).chain(users).collect()
    }

    fn users_at_step(&self, users: &UsersAtStep, longest_name: usize) -> (String, Table) {
        let mut columns = vec![("user".to_owned(), Align::Left)];
        let steps = self.report.steps.len().min(MOST_STEP_COLUMNS);
        columns.extend((1..=steps).map(|step| (format!("step {step}"), Align::Left)));
        let mut table = Table::new(columns);
        for user in &users.listed {
            let mut row = vec![clip(&user.user, longest_name).into_owned()];
            // A step that was passed over, and one that was not reached.
            let time = |at: usize| match user.times.get(at) {
                Some(Some(time)) => time.clone(),
                Some(None) => NO_FIGURE.to_owned(),
                None => String::new(),
            };
            row.extend((0..steps).map(time));
            table.row(row);
        }
        let many = self.words().1;
        let what = match users.state {
            "converted" => format!("took step {}", users.step),
            "dropped" => format!("did not take step {}, and have no more time", users.step),
            _ => format!("did not take step {} yet, and still have time", users.step),
        };
        let shown = users.listed.len() as u64;
        let some =
            if shown < users.total { format!(" (the latest {} are shown)", count(shown)) } else { String::new() };
        (format!("{} {many} {what}{some}:", count(users.total)), table)
    }

    fn trend(&self, trend: &[TrendBucket]) -> (String, Table) {
        let right = |title: &str| (title.to_owned(), Align::Right);
        let many = self.words().1;
        let columns = vec![
            ("start".to_owned(), Align::Left),
            right(many),
            right("converted"),
            right("share"),
            right("still open"),
        ];
        let mut table = Table::new(columns);
        let are_days = trend.iter().all(|bucket| bucket.start.contains("T00:00:00"));
        for bucket in trend {
            let share = match bucket.entered {
                0 => NO_FIGURE.to_owned(),
                entered => percent(bucket.converted as f64 / entered as f64),
            };
            table.row(vec![
                start_of(bucket, are_days),
                count(bucket.entered),
                count(bucket.converted),
                share,
                count(bucket.open),
            ]);
        }
        ("By when they began:".to_owned(), table)
    }

    fn comparison(&self, previous: &PreviousPeriod, longest_name: usize) -> (String, Table) {
        let right = |title: &str| (title.to_owned(), Align::Right);
        let columns = [
            right("step"),
            ("event".to_owned(), Align::Left),
            right("before"),
            right("now"),
            right("of first, before"),
            right("now"),
        ];
        let mut table = Table::new(columns.to_vec());
        for (now, before) in self.report.steps.iter().zip(&previous.steps) {
            table.row(vec![
                now.step.to_string(),
                clip(&now.label, longest_name).into_owned(),
                count(before.count),
                count(now.count),
                percent(before.from_first),
                percent(now.from_first),
            ]);
        }
        (format!("Compared with {} to {}:", previous.from, previous.to), table)
    }

    fn steps(&self, longest_name: usize) -> Table {
        let right = |title: &str| (title.to_owned(), Align::Right);
        let mut columns = vec![right("step"), ("event".to_owned(), Align::Left), right(self.words().1)];
        let has_optional = self.report.steps.iter().any(|step| step.taken.is_some());
        if has_optional {
            columns.push(right("took it"));
        }
        // A single step has no step before it.
        let has_more = self.report.steps.len() > 1;
        if has_more {
            columns.extend(["of first", "of previous", "median", "p90", "still open"].map(right));
        }
        let mut table = Table::new(columns);
        for step in &self.report.steps {
            let label = clip(&step.label, longest_name).into_owned();
            let mut cells = vec![step.step.to_string(), label, count(step.count)];
            if has_optional {
                cells.push(step.taken.map_or_else(String::new, count));
            }
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
        let one = self.words().0;
        let all = counted(users, one);
        match (users, self.report.steps.as_slice()) {
            (0, _) => return format!("No {one} took the first step."),
            (_, [_]) => return format!("{all} took the step."),
            _ => {}
        }
        let who = match *n {
            0 if users == 1 => format!("The 1 {one} did not go all the way"),
            0 => format!("None of {all} went all the way"),
            n if n == users && n == 1 => format!("The 1 {one} went all the way"),
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
        let mut columns =
            vec![(clip(property, longest_name).into_owned(), Align::Left), right(self.words().1.to_owned())];
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

#[cfg(test)]
#[path = "funnel_tests.rs"]
mod tests;
