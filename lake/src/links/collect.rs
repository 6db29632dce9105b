//! What the rows of a file say of users, gathered while they pass.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array, AsArray, DictionaryArray, RecordBatch, StringViewArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use weir_core::identity::{ALIAS, Declared, IDENTIFY, declared_by, id_hash};

use super::LinkCounts;
use super::note::{CUT_BITS, LinksNote, users_note};
use crate::error::LakeError;
use crate::schema::{ANONYMOUS_ID, EVENT, PLACE, PROPERTIES, RECEIVED_AT, USER, USER_ID};

/// The columns that are looked at.
pub(super) const COLUMNS: [&str; 7] = [USER, EVENT, RECEIVED_AT, PLACE, USER_ID, ANONYMOUS_ID, PROPERTIES];

/// Takes rows in the table's sort order.
///
/// Rows of one user come one after the other, so what is declared is made distinct user by user. Memory: 6 bytes for each
/// anonymous id, 16 for each that was moved, and the packed declarations, about 30 bytes each.
pub(crate) struct Collector {
    note: LinksNote,
    declared: u64,
    moved: Vec<(u64, u64)>,
    unmoved: Vec<u64>,
    /// Of the user whose rows pass.
    user: Option<String>,
    of_user: OfUser,
}

/// Source and target of a link, and whether the target is a `user_id`.
type Ids = (String, String, bool);
/// Receipt in milliseconds, and place.
type Arrival = (i64, i64);

#[derive(Default)]
struct OfUser {
    /// The first arrival of each.
    declared: HashMap<Ids, Arrival>,
    /// Hashes of anonymous ids whose rows lie under the user.
    moved: HashSet<u64>,
    has_unmoved: bool,
}

/// What was gathered.
pub(crate) struct Collected {
    pub(crate) counts: LinkCounts,
    /// The note `links`.
    pub(crate) declared: Vec<u8>,
    /// The note `users`.
    pub(crate) users: Vec<u8>,
}

/// The columns of a batch, typed.
struct Columns<'a> {
    users: &'a StringViewArray,
    events: &'a DictionaryArray<Int32Type>,
    received: &'a [i64],
    places: &'a [i64],
    user_ids: &'a StringViewArray,
    anonymous_ids: &'a StringViewArray,
    properties: &'a StringViewArray,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, LakeError> {
        let column = |name: &str| {
            batch.column_by_name(name).ok_or_else(|| LakeError::Invariant(format!("rows without column `{name}`")))
        };
        Ok(Self {
            users: column(USER)?.as_string_view(),
            events: column(EVENT)?.as_dictionary(),
            received: column(RECEIVED_AT)?.as_primitive::<TimestampMicrosecondType>().values(),
            places: column(PLACE)?.as_primitive::<Int64Type>().values(),
            user_ids: column(USER_ID)?.as_string_view(),
            anonymous_ids: column(ANONYMOUS_ID)?.as_string_view(),
            properties: column(PROPERTIES)?.as_string_view(),
        })
    }

    fn declared(&self, row: usize, event: &str) -> Option<(Ids, Arrival)> {
        let at = |column: &'a StringViewArray| column.is_valid(row).then(|| column.value(row));
        let said = declared_by(event, at(self.user_ids), at(self.anonymous_ids), at(self.properties))?;
        let arrival = (self.received[row].div_euclid(1000), self.places[row]);
        Some(((said.from.into_owned(), said.to.to_owned(), said.to_is_user), arrival))
    }
}

impl Collector {
    pub(crate) fn new() -> Result<Self, LakeError> {
        Ok(Self {
            note: LinksNote::new()?,
            declared: 0,
            moved: Vec::new(),
            unmoved: Vec::new(),
            user: None,
            of_user: OfUser::default(),
        })
    }

    pub(crate) fn take(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let columns = Columns::of(batch)?;
        let names = columns.events.values().as_string::<i32>();
        // Names are compared once a dictionary, not once a row.
        let declaring: Vec<(i32, &str)> =
            (0_i32..).zip(names.iter().flatten()).filter(|(_, name)| matches!(*name, IDENTIFY | ALIAS)).collect();
        if declaring.is_empty() && columns.user_ids.null_count() == 0 {
            return Ok(());
        }
        let keys = columns.events.keys().values();
        for row in 0..batch.num_rows() {
            let is_anonymous = columns.user_ids.is_null(row);
            let declaring = declaring.iter().find(|(key, _)| *key == keys[row]);
            if !is_anonymous && declaring.is_none() {
                continue;
            }
            let user = columns.users.value(row);
            if self.user.as_deref() != Some(user) {
                self.end_user()?;
                self.user = Some(user.to_owned());
            }
            if is_anonymous && columns.anonymous_ids.is_valid(row) {
                match columns.anonymous_ids.value(row) {
                    id if id == user => self.of_user.has_unmoved = true,
                    id => _ = self.of_user.moved.insert(id_hash(id)),
                }
            }
            if let Some((ids, arrival)) = declaring.and_then(|(_, event)| columns.declared(row, event)) {
                let first = self.of_user.declared.entry(ids).or_insert(arrival);
                *first = arrival.min(*first);
            }
        }
        Ok(())
    }

    fn end_user(&mut self) -> Result<(), LakeError> {
        let Some(user) = self.user.take() else { return Ok(()) };
        let hash = id_hash(&user);
        if self.of_user.has_unmoved {
            self.unmoved.push(hash >> CUT_BITS << CUT_BITS);
        }
        self.moved.extend(self.of_user.moved.drain().map(|id| (id, hash)));
        self.of_user.has_unmoved = false;
        let mut declared: Vec<_> = self.of_user.declared.drain().collect();
        declared.sort_unstable();
        for ((from, to, to_is_user), (received_ms, place)) in &declared {
            self.note.push(&Declared {
                from,
                to,
                to_is_user: *to_is_user,
                received_ms: *received_ms,
                place: *place,
            })?;
        }
        self.declared += declared.len() as u64;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Collected, LakeError> {
        self.end_user()?;
        self.moved.sort_unstable();
        // Two ids of which only the last bytes of the hash differ are looked for together.
        self.unmoved.sort_unstable();
        self.unmoved.dedup();
        self.moved.dedup();
        let counts =
            LinkCounts { declared: self.declared, moved: self.moved.len() as u64, unmoved: self.unmoved.len() as u64 };
        Ok(Collected { counts, users: users_note(&self.moved, &self.unmoved), declared: self.note.finish()? })
    }
}
