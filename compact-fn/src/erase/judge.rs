//! Which rows are an erased user's, and what of theirs stands in the rows of others.
//!
//! | row | becomes |
//! |---|---|
//! | `user_id` is an id of the user | goes |
//! | no `user_id`, and `anonymous_id` is a device of the user; or it lies under the user, and no link says whose the device is | goes |
//! | of somebody else, on a device of the user | stays, without the `anonymous_id` |
//! | of somebody else, whose properties name the user or a device under a name for ids, such as `previousId` | stays, without these |
//! | a failed event whose body mentions the user or a device | goes |
//!
//! So two people who share a device keep their own events each, and the device's events before anybody was known go with the
//! user who is erased.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, StringViewArray};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use serde_json::Value;
use serde_json::value::RawValue;
use weir_core::event::{ID_NAMES, entries, mentions};
use weir_core::identity::{Links, declared_by};
use weir_lake::erased::{Hasher, IdHash};
use weir_lake::failed::BODY;
use weir_lake::schema::{EVENT, PROPERTIES, RECEIVED_AT, USER};
use weir_lake::{DataFile, LakeError, TableName};

use crate::rewrite::{Judge, Judged};

/// Ids of one user, as hashes.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) hasher: Hasher,
    /// What the user was known by.
    pub(super) users: HashSet<IdHash>,
    /// Their devices and browsers.
    pub(super) devices: HashSet<IdHash>,
    /// Rows that were received later stay; milliseconds since 1970.
    pub(super) until_ms: i64,
    /// Files of landings up to this version are known to hold nothing.
    pub(super) checked: Option<u64>,
    /// Devices that rows of the user link to them, and that are not in `devices`.
    pub(super) linked: Mutex<BTreeSet<IdHash>>,
    /// Which devices are whose.
    pub(super) links: Arc<Links>,
    pub(super) table: TableName,
}

/// Whether texts are ids of the user: most follow one that is the same.
struct Memory<'a> {
    ids: [&'a HashSet<IdHash>; 2],
    hasher: &'a Hasher,
    last: Option<(String, bool)>,
}

impl<'a> Memory<'a> {
    fn knows(&mut self, id: &str) -> bool {
        match &self.last {
            Some((last, known)) if last == id => *known,
            _ => {
                let hash = self.hasher.hash(id);
                let known = self.ids.iter().any(|ids| ids.contains(&hash));
                self.last = Some((id.to_owned(), known));
                known
            }
        }
    }
}

impl Judge for Subject {
    fn may_hold(&self, file: &DataFile) -> bool {
        file.min_received_ms <= self.until_ms && self.checked.is_none_or(|checked| file.landed_in > checked)
    }

    fn columns(&self) -> &'static [&'static str] {
        match self.table {
            TableName::Events => &[USER, EVENT, RECEIVED_AT, "user_id", "anonymous_id", PROPERTIES],
            TableName::Failed => &[RECEIVED_AT, BODY],
        }
    }

    fn judge(&self, batch: &RecordBatch) -> Result<Judged, LakeError> {
        match self.table {
            TableName::Events => self.judge_events(batch),
            TableName::Failed => self.judge_failed(batch),
        }
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, LakeError> {
    batch.column_by_name(name).ok_or_else(|| LakeError::Invariant(format!("rows without column `{name}`")))
}

/// Whether each row was received in time.
fn in_time(batch: &RecordBatch, until_ms: i64) -> Result<Vec<bool>, LakeError> {
    let received = column(batch, RECEIVED_AT)?.as_primitive::<TimestampMicrosecondType>();
    Ok(received.values().iter().map(|micros| micros.div_euclid(1000) <= until_ms).collect())
}

fn at(texts: &StringViewArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row))
}

impl Subject {
    fn judge_failed(&self, batch: &RecordBatch) -> Result<Judged, LakeError> {
        let bodies = column(batch, BODY)?.as_string_view();
        let in_time = in_time(batch, self.until_ms)?;
        let leaving = (0..batch.num_rows()).map(|row| in_time[row] && self.is_mentioned(bodies.value(row))).collect();
        Ok(Judged { leaving, ..Judged::default() })
    }

    /// Whether a body mentions the user or a device.
    pub(super) fn is_mentioned(&self, body: &str) -> bool {
        let mut all = self.memory([&self.users, &self.devices]);
        mentions(body, |id| all.knows(id))
    }

