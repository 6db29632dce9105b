//! `weir import`: events of files into a lake, through the same checks and the same landing as HTTP.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use compact_fn::land::Lander;
use flate2::bufread::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use ingest_fn::settings_watch::privacy_of;
use serde::Serialize;
use serde_json::json;
use weir_core::ports::{Clock, RandomIds, SystemClock};
use weir_lake::erased::Refused;
use weir_lake::file_log::{FileLog, SHARD};
use weir_lake::store::IfMissing;
use weir_lake::{Settings, Snapshot, Store, names};

use crate::args::ImportArgs;
use crate::error::Failure;
use crate::importer::{ImportError, ImportTerms, Imported, Input, RejectedLine, import};
use crate::output;
use crate::render::numbers::count;
use crate::render::table::{Align, Table, plain};
use crate::render::{Records, TableReport};

/// Bytes read from a file at a time.
const READ_BYTES: usize = 256 * 1024;

/// Runs the command.
///
/// # Errors
/// A file that cannot be read, or what is wrong with the lake. If every line was rejected, that is a failure too.
pub async fn run(args: &ImportArgs) -> Result<(), Failure> {
    let clock = SystemClock;
    let started_ms = clock.now_ms();
    let bar = progress_bar(args)?;
    let mut inputs = Vec::with_capacity(args.files.len());
    for path in &args.files {
        inputs.push(open(path, &bar)?);
    }
    let store = Store::open(args.lake.url()?, IfMissing::Create).await?;
    let mut lander = Lander::open(&store, Arc::new(clock), Arc::new(RandomIds)).await?;
    let complete_to = |snapshot: &Snapshot| log_is_landed(&store, snapshot).then_some(started_ms);
    let settings = Settings::newest(&store).await?;
    let terms = ImportTerms::new(&args.source, privacy_of(&settings)?, Refused::of(&settings)?);
    let imported = import(&mut lander, inputs, terms, started_ms, complete_to).await;
    bar.finish_and_clear();
    let imported = imported?;
    let elapsed_ms = clock.now_ms().abs_diff(started_ms);
    if !args.output.quiet {
        say_rejections(&imported);
    }
    let nothing_good = imported.accepted == 0 && imported.duplicates == 0 && imported.rejected > 0;
    output::print(&ImportReport { files: args.files.len() as u64, elapsed_ms, imported }, args.output.format)?;
    if nothing_good { Err(Failure::failed("every line was rejected; nothing was imported")) } else { Ok(()) }
}

/// Whether an import may say that the lake is complete: only if no received event still waits in a log beside it.
pub fn log_is_landed(store: &Store, snapshot: &Snapshot) -> bool {
    let Some(directory) = store.directory() else { return false };
    let landed = snapshot.positions.iter().find(|(shard, _)| shard.0 == SHARD).map(|(_, position)| position);
    // A log that cannot be looked at may hold anything.
    FileLog::peek_end(&directory.join(names::FILE_LOG)).is_ok_and(|end| end.as_ref() <= landed)
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Lake(error) => error.into(),
            other => {
                Self::failed(other).hint("what was read before is in the lake; importing again does not count it twice")
            }
        }
    }
}

fn progress_bar(args: &ImportArgs) -> Result<ProgressBar, Failure> {
    let mut bytes = 0;
    for path in args.files.iter().filter(|path| path.as_os_str() != "-") {
        let metadata = std::fs::metadata(path).map_err(|e| cannot_read(path, &e))?;
        if metadata.is_dir() {
            return Err(Failure::failed(format!(
                "`{}` is a directory; give files, such as {0}/*.ndjson",
                path.display()
            )));
        }
        bytes += metadata.len();
    }
    if args.output.quiet || !output::is_watched() {
        return Ok(ProgressBar::hidden());
    }
    let bar = ProgressBar::new(bytes);
    let style = ProgressStyle::with_template("importing {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left")
        .map_err(|e| Failure::failed(format!("progress bar: {e}")))?;
    bar.set_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    Ok(bar)
}

fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot read `{}`: {error}", path.display()))
}

/// Opens a file and what compresses it: told by its first bytes, whatever its name says.
pub(crate) fn open(path: &Path, bar: &ProgressBar) -> Result<Input, Failure> {
    let raw: Box<dyn Read + Send> = if path.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(bar.wrap_read(File::open(path).map_err(|e| cannot_read(path, &e))?))
    };
    let mut raw = BufReader::with_capacity(READ_BYTES, raw);
    let magic = raw.fill_buf().map_err(|e| cannot_read(path, &e))?;
    let lines: Box<dyn BufRead + Send> = if magic.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::with_capacity(READ_BYTES, MultiGzDecoder::new(raw)))
    } else if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = zstd::Decoder::with_buffer(raw).map_err(|e| cannot_read(path, &e))?;
        Box::new(BufReader::with_capacity(READ_BYTES, decoder))
    } else {
        Box::new(raw)
    };
    Ok(Input { name: path.display().to_string(), lines })
}

fn say_rejections(imported: &Imported) {
    const SHOWN: usize = 10;
    for line in imported.rejections.iter().take(SHOWN) {
        output::say(rejection_text(line));
    }
    let more = imported.rejected.saturating_sub(imported.rejections.len().min(SHOWN) as u64);
    if more > 0 {
        output::say(format_args!("… and {} more rejected lines; --format json lists the first 100", count(more)));
    }
}

/// One line for a terminal, whatever the rejected line holds.
fn rejection_text(line: &RejectedLine) -> String {
    let text = format!("{}:{}: rejected ({}): {}", line.file, line.line, line.code, line.message);
    plain(&text).into_owned()
}

#[derive(Debug, Serialize)]
struct ImportReport {
    files: u64,
    #[serde(flatten)]
    imported: Imported,
    elapsed_ms: u64,
}

impl ImportReport {
    fn figures(&self) -> [(&'static str, u64); 4] {
        let Imported { accepted, duplicates, rejected, version, .. } = self.imported;
        [("accepted", accepted), ("duplicates", duplicates), ("rejected", rejected), ("version", version)]
    }
}

impl TableReport for ImportReport {
    fn records(&self) -> Records {
        let row = self.figures().iter().map(|(_, figure)| json!(figure)).collect();
        Records { columns: self.figures().map(|(name, _)| name).to_vec(), rows: vec![row] }
    }

    fn table(&self) -> Table {
        let titles = self.figures().map(|(name, _)| (name.to_owned(), Align::Right));
        let mut table = Table::new(titles.to_vec());
        table.row(self.figures().map(|(_, figure)| count(figure)).to_vec());
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_line_does_not_command_the_terminal() {
        let line = RejectedLine {
            file: "a.ndjson".to_owned(),
            line: 7,
            code: "unknown_field",
            field: "\u{1b}[31mred".to_owned(),
            message: "\u{1b}[31mred: is not a field of an event".to_owned(),
        };
        let text = rejection_text(&line);
        assert_eq!(text, "a.ndjson:7: rejected (unknown_field): \\u{1b}[31mred: is not a field of an event");
    }
}
