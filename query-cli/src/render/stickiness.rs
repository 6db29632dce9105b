//! Stickiness as people read it: a row for each number of buckets.

use serde::{Serialize, Serializer};
use serde_json::json;
use weir_core::activity::{StickinessReport, StickinessRow};

use super::bars::bar;
use super::numbers::{count, counted, figure, percent};
use super::table::{Align, Table};
use super::{Records, Report};

/// A longer answer shows the first so many rows in the table for people.
const MOST_ROWS: usize = 62;
const BAR_WIDTH: usize = 20;

/// An answer.
#[derive(Debug)]
pub struct StickinessView<'a> {
    /// The answer.
    pub report: &'a StickinessReport,
}

impl Serialize for StickinessView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.report.serialize(serializer)
    }
}

impl Report for StickinessView<'_> {
    /// One row for each number of buckets.
    fn records(&self) -> Records {
        let row = |row: &StickinessRow| {
            let StickinessRow { periods, users, share, at_least, at_least_share } = *row;
            vec![json!(periods), json!(users), json!(share), json!(at_least), json!(at_least_share)]
        };
        Records {
            columns: vec!["periods", "users", "share", "at_least", "at_least_share"],
            rows: self.report.active.iter().map(row).collect(),
        }
    }

    fn text(&self, _width: usize) -> String {
        let used = self.report.active.iter().filter(|row| row.at_least > 0).count();
        let shown = used.min(MOST_ROWS);
        let mut text = format!("{}\n\n{}", self.summary(), self.table(shown, true).text());
        if used > shown {
            text.push_str(&format!("\nThe first {shown} of {} rows; --format csv has all.\n", count(used as u64)));
        }
        text + self.caveat()
    }

    fn markdown(&self) -> String {
        format!("{}\n{}\n{}", self.table(self.report.active.len(), false).markdown(), self.summary(), self.caveat())
    }
}

impl StickinessView<'_> {
    fn summary(&self) -> String {
        let StickinessReport { users, buckets_in_range, interval, average, .. } = self.report;
        let buckets = counted(*buckets_in_range, interval);
        match average.0 {
            Some(average) => {
                format!("{}, each active in {} of {buckets} on average", counted(*users, "user"), figure(average))
            }
            None => format!("nobody was active in {buckets}"),
        }
    }

    fn table(&self, rows: usize, has_bars: bool) -> Table {
        let interval = self.report.interval;
        let right = |title: &str| (title.to_owned(), Align::Right);
        let mut columns = vec![right(&format!("{interval}s")), right("users"), right("share")];
        columns.extend([right("so many or more"), right("share")]);
        if has_bars {
            columns.push((String::new(), Align::Left));
        }
        let mut table = Table::new(columns);
        for row in self.report.active.iter().take(rows) {
            let StickinessRow { periods, users, share, at_least, at_least_share } = *row;
            let mut cells =
                vec![count(periods), count(users), percent(share), count(at_least), percent(at_least_share)];
            if has_bars {
                cells.push(bar(share, BAR_WIDTH));
            }
            table.row(cells);
        }
        table
    }

    /// What might be read wrongly.
    fn caveat(&self) -> &'static str {
        if self.report.open { "\nThe range is not over: users may yet be active in more of it.\n" } else { "" }
    }
}

#[cfg(test)]
#[path = "stickiness_tests.rs"]
mod tests;
