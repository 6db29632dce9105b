//! Checkpoints: a snapshot as one Parquet file in the log, as Delta Lake's protocol has it
//! (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md>, "Checkpoints", one part, the first specification).
//!
//! ```text
//! protocol        metaData      domainMetadata   add                 remove
//! {7, 1, …}       ·             ·                ·                   ·
//! ·               {id, …}       ·                ·                   ·
//! ·               ·             {weir, …}        ·                   ·
//! ·               ·             ·                {landed/a.parquet}  ·
//! ·               ·             ·                ·                   {landed/b.parquet, 09:00}
//! ```
//!
//! One row an action, one column a kind. Rows are in the order of their paths and times come from the commit, so everybody who
//! writes the checkpoint of a version writes the same bytes, and the first of them makes it. `_last_checkpoint` names the
//! newest; it is replaced, and only a hint.
//!
//! A checkpoint of weir's has checksums of its bytes and of its actions, and how many there are: one that is damaged is never
//! taken for another state of the table.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatchReader;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::json::{LineDelimitedWriter, ReaderBuilder};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};

use crate::actions::{self, Action};
use crate::error::LakeError;
use crate::names::{POSITIONS_TAG, TableName};
use crate::snapshot::Snapshot;
use crate::store::Store;

/// Writing a checkpoint beside a commit may take so long.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Who wrote the file, up to the version.
const CREATED_BY: &str = "weir ";
/// The entry of the file's metadata that holds [`Seal`].
const SEAL: &str = "weir.checkpoint";

/// What a checkpoint says of itself.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Seal {
    /// Rows.
    actions: usize,
    /// Bytes before the footer.
    bytes: usize,
    /// CRC-32C of these; of the columns that the writer knew; of the text of the actions.
    bytes_crc32c: u32,
    columns_crc32c: u32,
    actions_crc32c: u32,
    /// When its version was committed.
    committed_ms: Option<i64>,
}

/// `_last_checkpoint`: what of it weir reads and writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LastCheckpoint {
    pub(crate) version: u64,
    size: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) parts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    size_in_bytes: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    num_of_add_files: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    tags: Option<BTreeMap<String, String>>,
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn of(name: &str, kind: DataType) -> Field {
    Field::new(name, kind, true)
}

fn map(name: &str) -> Field {
    let entry = Fields::from(vec![Field::new("key", DataType::Utf8, false), text("value")]);
    of(name, DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(entry), false)), false))
}

fn list(name: &str) -> Field {
    of(name, DataType::List(Arc::new(text("element"))))
}

fn group(name: &str, fields: Vec<Field>) -> Field {
    of(name, DataType::Struct(Fields::from(fields)))
}

/// The columns. All may be null: so every engine's readers take them.
fn columns() -> SchemaRef {
    use DataType::{Boolean, Int32, Int64};
    let format = group("format", vec![text("provider"), map("options")]);
    Arc::new(Schema::new(vec![
        group("txn", vec![text("appId"), of("version", Int64), of("lastUpdated", Int64)]),
        group(
            "add",
            vec![
                text("path"),
                map("partitionValues"),
                of("size", Int64),
                of("modificationTime", Int64),
                of("dataChange", Boolean),
                text("stats"),
                map("tags"),
            ],
        ),
        group("remove", vec![text("path"), of("deletionTimestamp", Int64), of("dataChange", Boolean)]),
        group(
            "metaData",
            vec![
                text("id"),
                text("name"),
                text("description"),
                format,
                text("schemaString"),
                list("partitionColumns"),
                map("configuration"),
                of("createdTime", Int64),
            ],
        ),
        group(
            "protocol",
            vec![
                of("minReaderVersion", Int32),
                of("minWriterVersion", Int32),
                list("readerFeatures"),
                list("writerFeatures"),
            ],
        ),
        group("domainMetadata", vec![text("domain"), text("configuration"), of("removed", Boolean)]),
    ]))
}

/// A number that tells whether another weir knew the same columns.
fn known_columns() -> u32 {
    crc32c::crc32c(format!("{:?}", columns()).as_bytes())
}

fn text_crc32c(actions: &[Action]) -> Result<u32, serde_json::Error> {
    actions::write(actions).map(|text| crc32c::crc32c(text.as_bytes()))
}

