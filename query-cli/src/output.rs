//! The only place that writes to standard output and standard error.
//!
//! Results go to standard output, buffered, and a reader that stops early ends the command without a word, as it does
//! with `head`. Everything else goes to standard error, and failing to say it is no failure.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;
use crate::error::{Exit, Failure};
use crate::render::{self, Report};

/// Bytes of results that are written at once.
const BUFFER: usize = 128 * 1024;
/// Columns where standard output is no terminal: the same on every machine.
const PIPE_WIDTH: usize = 80;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// Rows with a header line, for spreadsheets
    Csv,
    /// One JSON object a line
    Ndjson,
    /// A table for a document or a chat
    Markdown,
    /// A file of rows with types, for tools that read those
    Parquet,
}

/// Where results go.
#[derive(Debug)]
pub struct Results<W: Write> {
    to: W,
}

impl Results<BufWriter<Stdout>> {
    /// Standard output, buffered: nothing is lost only if [`finish`](Self::finish) is called.
    pub fn stdout() -> Self {
        Self::over(BufWriter::with_capacity(BUFFER, io::stdout()))
    }
}

impl<W: Write> Results<W> {
    /// Any writer, for tests.
    pub fn over(to: W) -> Self {
        Self { to }
    }

    /// Writes text as it is.
    ///
    /// # Errors
    /// [`Exit::EnoughRead`] where nobody reads any more, else why it cannot be written.
    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.to.write_all(text.as_bytes()).map_err(cannot_write)
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.to.write_all(bytes).map_err(cannot_write)
    }

    /// Writes text and a newline.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.text(text)?;
        self.text("\n")
    }

    /// Writes what is still buffered.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn finish(mut self) -> Result<W, Failure> {
        self.to.flush().map_err(cannot_write)?;
        Ok(self.to)
    }
}

fn cannot_write(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::enough_read(),
        _ => Failure::failed(format!("cannot write the results: {error}")),
    }
}

/// Prints a result on standard output.
///
/// # Errors
/// As [`Results::text`].
pub fn print(report: &impl Report, format: Format) -> Result<(), Failure> {
    let mut results = Results::stdout();
    if format == Format::Parquet {
        refuse_terminal()?;
        results.bytes(&render::parquet::file(&report.records()).map_err(Failure::failed)?)?;
    } else {
        results.text(&render::render(report, format, width()).map_err(Failure::failed)?)?;
    }
    results.finish().map(|_| ())
}

/// Refuses to write a file of bytes to a terminal.
///
/// # Errors
/// A usage error.
pub fn refuse_terminal() -> Result<(), Failure> {
    if io::stdout().is_terminal() {
        return Err(
            Failure::usage("a Parquet file is not for a terminal").hint("write it to a file: … > result.parquet")
        );
    }
    Ok(())
}

/// Columns of the terminal on standard output.
pub fn width() -> usize {
    match terminal_size::terminal_size_of(io::stdout()) {
        Some((terminal_size::Width(columns), _)) if columns > 0 => usize::from(columns),
        _ => PIPE_WIDTH,
    }
}

/// Says something on standard error.
pub fn say(message: impl fmt::Display) {
    // Nobody can be told that nobody can be told.
    let _ = writeln!(io::stderr().lock(), "{message}");
}

/// Says what went wrong on standard error, in the form of every message of weir.
pub fn report(failure: &Failure) -> ExitCode {
    if failure.exit != Exit::EnoughRead {
        say(failure_text(failure));
    }
    ExitCode::from(failure.exit.code())
}

/// Prints what the parser of arguments has to say: help and version as results, errors in the form of every message.
pub fn report_arguments(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    match text.strip_prefix("error: ") {
        Some(message) => say(format!("weir: {}", message.trim_end())),
        // Help is text for people: nothing is lost where nobody reads it.
        None => drop(error.print()),
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code()))
}

fn failure_text(failure: &Failure) -> String {
    match &failure.hint {
        Some(hint) => format!("weir: {failure}\nhint: {hint}"),
        None => format!("weir: {failure}"),
    }
}

/// Clears the terminal that results go to, if it is one, for results that take the place of earlier ones.
pub fn clear() {
    if io::stdout().is_terminal() {
        let _ = write!(io::stdout(), "\x1b[2J\x1b[H");
    }
}

/// Whether somebody looks at standard error: progress is for them only.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Sends the log to standard error, from `level` on. `RUST_LOG` asks for more or less of it.
///
/// As JSON it has a line for each request, unless `RUST_LOG` says what it is to have.
pub fn start_logging(level: LevelFilter, format: LogFormat) {
    let filter = EnvFilter::builder().with_default_directive(level.into());
    let asked = std::env::var_os(EnvFilter::DEFAULT_ENV).is_some_and(|asked| !asked.is_empty());
    let filter = match format {
        LogFormat::Json if !asked => filter.parse_lossy(format!("{level},{}=debug", ingest_fn::observe::TARGET)),
        _ => filter.from_env_lossy(),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A second call, as in a test, keeps the first log.
    let _ = match format {
        LogFormat::Json => log.json().with_ansi(false).try_init(),
        // On a terminal the default stands, which heeds NO_COLOR.
        LogFormat::Text if is_watched() => log.with_target(false).try_init(),
        LogFormat::Text => log.with_target(false).with_ansi(false).try_init(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe whose reader reads so many bytes and goes.
    struct Head(usize, io::ErrorKind);

    impl Write for Head {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(self.1)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_read_enough_is_no_failure() {
        let mut results = Results::over(Head(3, io::ErrorKind::BrokenPipe));
        results.line("ab").unwrap();
        let failure = results.line("c").unwrap_err();
        assert_eq!((failure.exit, failure.exit.code()), (Exit::EnoughRead, 0));

        let buffered = BufWriter::new(Head(1, io::ErrorKind::BrokenPipe));
        let mut results = Results::over(buffered);
        results.line("ab").unwrap();
        assert_eq!(results.finish().err().unwrap().exit, Exit::EnoughRead);
    }

    #[test]
    fn a_full_disk_is_a_failure() {
        let mut results = Results::over(Head(0, io::ErrorKind::StorageFull));
        let failure = results.line("a").unwrap_err();
        assert_eq!(
            (failure.exit.code(), failure_text(&failure).as_str()),
            (1, "weir: cannot write the results: no storage space")
        );
    }

    #[test]
    fn a_hint_has_its_own_line() {
        let failure = Failure::usage("no lake given").hint("set WEIR_LAKE");
        assert_eq!(failure_text(&failure), "weir: no lake given\nhint: set WEIR_LAKE");
    }
}
