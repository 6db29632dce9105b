//! Failed events of a lake: which are meant, what they have in common, and another try of them.
//!
//! ```text
//! LAKE/failed ──scan──▶ chosen rows ──▶ groups, lists, one row
//!                            │
//!                            └─ replay: checked again ─┬─ good: landed as any event, then taken out of the table
//!                                                      └─ bad: stays, with the reason it has now
//! ```
//!
//! A replay lands first and takes out afterwards. Whatever stops it in between, the next one finds its events in the lake, by
//! their ids, and counts them as duplicates; they are the same ids each time.

use std::collections::HashMap;
use std::sync::Arc;

use compact_fn::failed::{Verdict, rewrite};
use compact_fn::land::Lander;
use ingest_fn::again::{Refusal, check_again};
use ingest_fn::plan::{PlanMode, Plans};
use ingest_fn::settings_watch::plan_of;
use ingest_fn::terms::Terms;
use serde::Serialize;
use serde_json::{Map, Value, json};
use weir_core::event::frame;
use weir_core::plan::CODES;
use weir_core::ports::{Clock, Ids};
use weir_core::time::rfc3339;
use weir_lake::erased::Refused;
use weir_lake::failed::{Bodies, FailedRow, Scan};
use weir_lake::rows::EventRows;
use weir_lake::{LakeError, Settings, Snapshot, Store, Table, TableName};

use crate::render::numbers::count;

/// Events that are good again are landed when they take so many bytes of memory.
const BATCH_BYTES: usize = 32 * 1024 * 1024;

/// Which failed events are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this source.
    pub source: Option<String>,
    /// With this code.
    pub code: Option<String>,
    /// Of this event name.
    pub event: Option<String>,
    /// Received at or after, milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Received before.
    pub until_ms: Option<i64>,
    /// With an id that begins so; any, where there is none.
    pub prefixes: Vec<String>,
}

impl Filter {
    /// Whether a row is meant.
    pub fn takes(&self, row: &FailedRow) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| wanted.is_none() || wanted.as_deref() == found;
        is(&self.source, Some(&row.source))
            && is(&self.code, Some(&row.failed.code))
            && is(&self.event, row.failed.event.as_deref())
            && self.since_ms.is_none_or(|since| row.received_ms >= since)
            && self.until_ms.is_none_or(|until| row.received_ms < until)
            && (self.prefixes.is_empty()
                || self.prefixes.iter().any(|prefix| row.failed.id.starts_with(prefix.as_str())))
    }
}

/// Failed events with the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// A short stable name of the problem.
    pub code: String,
    /// The field that has it.
    pub field: String,
    /// Who sent them.
    pub source: String,
    /// What they are called, where that could be read.
    pub event: Option<String>,
    /// How many there are.
    pub count: u64,
    /// Received first, milliseconds since 1970.
    #[serde(skip)]
    pub first_ms: i64,
    /// Received last.
    #[serde(skip)]
    pub last_ms: i64,
    /// What the last one was told.
    pub message: String,
}

impl Group {
    /// As answers have it.
    pub fn document(&self) -> Map<String, Value> {
        fields(json!({
            "code": self.code, "field": self.field, "source": self.source, "event": self.event, "count": self.count,
            "first_seen": rfc3339(self.first_ms), "last_seen": rfc3339(self.last_ms), "message": self.message,
        }))
    }
}

/// A row without what was sent.
pub fn summary(row: &FailedRow) -> Map<String, Value> {
    let failed = &row.failed;
    let value = json!({
        "failed_id": failed.id, "received_at": rfc3339(row.received_ms), "source": row.source,
        "protocol": failed.protocol, "event": failed.event, "code": failed.code, "field": failed.field,
        "body_bytes": failed.bytes, "message": failed.message,
    });
    fields(value)
}

