//! Trends as people read them: a small chart of each line, a table of buckets, and the groups of a breakdown.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use weir_core::answer::Figure;
use weir_core::spec::Spec;
use weir_core::trends::{TrendBucketSpan, TrendGroup, TrendLine, TrendsReport};

use super::bars::sparkline;
use super::numbers::figure;
use super::table::{Align, Table, clip, pad, width};
use super::{NO_FIGURE, Records, Report, group_name, group_record};

/// A longer label or value is cut in tables for people.
const LONGEST_NAME: usize = 40;
/// The table has a column for each line up to so many; beyond, only the chart has them.
const MOST_COLUMNS: usize = 8;
/// A longer trend shows the last so many buckets in the table for people.
const MOST_ROWS: usize = 62;

/// An answer, and what its question called the groups.
#[derive(Debug)]
pub struct TrendsView<'a> {
    /// The answer.
    pub report: &'a TrendsReport,
    /// The property of the breakdown, where one was asked.
    pub property: Option<String>,
}

impl Serialize for TrendsView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.report.serialize(serializer)
    }
}

impl Report for TrendsView<'_> {
    /// One row for each line and bucket, then for those of each group. The columns `group` and `value` are there only with a
    /// breakdown, `period` (`current` or `previous`) only with a comparison, `moving_average` only where it was asked.
    fn records(&self) -> Records {
        let report = self.report;
        let is_split = report.breakdown.is_some();
        let has_average = report.series.iter().any(|line| line.moving_average.is_some());
        let mut columns: Vec<&str> = report.previous.iter().map(|_| "period").collect();
        columns.extend(["group", "value"].iter().filter(|_| is_split));
        columns.extend(["series", "label", "start", "number"]);
        columns.extend(["moving_average"].iter().filter(|_| has_average));
        columns.push("open");
        let current = ("current", &report.buckets, &report.series, &report.breakdown);
        let previous = report.previous.as_ref().map(|p| ("previous", &p.buckets, &p.series, &p.breakdown));
        let mut rows = Vec::new();
        for (period, buckets, series, breakdown) in std::iter::once(current).chain(previous) {
            let whole = (json!("all"), Value::Null, series);
            let groups = breakdown.iter().flatten().map(|group| {
                let (kind, value) = group_record(&group.value);
                (json!(kind), value, &group.series)
            });
            for (kind, value, lines) in std::iter::once(whole).chain(groups) {
                for (line, bucket, at) in cells(lines, buckets) {
                    let fields = json!({"period": period, "group": kind, "value": value, "series": line.id, "label": line.label,
                        "start": bucket.start, "number": line.values[at], "open": bucket.open,
                        "moving_average": line.moving_average.as_ref().map(|averages| averages[at])});
                    rows.push(columns.iter().map(|name| fields[name].clone()).collect());
                }
            }
        }
        Records { columns, rows }
    }

    fn text(&self, width: usize) -> String {
        let mut text = chart(&self.report.series, width);
        text.push('\n');
        text.push_str(&self.buckets(LONGEST_NAME, MOST_ROWS).text());
        for (title, table) in self.groups(LONGEST_NAME).into_iter().chain(self.comparison(LONGEST_NAME)) {
            text.push_str(&format!("\n{title}\n\n{}", table.text()));
        }
        text.push_str(&self.caveat());
        text
    }

    fn markdown(&self) -> String {
        let mut text = self.buckets(usize::MAX, usize::MAX).markdown();
        for (title, table) in self.groups(usize::MAX).into_iter().chain(self.comparison(usize::MAX)) {
            text.push_str(&format!("\n{title}\n\n{}", table.markdown()));
        }
        text.push_str(&self.caveat());
        text
    }
}

/// Each line with each bucket.
fn cells<'r>(
    lines: &'r [TrendLine],
    buckets: &'r [TrendBucketSpan],
) -> impl Iterator<Item = (&'r TrendLine, &'r TrendBucketSpan, usize)> {
    lines.iter().flat_map(move |line| buckets.iter().enumerate().map(move |(at, bucket)| (line, bucket, at)))
}

fn right(title: &str) -> (String, Align) {
    (title.to_owned(), Align::Right)
}

fn shown(value: Figure) -> String {
    value.0.map_or_else(|| NO_FIGURE.to_owned(), figure)
}

/// The first instant of a bucket as short as it can be: a date where all are midnight.
fn start_of(bucket: &TrendBucketSpan, are_days: bool) -> String {
    match bucket.start.split_once('T') {
        Some((date, _)) if are_days => date.to_owned(),
        _ => bucket.start.clone(),
    }
}

impl<'a> TrendsView<'a> {
    /// The view of an answer, with what its question says of it.
    pub fn of(spec: &Spec, report: &'a TrendsReport) -> Self {
        let property = match spec {
            Spec::Trends(spec) => spec.breakdown.as_ref().map(|breakdown| breakdown.property.to_string()),
            _ => None,
        };
        Self { report, property }
    }

