//! Properties that have columns of their own.
//!
//! `properties` is JSON text, and a question that looks at one of them has to read the text row by row. Those that many events
//! have are taken out of the text when files are merged, each into a column of its type; what is left is the *rest*.
//!
//! ```text
//! properties                                     p_tab   p_price   properties: the rest
//! {"tab":"new","price":5,"tags":["a"]}     ▶     new     5         {"tags":["a"]}
//! {"tab":"old","price":"5"}                ▶     old     null      {"price":"5"}      another type: it stays
//! {"tab":null}                             ▶     null    null      {"tab":null}       null has no type
//! ```
//!
//! Both forms tell the same: a value is in its column or in the text, never in both, and [`join()`] gives the text back with the
//! same values (members in another order, `5.0` as `5`). So whoever asks looks into the column first, and into the rest where
//! the file says that the rest has values of the property too, *elsewhere*: see [`ColumnNote`].
//!
//! Words: a *typed column* belongs to one property, a key of the outermost object; its *kind* is text, number or flag. The table's
//! log names its typed columns. They only become more, up to [`MOST_COLUMNS`]; a file has those that there were when it was written.

mod join;
mod split;

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field};
use parquet::file::metadata::{FileMetaData, KeyValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use weir_core::event::ID_NAMES;

use crate::schema::PROPERTIES;
pub use join::{join, number_of};
pub(crate) use split::Splitter;

/// The most typed columns of a table. Each costs a merge some memory and time, also where most rows do not have it.
pub const MOST_COLUMNS: usize = 32;
/// The longest name of a property that gets a column, in bytes.
const MOST_NAME_BYTES: usize = 64;
/// What the name of a typed column begins with, before the name of its property.
const PREFIX: &str = "p_";
/// The entry in the metadata of a column, in the table's log, that names the property.
const PROPERTY: &str = "weir.property";
/// The entry of a file's footer that says which typed columns it has.
const FOOTER_KEY: &str = "weir.typed";

/// Which values a typed column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// JSON strings.
    Text,
    /// JSON numbers that a double holds exactly.
    Number,
    /// `true` and `false`.
    Flag,
}

impl ColumnKind {
    /// All of them.
    const ALL: [Self; 3] = [Self::Text, Self::Number, Self::Flag];

    /// The type in memory and in files.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8View,
            Self::Number => DataType::Float64,
            Self::Flag => DataType::Boolean,
        }
    }

    /// The type in Delta Lake's terms.
    pub(crate) fn delta_type(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "double",
            Self::Flag => "boolean",
        }
    }

    fn of_delta(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.delta_type() == name)
    }
}

/// The column of one property.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TypedColumn {
    /// The key in `properties`.
    pub property: String,
    /// Which of its values are in the column.
    pub kind: ColumnKind,
}

impl TypedColumn {
    /// The name of the column: `p_` and the property.
    pub fn name(&self) -> String {
        format!("{PREFIX}{}", self.property)
    }

    /// The column in memory and in files.
    pub fn field(&self) -> Field {
        Field::new(self.name(), self.kind.data_type(), true)
    }
}

/// The property of a typed column, by the name of the column.
pub fn property_of(column: &str) -> Option<&str> {
    column.strip_prefix(PREFIX)
}

/// Whether a property may have a column. Names of columns have to be such that every engine can write them, and ids of users
/// stay where an erasure looks for them.
pub fn may_have_column(property: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || c == '_';
    !property.is_empty()
        && property.len() <= MOST_NAME_BYTES
        && property.chars().all(is_plain)
        && !ID_NAMES.iter().any(|id| id.eq_ignore_ascii_case(property))
}

/// Whether two properties would have columns of one name for engines that do not tell `Price` from `price`.
pub fn same_name(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// The values of a column, and where it has none those in the text: for rows of files that do not have the column.
pub fn completed(column: &TypedColumn, properties: &StringViewArray, values: &ArrayRef) -> ArrayRef {
    if values.null_count() == 0 || properties.null_count() == properties.len() {
        return Arc::clone(values);
    }
    let split = Splitter::new(vec![column.clone()]).split(properties, &[Some(values)]);
    split.columns.into_iter().next().unwrap_or_else(|| Arc::clone(values))
}

/// Rows with all properties in the text, of which some may be in typed columns beside it.
pub(crate) fn whole(batch: &RecordBatch) -> Cow<'_, RecordBatch> {
    let named = batch.schema_ref().fields().iter().zip(batch.columns());
    let typed: Vec<(TypedColumn, &ArrayRef)> = named
        .filter_map(|(field, values)| {
            let kind = ColumnKind::ALL.into_iter().find(|kind| kind.data_type() == *field.data_type())?;
            Some((TypedColumn { property: property_of(field.name())?.to_owned(), kind }, values))
        })
        .collect();
    let Ok(at) = batch.schema_ref().index_of(PROPERTIES) else { return Cow::Borrowed(batch) };
    if typed.is_empty() {
        return Cow::Borrowed(batch);
    }
    let typed: Vec<_> = typed.iter().map(|(column, values)| (column, *values)).collect();
    let mut columns = batch.columns().to_vec();
    columns[at] = Arc::new(join(columns[at].as_string_view(), &typed));
    // As many columns of the same types as before.
    RecordBatch::try_new(batch.schema(), columns).map_or(Cow::Borrowed(batch), Cow::Owned)
}

