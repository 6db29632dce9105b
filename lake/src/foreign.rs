//! Files that another engine added to the table: live, but nothing that weir can read by range of users and time.
//!
//! A file is foreign if its `add` lacks weir's tags: another engine wrote rows, or merged or rewrote files of weir's. What it
//! holds is not part of any answer of weir's, and every answer says so:
//!
//! ```text
//! 3 files with 12,000 rows that another engine added in version 17 are not counted; run `weir repair`
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::actions::Add;

/// The tag that a checkpoint of weir's gives foreign files, since checkpoints do not have versions.
pub(crate) const TAG_ADDED_IN: &str = "weir.addedIn";

/// A live file that another engine added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignFile {
    /// As the log has it: relative to the table, or a URL, with what URLs encode.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its rows, if who added it said so.
    pub rows: Option<u64>,
    /// The version that added it; no newer than a checkpoint of another engine, where it is known from that.
    pub version: u64,
}

impl ForeignFile {
    /// Of an `add` in `version`, or in a checkpoint of it.
    pub(crate) fn of(add: &Add, version: u64) -> Self {
        let stats: Option<Value> = add.stats.as_deref().and_then(|stats| serde_json::from_str(stats).ok());
        let added_in = add.tags.as_ref().and_then(|tags| tags.get(TAG_ADDED_IN)).and_then(|tag| tag.parse().ok());
        Self {
            path: add.path.clone(),
            bytes: add.size,
            rows: stats.and_then(|stats| stats["numRecords"].as_u64()),
            version: added_in.unwrap_or(version),
        }
    }
}

/// What to say of an answer that leaves these files out; `None` where there are none.
pub(crate) fn note(files: &BTreeMap<String, Arc<ForeignFile>>) -> Option<String> {
    let first = files.values().map(|file| file.version).min()?;
    let last = files.values().map(|file| file.version).max()?;
    let rows: Option<u64> = files.values().map(|file| file.rows).sum();
    let rows = match rows {
        Some(1) => "1 row".to_owned(),
        Some(rows) => format!("{} rows", grouped(rows)),
        None => "an unknown number of rows".to_owned(),
    };
    let (count, are) = match files.len() {
        1 => ("1 file".to_owned(), "is"),
        count => (format!("{} files", grouped(count as u64)), "are"),
    };
    let versions = if first == last { format!("version {first}") } else { format!("versions {first} to {last}") };
    Some(format!("{count} with {rows} that another engine added in {versions} {are} not counted; run `weir repair`"))
}

/// With a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_foreign_files() {
        let mut files = BTreeMap::new();
        assert_eq!(note(&files), None);
        let mut add = |path: &str, rows, version| {
            let file = ForeignFile { path: path.to_owned(), bytes: 1, rows, version };
            files.insert(path.to_owned(), Arc::new(file));
            note(&files).unwrap()
        };
        assert_eq!(
            add("a", Some(1), 17),
            "1 file with 1 row that another engine added in version 17 is not counted; run `weir repair`"
        );
        assert_eq!(
            add("b", Some(12_345_678), 17),
            "2 files with 12,345,679 rows that another engine added in version 17 are not counted; run `weir repair`"
        );
        assert!(
            add("c", None, 3)
                .starts_with("3 files with an unknown number of rows that another engine added in versions 3 to 17")
        );
    }
}
