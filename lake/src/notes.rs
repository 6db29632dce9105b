//! Notes: what a data file says of its rows beside them.
//!
//! A note is bytes of weir's own between the last row group and the footer of a Parquet file, where the format leaves room for
//! what its readers need not know. An entry of the footer's metadata says where it is. So it is there with the rows, moves
//! with them, and goes with them; no object of its own has to be written, kept in step or removed.
//!
//! ```text
//! row group │ row group │ note: catalogue │ note: links │ footer  weir.note.catalogue = "81234,5120"
//! ```
//!
//! A file without a note is one that was written before there were such notes, and its rows have to be read instead.

use bytes::Bytes;
use futures::future::try_join_all;
use object_store::path::Path;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::file::metadata::ParquetMetaData;

use crate::error::LakeError;
use crate::names::TableName;
use crate::object_reader::ObjectReader;
use crate::reader::Explained;
use crate::snapshot::DataFile;
use crate::store::Store;

/// A kind of note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Note {
    /// Which events and properties the rows have.
    Catalogue,
    /// Which anonymous ids the rows link to which users.
    Links,
    /// Which anonymous ids have rows, and whose those rows are.
    Users,
}

/// The entry of the footer that says where a note is.
pub(crate) fn key(note: Note) -> String {
    let name = match note {
        Note::Catalogue => "catalogue",
        Note::Links => "links",
        Note::Users => "users",
    };
    format!("weir.note.{name}")
}

/// Reads notes of a file that is live in `version`, in the order in which they are asked for; `None` for one that it does not
/// have. Costs two reads: the footer and the notes.
///
/// # Errors
/// [`LakeError::Missing`] or [`LakeError::Corrupt`], naming the file.
pub async fn read(
    store: &Store,
    table: TableName,
    version: u64,
    file: &DataFile,
    wanted: &[Note],
) -> Result<Vec<Option<Bytes>>, LakeError> {
    let name = table.data(&file.path);
    let object = ObjectReader::new(store.objects(), name.clone(), file.bytes);
    let metadata = object.clone().get_metadata(None).await.map_err(|e| Explained::new(&name, version).explain(e))?;
    read_beside(&object, &metadata, (&name, version, file.bytes), wanted).await
}

/// The same, of an object whose footer is known: its name, the version that it is live in, and its size.
pub(crate) async fn read_beside(
    object: &ObjectReader,
    metadata: &ParquetMetaData,
    (name, version, bytes): (&Path, u64, u64),
    wanted: &[Note],
) -> Result<Vec<Option<Bytes>>, LakeError> {
    let failed = Explained::new(name, version);
    let reads = wanted.iter().map(|note| {
        let (mut object, failed, place) = (object.clone(), &failed, place(metadata, *note));
        let damaged = |entry: &str| LakeError::corrupt(name, format!("its footer has `{}` = `{entry}`", key(*note)));
        let range = match place {
            None => Ok(None),
            Some(entry) => range(entry, bytes).map(Some).ok_or_else(|| damaged(entry)),
        };
        async move {
            match range? {
                None => Ok(None),
                Some(range) if range.is_empty() => Ok(Some(Bytes::new())),
                Some(range) => object.get_bytes(range).await.map(Some).map_err(|e| failed.explain(e)),
            }
        }
    });
    try_join_all(reads).await
}

fn place(metadata: &ParquetMetaData, note: Note) -> Option<&str> {
    let entries = metadata.file_metadata().key_value_metadata()?;
    entries.iter().find(|entry| entry.key == key(note))?.value.as_deref()
}

/// `offset,length` of bytes that lie in the file.
fn range(entry: &str, file_bytes: u64) -> Option<std::ops::Range<u64>> {
    let (offset, length) = entry.split_once(',')?;
    let offset: u64 = offset.parse().ok()?;
    let end = offset.checked_add(length.parse().ok()?)?;
    (end <= file_bytes).then_some(offset..end)
}

#[cfg(test)]
#[path = "notes_tests.rs"]
mod tests;
