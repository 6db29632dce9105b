//! The events of one user: a timeline, and why they did or did not convert.
//!
//! ```text
//!   bucket of ana      39                        all others
//!   file 1            [ana ana ben …]            not opened for her
//!   file 2            [ana cho …]                 a file without rows of the bucket is not opened at all
//!   phone ▸ ana       rows under `phone`, wherever they lie, come as one more input
//! ```
//!
//! A user's rows are neighbours in every file. So the scan runs one partition, that of their bucket, finds their rows there by one
//! column, and reads the others of those rows alone.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, DictionaryArray, RecordBatch, StringViewArray};
use arrow::array::{Int32Array, TimestampMicrosecondArray};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;
use ingest_fn::settings_watch::privacy_of;
use serde_json::value::RawValue;
use weir_core::answer::Scanned;
use weir_core::event::uuid_text;
use weir_core::funnel::explain::{Explainer, Explanation, RawEvent};
use weir_core::funnel::{Sessions, UserResult};
use weir_core::spec::{Cohort, DateRange, EventMatch, FunnelSpec, FunnelUsers};
use weir_lake::schema::{
    ANONYMOUS_ID, BUCKETS, CONTEXT, EVENT, EVENT_ID, EVENT_UUID, PLACE, PROPERTIES, RECEIVED_AT, SESSION_ID, SOURCE,
    TIME, USER, USER_ID, bucket_of,
};
use weir_lake::{LakeError, Settings, Snapshot};

use super::merge_scan::MergeScanExec;
use super::wanted::Wanted;
use super::{Engine, EngineError};

/// What is read of each row.
pub(super) const COLUMNS: [&str; 13] = [
    USER,
    TIME,
    EVENT,
    RECEIVED_AT,
    PLACE,
    SOURCE,
    EVENT_UUID,
    EVENT_ID,
    USER_ID,
    ANONYMOUS_ID,
    SESSION_ID,
    PROPERTIES,
    CONTEXT,
];

/// Whose events an id stands for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Who {
    /// The user, as their events have it; `None` where the lake has no event of the id.
    pub user: Option<String>,
    /// Anonymous ids that have become theirs, sorted.
    pub anonymous_ids: Vec<String>,
    /// Whose the id is as an anonymous one, where it has events of its own as a user id too.
    pub as_anonymous_id: Option<String>,
}

/// Which events of a user are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineQuestion {
    /// A user id, or an anonymous id.
    pub id: String,
    /// When they happened.
    pub range: DateRange,
    /// Their names; empty for all.
    pub events: Vec<String>,
    /// So many at most.
    pub limit: usize,
    /// The last ones, the newest first, instead of the first ones.
    pub newest_first: bool,
}

/// Events of one user.
#[derive(Debug)]
pub struct Timeline {
    /// Version of the table.
    pub version: u64,
    /// Everything received up to then is in it; milliseconds since 1970.
    pub complete_to_ms: Option<i64>,
    /// Whose.
    pub who: Who,
    /// How many there are of the user.
    pub total: u64,
    /// How many of these were asked for.
    pub matching: u64,
    /// The times of the first and the last event of the user, milliseconds since 1970.
    pub seen_ms: Option<(i64, i64)>,
    /// As many of those that were asked for as the limit lets through.
    pub events: Vec<TimelineEvent>,
    /// What it took.
    pub scanned: Scanned,
}

/// One event, as it is stored.
#[derive(Debug)]
pub struct TimelineEvent {
    /// When it happened, milliseconds since 1970.
    pub time_ms: i64,
    /// Its name.
    pub event: String,
    /// What tells it from others of its source.
    pub event_id: String,
    /// Its session among all of the user's, from 1.
    pub session: usize,
    /// As sent.
    pub session_id: Option<String>,
    /// Who sent it.
    pub source: String,
    /// As sent.
    pub anonymous_id: Option<String>,
    /// As sent.
    pub user_id: Option<String>,
    /// When it was received, milliseconds since 1970.
    pub received_ms: i64,
    /// A JSON object.
    pub properties: Option<Box<RawValue>>,
    /// A JSON object.
    pub context: Option<Box<RawValue>>,
}

/// Why a user did or did not convert.
#[derive(Debug)]
pub struct UserExplanation {
    /// Version of the table.
    pub version: u64,
    /// Everything received up to then is in it; milliseconds since 1970.
    pub complete_to_ms: Option<i64>,
    /// Whose.
    pub who: Who,
    /// How many events there are of the user.
    pub total: u64,
    /// What became of those that the question names.
    pub explanation: Explanation,
    /// The cohorts of the question that the user is not in, from 1: one is enough not to be counted.
    pub outside_cohorts: Vec<usize>,
    /// The event id of each of these.
    pub event_ids: Vec<String>,
    /// What it took.
    pub scanned: Scanned,
}

