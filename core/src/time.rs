//! Instants as text.

use chrono::{DateTime, SecondsFormat, Utc};

/// One day of 24 hours, in milliseconds.
pub const DAY_MS: i64 = 86_400_000;

/// An instant as RFC 3339 in UTC with milliseconds: `2026-01-31T14:59:58.120Z`. Instants outside the years that chrono
/// knows are written as plain milliseconds.
pub fn rfc3339(time_ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(time_ms)
        .map_or_else(|| time_ms.to_string(), |t| t.to_rfc3339_opts(SecondsFormat::Millis, true))
}
