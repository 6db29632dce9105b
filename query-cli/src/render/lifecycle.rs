//! A lifecycle as people read it: a small chart of each figure, and a table of buckets.

use serde::{Serialize, Serializer};
use serde_json::json;
use weir_core::activity::{LifecycleBucket, LifecycleReport};

use super::bars::sparkline;
use super::numbers::count;
use super::table::{Align, Table, pad};
use super::{Records, Report, short_starts};

/// A longer answer shows the last so many buckets in the table for people.
const MOST_ROWS: usize = 62;

/// An answer.
#[derive(Debug)]
pub struct LifecycleView<'a> {
    /// The answer.
    pub report: &'a LifecycleReport,
}

impl Serialize for LifecycleView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.report.serialize(serializer)
    }
}

/// The names of the figures, in order.
const FIGURES: [&str; 4] = ["new", "returning", "resurrecting", "dormant"];

fn figures(bucket: &LifecycleBucket) -> [u64; 4] {
    [bucket.new, bucket.returning, bucket.resurrecting, bucket.dormant]
}

impl Report for LifecycleView<'_> {
    /// One row a bucket.
    fn records(&self) -> Records {
        let row = |bucket: &LifecycleBucket| {
            let named = [json!(bucket.start), json!(bucket.end), json!(bucket.open)];
            named.into_iter().chain(figures(bucket).map(|figure| json!(figure))).collect()
        };
        let columns = ["start", "end", "open"].into_iter().chain(FIGURES).collect();
        Records { columns, rows: self.report.buckets.iter().map(row).collect() }
    }

    fn text(&self, width: usize) -> String {
        chart(&self.report.buckets, width) + "\n" + &self.table(MOST_ROWS).text() + self.caveat()
    }

    fn markdown(&self) -> String {
        self.table(usize::MAX).markdown() + self.caveat()
    }
}

impl LifecycleView<'_> {
    fn table(&self, most_rows: usize) -> Table {
        let LifecycleReport { buckets, interval, .. } = self.report;
        let mut columns = vec![((*interval).to_owned(), Align::Left), ("active".to_owned(), Align::Right)];
        columns.extend(FIGURES.map(|name| (name.to_owned(), Align::Right)));
        columns.push((String::new(), Align::Left));
        let mut table = Table::new(columns);
        let shown = &buckets[buckets.len().saturating_sub(most_rows)..];
        let starts = short_starts(shown.iter().map(|bucket| bucket.start.as_str()));
        for (start, bucket) in starts.into_iter().zip(shown) {
            let [new, returning, resurrecting, dormant] = figures(bucket);
            let mut row = vec![start, count(new + returning + resurrecting)];
            row.extend([new, returning, resurrecting].map(count));
            // They are no part of those who are active.
            row.push(if dormant == 0 { "0".to_owned() } else { format!("−{}", count(dormant)) });
            row.push(if bucket.open { "still open".to_owned() } else { String::new() });
            table.row(row);
        }
        table
    }

    /// What might be read wrongly.
    fn caveat(&self) -> &'static str {
        if self.report.buckets.iter().any(|bucket| bucket.open) {
            "\nWho is dormant in a bucket that is still open may yet be active in it.\n"
        } else {
            ""
        }
    }
}

/// A line for each figure: its name and the heights of its last buckets, all to the same measure.
fn chart(buckets: &[LifecycleBucket], columns: usize) -> String {
    let names = FIGURES.map(str::len).into_iter().max().unwrap_or(0);
    let most = columns.saturating_sub(names + 2).max(10);
    let shown: Vec<[u64; 4]> = buckets[buckets.len().saturating_sub(most)..].iter().map(figures).collect();
    let greatest = shown.iter().flatten().copied().max().unwrap_or(0);
    let mut chart = String::new();
    for (at, name) in FIGURES.into_iter().enumerate() {
        // The greatest of all figures stands at the end, and is not drawn.
        let heights = sparkline(&shown.iter().map(|figures| figures[at]).chain([greatest]).collect::<Vec<_>>());
        let heights: String = heights.chars().take(shown.len()).collect();
        chart.push_str(format!("{}  {heights}", pad(name, names, Align::Left)).trim_end());
        chart.push('\n');
    }
    chart
}

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod tests;
