//! Who is who, as `weir stats` and `GET /api/catalogue` show it.
//!
//! ```text
//! {"linked_ids":1200,"ids_to_move":7,"refused_links":1,"refused":[{"from":"kiosk","to":"ben","stays":"ana",…}]}
//! ```

use serde::Serialize;
use weir_core::time::rfc3339;
use weir_lake::links::IdentityReport;

/// Anonymous ids that have become users'.
#[derive(Debug, Default, Serialize)]
pub struct UserStats {
    /// How many there are.
    pub linked_ids: u64,
    /// Of which rows are still to be moved, each counted in each file.
    pub ids_to_move: u64,
    /// Links that would have made one user of two.
    pub refused_links: u64,
    /// The latest of these.
    pub refused: Vec<RefusedLink>,
}

/// A link that would have made one user of two.
#[derive(Debug, Serialize)]
pub struct RefusedLink {
    /// The id that was to become another's.
    pub from: String,
    /// Whose it was to become.
    pub to: String,
    /// Whose the id is instead.
    pub stays: String,
    /// A short, stable name of the reason.
    pub reason: &'static str,
    /// When the event that asked for it was received.
    pub received_at: String,
}

impl UserStats {
    /// What of a report is shown.
    pub fn of(report: &IdentityReport) -> Self {
        let refused = report.refused.iter().map(|link| RefusedLink {
            from: link.from.clone(),
            to: link.to.clone(),
            stays: link.stays.clone(),
            reason: link.reason.as_str(),
            received_at: rfc3339(link.received_ms),
        });
        Self {
            linked_ids: report.links,
            ids_to_move: report.unresolved,
            refused_links: report.refused_count,
            refused: refused.collect(),
        }
    }
}
