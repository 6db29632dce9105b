//! `weir vacuum`: removes files that nobody needs any more.

use compact_fn::expire::Retention;
use compact_fn::tables::Tables;
use compact_fn::vacuum::{Keep, Sweep, Vacuumed, vacuum};
use serde::Serialize;
use serde_json::json;
use weir_core::ports::SystemClock;
use weir_lake::{Settings, Table as LakeTable};

use super::open_store;
use crate::args::VacuumArgs;
use crate::error::Failure;
use crate::output;
use crate::render::numbers::{bytes, count};
use crate::render::table::{Align, Table};
use crate::render::{Records, TableReport};

/// Runs the command.
///
/// # Errors
/// Whatever is wrong with the lake, or with the clock.
pub async fn run(args: &VacuumArgs) -> Result<(), Failure> {
    let store = open_store(&args.lake).await?;
    LakeTable::must_exist(&store).await?;
    let keep = match args.keep {
        Some(removed_ms) => Keep { removed_ms },
        None => Retention::of(&Settings::newest(&store).await?)?.keep(),
    };
    let sweep = if args.dry_run { Sweep::Look } else { Sweep::Remove };
    let vacuumed = vacuum(&mut Tables::new(&store), keep, sweep, &SystemClock).await?;
    let outcome = Outcome { dry_run: args.dry_run, vacuumed };
    output::print(&outcome, args.output.format)?;
    if !args.output.quiet
        && let Some(oldest) = outcome.vacuumed.oldest.get("events").filter(|oldest| **oldest > 0)
    {
        output::say(format_args!("the oldest version that can be read is {oldest}"));
    }
    Ok(())
}

/// What a vacuum did, or would do.
#[derive(Debug, Serialize)]
struct Outcome {
    dry_run: bool,
    #[serde(flatten)]
    vacuumed: Vacuumed,
}

impl Outcome {
    fn rows(&self) -> [(&'static str, u64, u64); 3] {
        let done = &self.vacuumed;
        [
            ("old versions", done.files, done.bytes),
            ("never committed", done.orphans, done.orphan_bytes),
            ("too young to go", done.waiting, done.waiting_bytes),
        ]
    }
}

impl TableReport for Outcome {
    fn records(&self) -> Records {
        let rows = self.rows().map(|(what, files, bytes)| vec![json!(what), json!(files), json!(bytes)]);
        Records { columns: vec!["what", "files", "bytes"], rows: rows.to_vec() }
    }

    fn table(&self) -> Table {
        let right = |title: &str| (title.to_owned(), Align::Right);
        let title = if self.dry_run { "to remove" } else { "removed" };
        let mut table = Table::new(vec![(title.to_owned(), Align::Left), right("files"), right("size")]);
        for (what, files, size) in self.rows() {
            table.row(vec![what.to_owned(), count(files), bytes(size)]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;
    use crate::render::render;

    #[test]
    fn an_outcome_names_what_went_and_what_waits() {
        let vacuumed = Vacuumed { files: 12, bytes: 4_500_000, waiting: 2, waiting_bytes: 1_000, ..Default::default() };
        insta::assert_snapshot!(render(&Outcome { dry_run: false, vacuumed }, Format::Table, 80).unwrap(), @"
        removed          files    size
        ───────────────  ─────  ──────
        old versions        12  4.5 MB
        never committed      0     0 B
        too young to go      2  1.0 kB
        ");
    }
}
