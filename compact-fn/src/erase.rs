//! Erasing a user: every event of theirs goes, from both tables, and from what lands later but was received before.
//!
//! ```text
//! ids ──▶ LAKE/erasures/open/{id}.json      the request: hashes of the ids, and up to when events were received
//!              │ rewrite both tables until no live file holds a row of theirs
//!              ▼
//!         LAKE/erasures/done/{id}.json      of which versions that is true, and in figures what was done
//!              │ whatever lands later, and was received in time, is looked at as well
//!              ▼ after eight days, and once no live file is another engine's
//!         the request goes, with its hashes; the figures stay
//! ```
//!
//! The request is written down first, so that an erasure that is cut off is finished by whoever comes next: the same command,
//! or [`maintain`](crate::maintain), which the loops and schedules of weir call. Every step may be done again, and by several
//! at once. The request holds no id, only hashes under a secret of its own.
//!
//! Files that were checked need not be checked again: a file whose newest landing is not newer than the checked version has only
//! rows that were looked at, whatever merged them since.
//!
//! - [`request`] writes a request down; [`finish_all`] does what requests ask for; [`Request`] and [`Done`] are the documents.
//! - [`linked_devices`] finds the devices of a user; [`remains`](remains()) says where ids still are, and until when.

mod judge;
mod remains;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use object_store::path::Path;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use weir_core::event::{envelope, uuid_text};
use weir_core::identity::Links;
use weir_core::ports::{Clock, Ids};
use weir_core::time::DAY_MS;
use weir_lake::erased::{Hasher, IdHash, Refused, SECRET_BYTES, fresh_secret, from_hex, hex};
use weir_lake::{LakeError, Settings, Store, Table, TableName, names};

use crate::rewrite::{Deadline, Judge, Rewritten, look, rewrite};
use crate::tables::Tables;
use judge::Subject;

pub use remains::{Remains, remains};

/// For so long events are looked at that were received before a request and land after it, in milliseconds: eight days.
pub const IN_FLIGHT_MS: i64 = 8 * DAY_MS;
/// The version of both documents.
const FORMAT: u32 = 1;
/// Attempts to follow devices that rows of the user bring up while they are erased.
const ROUNDS: usize = 16;

/// A user who is to be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    weir_erasure: u32,
    /// When it was asked for, in milliseconds since 1970.
    pub requested_at: i64,
    /// Events that were received later stay.
    pub until: i64,
    secret: String,
    users: BTreeSet<IdHash>,
    devices: BTreeSet<IdHash>,
}

/// How far a request is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    weir_erasure: u32,
    /// When it was asked for, in milliseconds since 1970.
    pub requested_at: i64,
    /// When no live file held an event of the user for the first time.
    pub finished_at: i64,
    /// The version of the events of which that is true.
    pub events_version: Option<u64>,
    /// The version of the failed events.
    pub failed_version: Option<u64>,
    /// What was changed in the events.
    pub events: Rewritten,
    /// What was changed in the failed events.
    pub failed: Rewritten,
    /// Unreadable records of the overflow that were removed.
    pub unreadable: u64,
}

/// The ids of a user, as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserIds {
    /// What the user is known by.
    pub users: BTreeSet<String>,
    /// Their devices and browsers.
    pub devices: BTreeSet<String>,
}

impl UserIds {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.users.iter().chain(&self.devices).map(String::as_str)
    }
}

/// The devices that events of a user link to them: those that they identified themselves on, and former names of theirs.
///
/// # Errors
/// A damaged file is named.
pub async fn linked_devices(table: &Table, users: &BTreeSet<String>) -> Result<BTreeSet<String>, LakeError> {
    let links = table.links().links(table.store(), &table.snapshot()).await?;
    Ok(users.iter().flat_map(|user| links.ids_of(user)).collect())
}

/// Writes down that a user is to be erased: every event of theirs that was received by now, and `longer_ms` from now. Gives the
/// request's id. Nothing is erased yet: [`finish_all`] does it.
///
/// # Errors
/// Where the store fails. The request may be there all the same.
pub async fn request(
    tables: &mut Tables,
    user: &UserIds,
    longer_ms: i64,
    clock: &dyn Clock,
    ids: &dyn Ids,
) -> Result<String, LakeError> {
    // A collector's clock may be ahead of this one: what is in the lake was received by now.
    let mut until = clock.now_ms().saturating_add(longer_ms);
    for table in tables.opened().await? {
        until = table.snapshot().files.values().map(|file| file.max_received_ms).fold(until, i64::max);
    }
    let secret = fresh_secret(|| ids.next_id());
    let hasher = hasher(&secret)?;
    let hashes = |ids: &BTreeSet<String>| ids.iter().map(|id| hasher.hash(id)).collect();
    let request = Request {
        weir_erasure: FORMAT,
        requested_at: clock.now_ms(),
        until,
        secret: hex(&secret),
        users: hashes(&user.users),
        devices: hashes(&user.devices),
    };
    write_request(tables.store(), &request, ids).await
}

