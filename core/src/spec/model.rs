//! A query spec after parsing: everything is checked, so that nothing behind it can be wrong.

use std::sync::Arc;

use chrono_tz::Tz;
use regex::Regex;
use serde_json::Value;

use super::activity::{LifecycleSpec, StickinessSpec};
use super::experiment::ExperimentSpec;
use super::paths::PathsSpec;
use super::retention::RetentionSpec;
use super::sessions::SessionsSpec;
use super::trends::TrendsSpec;

/// The most steps a funnel may have: each step is one bit of a 64-bit mask.
pub const MAX_STEPS: usize = 64;

/// A question, after its JSON form has been read.
#[derive(Debug, Clone)]
pub enum Spec {
    /// How many went through these steps.
    Funnel(FunnelSpec),
    /// How much there was, bucket by bucket.
    Trends(TrendsSpec),
    /// Who came back.
    Retention(RetentionSpec),
    /// Which active users are new.
    Lifecycle(LifecycleSpec),
    /// How often users were active.
    Stickiness(StickinessSpec),
    /// Whether users of one variant converted more often than those of another.
    Experiment(Box<ExperimentSpec>),
    /// What users did after an event, or before it.
    Paths(PathsSpec),
    /// How many sessions there were, and what they were like.
    Sessions(SessionsSpec),
}

impl Spec {
    /// What the question calls itself.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Funnel(_) => "funnel",
            Self::Trends(_) => "trends",
            Self::Retention(_) => "retention",
            Self::Lifecycle(_) => "lifecycle",
            Self::Stickiness(_) => "stickiness",
            Self::Experiment(_) => "experiment",
            Self::Paths(_) => "paths",
            Self::Sessions(_) => "sessions",
        }
    }

    /// Whose events it is about.
    pub fn cohorts(&self) -> &[Cohort] {
        match self {
            Self::Funnel(spec) => &spec.cohorts,
            Self::Trends(spec) => &spec.scope.cohorts,
            Self::Retention(spec) => &spec.scope.cohorts,
            Self::Lifecycle(spec) => &spec.scope.cohorts,
            Self::Stickiness(spec) => &spec.scope.cohorts,
            Self::Experiment(spec) => &spec.funnel.cohorts,
            Self::Paths(spec) => &spec.scope.cohorts,
            Self::Sessions(spec) => &spec.scope.cohorts,
        }
    }

    /// Refuses cohorts that are saved reports, where there is no lake that could have any. `why` says so.
    ///
    /// # Errors
    /// A problem for each of them.
    pub fn without_reports(&self, why: &str) -> Result<(), SpecError> {
        let named = self.cohorts().iter().filter_map(|cohort| match cohort {
            Cohort::InReport { path, .. } => {
                Some(SpecProblem { field: format!("{path}.report"), message: why.to_owned() })
            }
            Cohort::Did { .. } | Cohort::InFunnel { .. } => None,
        });
        let problems: Vec<SpecProblem> = named.collect();
        if problems.is_empty() { Ok(()) } else { Err(SpecError { problems }) }
    }

    /// The version of the table that it asks, where it names one.
    pub fn version(&self) -> Option<u64> {
        match self {
            Self::Funnel(spec) => spec.version,
            Self::Trends(spec) => spec.scope.version,
            Self::Retention(spec) => spec.scope.version,
            Self::Lifecycle(spec) => spec.scope.version,
            Self::Stickiness(spec) => spec.scope.version,
            Self::Experiment(spec) => spec.funnel.version,
            Self::Paths(spec) => spec.scope.version,
            Self::Sessions(spec) => spec.scope.version,
        }
    }

    /// The funnel, where it is one.
    ///
    /// # Errors
    /// It is another kind of question.
    pub fn into_funnel(self) -> Result<FunnelSpec, SpecError> {
        match self {
            Self::Funnel(spec) => Ok(spec),
            other => Err(other.not_a("funnel")),
        }
    }

    /// The trends, where it asks for them.
    ///
    /// # Errors
    /// It is another kind of question.
    pub fn into_trends(self) -> Result<TrendsSpec, SpecError> {
        match self {
            Self::Trends(spec) => Ok(spec),
            other => Err(other.not_a("trends")),
        }
    }

    /// The experiment, where it asks for one.
    ///
    /// # Errors
    /// It is another kind of question.
    pub fn into_experiment(self) -> Result<ExperimentSpec, SpecError> {
        match self {
            Self::Experiment(spec) => Ok(*spec),
            other => Err(other.not_a("experiment")),
        }
    }

    /// The retention, where it asks for it.
    ///
    /// # Errors
    /// It is another kind of question.
    pub fn into_retention(self) -> Result<RetentionSpec, SpecError> {
        match self {
            Self::Retention(spec) => Ok(spec),
            other => Err(other.not_a("retention")),
        }
    }

    /// The lifecycle, where it asks for it.
    ///
    /// # Errors
    /// It is another kind of question.
    pub fn into_lifecycle(self) -> Result<LifecycleSpec, SpecError> {
        match self {
            Self::Lifecycle(spec) => Ok(spec),
            other => Err(other.not_a("lifecycle")),
        }
    }

    /// The stickiness, where it asks for it.
    ///
    /// # Errors
    /// It is another kind of question.
    pub fn into_stickiness(self) -> Result<StickinessSpec, SpecError> {
        match self {
            Self::Stickiness(spec) => Ok(spec),
            other => Err(other.not_a("stickiness")),
        }
    }

    /// The paths, where it asks for them.
    ///
    /// # Errors
    /// It is another kind of question.
    pub fn into_paths(self) -> Result<PathsSpec, SpecError> {
        match self {
            Self::Paths(spec) => Ok(spec),
            other => Err(other.not_a("paths")),
        }
    }

    /// The sessions, where it asks for them.
    ///
    /// # Errors
    /// It is another kind of question.
    pub fn into_sessions(self) -> Result<SessionsSpec, SpecError> {
        match self {
            Self::Sessions(spec) => Ok(spec),
            other => Err(other.not_a("sessions")),
        }
    }

    fn not_a(&self, kind: &str) -> SpecError {
        let message = format!("found `{}`; expected `{kind}`", self.kind());
        SpecError { problems: vec![SpecProblem { field: "kind".to_owned(), message }] }
    }
}

