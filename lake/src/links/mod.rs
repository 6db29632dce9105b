//! The links of a snapshot, and which of its rows lie elsewhere than they belong.
//!
//! ```text
//!   file 1   links note   phone → ana                     all files: the links that hold
//!   file 2   links note   (none)                          phone is ana, tab is ana
//!   file 3   links note   tab → ana
//!            users note   own: phone, kiosk; moved: -     file 3: look for rows under phone
//! ```
//!
//! Every data file carries two [`notes`], written with its rows: which links its `identify` and `alias` events
//! declare, and under which users the rows lie that have an anonymous id only: under that id itself, or *moved* to a user. So a
//! file says of itself what has been done with its rows. No version has to be remembered up to which links were applied, and
//! no order of landings, merges and erasures can make the two disagree.
//!
//! The links that hold follow from the declarations of all live files: see [`weir_core::identity`]. What a file's users note
//! says and they do not is what is looked for in it: see [`resolve`](crate::resolve). The log has three numbers for each file
//! ([`LinkCounts`]), so that a lake without links costs no read.

mod check;
mod collect;
mod note;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::Mutex;
use weir_core::identity::{Links, Refused, id_hash};

pub(crate) use check::{Given, differs, unusable};
pub(crate) use collect::Collector;
use note::{CUT_BITS, Declarations, Users};

use crate::error::LakeError;
use crate::names::TableName;
use crate::notes::{self, Note};
use crate::reader::{self, Read};
use crate::schema::BUCKETS;
use crate::snapshot::{DataFile, Snapshot};
use crate::store::Store;

/// Notes that are read at once.
const READS_AT_ONCE: usize = 16;
/// Bytes of users notes that are remembered.
const USERS_BYTES: usize = 128 * 1024 * 1024;

/// How many entries the notes of a file have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkCounts {
    /// Links, and users who are known by an `identify`, that the rows declare.
    pub declared: u64,
    /// Anonymous ids whose rows lie under another user.
    pub moved: u64,
    /// Anonymous ids whose rows lie under themselves.
    pub unmoved: u64,
}

impl fmt::Display for LinkCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{}", self.declared, self.moved, self.unmoved)
    }
}

impl FromStr for LinkCounts {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut numbers = text.split(',').map(|number| number.parse::<u64>().map_err(|_| ()));
        let mut next = || numbers.next().unwrap_or(Err(()));
        let counts = Self { declared: next()?, moved: next()?, unmoved: next()? };
        numbers.next().is_none().then_some(counts).ok_or(())
    }
}

/// Where rows of a file may lie that belong elsewhere.
#[derive(Debug, Default)]
pub struct FileMoves {
    /// The first bits of the hashes of users under whom to look.
    users: HashSet<u64>,
    /// Ranges of buckets that hold those users, ascending, with a gap of several buckets between any two.
    pub(crate) buckets: Vec<Range<usize>>,
}

impl FileMoves {
    fn of(hashes: impl Iterator<Item = u64>) -> Self {
        const WORTH_A_GAP: usize = 4;
        let users: HashSet<u64> = hashes.map(|hash| hash >> CUT_BITS).collect();
        let mut wanted = [false; BUCKETS];
        // A bucket is the first six bits.
        users.iter().for_each(|hash| wanted[(hash >> (58 - CUT_BITS)) as usize % BUCKETS] = true);
        let mut buckets: Vec<Range<usize>> = Vec::new();
        for bucket in (0..BUCKETS).filter(|bucket| wanted[*bucket]) {
            match buckets.last_mut() {
                Some(last) if bucket < last.end + WORTH_A_GAP => last.end = bucket + 1,
                _ => buckets.push(bucket..bucket + 1),
            }
        }
        Self { users, buckets }
    }

    /// Users under whom to look.
    pub fn users(&self) -> u64 {
        self.users.len() as u64
    }

    pub(crate) fn may_hold(&self, user: &str) -> bool {
        self.users.contains(&(id_hash(user) >> CUT_BITS))
    }
}

/// What is to be moved in some files, by the links of a snapshot.
#[derive(Debug, Default)]
pub struct Moves {
    /// The links that hold.
    pub links: Arc<Links>,
    files: BTreeMap<String, Arc<FileMoves>>,
    /// The only user whose rows are moved, be it from them or to them.
    only: Option<String>,
}

impl Moves {
    /// Whether all rows of the files lie where they belong.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What there is to look for in a file.
    pub fn of(&self, path: &str) -> Option<&Arc<FileMoves>> {
        self.files.get(path)
    }

    /// Of these, what one user's rows need: where they are to come from, and which of others' lie among them. All other rows stay
    /// where they lie.
    #[must_use]
    pub fn concerning(&self, user: &str) -> Self {
        Self { links: Arc::clone(&self.links), files: self.files.clone(), only: Some(user.to_owned()) }
    }

    /// Whether a row that lies under one user and belongs to another is to be moved.
    pub(crate) fn concern(&self, from: &str, to: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == from || only == to)
    }

    /// Users under whom to look, summed over files.
    pub fn users(&self) -> u64 {
        self.files.values().map(|moves| moves.users()).sum()
    }
}

