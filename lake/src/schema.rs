//! The columns of the events table. Those of failed events are in [`failed`].
//!
//! | column | type | |
//! |---|---|---|
//! | `bucket` | integer | first six bits of xxh3-64 of `user`; the first sort column |
//! | `user` | string | `user_id`, else `anonymous_id`; second sort column |
//! | `time` | timestamp | when it happened; third sort column |
//! | `event` | string | its name |
//! | `received_at`, `place` | timestamp, long | its arrival: time of receipt, place in the request; then the sort columns |
//! | `source` | string | the source whose key sent it |
//! | `event_uuid`, `event_id` | binary, string | deduplication key: 16 bytes where it is a UUID, else text; last sort column |
//! | `user_id`, `anonymous_id`, `session_id` | string | as sent |
//! | `properties`, `context` | string | JSON objects |

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde_json::json;
use twox_hash::XxHash3_64;

use crate::failed;
use crate::names::TableName;

/// Users are spread over so many buckets.
pub const BUCKETS: usize = 64;

/// The bucket of the user.
pub const BUCKET: &str = "bucket";
/// Whose event it is.
pub const USER: &str = "user";
/// When it happened.
pub const TIME: &str = "time";
/// Its name.
pub const EVENT: &str = "event";
/// Time of receipt.
pub const RECEIVED_AT: &str = "received_at";
/// Place in the request.
pub const PLACE: &str = "place";
/// The source whose key sent it.
pub const SOURCE: &str = "source";
/// The event id where it is a UUID.
pub const EVENT_UUID: &str = "event_uuid";
/// The event id where it is not a UUID.
pub const EVENT_ID: &str = "event_id";
/// The user id, as sent.
pub const USER_ID: &str = "user_id";
/// The anonymous id, as sent.
pub const ANONYMOUS_ID: &str = "anonymous_id";
/// The session, as sent.
pub const SESSION_ID: &str = "session_id";
/// The properties, a JSON object.
pub const PROPERTIES: &str = "properties";
/// The context, a JSON object.
pub const CONTEXT: &str = "context";

/// The bucket of a user, 0 to 63.
pub fn bucket_of(user: &str) -> u8 {
    // The top six bits of 64.
    (XxHash3_64::oneshot(user.as_bytes()) >> 58) as u8
}

/// Timestamps are microseconds in the file, as Delta Lake has them; events have milliseconds.
pub fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The columns as they are held in memory: names with few values as dictionaries, other text as views.
pub fn columns() -> SchemaRef {
    static COLUMNS: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            Field::new(BUCKET, DataType::Int32, false),
            Field::new(USER, DataType::Utf8View, false),
            Field::new(TIME, timestamp_type(), false),
            Field::new(EVENT, dictionary(), false),
            Field::new(RECEIVED_AT, timestamp_type(), false),
            Field::new(PLACE, DataType::Int64, false),
            Field::new(SOURCE, dictionary(), false),
            Field::new(EVENT_UUID, DataType::BinaryView, true),
            Field::new(EVENT_ID, DataType::Utf8View, true),
            Field::new(USER_ID, DataType::Utf8View, true),
            Field::new(ANONYMOUS_ID, DataType::Utf8View, true),
            Field::new("session_id", DataType::Utf8View, true),
            Field::new(PROPERTIES, DataType::Utf8View, true),
            Field::new(CONTEXT, DataType::Utf8View, true),
        ]))
    });
    Arc::clone(&COLUMNS)
}

/// The columns of a table.
pub fn columns_of(table: TableName) -> SchemaRef {
    match table {
        TableName::Events => columns(),
        TableName::Failed => failed::columns(),
    }
}

/// Columns in Delta Lake's own terms: the `schemaString` of a table's metadata.
pub fn delta_schema(columns: &Schema) -> String {
    let fields = columns.fields().iter().map(|field| {
        let kind = match field.data_type() {
            DataType::Int32 => "integer",
            DataType::Int64 => "long",
            DataType::Timestamp(..) => "timestamp",
            DataType::BinaryView => "binary",
            _ => "string",
        };
        json!({"name": field.name(), "type": kind, "nullable": field.is_nullable(), "metadata": {}})
    });
    json!({"type": "struct", "fields": fields.collect::<Vec<_>>()}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_spread_evenly() {
        let mut users = [0; BUCKETS];
        (0..64_000).for_each(|i| users[usize::from(bucket_of(&format!("user-{i}")))] += 1);
        assert!(users.iter().all(|n| (800..1200).contains(n)), "{users:?}");
    }

    #[test]
    fn buckets_never_change() {
        // Files on disk are sorted by these.
        assert_eq!(
            ["", "u1", "u2", "가나다", "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e"].map(bucket_of),
            [11, 39, 31, 9, 35]
        );
    }
}
