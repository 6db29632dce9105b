//! Retention as people read it: a row a cohort, a column a period, and the whole below.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use weir_core::retention::{RetentionCell, RetentionReport, RetentionTotal, RetentionWhole};
use weir_core::spec::{Periods, Spec};

use super::bars::height;
use super::numbers::{count, percent};
use super::table::{Align, Table, clip, width};
use super::{NO_FIGURE, Records, Report, group_name, group_record, short_starts};

/// A longer value is cut in tables for people.
const LONGEST_NAME: usize = 40;
/// Of more cohorts the table for people has the last so many.
const MOST_ROWS: usize = 62;
/// Stands behind figures that may still change.
const OPEN: char = '*';

/// An answer, and how it is to be shown.
#[derive(Debug)]
pub struct RetentionView<'a> {
    /// The answer.
    pub report: &'a RetentionReport,
    /// The property of the breakdown, where one was asked.
    pub property: Option<String>,
}

impl Serialize for RetentionView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.report.serialize(serializer)
    }
}

impl Report for RetentionView<'_> {
    /// One row for each cohort and column, then for those of the whole, which have no `start`, then for those of each group. The columns
    /// `group` and `value` are there only with a breakdown. `users` are those of which `count` is a part.
    fn records(&self) -> Records {
        let report = self.report;
        let mut columns: Vec<&str> = ["group", "value"].into_iter().filter(|_| report.breakdown.is_some()).collect();
        columns.extend(["start", "users", "from", "to", "count", "share", "open"]);
        let mut rows = Vec::new();
        let mut add = |group: (&str, &Value), start: Option<&str>, periods: &Periods, cell: Value| {
            let fields = json!({"group": group.0, "value": group.1, "start": start, "users": cell["users"],
                "from": periods.from, "to": periods.to, "count": cell["count"], "share": cell["share"], "open": cell["open"]});
            rows.push(columns.iter().map(|name| fields[name].clone()).collect());
        };
        let all = ("all", &Value::Null);
        for cohort in &report.cohorts {
            for (periods, cell) in report.columns.iter().zip(&cohort.returned) {
                let cell = match cell {
                    Some(RetentionCell { count, share, open }) => {
                        json!({"users": cohort.users, "count": count, "share": share, "open": open})
                    }
                    None => json!({"users": cohort.users}),
                };
                add(all, Some(&cohort.start), periods, cell);
            }
        }
        let mut add_whole = |group: (&str, &Value), whole: &RetentionWhole| {
            for (periods, RetentionTotal { users, count, share, open }) in report.columns.iter().zip(&whole.returned) {
                let cell = json!({"users": users, "count": count, "share": share, "open": open});
                add(group, None, periods, cell);
            }
        };
        add_whole(all, &report.whole);
        for group in report.breakdown.iter().flatten() {
            let (kind, value) = group_record(&group.value);
            add_whole((kind, &value), &group.whole);
        }
        Records { columns, rows }
    }

    fn text(&self, width: usize) -> String {
        let mut text = self.cohorts(true, MOST_ROWS).text(width);
        if let Some((title, grid)) = self.groups(true) {
            text.push_str(&format!("\n{title}\n\n{}", grid.text(width)));
        }
        let cohorts = self.report.cohorts.len();
        if cohorts > MOST_ROWS {
            text.push_str(&format!(
                "\nThe last {MOST_ROWS} of {} cohorts; --format csv has all.\n",
                count(cohorts as u64)
            ));
        }
        text + &self.caveat()
    }

    fn markdown(&self) -> String {
        let mut text = self.cohorts(false, usize::MAX).markdown();
        if let Some((title, grid)) = self.groups(false) {
            text.push_str(&format!("\n{title}\n\n{}", grid.markdown()));
        }
        text + &self.caveat()
    }
}

impl<'a> RetentionView<'a> {
    /// The view of an answer, with what its question says of it.
    pub fn of(spec: &Spec, report: &'a RetentionReport) -> Self {
        let property = match spec {
            Spec::Retention(spec) => spec.breakdown.as_ref().map(|breakdown| breakdown.property.to_string()),
            _ => None,
        };
        Self { report, property }
    }

    /// Cohorts, and the whole. `is_shaded` draws shares as heights too.
    fn cohorts(&self, is_shaded: bool, most_rows: usize) -> Grid {
        let RetentionReport { cohorts, whole, interval, .. } = self.report;
        let shown = &cohorts[cohorts.len().saturating_sub(most_rows)..];
        let starts = short_starts(shown.iter().map(|cohort| cohort.start.as_str()));
        let mut rows = Vec::with_capacity(shown.len() + 1);
        for (start, cohort) in starts.into_iter().zip(shown) {
            let cells = cohort.returned.iter().map(|cell| match cell {
                // Of nobody there is no share.
                Some(_) if cohort.users == 0 => NO_FIGURE.to_owned(),
                Some(cell) => cell_text(cell, is_shaded),
                None => String::new(),
            });
            rows.push((start, cohort.users, cells.collect()));
        }
        rows.push(("whole".to_owned(), whole.users, totals(whole, is_shaded)));
        Grid { first: (*interval).to_owned(), columns: self.titles(), rows }
    }