async fn write_request(store: &Store, request: &Request, ids: &dyn Ids) -> Result<String, LakeError> {
    let id = uuid_text(&ids.next_id());
    store.create(&names::open_erasure(&id), document(request)?).await?;
    Ok(id)
}

fn document(of: &impl Serialize) -> Result<Bytes, LakeError> {
    serde_json::to_vec(of).map(Bytes::from).map_err(|error| LakeError::Invariant(error.to_string()))
}

fn hasher(secret: &[u8; SECRET_BYTES]) -> Result<Hasher, LakeError> {
    Hasher::new(secret).ok_or_else(|| LakeError::Invariant("a secret that makes no hashes".to_owned()))
}

impl Request {
    fn subject(&self, table: TableName, checked: Option<u64>, object: &str) -> Result<Subject, LakeError> {
        let corrupt = || damaged(object, "its secret is none");
        Ok(Subject {
            hasher: hasher(&from_hex(&self.secret).ok_or_else(corrupt)?)?,
            users: self.users.iter().copied().collect(),
            devices: self.devices.iter().copied().collect(),
            until_ms: self.until,
            checked,
            linked: Default::default(),
            links: Default::default(),
            table,
        })
    }
}

fn damaged(object: &str, problem: &str) -> LakeError {
    LakeError::Corrupt { object: object.to_owned(), problem: problem.to_owned() }
}

/// What one request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The request.
    pub id: String,
    /// What was done for it so far, this time and before. `None` while it is not finished.
    pub done: Option<Done>,
    /// What this time was done.
    pub events: Rewritten,
    /// The same of failed events.
    pub failed: Rewritten,
}

/// Which devices are whose, as the newest version has it. Failed events link nobody.
async fn links_of(table: &mut Table) -> Result<Arc<Links>, LakeError> {
    if table.name() == TableName::Failed {
        return Ok(Arc::default());
    }
    let snapshot = table.refresh().await?;
    table.links().links(table.store(), &snapshot).await
}

/// What an erasure would change: events, failed events, and unreadable records of the overflow.
///
/// # Errors
/// A damaged file is named.
pub async fn preview(tables: &mut Tables, user: &UserIds, ids: &dyn Ids) -> Result<(Rewritten, Rewritten), LakeError> {
    let hasher = hasher(&fresh_secret(|| ids.next_id()))?;
    let (mut events, mut failed) = (Rewritten::default(), Rewritten::default());
    for table in tables.opened().await? {
        let links = links_of(table).await?;
        let subject = Subject {
            users: user.users.iter().map(|id| hasher.hash(id)).collect(),
            devices: user.devices.iter().map(|id| hasher.hash(id)).collect(),
            hasher: hasher.clone(),
            until_ms: i64::MAX,
            checked: None,
            linked: Default::default(),
            links,
            table: table.name(),
        };
        let found = look(table, &subject).await?;
        match table.name() {
            TableName::Events => events = found,
            TableName::Failed => failed = found,
        }
    }
    Ok((events, failed))
}

/// The requests that are open, the oldest first, by their ids.
///
/// # Errors
/// Where the store fails, or a document is damaged, which is named.
pub async fn open_requests(store: &Store) -> Result<Vec<(String, Request)>, LakeError> {
    let mut open = documents(store, &names::open_erasures()).await?;
    open.sort_by(|a: &(String, Request), b| (a.1.requested_at, &a.0).cmp(&(b.1.requested_at, &b.0)));
    Ok(open)
}

/// Lets events of a user stay that are received from now on, whatever their requests said.
///
/// # Errors
/// As [`open_requests`].
pub async fn cut_short(store: &Store, id: &str, now_ms: i64) -> Result<(), LakeError> {
    for (request_id, request) in open_requests(store).await? {
        let object = names::open_erasure(&request_id);
        let subject = request.subject(TableName::Events, None, object.as_ref())?;
        let hash = subject.hasher.hash(id);
        if request.until > now_ms && (subject.users.contains(&hash) || subject.devices.contains(&hash)) {
            store.replace_timed(&object, document(&Request { until: now_ms, ..request })?).await?;
        }
    }
    Ok(())
}