/// A row with what was sent: the name and the value of each field.
pub fn whole(row: &FailedRow) -> Vec<(&'static str, Value)> {
    let FailedRow { source, received_ms, failed } = row;
    vec![
        ("failed_id", json!(failed.id)),
        ("received_at", json!(rfc3339(*received_ms))),
        ("source", json!(source)),
        ("place", json!(failed.place)),
        ("protocol", json!(failed.protocol)),
        ("event", json!(failed.event)),
        ("code", json!(failed.code)),
        ("field", json!(failed.field)),
        ("message", json!(failed.message)),
        ("sent_at", json!(failed.sent_at)),
        ("body_bytes", json!(failed.bytes)),
        ("body", json!(failed.body)),
    ]
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Why the beginning of an id does not name one failed event.
#[derive(Debug, thiserror::Error)]
pub enum IdProblem {
    /// It begins nothing.
    #[error("an id is empty")]
    Empty,
    /// There is none.
    #[error("there is no failed event `{0}`")]
    None(String),
    /// It is not long enough.
    #[error("{} failed events begin with `{prefix}`", count(*.found as u64))]
    Several {
        /// What was given.
        prefix: String,
        /// How many begin so.
        found: usize,
    },
    /// It could not be looked for.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

/// The only id that begins so.
///
/// # Errors
/// There is none, or more than one.
pub fn one_of(prefix: &str, found: &[String]) -> Result<String, IdProblem> {
    match found {
        _ if prefix.is_empty() => Err(IdProblem::Empty),
        [one] => Ok(one.clone()),
        [] => Err(IdProblem::None(prefix.to_owned())),
        several => Err(IdProblem::Several { prefix: prefix.to_owned(), found: several.len() }),
    }
}

/// The failed events of a lake.
#[derive(Debug)]
pub struct FailedEvents {
    store: Store,
    table: Option<Table>,
}

impl FailedEvents {
    /// Opens the table, if the lake has it.
    ///
    /// # Errors
    /// Where there is no lake; whatever is wrong with the table.
    pub async fn open(store: &Store) -> Result<Self, LakeError> {
        Table::must_exist(store).await?;
        Ok(Self { store: store.clone(), table: Table::open_if_there(store, TableName::Failed).await? })
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.table.as_ref().map_or_else(|| Arc::new(Snapshot::of(TableName::Failed)), Table::snapshot)
    }

    /// Hands over every row that is meant, once.
    ///
    /// # Errors
    /// A damaged file is named.
    pub async fn each(
        &self,
        filter: &Filter,
        bodies: Bodies,
        mut take: impl FnMut(FailedRow),
    ) -> Result<(), LakeError> {
        let mut scan = Scan::new(&self.store, &self.snapshot(), bodies);
        while let Some(rows) = scan.next().await? {
            rows.into_iter().filter(|row| filter.takes(row)).for_each(&mut take);
        }
        Ok(())
    }

    /// What fails, most first.
    ///
    /// # Errors
    /// As [`each`](Self::each).
    pub async fn groups(&self, filter: &Filter) -> Result<Vec<Group>, LakeError> {
        let mut groups: HashMap<(String, String, String, Option<String>), Group> = HashMap::new();
        self.each(filter, Bodies::Left, |row| {
            let FailedRow { source, received_ms, failed } = row;
            let (code, field) = (failed.code.into_owned(), failed.field.into_owned());
            let (event, message) = (failed.event.map(|event| event.into_owned()), failed.message.into_owned());
            let key = (code.clone(), field.clone(), source.clone(), event.clone());
            let group = groups.entry(key).or_insert_with(|| Group {
                code,
                field,
                source,
                event,
                count: 0,
                first_ms: received_ms,
                last_ms: received_ms,
                message: String::new(),
            });
            group.count += 1;
            group.first_ms = group.first_ms.min(received_ms);
            if received_ms >= group.last_ms {
                group.last_ms = received_ms;
                group.message = message;
            }
        })
        .await?;
        let mut groups: Vec<Group> = groups.into_values().collect();
        groups.sort_by(|a, b| {
            let rest =
                |group: &Group| (group.code.clone(), group.field.clone(), group.source.clone(), group.event.clone());
            b.count.cmp(&a.count).then(b.last_ms.cmp(&a.last_ms)).then_with(|| rest(a).cmp(&rest(b)))
        });
        Ok(groups)
    }

    /// The newest rows that are meant, the newest first, without what was sent; and how many there are in all.
    ///
    /// # Errors
    /// As [`each`](Self::each).
    pub async fn newest(&self, filter: &Filter, limit: usize) -> Result<(Vec<FailedRow>, u64), LakeError> {
        let (mut newest, mut count) = (Vec::new(), 0);
        let shorten = |rows: &mut Vec<FailedRow>| {
            rows.sort_by(|a, b| {
                (b.received_ms, b.failed.place, &b.failed.id).cmp(&(a.received_ms, a.failed.place, &a.failed.id))
            });
            rows.truncate(limit);
        };
        self.each(filter, Bodies::Left, |row| {
            count += 1;
            newest.push(row);
            if newest.len() > 2 * limit + 1_000 {
                shorten(&mut newest);
            }
        })
        .await?;
        shorten(&mut newest);
        Ok((newest, count))
    }

    /// What takes the rows with these ids, each of which must be one row, by its id or the beginning of it.
    ///
    /// # Errors
    /// [`IdProblem`]
    pub async fn exactly(&self, ids: &[String]) -> Result<Filter, IdProblem> {
        let mut found: HashMap<&str, Vec<String>> = ids.iter().map(|id| (id.as_str(), Vec::new())).collect();
        let begins = Filter { prefixes: ids.to_vec(), ..Filter::default() };
        self.each(&begins, Bodies::Left, |row| {
            for (prefix, ids) in &mut found {
                if row.failed.id.starts_with(prefix) {
                    ids.push(row.failed.id.clone().into_owned());
                }
            }
        })
        .await?;
        let one = |id: &String| one_of(id, found.get(id.as_str()).map_or(&[][..], Vec::as_slice));
        Ok(Filter { prefixes: ids.iter().map(one).collect::<Result<_, _>>()?, ..Filter::default() })
    }

    /// The row with an id, or the beginning of one, with what was sent.
    ///
    /// # Errors
    /// [`IdProblem`]
    pub async fn one(&self, id: &str) -> Result<FailedRow, IdProblem> {
        let begins = Filter { prefixes: vec![id.to_owned()], ..Filter::default() };
        let (mut ids, mut last) = (Vec::new(), None);
        self.each(&begins, Bodies::Read, |row| {
            // More than one is an error, so one row is held.
            ids.push(row.failed.id.clone().into_owned());
            last = Some(row);
        })
        .await?;
        one_of(id, &ids)?;
        last.ok_or_else(|| IdProblem::None(id.to_owned()))
    }

    /// Removes the rows that are meant, or only says how many they are.
    ///
    /// # Errors
    /// As [`change`](Self::change).
    pub async fn drop_all(
        &mut self,
        filter: &Filter,
        is_dry: bool,
        clock: &dyn Clock,
        ids: &dyn Ids,
    ) -> Result<u64, LakeError> {
        let mut verdicts = HashMap::new();
        self.each(filter, Bodies::Left, |row| {
            verdicts.insert(row.failed.id.into_owned(), Verdict::Remove);
        })
        .await?;
        if !is_dry {
            self.change(&verdicts, clock, ids, "drop").await?;
        }
        Ok(verdicts.len() as u64)
    }

    /// Takes rows out of the table, and gives others the reason they have now.
    ///
    /// # Errors
    /// A damaged file is named; nothing is changed then.
    pub async fn change(
        &mut self,
        verdicts: &HashMap<String, Verdict>,
        clock: &dyn Clock,
        ids: &dyn Ids,
        operation: &'static str,
    ) -> Result<(), LakeError> {
        match &mut self.table {
            Some(table) if !verdicts.is_empty() => rewrite(table, verdicts, clock, ids, operation).await,
            _ => Ok(()),
        }
    }
}

/// What a replay did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Events that are new in the lake.
    pub replayed: u64,
    /// Events that the lake had already. `None` where nothing was landed.
    pub duplicates: Option<u64>,
    /// Rows that stay.
    pub failing: u64,
    /// Rows that left the table, or would.
    pub left: u64,
    /// The version of the events in which all of it is queryable.
    pub version: Option<u64>,
}

/// Whether a replay changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Try {
    /// It lands what is good.
    Land,
    /// It only says what would become of it.
    Dry,
}

