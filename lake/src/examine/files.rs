//! The files of a table: each live one held against what the log says of it, and what no version names.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use futures::StreamExt;
use object_store::ObjectMeta;
use object_store::path::Path;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use weir_core::time::DAY_MS;

use super::log::{Live, Log};
use super::notes::FileNotes;
use super::{AT_ONCE, Broken, Examiner, Finding, Mend, Severity, counted, range_text, row_name};
use crate::any_file::{self, AnyFile};
use crate::error::LakeError;
use crate::names::TableName;
use crate::object_reader::ObjectReader;
use crate::reader::Explained;
use crate::schema::{BUCKET, BUCKETS, RECEIVED_AT, TIME};
use crate::snapshot::DataFile;
use crate::store::Store;
use crate::stored::columns_in_file;
use crate::typed::{TypedColumn, noted};

/// A file that no commit names may be of an import that is under way, in milliseconds: as long as vacuum leaves it.
const UNDER_WAY_MS: i64 = DAY_MS;

/// What is wrong with a file.
pub(super) enum Flaw {
    Missing,
    /// It cannot be read; what was found.
    Torn(String),
    /// Its rows can be read, though it is not what the log says; the code, what was found, and the rows that are there.
    Other(&'static str, String, u64),
    /// A newer weir wrote a part of it in a form of its own.
    Newer(String),
    /// It could not be looked at.
    Store(String),
}

/// Flaws of what a file notes of its rows: the rows themselves are well.
const OF_NOTES: [&str; 4] = ["damaged_catalogue", "damaged_links", "wrong_catalogue", "wrong_links"];

impl Examiner<'_> {
    pub(super) async fn files(&mut self, table: TableName, log: &Log, objects: &[ObjectMeta]) -> Result<(), LakeError> {
        let sizes: HashMap<&Path, u64> = objects.iter().map(|object| (&object.location, object.size)).collect();
        let (store, deep, typed) = (self.store, self.options.deep, &log.typed);
        self.expect(log.live.len() as u64);
        let files = log.live.iter().map(|(path, live)| {
            let name = any_file::name(table, path);
            (path.clone(), live.clone(), sizes.get(&name).copied(), name)
        });
        let mut found = futures::stream::iter(files.collect::<Vec<_>>())
            .map(|(path, live, listed, name)| async move {
                // What was committed while the listing was made may not be in it.
                let size = match listed {
                    Some(size) => Ok(Some(size)),
                    None => store.size(&name).await,
                };
                let flaw = match &size {
                    Ok(Some(size)) => flaw(store, (table, typed), &name, *size, &live, deep).await,
                    Ok(None) => Some(Flaw::Missing),
                    Err(error) => Some(Flaw::Store(error.to_string())),
                };
                (path, live, size.ok().flatten(), flaw)
            })
            .buffered(AT_ONCE);
        // Of these the rows can be read, whoever wrote them.
        let (mut readable, mut is_rewritten) = (Vec::new(), false);
        while let Some((path, live, size, flaw)) = found.next().await {
            self.step();
            let rows = match &flaw {
                None => live.rows,
                Some(Flaw::Other(_, _, rows)) => Some(*rows),
                Some(Flaw::Newer(_)) => live.rows,
                Some(_) => None,
            };
            is_rewritten |= matches!(&flaw, Some(Flaw::Other(code, ..)) if !OF_NOTES.contains(code));
            if let (Some(rows), Some(bytes)) = (rows, size) {
                let is_foreign = live.file.is_none();
                readable.push((AnyFile { table, path: path.clone(), bytes, is_foreign }, rows));
            }
            if let Some(flaw) = flaw {
                self.flawed(table, &path, &live, size.unwrap_or(0), flaw);
            }
        }
        drop(found);
        // Whoever takes over rows of which nobody knows how they came there must know which are there already.
        if (deep || is_rewritten) && table == TableName::Events {
            self.copies(&readable, log).await;
        }
        self.orphans(table, log, objects);
        Ok(())
    }

