//! Records as a Parquet file, for tools that read those.
//!
//! A column of whole numbers is int64, of numbers double, of truth values boolean, and every other one text: texts as they are, other
//! values as JSON.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use serde_json::Value;

use super::Records;

/// The bytes of the file.
///
/// # Errors
/// None that records can make.
pub fn file(records: &Records) -> Result<Vec<u8>, ParquetError> {
    let columns = records.columns.iter().enumerate().map(|(at, name)| column(name, records, at));
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
    let mut writer = writer(batch.schema())?;
    writer.write(&batch)?;
    writer.into_inner()
}

/// A file that is being written.
///
/// # Errors
/// A column has a type that Parquet has not.
pub fn writer(schema: SchemaRef) -> Result<ArrowWriter<Vec<u8>>, ParquetError> {
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    ArrowWriter::try_new(Vec::new(), schema, Some(properties))
}

fn column(name: &str, records: &Records, at: usize) -> (Field, ArrayRef) {
    let values = || records.rows.iter().map(|row| row.get(at).filter(|value| !value.is_null()));
    let all = |is: fn(&Value) -> bool| values().flatten().all(is) && values().flatten().next().is_some();
    let (kind, array): (DataType, ArrayRef) = if all(Value::is_i64) {
        (DataType::Int64, Arc::new(values().map(|value| value.and_then(Value::as_i64)).collect::<Int64Array>()))
    } else if all(Value::is_number) {
        (DataType::Float64, Arc::new(values().map(|value| value.and_then(Value::as_f64)).collect::<Float64Array>()))
    } else if all(Value::is_boolean) {
        (DataType::Boolean, Arc::new(values().map(|value| value.and_then(Value::as_bool)).collect::<BooleanArray>()))
    } else {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (DataType::Utf8, Arc::new(values().map(|value| value.map(text)).collect::<StringArray>()))
    };
    (Field::new(name, kind, true), array)
}

#[cfg(test)]
mod tests {
    use arrow::util::pretty::pretty_format_batches;
    use bytes::Bytes;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use serde_json::json;

    use super::*;

    #[test]
    fn records_come_back_with_their_types() {
        let records = Records {
            columns: vec!["label", "count", "share", "open", "value", "nothing"],
            rows: vec![
                vec![json!("view"), json!(3), json!(1), json!(true), json!("1"), json!(null)],
                vec![json!(""), json!(null), json!(0.5), json!(false), json!(1), json!(null)],
            ],
        };
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file(&records).unwrap())).unwrap();
        let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
        let types: Vec<DataType> = batches[0].schema().fields().iter().map(|f| f.data_type().clone()).collect();
        let text = DataType::Utf8;
        assert_eq!(types, [text.clone(), DataType::Int64, DataType::Float64, DataType::Boolean, text.clone(), text]);
        let shown = pretty_format_batches(&batches).unwrap().to_string();
        assert!(shown.contains("| view  | 3     | 1.0   | true  | 1     |         |"), "{shown}");
        let none = Records { columns: vec!["a"], rows: Vec::new() };
        assert!(ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file(&none).unwrap())).is_ok());
    }
}
