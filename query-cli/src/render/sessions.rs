//! Sessions as people read them: their figures, how long they are, what they begin and end with, a trend, and groups.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use weir_core::answer::Figure;
use weir_core::sessions::{EventShare, ListedEvent, SessionBucket, SessionFigures, SessionsReport};
use weir_core::spec::Spec;

use super::bars::{bar, sparkline};
use super::numbers::{count, counted, duration, figure, percent, share};
use super::table::{Align, Table, clip};
use super::{NO_FIGURE, Records, Report, group_name, group_record};

/// A longer name or value is cut in tables for people.
const LONGEST_NAME: usize = 40;
/// A longer trend shows the last so many buckets in the table for people.
const MOST_ROWS: usize = 62;
const BAR: usize = 24;

/// An answer, and what its question called the groups.
#[derive(Debug)]
pub struct SessionsView<'a> {
    /// The answer.
    pub report: &'a SessionsReport,
    /// The property of the breakdown, where one was asked.
    pub property: Option<String>,
}

impl Serialize for SessionsView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.report.serialize(serializer)
    }
}

impl Report for SessionsView<'_> {
    /// One row for all sessions (`part` is `all`), for each bucket (`bucket`, named by its first instant), each group (`value`, `none`
    /// or `other`), and each first and last event (`first_event`, `last_event`; no name for all others).
    fn records(&self) -> Records {
        let columns = vec![
            "part",
            "value",
            "sessions",
            "users",
            "open",
            "bounces",
            "events",
            "events_median",
            "events_p90",
            "duration_mean_ms",
            "duration_median_ms",
            "duration_p90_ms",
        ];
        let report = self.report;
        let mut rows = vec![figures_record(json!("all"), Value::Null, &report.figures)];
        for bucket in report.trend.iter().flatten() {
            let SessionBucket { start, sessions, users, open, median_ms, .. } = bucket;
            let fields = json!({"part": "bucket", "value": start, "sessions": sessions, "users": users, "open": open,
                "duration_median_ms": median_ms});
            rows.push(columns.iter().map(|name| fields[*name].clone()).collect());
        }
        for group in report.breakdown.iter().flatten() {
            let (kind, value) = group_record(&group.value);
            rows.push(figures_record(json!(kind), value, &group.figures));
        }
        for (part, listed) in [("first_event", &report.first_events), ("last_event", &report.last_events)] {
            for EventShare { event, count, .. } in listed {
                let name = match event {
                    ListedEvent::Event { event } => json!(event),
                    ListedEvent::Other { .. } => Value::Null,
                };
                let fields = json!({"part": part, "value": name, "sessions": count});
                rows.push(columns.iter().map(|name| fields[*name].clone()).collect());
            }
        }
        Records { columns, rows }
    }

    fn text(&self, _width: usize) -> String {
        let mut text = self.figures().text();
        if self.report.figures.sessions == 0 {
            return text;
        }
        let trend = self.report.trend.as_ref().map(|trend| {
            let heights: Vec<u64> =
                trend.iter().skip(trend.len().saturating_sub(MOST_ROWS)).map(|b| b.sessions).collect();
            (format!("By time: {}", sparkline(&heights)), buckets(trend, MOST_ROWS))
        });
        for (title, table) in self.tables(LONGEST_NAME, trend) {
            text.push_str(&format!("\n{title}\n\n{}", table.text()));
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = self.figures().markdown();
        let trend = self.report.trend.as_ref().map(|trend| ("By time:".to_owned(), buckets(trend, usize::MAX)));
        for (title, table) in self.tables(usize::MAX, trend) {
            text.push_str(&format!("\n{title}\n\n{}", table.markdown()));
        }
        text
    }
}

impl<'a> SessionsView<'a> {
    /// The view of an answer, with what its question says of it.
    pub fn of(spec: &Spec, report: &'a SessionsReport) -> Self {
        let property = match spec {
            Spec::Sessions(spec) => spec.breakdown.as_ref().map(|breakdown| breakdown.property.to_string()),
            _ => None,
        };
        Self { report, property }
    }

    fn figures(&self) -> Table {
        let SessionFigures { sessions, users, open, per_user, events, duration_ms, bounces, bounce_share } =
            &self.report.figures;
        let mut table = Table::new(vec![("sessions".to_owned(), Align::Left), (count(*sessions), Align::Left)]);
        let of = |middle: Figure, mean: Figure, most: Figure, text: fn(f64) -> String| {
            let shown = |figure: Figure| figure.0.map_or_else(|| NO_FIGURE.to_owned(), text);
            format!("median {}, mean {}, nine in ten up to {}", shown(middle), shown(mean), shown(most))
        };
        let mut row = |name: &str, text: String| table.row(vec![name.to_owned(), text]);
        row(
            "users",
            format!("{}, {} sessions each", count(*users), per_user.0.map_or_else(|| NO_FIGURE.to_owned(), figure)),
        );
        row("events", of(events.median, events.mean, events.p90, figure));
        row("duration", of(duration_ms.median, duration_ms.mean, duration_ms.p90, duration));
        row("one event only", format!("{} ({})", count(*bounces), percent(*bounce_share)));
        if *open > 0 {
            row("still open", counted(*open, "session"));
        }
        table
    }