/// What was erased, the oldest first, by the ids of the requests.
///
/// # Errors
/// As [`open_requests`].
pub async fn done_requests(store: &Store) -> Result<Vec<(String, Done)>, LakeError> {
    let mut done = documents(store, &names::done_erasures()).await?;
    done.sort_by(|a: &(String, Done), b| (a.1.requested_at, &a.0).cmp(&(b.1.requested_at, &b.0)));
    Ok(done)
}

async fn documents<T: DeserializeOwned>(store: &Store, folder: &Path) -> Result<Vec<(String, T)>, LakeError> {
    let mut found = Vec::new();
    for path in store.list(folder, None).await? {
        let Some(id) = names::erasure_id(&path) else { continue };
        // One that is gone was closed by somebody else.
        let Some(bytes) = store.read(&path).await? else { continue };
        let document = serde_json::from_slice(&bytes).map_err(|e| damaged(path.as_ref(), &e.to_string()))?;
        found.push((id.to_owned(), document));
    }
    Ok(found)
}

/// Does what open requests ask for: the rest of erasures that were cut off, and what has landed since of what was received
/// before. Costs one listing where nothing is open.
///
/// # Errors
/// A damaged file or document is named; the other requests are looked at first. Doing it again goes on.
pub async fn finish_all(
    tables: &mut Tables,
    clock: &dyn Clock,
    ids: &dyn Ids,
    deadline: Deadline,
) -> Result<Vec<Erased>, LakeError> {
    let (mut erased, mut failed) = (Vec::new(), None);
    // Rows of a user may bring up more devices of theirs, which are requests of their own.
    for _ in 0..ROUNDS {
        let mut is_more = false;
        for (id, request) in open_requests(tables.store()).await? {
            if erased.iter().any(|one: &Erased| one.id == id) {
                continue;
            }
            match finish(tables, &id, &request, clock, ids, deadline).await {
                Ok((one, brought_up)) => {
                    erased.push(one);
                    is_more |= brought_up;
                }
                Err(error) => failed = Some(error),
            }
        }
        if !is_more {
            break;
        }
    }
    failed.map_or(Ok(erased), Err)
}

/// Does what one request asks for. Gives whether it brought up devices, for which there is a request now.
async fn finish(
    tables: &mut Tables,
    id: &str,
    request: &Request,
    clock: &dyn Clock,
    ids: &dyn Ids,
    deadline: Deadline,
) -> Result<(Erased, bool), LakeError> {
    let object = names::open_erasure(id);
    if request.weir_erasure > FORMAT {
        return Err(LakeError::Newer { what: format!("erasure format {}", request.weir_erasure) });
    }
    let (store, at) = (tables.store().clone(), names::done_erasure(id));
    let before = read_done(&store, &at).await?;
    let (mut erased, mut versions) = (Erased { id: id.to_owned(), ..Erased::nothing() }, [None; 2]);
    let mut linked = BTreeSet::new();
    for table in tables.opened().await? {
        let is_failed = table.name() == TableName::Failed;
        let checked =
            before.as_ref().and_then(|done| if is_failed { done.failed_version } else { done.events_version });
        let links = links_of(table).await?;
        let subject = Subject { links, ..request.subject(table.name(), checked, object.as_ref())? };
        let outcome = rewrite(table, &subject, "erase", clock, ids, deadline).await?;
        linked.extend(subject.linked.into_inner().unwrap_or_else(PoisonError::into_inner));
        if is_failed {
            erased.failed = outcome.done
        } else {
            erased.events = outcome.done
        }
        if outcome.version.is_none() {
            return Ok((erased, false));
        }
        versions[usize::from(is_failed)] = outcome.version;
    }
    let unreadable = match before {
        Some(_) => 0,
        None => erase_unreadable(&store, &request.subject(TableName::Failed, None, object.as_ref())?).await?,
    };
    let brings_up = !linked.is_empty();
    if brings_up {
        let more = Request { users: BTreeSet::new(), devices: linked, ..request.clone() };
        write_request(&store, &more, ids).await?;
    }
    // Somebody else may have done a part of it beside this.
    let latest = read_done(&store, &at).await?;
    let mut done = latest.clone().unwrap_or_else(|| Done {
        weir_erasure: FORMAT,
        requested_at: request.requested_at,
        finished_at: clock.now_ms(),
        ..Done::default()
    });
    done.events.add(erased.events);
    done.failed.add(erased.failed);
    done.unreadable += unreadable;
    done.events_version = done.events_version.max(versions[0]);
    done.failed_version = done.failed_version.max(versions[1]);
    if latest.is_none_or(|latest| is_worth_writing(&latest, &done)) {
        store.replace_timed(&at, document(&done)?).await?;
    }
    erased.done = Some(done);
    Ok((erased, brings_up))
}