/// What all kinds of questions have in common.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Which instants count.
    pub range: DateRange,
    /// The zone that makes days.
    pub timezone: Tz,
    /// Conditions on every event, before anything else.
    pub filters: Vec<Condition>,
    /// Whose events: users who are in all of these.
    pub cohorts: Vec<Cohort>,
    /// Answers from this version of the table instead of the newest.
    pub version: Option<u64>,
}

/// Users by what they did.
#[derive(Debug, Clone)]
pub enum Cohort {
    /// Those who did something so many times.
    Did {
        /// What: at least one alternative. The question's own conditions do not touch it.
        any: Vec<EventMatch>,
        /// At least so many times.
        at_least: u64,
        /// At most so many times.
        at_most: u64,
        /// When.
        range: DateRange,
    },
    /// Those who are in the result of a funnel.
    InFunnel {
        /// The funnel.
        funnel: Box<FunnelSpec>,
        /// Where in it.
        users: FunnelUsers,
    },
    /// Those who are in the result of a funnel that is saved in the lake. Who reads the lake puts that funnel here.
    InReport {
        /// The id of the report.
        report: String,
        /// The step; the last one where it is not said.
        step: Option<usize>,
        /// What became of them there.
        state: FunnelState,
        /// The path of this cohort in the question, such as `cohort[0]`, for what is wrong with the report.
        path: String,
    },
}

/// Users by where in a funnel they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunnelUsers {
    /// Numbered from 1.
    pub step: usize,
    /// What became of them there.
    pub state: FunnelState,
}

/// A list of users at a place of a funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserList {
    /// Where they are.
    pub place: FunnelUsers,
    /// At most so many, the latest first.
    pub limit: usize,
}

/// What became of users who were one step before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FunnelState {
    /// They took the step.
    #[default]
    Converted,
    /// They did not, and have no more time.
    Dropped,
    /// They did not, and still have time.
    Open,
}

impl FunnelState {
    /// Its name in a question.
    pub fn name(self) -> &'static str {
        match self {
            Self::Converted => "converted",
            Self::Dropped => "dropped",
            Self::Open => "open",
        }
    }
}

/// Splits events by the value of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitBy {
    /// The property.
    pub property: PropertyPath,
    /// So many values by name; the others are summed.
    pub limit: usize,
}

/// A funnel question.
#[derive(Debug, Clone)]
pub struct FunnelSpec {
    /// Which instants a first step may have.
    pub range: DateRange,
    /// The zone that makes days.
    pub timezone: Tz,
    /// At least one, at most [`MAX_STEPS`].
    pub steps: Vec<Step>,
    /// How far the last event of an attempt may be from the first.
    pub window: Window,
    /// In which order steps happen.
    pub order: Order,
    /// What *later* means among events of one millisecond.
    pub ties: Ties,
    /// What is counted.
    pub count: Count,
    /// Events that must not happen between two steps.
    pub exclude: Vec<Exclude>,
    /// What follows where they do.
    pub exclusion: Exclusion,
    /// Properties of which all events of an attempt carry the same values.
    pub hold: Vec<PropertyPath>,
    /// Conditions on every event, before anything else.
    pub filters: Vec<Condition>,
    /// Splits users by a property.
    pub breakdown: Option<Breakdown>,
    /// Splits users by when they began.
    pub interval: Option<Interval>,
    /// The period of the same length before [`range`](Self::range), where the two are to be compared.
    pub previous: Option<DateRange>,
    /// Lists the users at a place of the funnel.
    pub users: Option<UserList>,
    /// Whose events: users who are in all of these.
    pub cohorts: Vec<Cohort>,
    /// Answers from this version of the table instead of the newest.
    pub version: Option<u64>,
}

/// The bounds of step 1. `None` is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DateRange {
    /// First instant inside, in milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// First instant behind the range.
    pub to_ms: Option<i64>,
}

