//! The answer to a funnel question, in the shape that programs rely on.

use chrono_tz::Tz;
use serde::Serialize;

use crate::answer::{GroupValue, Scanned, whole_where_possible};
use crate::calendar::with_offset;
use crate::spec::DateRange;

/// The whole answer. Serialised, it is the result document of `POST /api/query` and of `weir funnel --format json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunnelReport {
    /// Always `funnel`.
    pub kind: &'static str,
    /// Version of the table that was read: the same question of the same version has the same answer for ever.
    pub version: u64,
    /// Everything received up to then is in this version (RFC 3339). `null` in a lake that has received nothing.
    pub complete_to: Option<String>,
    /// One entry a step, in order.
    pub steps: Vec<StepReport>,
    /// From the first to the last step.
    pub conversion_ms: ConversionTimes,
    /// One entry a value of the breakdown property, by users descending. Absent where none was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<Vec<BreakdownGroup>>,
    /// One entry a bucket of time, by when the chosen attempt began. Absent where no interval was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trend: Option<Vec<TrendBucket>>,
    /// The same for the period before. Absent where no comparison was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousPeriod>,
    /// Users at a step. Absent where none were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<UsersAtStep>,
    /// What it took.
    pub scanned: Scanned,
}

/// Users at a step; or sessions or attempts, where those are counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UsersAtStep {
    /// Numbered from 1.
    pub step: usize,
    /// `converted`, `dropped` or `open`.
    pub state: &'static str,
    /// How many there are, listed or not.
    pub total: u64,
    /// Some of them, those whose last step was latest first.
    pub listed: Vec<ListedUser>,
}

/// One user, and the chosen attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedUser {
    /// Who.
    pub user: String,
    /// When each step was taken, as far as the user came (RFC 3339); `null` for a step that was passed over.
    pub times: Vec<Option<String>>,
    /// The last instant at which the attempt may go on (RFC 3339).
    pub open_until: String,
    /// The value of the breakdown property. Absent where no breakdown was asked.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupValue>,
}

/// Users whose chosen attempt began in one bucket of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrendBucket {
    /// Its first instant, RFC 3339 with the offset of the question's time zone.
    pub start: String,
    /// Users who began.
    pub entered: u64,
    /// Of them, those who took all steps.
    pub converted: u64,
    /// Of them, those who did not, and still have time.
    pub open: u64,
}

/// A period of the same length, which ends where the one that is asked about begins.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PreviousPeriod {
    /// Its first instant, RFC 3339 with the offset of the question's time zone.
    pub from: String,
    /// The first instant behind it.
    pub to: String,
    /// As in the [`FunnelReport`].
    pub steps: Vec<StepReport>,
    /// As in the [`FunnelReport`].
    pub conversion_ms: ConversionTimes,
    /// As in the [`FunnelReport`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<Vec<BreakdownGroup>>,
    /// As in the [`FunnelReport`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trend: Option<Vec<TrendBucket>>,
}

impl FunnelReport {
    /// With the answer for another period beside it, whose bounds are known.
    pub fn with_previous(mut self, previous: Self, range: DateRange, zone: Tz) -> Self {
        let instant = |ms: Option<i64>| ms.map(|ms| with_offset(zone, ms)).unwrap_or_default();
        self.previous = Some(PreviousPeriod {
            from: instant(range.from_ms),
            to: instant(range.to_ms),
            steps: previous.steps,
            conversion_ms: previous.conversion_ms,
            breakdown: previous.breakdown,
            trend: previous.trend,
        });
        self
    }
}

/// One step of a funnel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// From 1.
    pub step: usize,
    /// What people read.
    pub label: String,
    /// Users of at least this depth.
    pub count: u64,
    /// Share of the users of step 1; 0 where there are none.
    pub from_first: f64,
    /// Share of the users of the step before; 0 where there are none.
    pub from_previous: f64,
    /// Median time from the step before, of the chosen attempts; milliseconds.
    #[serde(serialize_with = "whole_where_possible")]
    pub median_ms: Option<f64>,
    /// 90th percentile of the same.
    #[serde(serialize_with = "whole_where_possible")]
    pub p90_ms: Option<f64>,
    /// Users who stand at the step before and still have time: not lost yet.
    pub in_window: u64,
    /// Of an optional step: those of `count` who took it; the others passed it over. Absent for other steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<u64>,
}

/// Times from the first to the last step, of the users who took all steps; milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConversionTimes {
    /// Users who took all steps.
    pub n: u64,
    /// Median, exact, with linear interpolation.
    pub median: Option<f64>,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Bins from the shortest to the longest time, the empty ones between them too.
    pub histogram: Vec<HistogramBin>,
}

/// Users whose conversion took `from` ≤ time < `to` milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistogramBin {
    /// Inclusive.
    pub from: i64,
    /// Exclusive.
    pub to: i64,
    /// Users.
    pub count: u64,
}

/// The users of one value of the breakdown property.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BreakdownGroup {
    /// Which users.
    #[serde(flatten)]
    pub value: GroupValue,
    /// As for the whole funnel.
    pub steps: Vec<StepReport>,
    /// As for the whole funnel.
    pub conversion_ms: ConversionTimes,
}