    fn flawed(&mut self, table: TableName, path: &str, live: &Live, bytes: u64, flaw: Flaw) {
        let object = any_file::name(table, path);
        let (code, found, rows_found) = match flaw {
            Flaw::Store(error) => return self.store_failed(object.as_ref(), &error),
            Flaw::Newer(what) => return self.newer_notes(object.to_string(), live.version, &what),
            Flaw::Missing => ("missing_file", "it is not there".to_owned(), 0),
            Flaw::Torn(found) => ("torn_file", found, 0),
            Flaw::Other(code, found, rows) => (code, found, rows),
        };
        let is_lost = matches!(code, "missing_file" | "torn_file");
        let range_ms = live.range_ms(table);
        let is_foreign = live.file.is_none();
        let is_replaced = is_foreign || matches!(code, "foreign_layout" | "wrong_size" | "wrong_rows");
        let path = path.to_owned();
        let file = Broken { table, path, bytes, rows: live.rows, rows_found, range_ms, is_foreign, is_replaced };
        let lost = file.rows_lost();
        let what = live.rows.map_or_else(
            || format!("its {}s", row_name(table)),
            |_| format!("{}{}", counted(lost, row_name(table)), range_text(range_ms)),
        );
        let lake = self.arguments();
        let means = match code {
            _ if is_lost => {
                format!("{what} cannot be read; questions and landings that need the file fail, others do not")
            }
            _ if lost > 0 => format!("{what} are there no more; questions and landings that need the file may fail"),
            "foreign_file" => format!("weir does not count its {}s, other engines do", row_name(table)),
            "unknown_column" => "SQL and other engines miss what is in it; funnels find it, and take longer".to_owned(),
            "wrong_order" => "funnels and merges may take its rows in the wrong order: counts may be wrong".to_owned(),
            "wrong_range" => "a question of a range of time may leave the file out: counts may be too low".to_owned(),
            "damaged_catalogue" => "the catalogue reads its rows instead: it takes longer, and is as true".to_owned(),
            "wrong_catalogue" => "`weir events` shows wrong numbers; funnels and SQL do not depend on it".to_owned(),
            "damaged_links" => "questions that have to know who is who fail".to_owned(),
            "wrong_links" => "who is who may be told wrongly: one user may count as two, or two as one".to_owned(),
            _ => "questions and landings that need the file fail, or count wrongly".to_owned(),
        };
        let backup = "restore it from a backup";
        let remedy = match code {
            _ if is_lost => format!("{backup}; without one, `weir repair --accept-loss {lake}` goes on without it"),
            _ if lost > 0 => format!("{backup}; without one, `weir repair --accept-loss {lake}` keeps what is there"),
            _ => format!("`weir repair {lake}` writes its rows anew, as weir writes them"),
        };
        let mend = if is_lost { Mend::Drop { file } } else { Mend::Rewrite { file, copies: Vec::new() } };
        let severity = if code == "damaged_catalogue" { Severity::Warning } else { Severity::Error };
        self.findings.push(Finding {
            severity,
            code,
            object: object.to_string(),
            found: format!("version {} names it: {found}", live.version),
            means,
            remedy,
            mend: Some(mend),
        });
    }

    fn newer_notes(&mut self, object: String, version: u64, what: &str) {
        self.findings.push(Finding {
            severity: Severity::Error,
            code: "newer_format",
            object,
            found: format!("version {version} names it, and it has {what}"),
            means: "this weir cannot tell who is who in it, and questions that have to know fail".to_owned(),
            remedy: "use the newer weir".to_owned(),
            mend: None,
        });
    }

    /// Objects that no version names: left behind by landings and merges that did not come to their end.
    fn orphans(&mut self, table: TableName, log: &Log, objects: &[ObjectMeta]) {
        let named: std::collections::HashSet<Path> = log.named.iter().map(|path| any_file::name(table, path)).collect();
        let old = self.clock.now_ms().saturating_sub(UNDER_WAY_MS);
        let is_orphan = |object: &&ObjectMeta| {
            object.location.extension() == Some("parquet")
                && !object.location.prefix_matches(&table.commits())
                && !named.contains(&object.location)
                && object.last_modified.timestamp_millis() < old
        };
        let (mut number, mut bytes, mut first) = (0_u64, 0, None);
        for object in objects.iter().filter(is_orphan) {
            number += 1;
            bytes += object.size;
            first = first.or_else(|| Some(object.location.to_string()));
        }
        if number > 0 {
            self.findings.push(Finding {
                severity: Severity::Note,
                code: "orphans",
                object: table.as_str().to_owned(),
                found: format!(
                    "{} of {bytes} bytes that no version names, such as `{}`",
                    counted(number, "file"),
                    first.unwrap_or_default()
                ),
                means: "they cost space and nothing else: no question reads them".to_owned(),
                remedy: format!(
                    "none is needed; `weir vacuum --lake {}` removes those that are named as weir names files",
                    self.store.url()
                ),
                mend: None,
            });
        }
    }
}