impl Engine {
    /// The events of one user, in order.
    ///
    /// # Errors
    /// A damaged file is named.
    pub async fn timeline(&self, question: &TimelineQuestion) -> Result<Timeline, EngineError> {
        let started_ms = self.now_ms();
        let snapshot = self.snapshot(None).await?;
        let mut kept = Kept::new(question);
        let (who, mut scanned) = self.find(&snapshot, &question.id, &mut |row| kept.take(row)).await?;
        scanned.elapsed_ms = self.now_ms().abs_diff(started_ms);
        let Kept { total, matching, seen_ms, events, .. } = kept;
        let mut events = Vec::from(events);
        if question.newest_first {
            events.reverse();
        }
        let (version, complete_to_ms) = (snapshot.version, snapshot.complete_to_ms);
        Ok(Timeline { version, complete_to_ms, who, total, matching, seen_ms, events, scanned })
    }

    /// Why one user did or did not convert.
    ///
    /// # Errors
    /// A damaged file is named; [`EngineError::Spec`] where events of one millisecond are [too
    /// entangled](weir_core::funnel::Entangled).
    pub async fn explain(&self, id: &str, spec: &FunnelSpec) -> Result<UserExplanation, EngineError> {
        let started_ms = self.now_ms();
        let snapshot = self.snapshot(spec.version).await?;
        let (mut explainer, mut event_ids, mut total) = (Explainer::new(spec), Vec::new(), 0);
        let cohorts = self.with_reports(&spec.cohorts).await?;
        let mut members: Vec<Member<'_>> = cohorts.iter().map(Member::of).collect();
        let mut take = |row: &Row<'_>| {
            total += 1;
            let (time_ms, event, session_id) = (row.time_ms, row.event, row.session_id);
            let (properties, context) = (row.properties, row.context);
            let event = RawEvent { time_ms, event, session_id, properties, context };
            if explainer.push(&event).is_some() {
                event_ids.push(row.event_id());
            }
            members.iter_mut().for_each(|member| member.take(&event));
        };
        let (who, mut scanned) = self.find(&snapshot, id, &mut take).await?;
        let explanation = explainer.finish()?;
        let mut outside_cohorts = Vec::new();
        for (at, member) in members.into_iter().enumerate() {
            if !member.has_joined(snapshot.complete_to_ms)? {
                outside_cohorts.push(at + 1);
            }
        }
        scanned.elapsed_ms = self.now_ms().abs_diff(started_ms);
        let (version, complete_to_ms) = (snapshot.version, snapshot.complete_to_ms);
        Ok(UserExplanation { version, complete_to_ms, who, total, explanation, outside_cohorts, event_ids, scanned })
    }

    /// Visits the events of the user whom an id stands for: one with events of this id, or whose it has become. Where rules of privacy
    /// hash ids, also the hash of the id.
    async fn find(&self, snapshot: &Snapshot, id: &str, visit: Visit<'_>) -> Result<(Who, Scanned), EngineError> {
        let mut scanned = Scanned::default();
        if let Some(who) = self.find_stored(snapshot, id, visit, &mut scanned).await? {
            return Ok((who, scanned));
        }
        let settings = Settings::newest(&self.store).await.map_err(LakeError::from)?;
        let stored = privacy_of(&settings).map_err(LakeError::from)?.hash_of(id);
        let who = match stored {
            Some(stored) => self.find_stored(snapshot, &stored, visit, &mut scanned).await?,
            None => None,
        };
        Ok((who.unwrap_or_default(), scanned))
    }

    /// As [`find`](Self::find), of an id as it is stored.
    async fn find_stored(
        &self,
        snapshot: &Snapshot,
        id: &str,
        visit: Visit<'_>,
        scanned: &mut Scanned,
    ) -> Result<Option<Who>, EngineError> {
        let moves = self.links.moves(&self.store, snapshot, snapshot.files.values()).await?;
        let linked_to = Some(moves.links.user_of(id)).filter(|user| *user != id);
        for user in std::iter::once(id).chain(linked_to) {
            if self.rows_of(snapshot, user, visit, scanned).await? {
                let as_anonymous_id = linked_to.filter(|_| user == id).map(str::to_owned);
                let anonymous_ids = moves.links.ids_of(user);
                return Ok(Some(Who { user: Some(user.to_owned()), anonymous_ids, as_anonymous_id }));
            }
        }
        Ok(None)
    }

    /// Visits the rows of one user, in order. Whether there are any.
    async fn rows_of(
        &self,
        snapshot: &Snapshot,
        user: &str,
        visit: Visit<'_>,
        scanned: &mut Scanned,
    ) -> Result<bool, EngineError> {
        let bucket = usize::from(bucket_of(user));
        let moves = self.links.moves(&self.store, snapshot, snapshot.files.values()).await?;
        let files = snapshot.files.values().filter(|file| {
            file.bucket_rows.get(bucket).is_some_and(|rows| *rows > 0) || moves.of(&file.path).is_some()
        });
        let files: Vec<_> = files.cloned().collect();
        scanned.files += files.len() as u64;
        scanned.bytes += files.iter().map(|file| file.bytes).sum::<u64>();
        scanned.rows += files.iter().map(|file| file.rows).sum::<u64>();
        let wanted = Wanted { user: Some(user.to_owned()), ..Wanted::of(&COLUMNS) };
        let moves = match moves.is_empty() {
            true => moves,
            false => Arc::new(moves.concerning(user)),
        };
        let scan = MergeScanExec::new(self.store.clone(), snapshot.version, files, wanted, BUCKETS, moves);
        let mut batches = scan.execute(bucket, Arc::new(TaskContext::default()))?;
        let mut last_ms = None;
        while let Some(batch) = batches.try_next().await? {
            let rows = Rows::of(&batch)?;
            for row in (0..batch.num_rows()).filter(|row| rows.user.value(*row) == user) {
                let row = rows.row(row);
                if last_ms > Some(row.time_ms) {
                    let message = format!("events of user `{user}` come out of the scan out of order");
                    return Err(LakeError::Invariant(message).into());
                }
                last_ms = Some(row.time_ms);
                visit(&row);
            }
        }
        Ok(last_ms.is_some())
    }
}