    fn buckets(&self, longest_name: usize, most_rows: usize) -> Table {
        let TrendsReport { buckets, series, .. } = self.report;
        let lines = &series[..series.len().min(MOST_COLUMNS)];
        let mut columns = vec![("start".to_owned(), Align::Left)];
        for line in lines {
            columns.push(right(&clip(&line.label, longest_name)));
            if line.moving_average.is_some() {
                columns.push(right("average"));
            }
        }
        columns.push((String::new(), Align::Left));
        let are_days = buckets.iter().all(|bucket| bucket.start.contains("T00:00:00"));
        let mut table = Table::new(columns);
        for (at, bucket) in buckets.iter().enumerate().skip(buckets.len().saturating_sub(most_rows)) {
            let mut row = vec![start_of(bucket, are_days)];
            for line in lines {
                row.push(shown(line.values[at]));
                row.extend(line.moving_average.as_ref().map(|averages| shown(averages[at])));
            }
            row.push(if bucket.open { "still open".to_owned() } else { String::new() });
            table.row(row);
        }
        let mut total = vec!["whole".to_owned()];
        for line in lines {
            total.push(shown(line.total));
            total.extend(line.moving_average.as_ref().map(|_| String::new()));
        }
        total.push(String::new());
        table.row(total);
        table
    }

    /// The groups of the breakdown, if there are any, and what they are.
    fn groups(&self, longest_name: usize) -> Option<(String, Table)> {
        let groups = self.report.breakdown.as_ref().filter(|groups| !groups.is_empty())?;
        let property = clip(self.property.as_deref().unwrap_or("value"), longest_name).into_owned();
        let lines = self.report.series.iter().take(MOST_COLUMNS);
        let mut columns = vec![(property.clone(), Align::Left)];
        columns.extend(lines.map(|line| right(&clip(&line.label, longest_name))));
        columns.push(("by bucket".to_owned(), Align::Left));
        let mut table = Table::new(columns);
        for TrendGroup { value, series } in groups {
            let mut row = vec![clip(&group_name(value), longest_name).into_owned()];
            row.extend(series.iter().take(MOST_COLUMNS).map(|line| shown(line.total)));
            row.push(series.first().map(|line| spark(line, MOST_ROWS)).unwrap_or_default());
            table.row(row);
        }
        Some((format!("By {property}:"), table))
    }

    fn comparison(&self, longest_name: usize) -> Option<(String, Table)> {
        let previous = self.report.previous.as_ref()?;
        let columns = [("series".to_owned(), Align::Left), right("before"), right("now"), right("change")];
        let mut table = Table::new(columns.to_vec());
        for (now, before) in self.report.series.iter().zip(&previous.series) {
            let change = match (before.total.0, now.total.0) {
                (Some(before), Some(now)) if before != 0.0 => format!("{:+.1}%", (now - before) / before.abs() * 100.0),
                _ => NO_FIGURE.to_owned(),
            };
            let label = clip(&now.label, longest_name).into_owned();
            table.row(vec![label, shown(before.total), shown(now.total), change]);
        }
        Some((format!("Compared with {} to {}:", previous.from, previous.to), table))
    }

    /// What might be read wrongly.
    fn caveat(&self) -> String {
        let is_of_users = |line: &TrendLine| ["users", "per_user"].contains(&line.measure.as_str());
        if self.report.series.iter().any(is_of_users) && self.report.buckets.len() > 1 {
            "\nA user of several buckets counts once in the whole, so that buckets do not add up to it.\n".to_owned()
        } else {
            String::new()
        }
    }
}

/// The last buckets of a line as heights.
fn spark(line: &TrendLine, most: usize) -> String {
    let values = &line.values[line.values.len().saturating_sub(most)..];
    let greatest = values.iter().filter_map(|value| value.0).fold(0.0, f64::max);
    // Heights are shares of the greatest, to a thousandth; what is below nothing has none.
    let height = |value: &Figure| match value.0 {
        Some(value) if value > 0.0 && greatest > 0.0 => ((value / greatest * 1000.0).round() as u64).max(1),
        _ => 0,
    };
    sparkline(&values.iter().map(height).collect::<Vec<_>>())
}

/// A line for each series: its label, its heights and its whole.
fn chart(lines: &[TrendLine], columns: usize) -> String {
    let names: Vec<_> = lines.iter().map(|line| clip(&line.label, LONGEST_NAME)).collect();
    let name_width = names.iter().map(|name| width(name)).max().unwrap_or(0);
    let most = columns.saturating_sub(name_width + 6).max(10);
    let mut chart = String::new();
    for (line, name) in lines.iter().zip(&names) {
        let id = pad(&line.id, 2, Align::Left);
        chart.push_str(format!("{id}  {}  {}", pad(name, name_width, Align::Left), spark(line, most)).trim_end());
        chart.push('\n');
    }
    chart
}

#[cfg(test)]
#[path = "trends_tests.rs"]
mod tests;
