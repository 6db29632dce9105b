//! The columns of a table as SQL has them, from those that files have.
//!
//! | in SQL | from the lake's |
//! |---|---|
//! | `user` | `user`; in files with rows that links give to others, whose they are now |
//! | `event_id` | `event_uuid` as text, else `event_id` |
//! | `properties` | the rest, and all typed columns: the whole text |
//! | `p_price` | its column; in rows that have no value there, the rest, which is only read in files that may have some |
//! | others | as they are, names as plain text |
//!
//! [`SqlColumns`] is a table's, [`Projection`] what a statement reads of them. What is not asked for is not read.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use weir_core::event::uuid_text;
use weir_core::identity::Links;
use weir_lake::reader::Apart;
use weir_lake::schema::{
    ANONYMOUS_ID, CONTEXT, EVENT, EVENT_ID, EVENT_UUID, PROPERTIES, RECEIVED_AT, SESSION_ID, SOURCE, TIME, USER,
    USER_ID, columns_of,
};
use weir_lake::typed::{TypedColumn, completed, join};
use weir_lake::{LakeError, Snapshot, TableName};

/// Columns of events, in the order in which people look at them. Typed columns come behind.
const EVENT_COLUMNS: [&str; 11] =
    [USER, EVENT, TIME, RECEIVED_AT, SOURCE, EVENT_ID, USER_ID, ANONYMOUS_ID, SESSION_ID, PROPERTIES, CONTEXT];

/// All columns of a table.
#[derive(Debug, Clone)]
pub struct SqlColumns {
    typed: Vec<TypedColumn>,
    schema: SchemaRef,
}

impl SqlColumns {
    /// Of the table of a snapshot.
    pub fn of(snapshot: &Snapshot) -> Self {
        let columns = columns_of(snapshot.table);
        let plain = |field: &Field| match field.data_type() {
            DataType::Dictionary(..) => Field::new(field.name(), DataType::Utf8View, field.is_nullable()),
            _ => field.clone(),
        };
        let mut fields: Vec<Field> = match snapshot.table {
            TableName::Failed => columns.fields().iter().map(|field| plain(field)).collect(),
            TableName::Events => {
                let named = EVENT_COLUMNS.iter().filter_map(|name| columns.field_with_name(name).ok());
                named.map(plain).collect()
            }
        };
        let typed = match snapshot.table {
            TableName::Events => snapshot.typed_columns().to_vec(),
            TableName::Failed => Vec::new(),
        };
        fields.extend(typed.iter().map(TypedColumn::field));
        Self { typed, schema: Arc::new(Schema::new(fields)) }
    }

    /// Their names and types.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Some of them, by their places; `None` for all.
    pub fn project(&self, places: Option<&Vec<usize>>) -> Projection {
        let fields = self.schema.fields();
        let chosen: Vec<_> = match places {
            Some(places) => places.iter().filter_map(|place| fields.get(*place).cloned()).collect(),
            None => fields.iter().cloned().collect(),
        };
        let is_chosen = |name: &str| chosen.iter().any(|field| field.name() == name);
        let is_text_whole = is_chosen(PROPERTIES);
        let apart = self.typed.iter().filter(|column| is_text_whole || is_chosen(&column.name())).cloned().collect();
        Projection { schema: Arc::new(Schema::new(chosen)), apart, known: self.typed.clone(), is_text_whole }
    }
}

/// The columns that a statement reads.
#[derive(Debug, Clone)]
pub struct Projection {
    schema: SchemaRef,
    /// Typed columns that are read, behind the others.
    apart: Vec<TypedColumn>,
    /// All that the table has.
    known: Vec<TypedColumn>,
    /// Whether `properties` itself is asked for, and not only what typed columns may lack.
    is_text_whole: bool,
}

