//! Rows of anonymous ids go to the users that those have become, while files are merged.
//!
//! Queries give such rows to their user at once, by looking for them in each file that has some. A merge writes them where
//! they belong, so that nobody has to look again. It holds the rows that it moves in memory, so it moves only so many;
//! what is left lies where it lay, which the new file says of itself, and is for the next merge.
//!
//! Landed files are merged soon. A large file that nothing else would touch is rewritten alone once so much is to be moved in
//! it that looking costs more: see [`is_worth_resolving`].

use std::collections::HashSet;
use std::sync::Arc;

use weir_lake::links::FileMoves;
use weir_lake::reader::Apart;
use weir_lake::resolve::Moved;
use weir_lake::schema::columns;
use weir_lake::snapshot::Level;
use weir_lake::typed::TypedColumn;
use weir_lake::{DataFile, LakeError, Snapshot, Table};

use crate::compact::{Extent, Work};

/// Memory of the rows that one merge moves, in bytes; about twice as much while they are sorted.
const MOVED_BYTES: usize = 32 * 1024 * 1024;
/// A file is rewritten once users are to be moved in it for every so many of its rows.
const ROWS_A_USER: u64 = 1000;
/// But not for fewer users than these.
const LEAST_USERS: u64 = 100;
/// Without a merge, files are looked at for what is to be moved once those of landings declare so many links.
const WORTH_A_LOOK: u64 = 1000;

/// Whether a compacted file should be rewritten for what is to be moved in it.
pub fn is_worth_resolving(file: &DataFile, moves: &FileMoves, extent: Extent) -> bool {
    let least = match extent {
        Extent::Everything => 1,
        Extent::Worthwhile => LEAST_USERS.max(file.rows / ROWS_A_USER),
    };
    file.level != Level::Landed && moves.users() >= least
}

/// Chooses files to rewrite.
#[derive(Debug, Default)]
pub(crate) struct Resolving {
    /// Files in which nothing was found: what was looked for only had the hash of something that is there.
    settled: HashSet<String>,
}

impl Resolving {
    /// The next file that is worth it; `None` if there is none. In the background, files are looked at after a merge, as a
    /// rule: to look means to put all links together, and nothing much comes between two merges.
    pub(crate) async fn next(
        &mut self,
        table: &Table,
        snapshot: &Snapshot,
        extent: Extent,
        has_merged: bool,
    ) -> Result<Option<Work>, LakeError> {
        let landed = snapshot.files.values().filter(|file| file.level == Level::Landed);
        let declared: u64 = landed.filter_map(|file| file.links).map(|links| links.declared).sum();
        if extent == Extent::Worthwhile && !has_merged && declared < WORTH_A_LOOK {
            return Ok(None);
        }
        let moves = table.links().moves(table.store(), snapshot, snapshot.files.values()).await?;
        for file in snapshot.files.values() {
            let is_worth_it = moves.of(&file.path).is_some_and(|moves| is_worth_resolving(file, moves, extent));
            if !is_worth_it || self.settled.contains(&file.path) {
                continue;
            }
            let inputs = vec![Arc::clone(file)];
            // One row tells that the rewriting will not be in vain.
            let columns = weir_lake::merge::KEY_COLUMNS;
            let found = Moved::collect(table.store(), snapshot.version, &inputs, &columns, None, &moves, 1).await?;
            if !found.is_empty() {
                return Ok(Some(Work::alone(Arc::clone(file))));
            }
            self.settled.insert(file.path.clone());
        }
        Ok(None)
    }
}

/// The rows of inputs that a merge moves: they are left out of their files, and come in where they belong. `typed` are the typed
/// columns of the inputs.
pub(crate) async fn moved(
    table: &Table,
    snapshot: &Snapshot,
    inputs: &[Arc<DataFile>],
    typed: &[TypedColumn],
) -> Result<Moved, LakeError> {
    let moves = table.links().moves(table.store(), snapshot, inputs).await?;
    let columns = columns();
    let names: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
    let apart = Some(Apart { columns: typed, known: typed, text_for_these: false, of_kind: &[] });
    Moved::collect(table.store(), snapshot.version, inputs, &names, apart, &moves, MOVED_BYTES).await
}

#[cfg(test)]
#[path = "resolving_tests.rs"]
mod tests;
