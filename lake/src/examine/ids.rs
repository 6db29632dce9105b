//! The index of event ids: whether landings can use it, and whether it has the ids that it claims.

use object_store::path::Path;

use super::{Examiner, Finding, Mend, Severity, counted};
use crate::error::LakeError;
use crate::ids::{Wrong, check};
use crate::names::{self, TableName};
use crate::table::Table;

impl Examiner<'_> {
    /// Looks at the index, where the table of events opens: why it does not is a finding already.
    pub(super) async fn ids(&mut self) {
        let Ok(Some(mut table)) = Table::open_if_there(self.store, TableName::Events).await else { return };
        match check(&mut table, self.clock.now_ms(), self.options.deep).await {
            Ok(found) => found.into_iter().for_each(|wrong| self.wrong_ids(wrong)),
            // A commit that cannot be read has a finding too.
            Err(LakeError::Corrupt { .. } | LakeError::Missing { .. } | LakeError::Newer { .. }) => {}
            Err(error) => self.store_failed(names::all_ids().as_ref(), &error),
        }
    }

    fn wrong_ids(&mut self, wrong: Wrong) {
        let passed_over = "the next landing passes over the index and builds it again from the table, which takes longer; \
             no event is lost, and no copy counted";
        let (severity, code, object, found, means) = match wrong {
            Wrong::Damaged { object, problem } => {
                (Severity::Warning, "ids_damaged", object, problem, passed_over.to_owned())
            }
            Wrong::Foreign { object, problem } => {
                (Severity::Warning, "ids_foreign", object, problem, passed_over.to_owned())
            }
            Wrong::Lacks { object, ids, file } => {
                let found = format!("{} of the table are not in it, such as of `{file}`", counted(ids, "id"));
                let means = "a copy of such an event that comes within 7 days counts as a new one; copies that have come \
                     already are found by `--deep` as `copies`";
                (Severity::Error, "ids_incomplete", object, found, means.to_owned())
            }
            Wrong::Behind { object, events } => {
                let found = match &object {
                    Some(_) => format!("{} were landed behind it", counted(events, "event")),
                    None => format!("{} are in no index", counted(events, "event")),
                };
                let means = "a landing that starts reads their ids first: a function may not have the time";
                (Severity::Warning, "ids_behind", object.unwrap_or_else(names::all_ids), found, means.to_owned())
            }
        };
        self.found_ids(severity, code, &object, found, means);
    }

    fn found_ids(&mut self, severity: Severity, code: &'static str, object: &Path, found: String, means: String) {
        self.findings.push(Finding {
            severity,
            code,
            object: object.to_string(),
            found,
            means,
            remedy: format!("`weir repair {}` builds the index anew", self.arguments()),
            mend: Some(Mend::RebuildIds),
        });
    }
}