impl Projection {
    /// Their names and types.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Columns of files that are read. Of those with rows that may belong to others, also what tells whose they are.
    pub fn read(&self, moves: bool) -> Vec<&str> {
        let mut read = BTreeSet::new();
        for field in self.schema.fields() {
            match field.name().as_str() {
                EVENT_ID => read.extend([EVENT_UUID, EVENT_ID]),
                USER if moves => read.extend([USER, USER_ID, ANONYMOUS_ID]),
                name if self.apart.iter().any(|column| column.name() == name) => read.extend([PROPERTIES]),
                name => read.extend([name]),
            }
        }
        read.into_iter().collect()
    }

    /// How properties are read.
    pub fn apart(&self) -> Apart<'_> {
        // A column of SQL has values of its own kind and no others.
        let Self { apart, known, is_text_whole, .. } = self;
        Apart { columns: apart, known, text_for_these: !is_text_whole, of_kind: apart }
    }

    /// The columns that are asked for, from a batch with those that were read. `links` are given for files whose rows may
    /// belong to others.
    ///
    /// # Errors
    /// None that batches of a lake can make.
    pub fn give(&self, batch: &RecordBatch, links: Option<&Links>) -> Result<RecordBatch, LakeError> {
        let columns = self.schema.fields().iter().map(|field| match field.name().as_str() {
            USER => match links {
                Some(links) => user_now(batch, links),
                None => plain(batch, field),
            },
            EVENT_ID => event_id(batch),
            PROPERTIES if !self.apart.is_empty() => {
                let typed: Vec<_> = self
                    .apart
                    .iter()
                    .filter_map(|column| Some((column, batch.column_by_name(&column.name())?)))
                    .collect();
                Ok(Arc::new(join(named(batch, PROPERTIES)?.as_string_view(), &typed)) as ArrayRef)
            }
            name => match self.apart.iter().find(|column| column.name() == name) {
                Some(column) => {
                    let rest = named(batch, PROPERTIES)?;
                    Ok(completed(column, rest.as_string_view(), named(batch, name)?))
                }
                None => plain(batch, field),
            },
        });
        let columns = columns.collect::<Result<Vec<_>, LakeError>>()?;
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &rows)?)
    }
}

fn named<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, LakeError> {
    batch.column_by_name(name).ok_or_else(|| LakeError::Invariant(format!("a scan for SQL without column `{name}`")))
}

fn plain(batch: &RecordBatch, field: &Field) -> Result<ArrayRef, LakeError> {
    let column = named(batch, field.name())?;
    match column.data_type() == field.data_type() {
        true => Ok(Arc::clone(column)),
        false => Ok(cast(column, field.data_type())?),
    }
}

/// Whose rows are by the links.
fn user_now(batch: &RecordBatch, links: &Links) -> Result<ArrayRef, LakeError> {
    let users = named(batch, USER)?.as_string_view();
    let (user_ids, ids) = (named(batch, USER_ID)?.as_string_view(), named(batch, ANONYMOUS_ID)?.as_string_view());
    let mut now = StringViewBuilder::with_capacity(users.len()).with_deduplicate_strings();
    for row in 0..users.len() {
        let is_anonymous = user_ids.is_null(row) && ids.is_valid(row);
        now.append_value(if is_anonymous { links.user_of(ids.value(row)) } else { users.value(row) });
    }
    Ok(Arc::new(now.finish()))
}

fn event_id(batch: &RecordBatch) -> Result<ArrayRef, LakeError> {
    let texts = named(batch, EVENT_ID)?;
    let Some(uuids) = batch.column_by_name(EVENT_UUID).map(|uuids| uuids.as_binary_view()) else {
        return Ok(Arc::clone(texts));
    };
    if uuids.null_count() == uuids.len() {
        return Ok(Arc::clone(texts));
    }
    let texts = texts.as_string_view();
    let mut ids = StringViewBuilder::with_capacity(texts.len());
    for row in 0..texts.len() {
        let uuid = uuids.is_valid(row).then(|| <&[u8; 16]>::try_from(uuids.value(row)).ok()).flatten();
        match uuid {
            Some(uuid) => ids.append_value(uuid_text(uuid)),
            None => ids.append_option(texts.is_valid(row).then(|| texts.value(row))),
        }
    }
    Ok(Arc::new(ids.finish()))
}
