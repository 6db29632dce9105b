//! A manifest: which segments the index has, and of how much of the table they hold the ids.
//!
//! Manifests are numbered, and made if they are not there; the highest counts. One says: every id that was landed up to
//! `version`, and received since `since_ms`, is in these segments. It also carries a *witness*, a hash of that commit's bytes: so
//! an index is never taken for that of another table, or of another history of this one (a table that was made anew, or
//! restored from a backup).
//!
//! ```json
//! {"weir_ids":1,"version":42,"witness":"5d41…","since_ms":1767225600000,
//!  "segments":[{"id":"0190f3a1-…","ids":786432,"bytes":14407024,"last_received_ms":1767830400000}]}
//! ```

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;
use weir_store::StoreError;

use super::segment::SegmentMeta;
use crate::names::{self, TableName};
use crate::store::Store;

/// Version of manifests and segments. An index of another one is not used, and built again.
const FORMAT: u32 = 1;

/// One document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    weir_ids: u32,
    pub(super) version: u64,
    pub(super) witness: String,
    pub(super) since_ms: i64,
    pub(super) segments: Vec<SegmentMeta>,
}

impl Manifest {
    pub(super) fn new(version: u64, witness: String, since_ms: i64, segments: Vec<SegmentMeta>) -> Self {
        Self { weir_ids: FORMAT, version, witness, since_ms, segments }
    }

    /// The number of the newest manifest; 0 without one.
    pub(super) async fn newest(store: &Store) -> Result<u64, StoreError> {
        let found = store.list(&names::all_ids(), None).await?;
        Ok(found.iter().filter_map(names::ids_manifest_number).max().unwrap_or(0))
    }

    /// Reads a manifest; where it cannot be used, what is wrong with it.
    pub(super) async fn read(store: &Store, number: u64) -> Result<Result<Self, String>, StoreError> {
        let Some(bytes) = store.read(&names::ids_manifest(number)).await? else {
            return Ok(Err("it is not there".to_owned()));
        };
        let manifest: Result<Self, _> = serde_json::from_slice(&bytes);
        Ok(match manifest {
            Ok(manifest) if manifest.weir_ids == FORMAT => Ok(manifest),
            Ok(other) => Err(format!("it has format {}", other.weir_ids)),
            Err(error) => Err(format!("it cannot be read: {error}")),
        })
    }

    /// Makes this the manifest of that number; `false` if there is one.
    pub(super) async fn create(&self, store: &Store, number: u64) -> Result<bool, StoreError> {
        let text = serde_json::to_vec(self).map_err(|e| StoreError::NotJson(e.to_string()))?;
        store.create(&names::ids_manifest(number), Bytes::from(text)).await
    }
}

/// The witness of a commit; `None` if the commit is not there.
pub(super) async fn witness(store: &Store, version: u64) -> Result<Option<String>, StoreError> {
    let commit = store.read(&TableName::Events.commit(version)).await?;
    Ok(commit.map(|bytes| format!("{:032x}", XxHash3_128::oneshot(&bytes))))
}