/// Whether one user is in a cohort.
enum Member<'s> {
    /// Counts what they did.
    Did { any: &'s [EventMatch], range: DateRange, times: RangeInclusive<u64>, count: u64 },
    /// Follows them through a funnel.
    InFunnel { explainer: Box<Explainer>, place: FunnelUsers, inner: Vec<Self> },
}

impl<'s> Member<'s> {
    fn of(cohort: &'s Cohort) -> Self {
        match cohort {
            Cohort::Did { any, at_least, at_most, range } => {
                Self::Did { any, range: *range, times: *at_least..=*at_most, count: 0 }
            }
            Cohort::InFunnel { funnel, users } => {
                let inner = funnel.cohorts.iter().map(Self::of).collect();
                Self::InFunnel { explainer: Box::new(Explainer::new(funnel)), place: *users, inner }
            }
            // A funnel stands in its place by now.
            Cohort::InReport { .. } => Self::Did { any: &[], range: DateRange::default(), times: 1..=1, count: 0 },
        }
    }

    fn take(&mut self, event: &RawEvent<'_>) {
        match self {
            Self::Did { any, range, count, .. } => {
                let fits = |wanted: &EventMatch| {
                    wanted.event.as_deref().is_none_or(|name| name == event.event)
                        && wanted.filters.iter().all(|condition| condition.holds(event.properties, event.context))
                };
                *count += u64::from(range.contains(event.time_ms) && any.iter().any(fits));
            }
            Self::InFunnel { explainer, inner, .. } => {
                explainer.push(event);
                inner.iter_mut().for_each(|member| member.take(event));
            }
        }
    }

    fn has_joined(self, complete_to_ms: Option<i64>) -> Result<bool, EngineError> {
        match self {
            Self::Did { times, count, .. } => Ok(times.contains(&count)),
            Self::InFunnel { explainer, place, inner } => {
                for member in inner {
                    if !member.has_joined(complete_to_ms)? {
                        return Ok(false);
                    }
                }
                let attempts = explainer.finish()?.attempts;
                Ok(attempts.iter().filter(|attempt| !attempt.is_dropped).any(|attempt| {
                    let times_ms = vec![None; attempt.journey.attempt.len()];
                    let open_until_ms = attempt.journey.open_until_ms;
                    UserResult { user: None, times_ms, open_until_ms, group: None }.is_at(place, complete_to_ms)
                }))
            }
        }
    }
}

/// What looks at each row.
type Visit<'v> = &'v mut (dyn for<'r> FnMut(&Row<'r>) + Send);

/// The events of a timeline, as they come.
struct Kept<'q> {
    question: &'q TimelineQuestion,
    sessions: Sessions,
    total: u64,
    matching: u64,
    seen_ms: Option<(i64, i64)>,
    events: VecDeque<TimelineEvent>,
}

impl<'q> Kept<'q> {
    fn new(question: &'q TimelineQuestion) -> Self {
        let (sessions, events) = (Sessions::default(), VecDeque::new());
        Self { question, sessions, total: 0, matching: 0, seen_ms: None, events }
    }