/// The state of a lake's users, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdentityReport {
    /// Anonymous ids that are somebody else's.
    pub links: u64,
    /// Refused links: the latest, and how many in all.
    pub refused: Vec<Refused>,
    /// How many.
    pub refused_count: u64,
    /// Anonymous ids that are still to be moved in files, each counted in each file. Rarely one too many.
    pub unresolved: u64,
}

/// Remembers what notes said, as they never change.
#[derive(Debug, Default)]
pub struct LinkCache {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By path, of all live files.
    files: HashMap<String, FileNotes>,
    users_bytes: usize,
    /// The links that hold of the declarations of some files.
    held: Option<Held>,
}

#[derive(Debug, Default)]
struct FileNotes {
    /// Of a file whose log entry has none.
    counts: Option<LinkCounts>,
    /// The links note.
    declared: Option<Bytes>,
    users: Option<Bytes>,
    /// What was to be moved by the links of that number.
    moves: Option<(u64, Option<Arc<FileMoves>>)>,
}

#[derive(Debug)]
struct Held {
    number: u64,
    paths: Vec<String>,
    links: Arc<Links>,
}

impl LinkCache {
    /// The links that hold in a snapshot of the events.
    ///
    /// # Errors
    /// [`LakeError::Missing`], [`LakeError::Corrupt`] or [`LakeError::Newer`], naming the file.
    pub async fn links(&self, store: &Store, snapshot: &Snapshot) -> Result<Arc<Links>, LakeError> {
        let mut state = self.state.lock().await;
        state.scan_old(store, snapshot).await?;
        state.links(store, snapshot).await
    }

    /// What is to be moved in some files of a snapshot. Reads nothing where no file declares a link and none has moved rows.
    ///
    /// # Errors
    /// As [`links`](Self::links).
    pub async fn moves<'f>(
        &self,
        store: &Store,
        snapshot: &Snapshot,
        files: impl IntoIterator<Item = &'f Arc<DataFile>>,
    ) -> Result<Arc<Moves>, LakeError> {
        let mut state = self.state.lock().await;
        state.scan_old(store, snapshot).await?;
        let mut counts = snapshot.files.values().map(|file| state.counts(file));
        if counts.all(|counts| counts.declared == 0 && counts.moved == 0) {
            return Ok(Arc::default());
        }
        let links = state.links(store, snapshot).await?;
        let wanted: Vec<&Arc<DataFile>> = files
            .into_iter()
            .filter(|file| {
                let counts = state.counts(file);
                counts.moved > 0 || (counts.unmoved > 0 && !links.is_empty())
            })
            .collect();
        state.load_users(store, snapshot.version, &wanted).await?;
        let mut files = BTreeMap::new();
        for file in wanted {
            if let Some(moves) = state.file_moves(file, &links)? {
                files.insert(file.path.clone(), moves);
            }
        }
        state.forget_files(snapshot);
        state.forget_users();
        Ok(Arc::new(Moves { links, files, only: None }))
    }

    /// The state of a lake's users, for people.
    ///
    /// # Errors
    /// As [`links`](Self::links).
    pub async fn report(&self, store: &Store, snapshot: &Snapshot) -> Result<IdentityReport, LakeError> {
        let moves = self.moves(store, snapshot, snapshot.files.values()).await?;
        Ok(IdentityReport {
            links: moves.links.len() as u64,
            refused: moves.links.refused().to_vec(),
            refused_count: moves.links.refused_count(),
            unresolved: moves.users(),
        })
    }
}

impl State {
    fn counts(&self, file: &DataFile) -> LinkCounts {
        file.links.or_else(|| self.files.get(&file.path)?.counts).unwrap_or_default()
    }

    /// Reads the rows of files that were written before there were notes.
    async fn scan_old(&mut self, store: &Store, snapshot: &Snapshot) -> Result<(), LakeError> {
        for file in snapshot.files.values().filter(|file| file.links.is_none()) {
            if self.files.get(&file.path).is_some_and(|notes| notes.counts.is_some()) {
                continue;
            }
            let read = Read { columns: &collect::COLUMNS, buckets: 0..BUCKETS, batch_rows: reader::BATCH_ROWS };
            let mut batches = reader::open(store, snapshot.version, file, &read).await?;
            let mut collector = Collector::new()?;
            while let Some(batch) = batches.try_next().await? {
                collector.take(&batch)?;
            }
            let found = collector.finish()?;
            self.users_bytes += found.users.len();
            let notes = FileNotes {
                counts: Some(found.counts),
                declared: Some(found.declared.into()),
                users: Some(found.users.into()),
                moves: None,
            };
            self.files.insert(file.path.clone(), notes);
        }
        Ok(())
    }

