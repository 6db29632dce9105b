//! The answer to a trends question, in the shape that programs rely on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::TrendsWalk;
use super::amount::{Amount, Cell};
use crate::answer::{Figure, GroupValue, Scanned, Source};
use crate::buckets::Buckets;
use crate::calendar::with_offset;
use crate::spec::{DateRange, Measure, TrendsSpec};

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrendsReport {
    /// Always `trends`.
    pub kind: &'static str,
    /// Version of the table that was read.
    pub version: u64,
    /// Everything received up to then is in this version (RFC 3339).
    pub complete_to: Option<String>,
    /// One entry a bucket of time, in order.
    pub buckets: Vec<TrendBucketSpan>,
    /// The series of the question, then its formulas.
    pub series: Vec<TrendLine>,
    /// The same for each value of the breakdown property, the greatest first series first. Absent where none was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<Vec<TrendGroup>>,
    /// The same for the period before. Absent where no comparison was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<TrendsPrevious>,
    /// What it took.
    pub scanned: Scanned,
}

/// One bucket of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrendBucketSpan {
    /// Its first instant, RFC 3339 with the offset of the question's time zone.
    pub start: String,
    /// The first instant behind it.
    pub end: String,
    /// Whether events of it may still come in.
    pub open: bool,
}

/// One line of the chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrendLine {
    /// `A`, `B`, … for series, `F1`, `F2`, … for formulas.
    pub id: String,
    /// What people read.
    pub label: String,
    /// What is measured; `formula` for a formula.
    pub measure: String,
    /// One figure a bucket; `null` where nothing can be said, as of the average of nothing.
    pub values: Vec<Figure>,
    /// Means of the last so many buckets; `null` before there are as many. Absent where none was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moving_average: Option<Vec<Figure>>,
    /// The same measure of the whole range.
    pub total: Figure,
}

/// The lines of one value of the breakdown property.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrendGroup {
    /// Which events.
    #[serde(flatten)]
    pub value: GroupValue,
    /// As for the whole.
    pub series: Vec<TrendLine>,
}

/// A period of the same length, which ends where the one that is asked about begins.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrendsPrevious {
    /// Its first instant, RFC 3339 with the offset of the question's time zone.
    pub from: String,
    /// The first instant behind it.
    pub to: String,
    /// As in the [`TrendsReport`].
    pub buckets: Vec<TrendBucketSpan>,
    /// As in the [`TrendsReport`].
    pub series: Vec<TrendLine>,
    /// As in the [`TrendsReport`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<Vec<TrendGroup>>,
}

impl TrendsReport {
    /// With the answer for another period beside it, whose bounds are known.
    pub fn with_previous(mut self, previous: Self, spec: &TrendsSpec, range: DateRange) -> Self {
        let instant = |ms: Option<i64>| ms.map(|ms| with_offset(spec.scope.timezone, ms)).unwrap_or_default();
        self.scanned = self.scanned.and(previous.scanned);
        self.previous = Some(TrendsPrevious {
            from: instant(range.from_ms),
            to: instant(range.to_ms),
            buckets: previous.buckets,
            series: previous.series,
            breakdown: previous.breakdown,
        });
        self
    }
}

impl TrendsWalk {
    /// The answer.
    pub fn report(self, source: Source) -> TrendsReport {
        let Self { spec, mut buckets, groups, whole, of_groups, .. } = self;
        let used: BTreeSet<i64> = whole.values().flat_map(|cell| cell.buckets.keys().copied()).collect();
        let starts = buckets.list(spec.scope.range, used.iter().copied());
        let lines = Lines { spec: &spec, starts: &starts };
        let mut by_group: HashMap<u32, BTreeMap<usize, Cell>> = HashMap::new();
        for ((series, group), cell) in of_groups {
            by_group.entry(group).or_default().insert(series, cell);
        }
        let breakdown = spec.breakdown.as_ref().map(|breakdown| {
            let keyed = by_group.into_iter().map(|(group, cells)| (groups.key(group).to_owned(), cells));
            lines.groups(keyed.collect(), breakdown.limit)
        });
        TrendsReport {
            kind: "trends",
            version: source.version,
            complete_to: source.complete_to(),
            buckets: spans(&mut buckets, &starts, source),
            series: lines.of(whole.into_iter().collect()),
            breakdown,
            previous: None,
            scanned: source.scanned,
        }
    }
}

