//! The answer to a retention question, in the shape that programs rely on.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Cohort, Counts, RetentionWalk, Span, spans};
use crate::answer::{GroupValue, Scanned, Source, share};
use crate::spec::Periods;

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetentionReport {
    /// Always `retention`.
    pub kind: &'static str,
    /// Version of the table that was read.
    pub version: u64,
    /// Everything received up to then is in this version (RFC 3339).
    pub complete_to: Option<String>,
    /// What cohorts and periods are: `hour`, `day`, `week` or `month`.
    pub interval: &'static str,
    /// The periods of each column, in order.
    pub columns: Vec<Periods>,
    /// One entry a bucket of time, in order.
    pub cohorts: Vec<RetentionCohort>,
    /// All cohorts as one.
    pub whole: RetentionWhole,
    /// The same for each value of the breakdown property, that of the most users first. Absent where none was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<Vec<RetentionGroup>>,
    /// What it took.
    pub scanned: Scanned,
}

/// Users whose start lies in one bucket of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetentionCohort {
    /// Its first instant, RFC 3339 with the offset of the question's time zone.
    pub start: String,
    /// How many they are.
    pub users: u64,
    /// Of them, who came back in each column; `null` where that had not begun.
    pub returned: Vec<Option<RetentionCell>>,
}

/// One column of a cohort.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RetentionCell {
    /// How many came back.
    pub count: u64,
    /// The same as a share of the cohort.
    pub share: f64,
    /// Whether its periods were not over, so that more may come back; of a column that goes on for good, its first.
    pub open: bool,
}

/// Users of several cohorts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetentionWhole {
    /// How many they are. A user of several cohorts counts in each.
    pub users: u64,
    /// Of those of them for whom a column is over, who came back.
    pub returned: Vec<RetentionTotal>,
}

/// One column of several cohorts.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct RetentionTotal {
    /// The users of the cohorts for which its periods were over.
    pub users: u64,
    /// How many of them came back.
    pub count: u64,
    /// The same as a share of them; 0 where there are none.
    pub share: f64,
    /// Whether cohorts with users are left out, as they had more time.
    pub open: bool,
}

/// The users of one value of the breakdown property.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetentionGroup {
    /// Which users.
    #[serde(flatten)]
    pub value: GroupValue,
    /// As for all users.
    #[serde(flatten)]
    pub whole: RetentionWhole,
}

impl RetentionWalk {
    /// The answer.
    pub fn report(self, source: Source) -> RetentionReport {
        let Self { spec, mut buckets, groups, cohorts, .. } = self;
        let cohorts: BTreeMap<i64, Cohort> = cohorts.into_iter().collect();
        let columns = spec.columns.len();
        let starts = buckets.list(spec.scope.range, cohorts.keys().copied());
        let mut whole = Total::new(columns);
        let mut by_group: BTreeMap<u32, Total> = BTreeMap::new();
        let mut listed = Vec::with_capacity(starts.len());
        for start in starts {
            let mut all = Counts { users: 0, returned: vec![0; columns] };
            let spans = match cohorts.get(&start) {
                Some(cohort) => {
                    for (group, counts) in &cohort.counts {
                        all.add(counts);
                        let total = by_group.entry(*group).or_insert_with(|| Total::new(columns));
                        total.add(counts, &cohort.spans, source);
                    }
                    cohort.spans.to_vec()
                }
                None => spans(&spec.columns, &mut buckets, start),
            };
            whole.add(&all, &spans, source);
            let returned = all.returned.iter().zip(&spans).map(|(count, span)| cell(*count, all.users, *span, source));
            let (start, users, returned) = (buckets.text(start), all.users, returned.collect());
            listed.push(RetentionCohort { start, users, returned });
        }
        let breakdown = spec.breakdown.as_ref().map(|breakdown| {
            let keyed = by_group.into_iter().map(|(group, total)| (groups.key(group).to_owned(), total));
            grouped(keyed.collect(), breakdown.limit)
        });
        RetentionReport {
            kind: "retention",
            version: source.version,
            complete_to: source.complete_to(),
            interval: spec.interval.name(),
            columns: spec.columns.clone(),
            cohorts: listed,
            whole: whole.finish(),
            breakdown,
            scanned: source.scanned,
        }
    }
}

fn cell(count: u64, users: u64, span: Span, source: Source) -> Option<RetentionCell> {
    let has_begun = source.complete_to_ms.is_none_or(|complete_to| span.begin_ms <= complete_to);
    has_begun.then(|| RetentionCell { count, share: share(count, users), open: source.is_open(span.end_ms) })
}

/// Cohorts that are added up, column by column, as far as they had their time.
#[derive(Debug, Clone)]
struct Total {
    users: u64,
    columns: Vec<RetentionTotal>,
}

impl Total {
    fn new(columns: usize) -> Self {
        Self { users: 0, columns: vec![RetentionTotal::default(); columns] }
    }

    fn add(&mut self, counts: &Counts, spans: &[Span], source: Source) {
        self.users += counts.users;
        for ((column, span), count) in self.columns.iter_mut().zip(spans).zip(&counts.returned) {
            if source.is_open(span.end_ms) {
                column.open |= counts.users > 0;
            } else {
                column.users += counts.users;
                column.count += count;
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.users += other.users;
        for (mine, theirs) in self.columns.iter_mut().zip(&other.columns) {
            mine.users += theirs.users;
            mine.count += theirs.count;
            mine.open |= theirs.open;
        }
    }

    fn finish(self) -> RetentionWhole {
        let shared = |column: RetentionTotal| RetentionTotal { share: share(column.count, column.users), ..column };
        RetentionWhole { users: self.users, returned: self.columns.into_iter().map(shared).collect() }
    }
}

/// The values that are listed by name, and the others as one.
fn grouped(mut groups: Vec<(String, Total)>, limit: usize) -> Vec<RetentionGroup> {
    groups.sort_by(|a, b| b.1.users.cmp(&a.1.users).then_with(|| a.0.cmp(&b.0)));
    let rest = groups.split_off(groups.len().min(limit));
    let other = rest.into_iter().map(|(_, total)| total).reduce(|mut all, total| {
        all.merge(&total);
        all
    });
    let listed = groups.into_iter().map(|(key, total)| (GroupValue::of_key(&key), total));
    let other = other.map(|total| (GroupValue::other(), total));
    listed.chain(other).map(|(value, total)| RetentionGroup { value, whole: total.finish() }).collect()
}
