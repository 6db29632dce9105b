//! The kind `paths`: what users did after an event, or before it.

use std::sync::Arc;

use serde_json::Value;

use super::condition::conditions;
use super::fields::{ALTERNATIVE_FIELDS, ANCHOR_FIELDS, Fields, PATHS_FIELDS, Problems};
use super::model::{EventMatch, Scope, Window};
use super::parse::{default_label, event, event_name, events, label, window};
use super::scope::scope;
use crate::time::DAY_MS;

/// The most steps of a path.
pub(super) const MAX_DEPTH: u64 = 20;
pub(super) const DEFAULT_DEPTH: u64 = 5;

/// The most names that are listed on a level.
pub(super) const MAX_NAMES: u64 = 100;
pub(super) const DEFAULT_NAMES: u64 = 5;

/// The most whole paths that are listed.
pub(super) const MAX_TOP: u64 = 1000;
pub(super) const DEFAULT_TOP: u64 = 20;

/// The most events of `only`, and of `hide`.
pub(super) const MAX_CHOSEN: usize = 100;

pub(super) const PATH_COUNTS: &[&str] = &["users", "sessions", "every"];

const EXPECTED_ANCHOR: &str = r#"an event such as "purchase" or {"event": "purchase"}"#;

/// Where the window is a session, a path still goes no further than this from its anchor, in milliseconds.
const LONGEST_IN_SESSION_MS: i64 = DAY_MS;

/// A question about paths.
#[derive(Debug, Clone)]
pub struct PathsSpec {
    /// When, of what, of whose. The range bounds the anchor.
    pub scope: Scope,
    /// The event that paths begin or end with; `None` for the first one of all.
    pub anchor: Option<Anchor>,
    /// The most steps of a path, its anchor included: at least 2.
    pub depth: usize,
    /// So many names on each level; the others are summed.
    pub limit: usize,
    /// So many whole paths are listed. With 0 they are not even counted.
    pub top: usize,
    /// Whether an event that repeats in a row is one step.
    pub collapse: bool,
    /// Events that are looked at; all, where it is empty.
    pub only: Vec<EventMatch>,
    /// Events that are passed over.
    pub hide: Vec<EventMatch>,
    /// How far from its anchor a path goes.
    pub window: Window,
    /// What is counted.
    pub count: PathCount,
}

impl PathsSpec {
    /// The longest time between the anchor of a path and another event of it, in milliseconds.
    pub fn reach_ms(&self) -> i64 {
        match self.window {
            Window::Duration(ms) => ms,
            Window::Session => LONGEST_IN_SESSION_MS,
        }
    }

    /// Whether all events of a path lie in one session.
    pub fn is_by_session(&self) -> bool {
        self.window == Window::Session || self.count == PathCount::Sessions
    }

    /// Whether paths go back in time.
    pub fn is_backward(&self) -> bool {
        self.anchor.as_ref().is_some_and(|anchor| anchor.direction == Direction::Backward)
    }
}

/// The event that a path begins or ends with.
#[derive(Debug, Clone)]
pub struct Anchor {
    /// What people read.
    pub label: String,
    /// Which events: at least one alternative.
    pub any: Vec<EventMatch>,
    /// Where the path goes from there.
    pub direction: Direction,
}

/// Which way a path goes from its anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To what came after it: the field `start`.
    Forward,
    /// To what came before it: the field `end`.
    Backward,
}

/// What paths are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PathCount {
    /// One of each user.
    #[default]
    Users,
    /// One of each session.
    Sessions,
    /// One for every anchor, of which none lies in the path of another.
    Every,
}

impl PathCount {
    /// Its name in a question.
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Sessions => "sessions",
            Self::Every => "every",
        }
    }
}

/// Reads the document.
pub(super) fn paths(value: &Value, now_ms: i64, problems: &mut Problems) -> Option<PathsSpec> {
    let expected = r#"an object such as {"kind": "paths", "start": "view_item"}"#;
    let fields = Fields::open(value, "", &PATHS_FIELDS, expected, problems)?;
    let scope = scope(&fields, now_ms, problems);
    let has_anchor = fields.get("start").is_some() || fields.get("end").is_some();
    let anchor = anchor(&fields, problems);
    let mut number =
        |name: &str, least, most, default| fields.whole_number(name, least, most, problems).unwrap_or(default) as usize;
    let depth = number("depth", 2, MAX_DEPTH, DEFAULT_DEPTH);
    let limit = number("limit", 1, MAX_NAMES, DEFAULT_NAMES);
    let top = number("top", 0, MAX_TOP, DEFAULT_TOP);
    let collapse = fields.flag("collapse", problems).unwrap_or(true);
    let only = listed(&fields, "only", problems);
    let hide = listed(&fields, "hide", problems);
    let window = window(&fields, Window::Session, problems);
    let count = match fields.choice("count", PATH_COUNTS, &[], problems) {
        Some("sessions") => PathCount::Sessions,
        Some("every") => PathCount::Every,
        _ => PathCount::Users,
    };
    if count == PathCount::Every && !has_anchor {
        let message = "`every` needs an event that paths begin or end with; give `start` or `end`, or count `sessions`";
        problems.add(fields.path_of("count"), message);
    }
    Some(PathsSpec { scope, anchor, depth, limit, top, collapse, only, hide, window, count })
}

/// The field `start` or `end`.
fn anchor(fields: &Fields<'_>, problems: &mut Problems) -> Option<Anchor> {
    let (start, end) = (fields.get("start"), fields.get("end"));
    if start.is_some() && end.is_some() {
        problems.add(fields.path_of("end"), "stands beside `start`; expected one of them");
        return None;
    }
    let (value, name, direction) = match (start, end) {
        (Some(start), _) => (start, "start", Direction::Forward),
        (None, end) => (end?, "end", Direction::Backward),
    };
    let path = fields.path_of(name);
    if let Value::String(name) = value {
        let any = vec![EventMatch { event: event_name(name, path, problems)?, filters: Vec::new() }];
        return Some(Anchor { label: default_label(&any), any, direction });
    }
    let fields = Fields::open(value, &path, &ANCHOR_FIELDS, EXPECTED_ANCHOR, problems)?;
    let any = events(&fields, EXPECTED_ANCHOR, problems);
    let label = label(&fields, problems).unwrap_or_else(|| default_label(&any));
    Some(Anchor { label, any, direction })
}

/// A list of events, each by its name alone or with conditions.
fn listed(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Vec<EventMatch> {
    let expected = r#"a list of events, such as ["page_view", {"event": "search"}]"#;
    let list = fields.short_list(name, MAX_CHOSEN, expected, problems).unwrap_or_default();
    let path = fields.path_of(name);
    let mut read = Vec::new();
    for (at, value) in list.iter().enumerate() {
        read.extend(listed_event(value, format!("{path}[{at}]"), problems));
    }
    read
}

fn listed_event(value: &Value, path: String, problems: &mut Problems) -> Option<EventMatch> {
    if let Value::String(name) = value {
        return Some(EventMatch { event: event_name(name, path, problems)?, filters: Vec::new() });
    }
    let fields = Fields::open(value, &path, &ALTERNATIVE_FIELDS, EXPECTED_ANCHOR, problems)?;
    let event = event(&fields, problems);
    let filters = conditions(&fields, problems).into_iter().map(Arc::new).collect();
    Some(EventMatch { event: event?, filters })
}

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
