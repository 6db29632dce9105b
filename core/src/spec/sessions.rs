//! The kind `sessions`: how many sessions there were, how long they were, and what they began and ended with.

use serde_json::Value;

use super::fields::{Fields, Problems, SESSIONS_FIELDS};
use super::model::{Interval, Scope, SplitBy};
use super::parse::split_by;
use super::rules;
use super::scope::scope;

/// The most events that are listed as first, and as last.
pub(super) const MAX_EVENTS: u64 = 1000;
pub(super) const DEFAULT_EVENTS: u64 = 10;

/// A question about sessions.
#[derive(Debug, Clone)]
pub struct SessionsSpec {
    /// When, of what, of whose. The range bounds the first event of a session.
    pub scope: Scope,
    /// Also by when sessions began.
    pub interval: Option<Interval>,
    /// Splits sessions by a property of their first event.
    pub breakdown: Option<SplitBy>,
    /// So many first events by name, and so many last ones; the others are summed.
    pub limit: usize,
}

/// Reads the document.
pub(super) fn sessions(value: &Value, now_ms: i64, problems: &mut Problems) -> Option<SessionsSpec> {
    let expected = r#"an object such as {"kind": "sessions", "interval": "day"}"#;
    let fields = Fields::open(value, "", &SESSIONS_FIELDS, expected, problems)?;
    let scope = scope(&fields, now_ms, problems);
    let interval = rules::interval(&fields, None, scope.timezone, scope.range, problems);
    let breakdown = split_by(&fields, problems);
    let limit = fields.whole_number("limit", 1, MAX_EVENTS, problems).unwrap_or(DEFAULT_EVENTS) as usize;
    Some(SessionsSpec { scope, interval, breakdown, limit })
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