/// What is written down of a request. What a crash left half written says nothing, and is done again.
async fn read_done(store: &Store, at: &Path) -> Result<Option<Done>, LakeError> {
    Ok(store.read(at).await?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Figures are written down when they change; versions that are checked now and then, which saves who comes next from reading
/// the same files.
fn is_worth_writing(before: &Done, now: &Done) -> bool {
    const VERSIONS: u64 = 64;
    let ahead =
        |before: Option<u64>, now: Option<u64>| now.unwrap_or_default().saturating_sub(before.unwrap_or_default());
    (before.events, before.failed, before.unreadable) != (now.events, now.failed, now.unreadable)
        || ahead(before.events_version, now.events_version) >= VERSIONS
        || ahead(before.failed_version, now.failed_version) >= VERSIONS
}

impl Erased {
    fn nothing() -> Self {
        Self { id: String::new(), done: None, events: Rewritten::default(), failed: Rewritten::default() }
    }
}

/// Removes records of the overflow that could not be read, and that mention the user.
async fn erase_unreadable(store: &Store, subject: &Subject) -> Result<u64, LakeError> {
    let mut removed = 0;
    for object in store.list_all(&names::unreadable_overflow()).await? {
        let Some(bytes) = store.read(&object.location).await? else { continue };
        let Ok(text) = envelope::unpack(&bytes) else { continue };
        if subject.is_mentioned(&String::from_utf8_lossy(&text)) {
            store.delete(&object.location).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Closes requests whose time is over: their hashes go, their figures stay. `now_ms` is the store's time.
///
/// While a live file is another engine's, none is closed: nobody has looked into it, and a [repair](crate::repair) that takes it
/// over brings its rows in.
///
/// # Errors
/// As [`finish_all`].
pub async fn close_old(
    tables: &mut Tables,
    now_ms: i64,
    clock: &dyn Clock,
    ids: &dyn Ids,
    deadline: Deadline,
) -> Result<(), LakeError> {
    let is_due = |request: &Request| now_ms >= request.until.saturating_add(IN_FLIGHT_MS);
    let mut due = open_requests(tables.store()).await?;
    due.retain(|(_, request)| is_due(request));
    if due.is_empty() || tables.opened().await?.iter().any(|table| !table.snapshot().foreign.is_empty()) {
        return Ok(());
    }
    for (id, request) in due {
        // What was taken over a moment ago is looked at before the hashes go.
        let (erased, _) = finish(tables, &id, &request, clock, ids, deadline).await?;
        if erased.done.is_some() {
            tables.store().delete(&names::open_erasure(&id)).await?;
        }
    }
    Ok(())
}

/// Erasures of which the hashes are gone: how many, and when the latest was asked for, in milliseconds since 1970. Rows of
/// theirs are recognised by nothing any more, but for users whose events are refused.
///
/// # Errors
/// As [`open_requests`].
pub async fn closed_requests(store: &Store) -> Result<Option<(u64, i64)>, LakeError> {
    let open: BTreeSet<String> = open_requests(store).await?.into_iter().map(|(id, _)| id).collect();
    let done = done_requests(store).await?;
    let closed = done.iter().filter(|(id, _)| !open.contains(id)).map(|(_, done)| done.requested_at);
    Ok(closed.fold(None, |all: Option<(u64, i64)>, at| Some(all.map_or((1, at), |(n, last)| (n + 1, last.max(at))))))
}

/// Who takes rows into a table says by this which of them are those of users whose events are refused; `None` where nobody's are.
///
/// # Errors
/// The settings cannot be read, or a damaged file is named.
pub(crate) async fn of_refused(table: &mut Table) -> Result<Option<Box<dyn Judge>>, LakeError> {
    let refused = Refused::of(&Settings::newest(table.store()).await?)?;
    let Some((hasher, hashes)) = refused.hashes() else { return Ok(None) };
    Ok(Some(Box::new(Subject {
        hasher: hasher.clone(),
        users: hashes.clone(),
        devices: hashes.clone(),
        until_ms: i64::MAX,
        checked: None,
        linked: Default::default(),
        links: links_of(table).await?,
        table: table.name(),
    })))
}

#[cfg(test)]
#[path = "erase_tests.rs"]
mod tests;