    async fn links(&mut self, store: &Store, snapshot: &Snapshot) -> Result<Arc<Links>, LakeError> {
        let declaring: Vec<&Arc<DataFile>> =
            snapshot.files.values().filter(|file| self.counts(file).declared > 0).collect();
        let paths = declaring.iter().map(|file| &file.path);
        if let Some(held) = &self.held
            && held.paths.iter().eq(paths.clone())
        {
            return Ok(Arc::clone(&held.links));
        }
        let paths: Vec<String> = paths.cloned().collect();
        self.forget_files(snapshot);
        let is_missing = |file: &&Arc<DataFile>| self.files.get(&file.path).is_none_or(|n| n.declared.is_none());
        let missing = declaring.iter().copied().filter(is_missing).cloned().collect();
        for (path, note) in read_notes(store, snapshot.version, missing, Note::Links).await? {
            self.files.entry(path).or_default().declared = Some(note);
        }
        let mut unpacked = Vec::with_capacity(declaring.len());
        for file in &declaring {
            let note = self.files.get(&file.path).and_then(|notes| notes.declared.as_ref());
            if let Some(note) = note {
                unpacked.push(Declarations::unpack(note, file, self.counts(file))?);
            }
        }
        let links = Arc::new(Links::resolve(unpacked.iter().flat_map(Declarations::iter)));
        let number = self.held.as_ref().map_or(1, |held| held.number + 1);
        self.held = Some(Held { number, paths, links: Arc::clone(&links) });
        Ok(links)
    }

    /// Forgets files that are live no more.
    fn forget_files(&mut self, snapshot: &Snapshot) {
        self.files.retain(|path, _| snapshot.files.contains_key(path));
        self.users_bytes = self.files.values().map(|notes| notes.users.as_ref().map_or(0, Bytes::len)).sum();
    }

    async fn load_users(&mut self, store: &Store, version: u64, files: &[&Arc<DataFile>]) -> Result<(), LakeError> {
        let number = self.number();
        let is_missing = |file: &&Arc<DataFile>| {
            let notes = self.files.get(&file.path);
            notes.is_none_or(|n| n.users.is_none() && n.moves.as_ref().is_none_or(|(of, _)| *of != number))
        };
        let missing = files.iter().copied().filter(is_missing).cloned().collect();
        for (path, note) in read_notes(store, version, missing, Note::Users).await? {
            self.users_bytes += note.len();
            self.files.entry(path).or_default().users = Some(note);
        }
        Ok(())
    }

    fn number(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| held.number)
    }

    fn file_moves(&mut self, file: &DataFile, links: &Links) -> Result<Option<Arc<FileMoves>>, LakeError> {
        let (number, counts) = (self.number(), self.counts(file));
        let Some(notes) = self.files.get_mut(&file.path) else { return Ok(None) };
        if let Some((of, moves)) = &notes.moves
            && *of == number
        {
            return Ok(moves.clone());
        }
        let note = notes.users.as_deref().unwrap_or_default();
        let users = Users::read(note, file, counts)?;
        let moves = Some(moves_of(&users, links)).filter(|moves| !moves.users.is_empty()).map(Arc::new);
        notes.moves = Some((number, moves.clone()));
        Ok(moves)
    }

    /// Notes beyond the bound are read again when there are new links.
    fn forget_users(&mut self) {
        let live = self.files.values_mut().filter(|notes| notes.counts.is_none());
        for notes in live {
            if self.users_bytes <= USERS_BYTES {
                break;
            }
            self.users_bytes -= notes.users.take().map_or(0, |note| note.len());
        }
    }
}

/// Under whom to look in a file: anonymous ids that have become somebody else's, and users to whom rows were moved that
/// are not theirs by these links.
fn moves_of(users: &Users<'_>, links: &Links) -> FileMoves {
    let low_bits = (1_u64 << CUT_BITS) - 1;
    let wrong = users.moved().filter(|(id, user)| {
        let is_right = links.with_hash(*id..=*id).any(|(_, _, now)| id_hash(now) == *user);
        !is_right
    });
    let wrong = wrong.map(|(_, user)| user);
    // The shorter list is walked, the longer one searched.
    if users.unmoved_len() < links.len() {
        let linked = users.unmoved().filter(|hash| links.with_hash(*hash..=hash | low_bits).next().is_some());
        FileMoves::of(wrong.chain(linked))
    } else {
        let linked = links.iter().map(|(hash, ..)| hash).filter(|hash| users.may_have_unmoved(*hash));
        FileMoves::of(wrong.chain(linked))
    }
}

async fn read_notes(
    store: &Store,
    version: u64,
    files: Vec<Arc<DataFile>>,
    note: Note,
) -> Result<Vec<(String, Bytes)>, LakeError> {
    let reads = files.into_iter().map(|file| read_note(store.clone(), version, file, note));
    futures::stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await
}

async fn read_note(store: Store, version: u64, file: Arc<DataFile>, note: Note) -> Result<(String, Bytes), LakeError> {
    let mut found = notes::read(&store, TableName::Events, version, &file, &[note]).await?;
    let found = found.pop().flatten().ok_or_else(|| {
        LakeError::corrupt(TableName::Events.data(&file.path), format!("it lacks the note {note:?} of the log"))
    })?;
    Ok((file.path.clone(), found))
}

#[cfg(test)]
#[path = "../links_tests.rs"]
mod tests;
