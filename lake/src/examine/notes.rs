//! The notes of a file of events: whether they can be used, and, if all rows are read, whether they say what the rows do.
//!
//! | note | without it, or where it is wrong |
//! |---|---|
//! | catalogue | its rows are read instead, which takes longer; a wrong one is believed as long as its sum is right |
//! | links, users | who asks cannot tell who is who, and fails; wrong ones make two users of one, or one of two |

use arrow::array::RecordBatch;
use bytes::Bytes;
use object_store::path::Path;
use parquet::file::metadata::ParquetMetaData;

use super::counted;
use super::files::Flaw;
use crate::catalogue::{Catalogue, Limits, Observer, note};
use crate::error::LakeError;
use crate::links::{self, Collector, Given};
use crate::notes::{Note, read_beside};
use crate::object_reader::ObjectReader;
use crate::snapshot::DataFile;

/// What a file notes, as far as that can be used.
#[derive(Debug, Default)]
pub(super) struct FileNotes {
    catalogue: Option<Catalogue>,
    links: Option<Bytes>,
    users: Option<Bytes>,
}

impl FileNotes {
    fn of_users(&self) -> Given<'_> {
        Given { links: self.links.as_deref(), users: self.users.as_deref() }
    }
}

/// Reads what a file notes that is live in `version`, and of which nothing else is wrong.
pub(super) async fn read(
    object: &ObjectReader,
    metadata: &ParquetMetaData,
    (name, version): (&Path, u64),
    file: &DataFile,
) -> Result<FileNotes, Flaw> {
    let one = async |note: Note, code: &'static str| {
        let read = read_beside(object, metadata, (name, version, file.bytes), &[note]).await;
        read.map(|mut found| found.pop().flatten()).map_err(|error| flaw(code, error, file))
    };
    let mut notes = FileNotes {
        links: one(Note::Links, "damaged_links").await?,
        users: one(Note::Users, "damaged_links").await?,
        catalogue: None,
    };
    if let Some(error) = links::unusable(notes.of_users(), file) {
        return Err(flaw("damaged_links", error, file));
    }
    if let Some(text) = one(Note::Catalogue, "damaged_catalogue").await? {
        let damaged = |problem| {
            Flaw::Other("damaged_catalogue", format!("its note of the catalogue cannot be used: {problem}"), file.rows)
        };
        notes.catalogue = note::check(&text, file.rows).map_err(damaged)?;
    }
    Ok(notes)
}

fn flaw(code: &'static str, error: LakeError, file: &DataFile) -> Flaw {
    match error {
        LakeError::Corrupt { problem, .. } => Flaw::Other(code, problem, file.rows),
        LakeError::Newer { what } => Flaw::Newer(what),
        LakeError::Missing { .. } => Flaw::Missing,
        other => Flaw::Store(other.to_string()),
    }
}

/// What the rows of a file say, gathered while they pass as if they were written.
pub(super) struct OfRows {
    catalogue: Observer,
    links: Collector,
}

impl OfRows {
    pub(super) fn new() -> Result<Self, LakeError> {
        Ok(Self { catalogue: Observer::new(Limits::NOTE), links: Collector::new()? })
    }

    pub(super) fn take(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        self.catalogue.observe(batch);
        self.links.take(batch)
    }

    /// In what the notes of the file say other than its rows.
    pub(super) fn flaw(self, file: &DataFile, noted: &FileNotes) -> Result<Option<(&'static str, String)>, LakeError> {
        let links = self.links.finish()?;
        if let Some(problem) = links::differs(noted.of_users(), file, &links) {
            return Ok(Some(("wrong_links", problem)));
        }
        let found = self.catalogue.finish();
        let problem = noted.catalogue.as_ref().and_then(|noted| other_counts(noted, &found));
        Ok(problem.map(|problem| ("wrong_catalogue", problem)))
    }
}

/// The first event of which a catalogue counts another number than there is. Where not all names fit, counts are no longer
/// those of all rows, and a merge leaves out other names than who sees all rows at once.
fn other_counts(noted: &Catalogue, found: &Catalogue) -> Option<String> {
    if noted.other_events > 0 || found.other_events > 0 {
        return None;
    }
    let count_in = |catalogue: &Catalogue, name: &str| catalogue.events.get(name).map_or(0, |event| event.count);
    let names = found.events.keys().chain(noted.events.keys());
    let mut wrong = names.filter(|name| count_in(noted, name) != count_in(found, name));
    let name = wrong.next()?;
    let (says, has) = (count_in(noted, name), counted(count_in(found, name), "such row"));
    Some(format!("its note of the catalogue counts {says} of `{name}`, it has {has}"))
}