/// Checks failed events again, and lands those that are good now.
///
/// # Errors
/// Whatever is wrong with the lake. What was landed before an error stays, and counts once when it is tried again.
pub async fn replay(
    failed: &mut FailedEvents,
    filter: &Filter,
    how: Try,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
) -> Result<Replayed, LakeError> {
    let snapshot = failed.snapshot();
    let Some(oldest_ms) = snapshot.files.values().map(|file| file.min_received_ms).min() else {
        return Ok(Replayed::default());
    };
    let lander = Lander::open(&failed.store, Arc::clone(&clock), Arc::clone(&ids)).await?;
    let mut landing =
        Landing { lander: lander.looking_back_to(oldest_ms), rows: EventRows::default(), done: Replayed::default() };
    let mut verdicts = HashMap::new();
    let store = failed.store.clone();
    let settings = Settings::newest(&store).await?;
    let (plans, refused) = (Plans::new(plan_of(&settings)?), Arc::new(Refused::of(&settings)?));
    let mut scan = Scan::new(&store, &snapshot, Bodies::Read);
    while let Some(rows) = scan.next().await? {
        for row in rows.into_iter().filter(|row| filter.takes(row)) {
            match check_again(&row.failed, &terms(&row, &plans, &refused), row.received_ms) {
                Ok(record) => {
                    landing.take(&row, &record)?;
                    verdicts.insert(row.failed.id.into_owned(), Verdict::Remove);
                }
                Err(refusal) => {
                    landing.done.failing += 1;
                    if let Some(verdict) = new_reason(&row, refusal) {
                        verdicts.insert(row.failed.id.into_owned(), verdict);
                    }
                }
            }
            if landing.rows.bytes() >= BATCH_BYTES {
                landing.land(how).await?;
            }
        }
    }
    landing.land(how).await?;
    landing.done.left = verdicts.values().filter(|verdict| **verdict == Verdict::Remove).count() as u64;
    if how == Try::Land {
        failed.change(&verdicts, clock.as_ref(), ids.as_ref(), "replay").await?;
    }
    Ok(landing.done)
}

