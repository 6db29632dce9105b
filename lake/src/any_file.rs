//! Reads a file that anybody wrote, as long as it has a table's columns: what a repair starts from.
//!
//! Other engines write the same rows in their own layout: text as text and not as a dictionary, times in nanoseconds, columns
//! in another order or left out where all is null. [`open`] gives them in weir's. The bucket is worked out from the user.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, RecordBatch, StringViewArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use parquet::file::metadata::ParquetMetaData;

use crate::error::LakeError;
use crate::names::TableName;
use crate::object_reader::ObjectReader;
use crate::reader::{Batches, Explained};
use crate::schema::{BUCKET, PROPERTIES, USER, bucket_of, columns_of};
use crate::store::Store;
use crate::typed::{TypedColumn, join, noted};

/// A file, whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnyFile {
    /// Of which table.
    pub table: TableName,
    /// As the log has it, relative to the table.
    pub path: String,
    /// The size that it has in the store.
    pub bytes: u64,
    /// Another engine added it.
    pub is_foreign: bool,
}

impl AnyFile {
    /// Its name below the lake.
    pub fn name(&self) -> Path {
        name(self.table, &self.path)
    }
}

/// The name of a file below the lake. Paths of a log are parts of URLs, which matters only in those of other engines.
pub fn name(table: TableName, path: &str) -> Path {
    let encoded = path.contains('%').then(|| Path::from_url_path(format!("{}/{path}", table.as_str())).ok()).flatten();
    encoded.unwrap_or_else(|| table.data(path))
}

/// Opens columns of a file, in the table's order and types, `batch_rows` rows at a time, in the order of the file. Properties are
/// whole: what the file has of the table's `typed` columns, or says itself to have, goes back into the text.
///
/// # Errors
/// [`LakeError::Missing`] or [`LakeError::Corrupt`], naming the file; also later, from the stream.
pub async fn open(
    store: &Store,
    file: &AnyFile,
    columns: &[&str],
    typed: &[TypedColumn],
    batch_rows: usize,
) -> Result<Batches, LakeError> {
    let (name, table) = (file.name(), file.table);
    let explained = || Explained::new(&name, 0);
    let object = ObjectReader::new(store.objects(), name.clone(), file.bytes);
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchStreamBuilder::new_with_options(object, options);
    let builder = builder.await.map_err(|e| explained().explain(e))?;
    can_convert(table, builder.metadata()).map_err(|problem| LakeError::corrupt(&name, problem))?;
    let all = columns_of(table);
    let wanted: Vec<_> =
        all.fields().iter().filter(|field| columns.contains(&field.name().as_str())).cloned().collect();
    let wanted: SchemaRef = Arc::new(Schema::new(wanted));
    let mut own: Vec<TypedColumn> =
        noted(builder.metadata().file_metadata()).into_iter().map(|note| note.column).collect();
    let others = typed.iter().filter(|column| own.iter().all(|own| own.property != column.property));
    own.extend(others.cloned().collect::<Vec<_>>());
    own.retain(|column| columns.contains(&PROPERTIES) && has_column(builder.schema(), &column.field()));
    let typed = own;
    let names: Vec<String> = typed.iter().map(TypedColumn::name).collect();
    let names = names.iter().map(String::as_str);
    // The bucket comes from the user, so that is read even if it is not asked for.
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied().chain([USER]).chain(names));
    let stream =
        builder.with_projection(mask).with_batch_size(batch_rows).build().map_err(|e| explained().explain(e))?;
    let (failed, at) = (explained(), name.clone());
    let batches = stream
        .map_err(move |e| failed.explain(e))
        .map(move |batch| convert(&batch?, &wanted, &typed).map_err(|e| LakeError::corrupt(&at, e)));
    Ok(batches.boxed())
}

/// Whether the rows of a file can be taken for rows of a table.
///
/// # Errors
/// Which columns are missing, or are something else.
pub fn can_convert(table: TableName, metadata: &Arc<ParquetMetaData>) -> Result<(), String> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let found = ArrowReaderMetadata::try_new(Arc::clone(metadata), options).map_err(|e| e.to_string())?;
    for field in columns_of(table).fields() {
        match found.schema().field_with_name(field.name()) {
            Ok(there) if arrow::compute::can_cast_types(there.data_type(), field.data_type()) => {}
            Ok(there) => {
                return Err(format!("column `{}` is {}, not {}", field.name(), there.data_type(), field.data_type()));
            }
            Err(_) if field.is_nullable() || field.name() == BUCKET => {}
            Err(_) => return Err(format!("it has no column `{}`", field.name())),
        }
    }
    Ok(())
}

fn has_column(file: &Schema, field: &Field) -> bool {
    let there = file.field_with_name(field.name());
    there.is_ok_and(|there| arrow::compute::can_cast_types(there.data_type(), field.data_type()))
}

fn convert(batch: &RecordBatch, wanted: &SchemaRef, joined: &[TypedColumn]) -> Result<RecordBatch, ArrowError> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let typed = |name: &str, kind: &DataType| match batch.column_by_name(name) {
        Some(column) => cast_with_options(column, kind, &options),
        None => Ok(new_null_array(kind, batch.num_rows())),
    };
    let columns = wanted.fields().iter().map(|field| -> Result<ArrayRef, _> {
        if field.name() == BUCKET {
            return typed(USER, &DataType::Utf8View).map(|users| buckets(users.as_string_view()));
        }
        if field.name() == PROPERTIES && !joined.is_empty() {
            let rest = typed(PROPERTIES, field.data_type())?;
            let columns = joined.iter().map(|column| Ok((column, typed(&column.name(), &column.kind.data_type())?)));
            let columns = columns.collect::<Result<Vec<_>, ArrowError>>()?;
            let columns: Vec<_> = columns.iter().map(|(column, values)| (*column, values)).collect();
            return Ok(Arc::new(join(rest.as_string_view(), &columns)));
        }
        typed(field.name(), field.data_type())
    });
    RecordBatch::try_new(Arc::clone(wanted), columns.collect::<Result<_, _>>()?)
}

fn buckets(users: &StringViewArray) -> ArrayRef {
    Arc::new(Int32Array::from_iter(users.iter().map(|user| user.map(|user| i32::from(bucket_of(user))))))
}