/// What a file says of one of its typed columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnNote {
    /// Which.
    #[serde(flatten)]
    pub column: TypedColumn,
    /// So many rows may have a value of the property in the rest: of another type, or in a text that could not be taken
    /// apart. Zero is certain.
    pub elsewhere: u64,
    /// So many of these may be of the column's own kind: in a text that could not be taken apart, or a number that a double does
    /// not hold exactly. `None` in files of before, which do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_kind: Option<u64>,
}

impl ColumnNote {
    /// Whether the rest may have values of the property; or, where only those of the column's own kind are asked for, such.
    pub(crate) fn is_elsewhere(&self, only_of_kind: bool) -> bool {
        self.elsewhere > 0 && !(only_of_kind && self.of_kind == Some(0))
    }
}

/// The typed columns that a file has, from its footer.
pub(crate) fn noted(footer: &FileMetaData) -> Vec<ColumnNote> {
    let entries = footer.key_value_metadata();
    let entry = entries.and_then(|entries| entries.iter().find(|entry| entry.key == FOOTER_KEY));
    let notes = entry.and_then(|entry| serde_json::from_str(entry.value.as_deref()?).ok());
    notes.unwrap_or_default()
}

/// The entry of a footer that says it.
pub(crate) fn footer_entry(notes: &[ColumnNote]) -> KeyValue {
    KeyValue { key: FOOTER_KEY.to_owned(), value: Some(json!(notes).to_string()) }
}

/// The typed columns that a table has by the `schemaString` of its metadata, in its order. An engine that writes the schema anew
/// may leave out what weir noted of a column, so its name and type are enough.
///
/// # Errors
/// Why the text is no schema.
pub(crate) fn of_schema(schema: &str) -> Result<Vec<TypedColumn>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Struct {
        fields: Vec<Column>,
    }
    #[derive(Deserialize)]
    struct Column {
        name: String,
        #[serde(rename = "type")]
        kind: Value,
        #[serde(default)]
        metadata: Map<String, Value>,
    }
    let typed = |column: Column| {
        let property = column.metadata.get(PROPERTY).and_then(Value::as_str).or(property_of(&column.name))?;
        Some(TypedColumn { property: property.to_owned(), kind: ColumnKind::of_delta(column.kind.as_str()?)? })
    };
    let schema: Struct = serde_json::from_str(schema)?;
    Ok(schema.fields.into_iter().filter_map(typed).collect())
}

/// The `schemaString` with more columns behind those that it has; `None` if it is not a schema.
pub(crate) fn extended(schema: &str, more: &[TypedColumn]) -> Option<String> {
    let mut schema: Value = serde_json::from_str(schema).ok()?;
    let fields = schema.get_mut("fields")?.as_array_mut()?;
    fields.extend(more.iter().map(|column| {
        let comment = format!("properties.{}, where it is a {}", column.property, column.kind.delta_type());
        json!({
            "name": column.name(),
            "type": column.kind.delta_type(),
            "nullable": true,
            "metadata": {PROPERTY: column.property, "comment": comment},
        })
    }));
    Some(schema.to_string())
}

/// Those of `wanted` that a table does not have.
///
/// # Errors
/// The first column that it cannot have, and why not: its property has a column of another kind, or one whose name differs only
/// in capitals; or there would be too many.
pub(crate) fn missing(have: &[TypedColumn], wanted: &[TypedColumn]) -> Result<Vec<TypedColumn>, (String, String)> {
    let mut missing: Vec<TypedColumn> = Vec::new();
    for column in wanted {
        let same = have.iter().chain(&missing).find(|other| same_name(&other.property, &column.property));
        match same {
            Some(same) if same == column => {}
            Some(same) => {
                return Err((column.name(), format!("it has `{}` as a {}", same.name(), same.kind.delta_type())));
            }
            None if have.len() + missing.len() == MOST_COLUMNS => {
                return Err((column.name(), format!("it has {MOST_COLUMNS}, which is the most")));
            }
            None => missing.push(column.clone()),
        }
    }
    Ok(missing)
}

#[cfg(test)]
#[path = "typed/typed_tests.rs"]
mod tests;