/// What was refused because of a tracking plan has to keep to the one that is in force now.
fn terms<'a>(row: &'a FailedRow, plans: &Plans, refused: &Arc<Refused>) -> Terms<'a> {
    let by_plan = CODES.contains(&row.failed.code.as_ref());
    let mode = if by_plan { PlanMode::Enforce } else { PlanMode::Off };
    Terms::plain(&row.source).with_plan(plans.guard(mode)).with_refused(Arc::clone(refused))
}

/// The reason that a row has now, if it is another one than before.
fn new_reason(row: &FailedRow, refusal: Refusal) -> Option<Verdict> {
    let Refusal::Rejected { code, field, message } = refusal else { return None };
    let is_known = *row.failed.code == code && *row.failed.field == field && *row.failed.message == message;
    (!is_known).then_some(Verdict::Reason(code, field, message))
}

/// Events that are good again, on their way into the lake.
struct Landing {
    lander: Lander,
    rows: EventRows,
    done: Replayed,
}

impl Landing {
    /// Takes the events of a record, which have the place of the failure they come from.
    fn take(&mut self, row: &FailedRow, record: &[u8]) -> Result<(), LakeError> {
        // What was written a moment ago is read back: anything else is a defect.
        let defect = |error: frame::FrameError| LakeError::Invariant(error.to_string());
        let (header, lines) = frame::open(record).map_err(defect)?;
        for event in frame::events(&header, lines) {
            let mut event = event.map_err(defect)?;
            event.place = row.failed.place.unwrap_or(event.place);
            if let Some(id) = event.event_id.clone() {
                self.rows.push(&row.source, &event, &id);
            }
        }
        Ok(())
    }

    async fn land(&mut self, how: Try) -> Result<(), LakeError> {
        let rows = std::mem::take(&mut self.rows);
        if how == Try::Dry {
            self.done.replayed += rows.len() as u64;
            return Ok(());
        }
        let landed = self.lander.land(rows.freeze(), Vec::new(), None, "replay").await?;
        self.done.replayed += landed.accepted;
        self.done.duplicates = Some(self.done.duplicates.unwrap_or_default() + landed.duplicates);
        self.done.version = Some(landed.version);
        Ok(())
    }
}

#[cfg(test)]
#[path = "failed_tests.rs"]
mod tests;