fn spans(buckets: &mut Buckets, starts: &[i64], source: Source) -> Vec<TrendBucketSpan> {
    let span = |start: &i64| {
        let end = buckets.end_ms(*start);
        TrendBucketSpan { start: buckets.text(*start), end: buckets.text(end), open: source.is_open(end) }
    };
    starts.iter().map(span).collect()
}

/// Makes lines of what was counted.
struct Lines<'s> {
    spec: &'s TrendsSpec,
    starts: &'s [i64],
}

impl Lines<'_> {
    /// The values that are listed by name, and the others as one. The first series says which are the greatest.
    fn groups(&self, groups: Vec<(String, BTreeMap<usize, Cell>)>, limit: usize) -> Vec<TrendGroup> {
        let first = &self.spec.series[0].measure;
        let size = |cells: &BTreeMap<usize, Cell>| cells.get(&0).and_then(|cell| cell.total().value(first));
        let mut sized: Vec<(Option<f64>, String, BTreeMap<usize, Cell>)> =
            groups.into_iter().map(|(key, cells)| (size(&cells), key, cells)).collect();
        sized.sort_by(|a, b| {
            let size = |size: Option<f64>| size.unwrap_or(f64::NEG_INFINITY);
            size(b.0).total_cmp(&size(a.0)).then_with(|| a.1.cmp(&b.1))
        });
        let rest = sized.split_off(sized.len().min(limit));
        let mut listed: Vec<TrendGroup> = sized
            .into_iter()
            .map(|(_, key, cells)| TrendGroup { value: GroupValue::of_key(&key), series: self.of(cells) })
            .collect();
        let other = rest.into_iter().map(|(_, _, cells)| cells).reduce(|mut whole, cells| {
            for (series, cell) in cells {
                whole.entry(series).or_default().merge(cell);
            }
            whole
        });
        listed.extend(other.map(|cells| TrendGroup { value: GroupValue::other(), series: self.of(cells) }));
        listed
    }

    fn of(&self, mut cells: BTreeMap<usize, Cell>) -> Vec<TrendLine> {
        let spec = self.spec;
        let mut totals = Vec::with_capacity(spec.series.len());
        let mut columns = Vec::with_capacity(spec.series.len());
        let mut lines = Vec::with_capacity(spec.series.len() + spec.formulas.len());
        for (at, series) in spec.series.iter().enumerate() {
            let cell = cells.remove(&at).unwrap_or_default();
            let total = cell.total().value(&series.measure);
            let values = self.values(cell, &series.measure);
            let id = char::from(b'A' + at as u8).to_string();
            lines.push(self.line(id, &series.label, series.measure.name(), &values, total));
            totals.push(total);
            columns.push(values);
        }
        for (at, formula) in spec.formulas.iter().enumerate() {
            let row =
                |bucket: usize| columns.iter().map(|values: &Vec<Option<f64>>| values[bucket]).collect::<Vec<_>>();
            let values: Vec<Option<f64>> =
                (0..self.starts.len()).map(|bucket| formula.formula.value(&row(bucket))).collect();
            let total = formula.formula.value(&totals);
            lines.push(self.line(format!("F{}", at + 1), &formula.label, "formula".to_owned(), &values, total));
        }
        lines
    }

    fn line(&self, id: String, label: &str, measure: String, values: &[Option<f64>], total: Option<f64>) -> TrendLine {
        TrendLine {
            id,
            label: label.to_owned(),
            measure,
            values: values.iter().copied().map(Figure).collect(),
            moving_average: self.spec.moving_average.map(|buckets| moving_average(values, buckets)),
            total: Figure(total),
        }
    }

    fn values(&self, cell: Cell, measure: &Measure) -> Vec<Option<f64>> {
        let cell = if self.spec.cumulative { cell.running() } else { cell };
        let nothing = Amount::default();
        let mut last = nothing.clone();
        let mut values = Vec::with_capacity(self.starts.len());
        for start in self.starts {
            let amount = cell.buckets.get(start);
            if self.spec.cumulative {
                if let Some(amount) = amount {
                    last = amount.clone();
                }
                values.push(last.value(measure));
            } else {
                values.push(amount.unwrap_or(&nothing).value(measure));
            }
        }
        values
    }
}

/// The mean of each bucket and those before it, so many in all, of which some may have no figure.
fn moving_average(values: &[Option<f64>], buckets: usize) -> Vec<Figure> {
    let mean = |behind: usize| {
        let known: Vec<f64> = values[behind.checked_sub(buckets)?..behind].iter().copied().flatten().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    (1..=values.len()).map(|behind| Figure(mean(behind))).collect()
}