    fn tables(&self, longest_name: usize, trend: Option<(String, Table)>) -> Vec<(String, Table)> {
        let report = self.report;
        let mut tables = vec![("Duration:".to_owned(), self.durations())];
        tables.push(("They begin with:".to_owned(), event_table(&report.first_events, longest_name)));
        tables.push(("They end with:".to_owned(), event_table(&report.last_events, longest_name)));
        tables.extend(trend);
        tables.extend(self.groups(longest_name));
        tables
    }

    fn durations(&self) -> Table {
        let columns = [("from", Align::Right), ("to", Align::Right), ("sessions", Align::Right), ("", Align::Left)];
        let mut table = Table::new(columns.map(|(title, align)| (title.to_owned(), align)).to_vec());
        let bins = &self.report.figures.duration_ms.histogram;
        let most = bins.iter().map(|bin| bin.count).max().unwrap_or(0);
        for bin in bins {
            let (from, to) = (duration(bin.from as f64), duration(bin.to as f64));
            table.row(vec![from, to, count(bin.count), bar(share(bin.count, most), BAR)]);
        }
        table
    }

    fn groups(&self, longest_name: usize) -> Option<(String, Table)> {
        let groups = self.report.breakdown.as_ref().filter(|groups| !groups.is_empty())?;
        let property = clip(self.property.as_deref().unwrap_or("value"), longest_name).into_owned();
        let mut columns = vec![(property.clone(), Align::Left)];
        let titles = ["sessions", "users", "events", "median", "one event"];
        columns.extend(titles.map(|title| (title.to_owned(), Align::Right)));
        let mut table = Table::new(columns);
        for group in groups {
            let SessionFigures { sessions, users, events, duration_ms, bounce_share, .. } = &group.figures;
            table.row(vec![
                clip(&group_name(&group.value), longest_name).into_owned(),
                count(*sessions),
                count(*users),
                events.mean.0.map_or_else(|| NO_FIGURE.to_owned(), figure),
                duration_ms.median.0.map_or_else(|| NO_FIGURE.to_owned(), duration),
                percent(*bounce_share),
            ]);
        }
        Some((format!("By {property} of the first event:"), table))
    }
}

fn figures_record(part: Value, value: Value, figures: &SessionFigures) -> Vec<Value> {
    let SessionFigures { sessions, users, open, events, duration_ms, bounces, .. } = figures;
    vec![
        part,
        value,
        json!(sessions),
        json!(users),
        json!(open),
        json!(bounces),
        json!(events.n),
        json!(events.median),
        json!(events.p90),
        json!(duration_ms.mean),
        json!(duration_ms.median),
        json!(duration_ms.p90),
    ]
}

fn event_table(listed: &[EventShare], longest_name: usize) -> Table {
    let columns = [("event", Align::Left), ("sessions", Align::Right), ("share", Align::Right), ("", Align::Left)];
    let mut table = Table::new(columns.map(|(title, align)| (title.to_owned(), align)).to_vec());
    for EventShare { event, count: sessions, share } in listed {
        let name = match event {
            ListedEvent::Event { event } => event.as_str(),
            ListedEvent::Other { .. } => "(all others)",
        };
        let name = clip(name, longest_name).into_owned();
        table.row(vec![name, count(*sessions), percent(*share), bar(*share, BAR)]);
    }
    table
}

fn buckets(trend: &[SessionBucket], most_rows: usize) -> Table {
    let columns = [
        ("start", Align::Left),
        ("sessions", Align::Right),
        ("users", Align::Right),
        ("median", Align::Right),
        ("", Align::Left),
    ];
    let mut table = Table::new(columns.map(|(title, align)| (title.to_owned(), align)).to_vec());
    let are_days = trend.iter().all(|bucket| bucket.start.contains("T00:00:00"));
    for bucket in trend.iter().skip(trend.len().saturating_sub(most_rows)) {
        let start = match bucket.start.split_once('T') {
            Some((date, _)) if are_days => date.to_owned(),
            _ => bucket.start.clone(),
        };
        let median = bucket.median_ms.0.map_or_else(|| NO_FIGURE.to_owned(), duration);
        let open = match (bucket.partial, bucket.open) {
            (true, _) => "more may come".to_owned(),
            (false, 0) => String::new(),
            (false, open) => format!("{} still open", count(open)),
        };
        table.row(vec![start, count(bucket.sessions), count(bucket.users), median, open]);
    }
    table
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