/// What is wrong with a file of a table with these typed columns.
async fn flaw(
    store: &Store,
    (table, typed): (TableName, &[TypedColumn]),
    name: &Path,
    size: u64,
    live: &Live,
    deep: bool,
) -> Option<Flaw> {
    let resized = (size != live.bytes).then(|| format!("it has {size} bytes, the log says {}", live.bytes));
    let mut object = ObjectReader::new(store.objects(), name.clone(), size);
    let metadata = match object.get_metadata(None).await {
        Ok(metadata) => metadata,
        Err(error) => {
            return Some(match Explained::new(name, live.version).explain(error) {
                LakeError::Corrupt { problem, .. } => {
                    Flaw::Torn(resized.map_or(problem.clone(), |resized| format!("{resized}; {problem}")))
                }
                LakeError::Missing { .. } => Flaw::Missing,
                other => Flaw::Store(other.to_string()),
            });
        }
    };
    let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or_default();
    if let Err(missing) = any_file::can_convert(table, &metadata) {
        return Some(Flaw::Torn(format!("it is no file of weir's: {missing}")));
    }
    let other = |code, found| Some(Flaw::Other(code, found, rows));
    let Some(file) = &live.file else {
        return other("foreign_file", format!("another engine wrote it, with {}", counted(rows, row_name(table))));
    };
    if let Some(problem) = layout(table, &metadata) {
        return other("foreign_layout", format!("its columns are not laid out as weir does it: {problem}"));
    }
    let unknown = noted(metadata.file_metadata()).into_iter().find(|note| !typed.contains(&note.column));
    if let Some(unknown) = unknown {
        let (name, kind) = (unknown.column.name(), unknown.column.kind.delta_type());
        let problem = format!("it has a column `{name}`, a {kind}, and the table has none such");
        return other("unknown_column", problem);
    }
    if let Some(resized) = resized {
        return other("wrong_size", resized);
    }
    if rows != file.rows {
        return other("wrong_rows", format!("it has {}, the log says {}", counted(rows, "row"), file.rows));
    }
    if let Some(problem) = ranges(table, &metadata, file) {
        return other("wrong_range", problem);
    }
    let noted = match table {
        TableName::Events => super::notes::read(&object, &metadata, (name, live.version), file).await,
        TableName::Failed => Ok(FileNotes::default()),
    };
    // What is wrong with the rows matters more, and to write them anew mends both.
    let of_rows =
        if deep { super::rows::flaw(store, table, file, live.version, noted.as_ref().ok()).await } else { None };
    of_rows.or(noted.err()).map(|flaw| match flaw {
        Flaw::Other(code, found, _) => Flaw::Other(code, found, rows),
        flaw => flaw,
    })
}

/// Why weir's reader would refuse the columns.
fn layout(table: TableName, metadata: &Arc<ParquetMetaData>) -> Option<String> {
    let columns = columns_in_file(table, metadata.file_metadata());
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_schema(columns);
    ArrowReaderMetadata::try_new(Arc::clone(metadata), options).err().map(|error| error.to_string())
}

/// Whether the ranges of the footer are those of the log.
fn ranges(table: TableName, metadata: &ParquetMetaData, file: &DataFile) -> Option<String> {
    let columns = columns_in_file(table, metadata.file_metadata());
    let by_time = (table == TableName::Events).then_some((TIME, file.min_time_ms, file.max_time_ms));
    let by_receipt = (RECEIVED_AT, file.min_received_ms, file.max_received_ms);
    for (column, low, high) in by_time.into_iter().chain([by_receipt]) {
        let Some((min, max)) = range(metadata, column) else { continue };
        let in_ms = match columns.field_with_name(column).map(|field| field.data_type()) {
            Ok(DataType::Timestamp(TimeUnit::Millisecond, _)) => 1,
            _ => 1000,
        };
        let (min, max) = (min.div_euclid(in_ms), max.div_euclid(in_ms));
        if (min, max) != (low, high) {
            let text = |range| range_text(Some(range));
            return Some(format!("its `{column}` goes{}, the log says{}", text((min, max)), text((low, high))));
        }
    }
    if table == TableName::Events {
        let (min, max) = range(metadata, BUCKET)?;
        let low = file.bucket_rows.iter().position(|rows| *rows > 0).unwrap_or(0);
        let high = file.bucket_rows.iter().rposition(|rows| *rows > 0).unwrap_or(BUCKETS);
        if (usize::try_from(min), usize::try_from(max)) != (Ok(low), Ok(high)) {
            return Some(format!("its buckets go from {min} to {max}, the log says from {low} to {high}"));
        }
    }
    None
}

/// The least and greatest value of a column, if the footer has them for all row groups.
fn range(metadata: &ParquetMetaData, column: &str) -> Option<(i64, i64)> {
    let mut range: Option<(i64, i64)> = None;
    for group in metadata.row_groups() {
        let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == column)?;
        let (low, high) = match chunk.statistics()? {
            Statistics::Int32(of) => (i64::from(*of.min_opt()?), i64::from(*of.max_opt()?)),
            Statistics::Int64(of) => (*of.min_opt()?, *of.max_opt()?),
            _ => return None,
        };
        range = Some(range.map_or((low, high), |(l, h)| (l.min(low), h.max(high))));
    }
    range
}
