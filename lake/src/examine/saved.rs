//! Saved reports, dashboards and annotations: whether what lies there is what weir wrote.

use serde::de::DeserializeOwned;
use serde_json::Value;
use weir_core::saved::{Annotation, Dashboard, FORMAT, Report};

use super::{Examiner, Finding, Severity};
use crate::error::LakeError;
use crate::names::{self, SavedKind};
use crate::saved;

impl Examiner<'_> {
    /// The newest revision of each document: what lies behind it is history.
    pub(super) async fn saved(&mut self) -> Result<(), LakeError> {
        for kind in SavedKind::ALL {
            let newest = saved::newest(self.store, kind).await?;
            self.expect(newest.len() as u64);
            for (id, revision) in newest {
                let bytes = saved::read(self.store, kind, &id, revision).await?;
                if let Some(found) = bytes.and_then(|bytes| problem(kind, &bytes)) {
                    self.findings.push(Finding {
                        severity: Severity::Warning,
                        code: "saved_unreadable",
                        object: names::saved_revision(kind, &id, revision).to_string(),
                        found,
                        means: "it is in no list, and nobody can save over it".to_owned(),
                        remedy: "correct that file, or remove it to go back to the revision before".to_owned(),
                        mend: None,
                    });
                }
                self.step();
            }
        }
        Ok(())
    }
}

/// What is wrong with a document, if anything. One of a newer weir is for that to judge.
fn problem(kind: SavedKind, bytes: &[u8]) -> Option<String> {
    let document: Value = match serde_json::from_slice(bytes) {
        Ok(document) => document,
        Err(error) => return Some(format!("it is no JSON: {error}")),
    };
    match document.get("format").and_then(Value::as_u64) {
        None | Some(0) => Some("it has no `format` that is a whole number from 1".to_owned()),
        Some(format) if format > FORMAT => None,
        Some(_) => match kind {
            SavedKind::Reports => read_as::<Report>(document),
            SavedKind::Dashboards => read_as::<Dashboard>(document),
            SavedKind::Annotations => read_as::<Annotation>(document),
        },
    }
}

fn read_as<T: DeserializeOwned>(document: Value) -> Option<String> {
    serde_json::from_value::<T>(document).err().map(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_weir_wrote_is_fine_and_all_else_is_named() {
        let report = r#"{"format":1,"id":"x","name":"n","spec":{"kind":"funnel"},"removed":false}"#;
        let annotation = r#"{"format":1,"date":"2026-01-05","text":"x"}"#;
        assert_eq!(problem(SavedKind::Reports, report.as_bytes()), None);
        assert_eq!(problem(SavedKind::Annotations, annotation.as_bytes()), None);
        assert_eq!(problem(SavedKind::Dashboards, br#"{"format":2,"cubes":[]}"#), None, "of a newer weir");
        for (kind, document, says) in [
            (SavedKind::Reports, "{", "it is no JSON"),
            (SavedKind::Reports, "[]", "it has no `format`"),
            (SavedKind::Reports, r#"{"format":0}"#, "it has no `format`"),
            (SavedKind::Reports, annotation, "missing field `name`"),
            (SavedKind::Dashboards, report, "missing field `tiles`"),
            (SavedKind::Annotations, report, "missing field `date`"),
        ] {
            let found = problem(kind, document.as_bytes()).unwrap();
            assert!(found.contains(says), "{found}");
        }
    }
}
