//! `weir compact`: merges the files of a lake, as far as that goes. Those of failed events too, though only the events are
//! counted. Whatever else is due comes with it: erasures that were cut off, retention, vacuum.

use compact_fn::compact::{Budget, Compacted, Extent, compact_within, queue};
use compact_fn::failed::compact_failed;
use compact_fn::maintain::Maintenance;
use compact_fn::rewrite::Deadline;
use serde::Serialize;
use serde_json::json;
use weir_lake::{Snapshot, Table as LakeTable, TableName};

use super::stats::Queue;
use super::{open_store, say_foreign};
use crate::args::CompactArgs;
use crate::error::Failure;
use crate::output;
use crate::render::numbers::{bytes, count, counted};
use crate::render::table::{Align, Table};
use crate::render::{Records, TableReport};
use weir_core::ports::{Clock, RandomIds, SystemClock};

/// Runs the command.
///
/// # Errors
/// Whatever is wrong with the lake; what was merged until then stays merged.
pub async fn run(args: &CompactArgs) -> Result<(), Failure> {
    let mut table = LakeTable::open(&open_store(&args.lake).await?).await?;
    let before = table.snapshot();
    if args.dry_run {
        return output::print(&Queue::of(&queue(&before, Extent::Everything, u64::MAX)), args.output.format);
    }
    // Who is erased need not be merged first. What is wrong with it is said at the end.
    let maintained = Maintenance::new(table.store()).run(&SystemClock, &RandomIds, Deadline::NEVER).await;
    let limit_ms = args.time_limit.map(|seconds| i64::from(seconds) * 1000);
    let until_ms = limit_ms.map(|limit_ms| SystemClock.now_ms().saturating_add(limit_ms));
    let budget = Budget { until_ms, ..Budget::default() };
    let progress = |done: &Compacted| {
        if !args.output.quiet && output::is_watched() {
            let (merges, rows) = (counted(done.merges, "merge"), counted(done.rows, "row"));
            output::say(format_args!("{merges}: {} files into {}, {rows}", done.files_in, done.files_out));
        }
    };
    let compacted = compact_within(&mut table, &SystemClock, &RandomIds, Extent::Everything, budget, progress).await?;
    if let Some(mut failed) = LakeTable::open_if_there(table.store(), TableName::Failed).await? {
        compact_failed(&mut failed, &SystemClock, &RandomIds, Extent::Everything).await?;
    }
    let outcome = Outcome::of(&before, &table.snapshot(), compacted);
    output::print(&outcome, args.output.format)?;
    say_foreign(&table.snapshot());
    if !args.output.quiet {
        output::say(outcome.facts());
    }
    maintained?;
    Ok(())
}

/// What a compaction changed.
#[derive(Debug, Clone, Copy, Serialize)]
struct Outcome {
    files_before: u64,
    bytes_before: u64,
    files_after: u64,
    bytes_after: u64,
    merges: u64,
    /// Rows that were written, one that was merged twice counted twice.
    rows: u64,
    /// Merges that are left to do, because the time was over.
    left: u64,
    /// The newest version of the lake.
    version: u64,
}

impl Outcome {
    fn of(before: &Snapshot, after: &Snapshot, compacted: Compacted) -> Self {
        Self {
            files_before: before.files.len() as u64,
            bytes_before: before.bytes(),
            files_after: after.files.len() as u64,
            bytes_after: after.bytes(),
            merges: compacted.merges,
            rows: compacted.rows,
            left: compacted.left,
            version: after.version,
        }
    }

    fn facts(&self) -> String {
        let done = match self.merges {
            0 => "nothing to merge".to_owned(),
            merges => format!("{} of {}", counted(merges, "merge"), counted(self.rows, "row")),
        };
        let left = match self.left {
            0 => String::new(),
            left => format!("; {} left, run it again", counted(left, "merge")),
        };
        format!("version {}, {done}{left}", self.version)
    }
}

impl TableReport for Outcome {
    fn records(&self) -> Records {
        let figures = [
            ("files_before", self.files_before),
            ("bytes_before", self.bytes_before),
            ("files_after", self.files_after),
            ("bytes_after", self.bytes_after),
            ("merges", self.merges),
            ("rows", self.rows),
            ("left", self.left),
            ("version", self.version),
        ];
        let row = figures.iter().map(|(_, figure)| json!(figure)).collect();
        Records { columns: figures.iter().map(|(name, _)| *name).collect(), rows: vec![row] }
    }

    fn table(&self) -> Table {
        let right = |title: &str| (title.to_owned(), Align::Right);
        let mut table = Table::new(vec![(String::new(), Align::Left), right("files"), right("bytes"), right("size")]);
        for (when, files, size) in
            [("before", self.files_before, self.bytes_before), ("after", self.files_after, self.bytes_after)]
        {
            table.row(vec![when.to_owned(), count(files), count(size), bytes(size)]);
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
    fn an_outcome_in_every_format() {
        let outcome = Outcome {
            files_before: 1_120,
            bytes_before: 4_500_000,
            files_after: 3,
            bytes_after: 1_234_567,
            merges: 18,
            rows: 200_000,
            left: 2,
            version: 43,
        };
        let show = |format| render(&outcome, format, 80).unwrap();
        insta::assert_snapshot!(show(Format::Table), @"
                files      bytes    size
        ──────  ─────  ─────────  ──────
        before  1,120  4,500,000  4.5 MB
        after       3  1,234,567  1.2 MB
        ");
        insta::assert_snapshot!(show(Format::Json), @r#"{"files_before":1120,"bytes_before":4500000,"files_after":3,"bytes_after":1234567,"merges":18,"rows":200000,"left":2,"version":43}"#);
        insta::assert_snapshot!(show(Format::Csv), @"
        files_before,bytes_before,files_after,bytes_after,merges,rows,left,version
        1120,4500000,3,1234567,18,200000,2,43
        ");
        // The document and the record are written apart, and must have the same fields.
        assert_eq!(show(Format::Ndjson), show(Format::Json));
        assert_eq!(outcome.facts(), "version 43, 18 merges of 200,000 rows; 2 merges left, run it again");
        assert_eq!(Outcome { merges: 0, left: 0, ..outcome }.facts(), "version 43, nothing to merge");
    }
}