    fn take(&mut self, row: &Row<'_>) {
        let Self { question, .. } = self;
        self.total += 1;
        self.seen_ms = Some((self.seen_ms.map_or(row.time_ms, |(first, _)| first), row.time_ms));
        let session = self.sessions.next(row.time_ms, row.session_id) + 1;
        let is_named = question.events.is_empty() || question.events.iter().any(|name| name == row.event);
        if !is_named || !question.range.contains(row.time_ms) {
            return;
        }
        self.matching += 1;
        if self.events.len() == question.limit {
            if !question.newest_first {
                return;
            }
            self.events.pop_front();
        }
        self.events.push_back(row.to_event(session));
    }
}

/// The columns of a batch.
pub(super) struct Rows {
    user: StringViewArray,
    time: TimestampMicrosecondArray,
    received: TimestampMicrosecondArray,
    event: Names,
    source: Names,
    event_uuid: BinaryViewArray,
    event_id: StringViewArray,
    user_id: StringViewArray,
    anonymous_id: StringViewArray,
    session_id: StringViewArray,
    properties: StringViewArray,
    context: StringViewArray,
}

/// A column of names.
struct Names {
    keys: Int32Array,
    values: ArrayRef,
}

impl Names {
    fn of(column: &DictionaryArray<Int32Type>) -> Self {
        Self { keys: column.keys().clone(), values: Arc::clone(column.values()) }
    }

    fn at(&self, row: usize) -> &str {
        let key = usize::try_from(self.keys.value(row)).unwrap_or_default();
        self.values.as_string::<i32>().value(key)
    }
}

impl Rows {
    pub fn of(batch: &RecordBatch) -> Result<Self, LakeError> {
        let column = |name: &str| {
            batch
                .column_by_name(name)
                .ok_or_else(|| LakeError::Invariant(format!("a timeline without column `{name}`")))
        };
        let text = |name: &str| Ok::<_, LakeError>(column(name)?.as_string_view().clone());
        let time = |name: &str| Ok::<_, LakeError>(column(name)?.as_primitive::<TimestampMicrosecondType>().clone());
        let names = |name: &str| Ok::<_, LakeError>(Names::of(column(name)?.as_dictionary::<Int32Type>()));
        Ok(Self {
            user: text(USER)?,
            time: time(TIME)?,
            received: time(RECEIVED_AT)?,
            event: names(EVENT)?,
            source: names(SOURCE)?,
            event_uuid: column(EVENT_UUID)?.as_binary_view().clone(),
            event_id: text(EVENT_ID)?,
            user_id: text(USER_ID)?,
            anonymous_id: text(ANONYMOUS_ID)?,
            session_id: text(SESSION_ID)?,
            properties: text(PROPERTIES)?,
            context: text(CONTEXT)?,
        })
    }

    /// Whose a row is.
    pub fn user(&self, row: usize) -> &str {
        self.user.value(row)
    }

    pub fn row(&self, row: usize) -> Row<'_> {
        fn at(column: &StringViewArray, row: usize) -> Option<&str> {
            column.is_valid(row).then(|| column.value(row))
        }
        Row {
            time_ms: self.time.value(row).div_euclid(1000),
            received_ms: self.received.value(row).div_euclid(1000),
            event: self.event.at(row),
            source: self.source.at(row),
            event_uuid: self.event_uuid.is_valid(row).then(|| self.event_uuid.value(row)),
            event_id: at(&self.event_id, row),
            user_id: at(&self.user_id, row),
            anonymous_id: at(&self.anonymous_id, row),
            session_id: at(&self.session_id, row),
            properties: at(&self.properties, row),
            context: at(&self.context, row),
        }
    }
}

/// One row, borrowed.
pub(super) struct Row<'r> {
    time_ms: i64,
    pub received_ms: i64,
    event: &'r str,
    source: &'r str,
    event_uuid: Option<&'r [u8]>,
    event_id: Option<&'r str>,
    user_id: Option<&'r str>,
    anonymous_id: Option<&'r str>,
    session_id: Option<&'r str>,
    properties: Option<&'r str>,
    context: Option<&'r str>,
}

impl Row<'_> {
    fn event_id(&self) -> String {
        let uuid = self.event_uuid.and_then(|bytes| <&[u8; 16]>::try_from(bytes).ok()).map(uuid_text);
        uuid.or_else(|| self.event_id.map(str::to_owned)).unwrap_or_default()
    }

    pub fn to_event(&self, session: usize) -> TimelineEvent {
        // Another engine may have written what is no JSON.
        let json = |text: Option<&str>| text.and_then(|text| RawValue::from_string(text.to_owned()).ok());
        TimelineEvent {
            time_ms: self.time_ms,
            event: self.event.to_owned(),
            event_id: self.event_id(),
            session,
            session_id: self.session_id.map(str::to_owned),
            source: self.source.to_owned(),
            anonymous_id: self.anonymous_id.map(str::to_owned),
            user_id: self.user_id.map(str::to_owned),
            received_ms: self.received_ms,
            properties: json(self.properties),
            context: json(self.context),
        }
    }
}