    fn memory<'a>(&'a self, ids: [&'a HashSet<IdHash>; 2]) -> Memory<'a> {
        Memory { ids, hasher: &self.hasher, last: None }
    }

    fn judge_events(&self, batch: &RecordBatch) -> Result<Judged, LakeError> {
        let text = |name: &str| column(batch, name).map(|column| column.as_string_view());
        let (users, user_ids, anonymous_ids) = (text(USER)?, text("user_id")?, text("anonymous_id")?);
        let (properties, events) = (text(PROPERTIES)?, column(batch, EVENT)?.as_dictionary::<Int32Type>());
        let in_time = in_time(batch, self.until_ms)?;
        let both = || self.memory([&self.users, &self.devices]);
        let (mut named, mut of_user, mut of_device, mut inside) =
            (self.memory([&self.users, &self.users]), both(), both(), both());
        let mut leaving = vec![false; batch.num_rows()];
        let (mut blanked, mut stripped) = (vec![false; batch.num_rows()], vec![None; batch.num_rows()]);
        let mut changed = 0;
        for row in 0..batch.num_rows() {
            if !in_time[row] {
                continue;
            }
            let (user_id, anonymous_id) = (at(user_ids, row), at(anonymous_ids, row));
            let on_device = anonymous_id.is_some_and(|id| of_device.knows(id));
            leaving[row] = match user_id {
                Some(id) => named.knows(id),
                // Where a row lies is what was known when it was merged: a device that is another's by now is none of theirs.
                None => on_device || (self.has_no_owner(anonymous_id) && of_user.knows(users.value(row))),
            };
            if leaving[row] {
                if let Some(user_id) = user_id {
                    self.learn(event_at(events, row), user_id, anonymous_id, at(properties, row));
                }
                continue;
            }
            blanked[row] = on_device;
            let own = user_id.unwrap_or_default();
            stripped[row] = at(properties, row).and_then(|text| without_ids(text, own, &mut inside));
            changed += u64::from(on_device || stripped[row].is_some());
        }
        let mut columns: Vec<(&'static str, ArrayRef)> = Vec::new();
        if blanked.contains(&true) {
            let kept = (0..blanked.len()).map(|row| at(anonymous_ids, row).filter(|_| !blanked[row]));
            columns.push(("anonymous_id", Arc::new(kept.collect::<StringViewArray>())));
        }
        if stripped.iter().any(Option::is_some) {
            let kept = (0..blanked.len()).map(|row| stripped[row].as_deref().or_else(|| at(properties, row)));
            columns.push((PROPERTIES, Arc::new(kept.collect::<StringViewArray>())));
        }
        Ok(Judged { leaving, columns, changed })
    }

    /// Whether no link says whose a device is.
    fn has_no_owner(&self, anonymous_id: Option<&str>) -> bool {
        anonymous_id.is_none_or(|id| self.links.user_of(id) == id)
    }

    /// Takes the device that an event of the user links to them, unless it is known to be another's. One that nobody is known
    /// to have is theirs: the event may have landed a moment ago, and takes the link along when it goes.
    fn learn(&self, event: Option<&str>, user_id: &str, anonymous_id: Option<&str>, properties: Option<&str>) {
        let event = event.unwrap_or_default();
        let Some(said) = declared_by(event, Some(user_id), anonymous_id, properties) else { return };
        let owner = self.links.user_of(&said.from);
        let hash = self.hasher.hash(&said.from);
        let is_theirs = owner == user_id || owner == said.from;
        if is_theirs && !self.devices.contains(&hash) && !self.users.contains(&hash) {
            self.linked.lock().unwrap_or_else(PoisonError::into_inner).insert(hash);
        }
    }
}

/// The name of an event.
pub(super) fn event_at(events: &DictionaryArray<Int32Type>, row: usize) -> Option<&str> {
    let names = events.values().as_string::<i32>();
    events.key(row).map(|key| names.value(key))
}

/// A text or a number of JSON, as an id.
fn scalar(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'-' | b'0'..=b'9' => Some(json.to_owned()),
        _ => None,
    }
}

/// Properties without those that name the user, but for what the row's own user has under such a name. `None` where none does.
fn without_ids(properties: &str, own: &str, all: &mut Memory<'_>) -> Option<String> {
    // A name may be written with escapes. What has neither those nor a name for ids is not looked into.
    let may = properties.contains('\\') || ID_NAMES.iter().any(|name| properties.contains(name));
    let entries = if may { entries(properties).ok()? } else { return None };
    let mut names_user = |name: &str, value: &RawValue| {
        let id = if ID_NAMES.contains(&name) { scalar(value.get()) } else { None };
        id.is_some_and(|id| id != own && all.knows(&id))
    };
    let kept = entries.iter().filter(|(name, value)| !names_user(name, value));
    let kept: Vec<String> =
        kept.map(|(name, value)| format!("{}:{}", Value::from(name.as_ref()), value.get())).collect();
    (kept.len() < entries.len()).then(|| format!("{{{}}}", kept.join(",")))
}