    /// The groups of the breakdown, if there are any, and what they are.
    fn groups(&self, is_shaded: bool) -> Option<(String, Grid)> {
        let groups = self.report.breakdown.as_ref().filter(|groups| !groups.is_empty())?;
        let longest = if is_shaded { LONGEST_NAME } else { usize::MAX };
        let property = clip(self.property.as_deref().unwrap_or("value"), longest).into_owned();
        let rows = groups.iter().map(|group| {
            let name = clip(&group_name(&group.value), longest).into_owned();
            (name, group.whole.users, totals(&group.whole, is_shaded))
        });
        Some((format!("By {property}:"), Grid { rows: rows.collect(), first: property, columns: self.titles() }))
    }

    fn titles(&self) -> Vec<String> {
        let RetentionReport { columns, interval, .. } = self.report;
        let title = |Periods { from, to }: &Periods| match to {
            None => format!("{interval} {from}+"),
            Some(to) if to == from => format!("{interval} {from}"),
            Some(to) => format!("{interval} {from}–{to}"),
        };
        columns.iter().map(title).collect()
    }

    /// What might be read wrongly.
    fn caveat(&self) -> String {
        let cohorts = self.report.cohorts.iter().filter(|cohort| cohort.users > 0);
        if cohorts.flat_map(|cohort| &cohort.returned).flatten().any(|cell| cell.open) {
            format!(
                "\n{OPEN} not over yet: more may come back. The whole has only cohorts for which a period is over.\n"
            )
        } else {
            String::new()
        }
    }
}

fn totals(whole: &RetentionWhole, is_shaded: bool) -> Vec<String> {
    let total = |total: &RetentionTotal| match *total {
        RetentionTotal { users: 0, .. } => NO_FIGURE.to_owned(),
        RetentionTotal { count, share, .. } => cell_text(&RetentionCell { count, share, open: false }, is_shaded),
    };
    whole.returned.iter().map(total).collect()
}

fn cell_text(cell: &RetentionCell, is_shaded: bool) -> String {
    let share = percent(cell.share);
    let figure = if is_shaded { format!("{} {share:>6}", height(cell.share)) } else { share };
    if cell.open { format!("{figure}{OPEN}") } else { figure }
}

/// Rows with a name, users, and a cell for each column of periods.
struct Grid {
    first: String,
    columns: Vec<String>,
    rows: Vec<(String, u64, Vec<String>)>,
}

impl Grid {
    fn markdown(&self) -> String {
        self.table(0, self.columns.len(), false).markdown()
    }

    /// As many columns beside each other as there is room for, and the others below.
    fn text(&self, most: usize) -> String {
        const GAP: usize = 2;
        let cells = |at: usize| self.rows.iter().map(move |(_, _, cells)| width(&cells[at]));
        let column = |at: usize| cells(at).chain([width(&self.columns[at])]).max().unwrap_or(0) + GAP;
        let names = self.rows.iter().map(|(name, ..)| width(name)).chain([width(&self.first)]).max().unwrap_or(0);
        let users = self.rows.iter().map(|(_, users, _)| count(*users).len()).chain(["users".len()]).max().unwrap_or(0);
        let mut text = String::new();
        let mut from = 0;
        while from < self.columns.len() {
            let mut used = names + GAP + users + column(from);
            let mut to = from + 1;
            while to < self.columns.len() && used + column(to) <= most {
                used += column(to);
                to += 1;
            }
            if from > 0 {
                text.push('\n');
            }
            text.push_str(&self.table(from, to, true).text());
            from = to;
        }
        text
    }

    /// The columns from one to another, the second not. Where it `lines_up`, a figure without a mark ends where one with a mark does.
    fn table(&self, from: usize, to: usize, lines_up: bool) -> Table {
        let titles = self.columns[from..to].iter().map(|title| (title.clone(), Align::Right));
        let first = [(self.first.clone(), Align::Left), ("users".to_owned(), Align::Right)];
        let has_marks = |at: usize| lines_up && self.rows.iter().any(|(_, _, cells)| cells[at].ends_with(OPEN));
        let marked: Vec<bool> = (from..to).map(has_marks).collect();
        let mut table = Table::new(first.into_iter().chain(titles).collect());
        for (name, users, cells) in &self.rows {
            let cells = cells[from..to].iter().zip(&marked).map(|(cell, has_marks)| {
                if *has_marks && !cell.ends_with(OPEN) { format!("{cell} ") } else { cell.clone() }
            });
            table.row([name.clone(), count(*users)].into_iter().chain(cells).collect());
        }
        table
    }
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