impl DateRange {
    /// Whether an instant lies inside.
    pub fn contains(&self, time_ms: i64) -> bool {
        self.from_ms.is_none_or(|from| from <= time_ms) && self.to_ms.is_none_or(|to| time_ms < to)
    }
}

/// A range of instants, and the zone that makes days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    /// Which instants.
    pub range: DateRange,
    /// In which dates were given, and times are shown.
    pub timezone: Tz,
}

/// One step: any of its alternatives fills it.
#[derive(Debug, Clone)]
pub struct Step {
    /// What people read: the given label, or the names of the alternatives.
    pub label: String,
    /// At least one.
    pub any: Vec<EventMatch>,
    /// Whether an attempt may pass over it. Never the first step.
    pub optional: bool,
}

/// An event by name and conditions.
#[derive(Debug, Clone)]
pub struct EventMatch {
    /// `None` is any event, written `*`.
    pub event: Option<String>,
    /// All must hold. Those of a step with several events are shared by them.
    pub filters: Vec<Arc<Condition>>,
}

/// When a step counts as later than the one before (`docs/SEMANTICS.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ties {
    /// A timestamp not smaller: events of one millisecond have no order.
    #[default]
    Lenient,
    /// Later in the order of (timestamp, arrival, event_id).
    Arrival,
    /// A greater timestamp.
    Strict,
}

/// How far the last event of an attempt may be from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// So many milliseconds, inclusive.
    Duration(i64),
    /// All events lie in one session.
    Session,
}

impl Window {
    /// The longest time from the first to the last event, in milliseconds: a session may be of any length.
    pub fn most_ms(self) -> i64 {
        match self {
            Self::Duration(ms) => ms,
            Self::Session => i64::MAX,
        }
    }
}

/// In which order the steps of an attempt happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As they are listed, with any other events in between.
    #[default]
    Ordered,
    /// As they are listed, with nothing of the user's in between.
    Strict,
    /// Any.
    Any,
}

/// What a funnel counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Count {
    /// Users.
    #[default]
    Users,
    /// Sessions, each as a user of its own.
    Sessions,
    /// Attempts, of which a user may have several.
    Attempts,
}

/// Events that must not happen between two steps.
#[derive(Debug, Clone)]
pub struct Exclude {
    /// Which events: at least one alternative.
    pub any: Vec<EventMatch>,
    /// The step after which it must not happen, numbered from 1.
    pub from: usize,
    /// The step before which it must not happen; greater than `from`.
    pub to: usize,
}

/// What follows where an excluded event happens between its two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exclusion {
    /// Such attempts do not exist.
    #[default]
    Block,
    /// A user whose chosen attempt is such a one leaves the funnel.
    DropUser,
}

/// The buckets of a trend, by the clocks and the calendar of the question's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// An hour of the clock.
    Hour,
    /// A day.
    Day,
    /// A week that begins on Monday.
    Week,
    /// A month.
    Month,
}

impl Interval {
    /// Its name in a question.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// Splits the users of a funnel by the value of a property.
#[derive(Debug, Clone, PartialEq)]
pub struct Breakdown {
    /// The property.
    pub property: PropertyPath,
    /// Numbered from 1: the step of the chosen attempt whose event is asked.
    pub step: usize,
    /// So many values by name; the others are summed.
    pub limit: usize,
}

/// Where a property is found in an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PropertyPath {
    /// Which object of the event holds it.
    pub root: PropertyRoot,
    /// The path below it, dots and all, as the question wrote it (without the leading `context.`).
    pub path: String,
}

/// The two objects of an event that hold properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PropertyRoot {
    /// `properties`.
    Properties,
    /// `context`.
    Context,
}

/// One test of one property.
#[derive(Debug, Clone)]
pub struct Condition {
    /// What is tested.
    pub property: PropertyPath,
    /// The test.
    pub test: Test,
}

/// The tests, as the field `op` names them. Values are JSON scalars: string, number or boolean.
#[derive(Debug, Clone)]
pub enum Test {
    /// `=`
    Equals(Value),
    /// `!=`
    NotEquals(Value),
    /// `in`
    In(Vec<Value>),
    /// `not in`
    NotIn(Vec<Value>),
    /// `<`
    Less(Value),
    /// `<=`
    LessOrEqual(Value),
    /// `>`
    Greater(Value),
    /// `>=`
    GreaterOrEqual(Value),
    /// `contains`: a text holds this text, or a list this element.
    Contains(Value),
    /// `not contains`
    NotContains(Value),
    /// `starts with`
    StartsWith(String),
    /// `ends with`
    EndsWith(String),
    /// `matches`: the expression is found anywhere in the text.
    Matches(Regex),
    /// `exists`
    Exists,
    /// `not exists`
    NotExists,
}

/// Everything that is wrong with a spec, never only the first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct SpecError {
    /// At least one.
    pub problems: Vec<SpecProblem>,
}

/// One thing that is wrong with a spec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", if .field.is_empty() { "spec" } else { .field.as_str() })]
pub struct SpecProblem {
    /// Path of the field, such as `steps[1].where[0].op`; empty for the document itself.
    pub field: String,
    /// What is wrong, what was found, and what to write instead.
    pub message: String,
}