/// The bytes of a snapshot's checkpoint, and how many actions are in it.
pub(crate) fn encode(snapshot: &Snapshot) -> Result<(Bytes, usize), LakeError> {
    let actions = snapshot.checkpoint_actions()?;
    let mut decoder = ReaderBuilder::new(columns()).with_batch_size(actions.len()).build_decoder()?;
    decoder.serialize(&actions)?;
    let properties = WriterProperties::builder()
        .set_created_by(concat!("weir ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), columns(), options)?;
    let mut lines = LineDelimitedWriter::new(Vec::new());
    while let Some(batch) = decoder.flush()? {
        lines.write(&batch)?;
        writer.write(&batch)?;
    }
    lines.finish()?;
    writer.flush()?;
    writer.sync().map_err(|e| LakeError::Write(e.into()))?;
    let invariant = |error: serde_json::Error| LakeError::Invariant(error.to_string());
    // As it will be read, that is: without what has no column.
    let written = actions::read(&lines.into_inner()).map_err(invariant)?;
    let seal = Seal {
        actions: actions.len(),
        bytes: writer.inner().len(),
        bytes_crc32c: crc32c::crc32c(writer.inner()),
        columns_crc32c: known_columns(),
        actions_crc32c: text_crc32c(&written).map_err(invariant)?,
        committed_ms: snapshot.log.committed_ms,
    };
    let seal = serde_json::to_string(&seal).map_err(|e| LakeError::Invariant(e.to_string()))?;
    writer.append_key_value_metadata(KeyValue { key: SEAL.to_owned(), value: Some(seal) });
    Ok((Bytes::from(writer.into_inner()?), actions.len()))
}

/// As [`decode`], on a thread that may work for long. What makes the Parquet reader panic is damaged too.
async fn decode_apart(table: TableName, version: u64, bytes: Bytes) -> Result<Snapshot, LakeError> {
    match tokio::task::spawn_blocking(move || decode(table, version, bytes)).await {
        Ok(decoded) => decoded,
        Err(panic) => Err(LakeError::corrupt(table.checkpoint(version), format!("it cannot be read: {panic}"))),
    }
}

/// The snapshot in the bytes of a checkpoint, weir's or another engine's.
///
/// # Errors
/// [`LakeError::Corrupt`] if it is damaged, [`LakeError::Newer`] if it needs what this weir does not know.
pub(crate) fn decode(table: TableName, version: u64, bytes: Bytes) -> Result<Snapshot, LakeError> {
    let corrupt = |problem: String| LakeError::corrupt(table.checkpoint(version), problem);
    let (seal, actions) = actions_in(bytes).map_err(corrupt)?;
    Snapshot::of_checkpoint(table, version, seal.and_then(|seal| seal.committed_ms), actions)
}

fn actions_in(bytes: Bytes) -> Result<(Option<Seal>, Vec<Action>), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    // Columns as they are in the file: not as an arrow schema in it may wish them to be.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder =
        ParquetRecordBatchReaderBuilder::try_new_with_options(bytes.clone(), options).map_err(|e| said(&e))?;
    let file = builder.metadata().file_metadata();
    let entries = file.key_value_metadata().map_or(&[][..], Vec::as_slice);
    let seal = entries.iter().find(|entry| entry.key == SEAL).and_then(|entry| entry.value.as_deref());
    let seal: Option<Seal> = seal.map(serde_json::from_str).transpose().map_err(|e| said(&e))?;
    match &seal {
        // Looked at first: the Parquet reader may take damaged pages for a defect of its own.
        Some(seal) if bytes.get(..seal.bytes).map(crc32c::crc32c) != Some(seal.bytes_crc32c) => {
            return Err("its checksum does not match its bytes".to_owned());
        }
        None if file.created_by().is_some_and(|by| by.starts_with(CREATED_BY)) => {
            return Err("it has no checksum".to_owned());
        }
        _ => {}
    }
    let columns = columns();
    let known = columns.fields().iter().flat_map(|column| match column.data_type() {
        DataType::Struct(fields) => fields.iter().map(|field| format!("{}.{}", column.name(), field.name())).collect(),
        _ => Vec::new(),
    });
    let known: Vec<String> = known.collect();
    let mask = ProjectionMask::columns(builder.parquet_schema(), known.iter().map(String::as_str));
    let rows = builder.metadata().file_metadata().num_rows();
    let rows = usize::try_from(rows).unwrap_or_default();
    let reader = builder.with_projection(mask).with_batch_size(rows.max(1)).build().map_err(|e| said(&e))?;
    if reader.schema().fields().is_empty() {
        return Err("it has no column that a checkpoint has".to_owned());
    }
    let mut lines = LineDelimitedWriter::new(Vec::new());
    for batch in reader {
        lines.write(&batch.map_err(|e| said(&e))?).map_err(|e| said(&e))?;
    }
    lines.finish().map_err(|e| said(&e))?;
    let actions = actions::read(&lines.into_inner()).map_err(|e| said(&e))?;
    if let Some(seal) = &seal {
        if seal.actions != actions.len() || actions.contains(&Action::default()) {
            return Err(format!("it says {} actions and has others", seal.actions));
        }
        // What another version of weir knows of an action may be more than is read here.
        if seal.columns_crc32c == known_columns()
            && seal.actions_crc32c != text_crc32c(&actions).map_err(|e| said(&e))?
        {
            return Err("its checksum does not match its actions".to_owned());
        }
    }
    Ok((seal, actions))
}

/// Reads the checkpoint of a version; `None` if there is none.
///
/// # Errors
/// As [`decode`], and what the store reports.
pub(crate) async fn read(store: &Store, table: TableName, version: u64) -> Result<Option<Snapshot>, LakeError> {
    match store.read(&table.checkpoint(version)).await? {
        Some(bytes) => decode_apart(table, version, bytes).await.map(Some),
        None => Ok(None),
    }
}

/// Writes the checkpoint of a snapshot, and names it as the newest. Doing it again, or at the same time, changes nothing.
///
/// # Errors
/// What the store reports.
pub async fn write(store: &Store, snapshot: &Snapshot) -> Result<(), LakeError> {
    let (bytes, size) = encode(snapshot)?;
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let positions = serde_json::to_string(&snapshot.positions).map_err(|e| LakeError::Invariant(e.to_string()))?;
    let last = LastCheckpoint {
        version: snapshot.version,
        size: count(size),
        parts: None,
        size_in_bytes: Some(count(bytes.len())),
        num_of_add_files: Some(count(snapshot.log.adds.len())),
        tags: Some(BTreeMap::from([(POSITIONS_TAG.to_owned(), positions)])),
    };
    let last = serde_json::to_vec(&last).map_err(|e| LakeError::Invariant(e.to_string()))?;
    store.create(&snapshot.table.checkpoint(snapshot.version), bytes).await?;
    Ok(store.replace(&snapshot.table.last_checkpoint(), Bytes::from(last)).await?)
}

/// As [`write()`], for whoever has committed the snapshot and is done without a checkpoint too: failing is a warning.
pub(crate) async fn write_beside_commit(store: &Store, snapshot: &Snapshot) -> bool {
    let (table, version) = (snapshot.table.as_str(), snapshot.version);
    match tokio::time::timeout(WRITE_TIMEOUT, write(store, snapshot)).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => {
            tracing::warn!(%error, table, version, "no checkpoint was written; a later commit writes one")
        }
        Err(_) => {
            tracing::warn!(table, version, "a checkpoint took too long and was given up; a later commit writes one")
        }
    }
    false
}

/// What `_last_checkpoint` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pointer {
    /// There is no checkpoint, as far as is known.
    None,
    /// The newest checkpoint, as far as is known.
    To(u64),
    /// It cannot be read, or names a checkpoint in parts.
    Unusable,
}

/// Reads `_last_checkpoint`.
///
/// # Errors
/// What the store reports.
pub(crate) async fn pointer(store: &Store, table: TableName) -> Result<Pointer, LakeError> {
    let Some(bytes) = store.read(&table.last_checkpoint()).await? else { return Ok(Pointer::None) };
    match serde_json::from_slice::<LastCheckpoint>(&bytes) {
        Ok(LastCheckpoint { version, parts: None, .. }) => Ok(Pointer::To(version)),
        Ok(_) => {
            tracing::warn!(table = table.as_str(), "the newest checkpoint is in parts, which weir does not read");
            Ok(Pointer::Unusable)
        }
        Err(error) => {
            tracing::warn!(%error, object = %table.last_checkpoint(), "what names the newest checkpoint is damaged");
            Ok(Pointer::Unusable)
        }
    }
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
