//! The prompt of `weir sql`: statements that end with `;`, over as many lines as they need, and commands that begin with `\`.
//!
//! ```text
//! weir> SELECT event, count(*) AS n
//!       FROM events GROUP BY 1;          ▸ a snapshot of its own, the newest
//! weir> \format csv                      ▸ from now on
//! ```
//!
//! Ctrl-C forgets the line that is typed, or ends the statement that runs; Ctrl-D ends the prompt. What may follow is completed
//! from the catalogue of the lake, which is read beside: nobody waits for it.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arrow::datatypes::DataType;
use clap::ValueEnum;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Behavior, CompletionType, Config, Context, Editor, Helper};
use tokio::signal::unix::{SignalKind, signal};
use weir_core::nearest::nearest;
use weir_lake::TableName;

use super::complete::{COMMANDS, FORMATS, Names, TABLES, complete, quoted};
use super::statement::{is_complete, is_word, split};
use super::{Asking, history};
use crate::engine::{Engine, EngineError};
use crate::error::{Exit, Failure};
use crate::output::{self, Format, Results};
use crate::render::numbers::duration;
use crate::render::table::{Align, Table};

/// Statements that are remembered.
const MOST_HISTORY: usize = 10_000;
/// The first prompt waits so long for the names of the lake, so that the first line can be completed as a rule.
const NAMES_WAIT: Duration = Duration::from_millis(500);

const HELP: &str = "\
A statement ends with ; and may take several lines. It sees the tables events and failed, and funnel('step', …).
  \\d            tables and functions
  \\d TABLE      the columns of a table
  \\format NAME  how rows are printed from now on: table, json, csv, ndjson or markdown
  \\rows N       print at most N rows of a result; 0 prints all
  \\timing       say how long each statement took, or stop saying it
  \\?            this help
  \\q            end; so does Ctrl-D
Tab completes keywords, columns and, in quotes, events and properties. Ctrl-C forgets the line, or ends what runs.";

/// Whether the prompt goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Line,
    End,
}

/// Reads statements and commands until there are no more.
///
/// # Errors
/// Where the lake cannot be opened, or the terminal not be read. What is wrong with a statement is said, and the prompt goes on.
pub async fn run(engine: Engine, asking: Asking) -> Result<(), Failure> {
    let version = engine.snapshot(None).await?.version;
    let mut prompt = Prompt::new(engine, asking)?;
    if !prompt.asking.quiet {
        output::say(format!("Version {version} of the lake. A statement ends with ; and \\? helps."));
    }
    // From here on an interrupt ends a statement, and not the prompt.
    let _interrupts = signal(SignalKind::interrupt())?;
    let _ = tokio::time::timeout(NAMES_WAIT, prompt.read_names()).await;
    loop {
        // Reading a line blocks; what runs beside goes on in other threads.
        match tokio::task::block_in_place(|| prompt.editor.readline("weir> ")) {
            Ok(text) => {
                prompt.remember(&text);
                if prompt.take(&text).await == Next::End {
                    return Ok(());
                }
                prompt.read_names();
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(Failure::failed(format!("cannot read the terminal: {error}"))),
        }
    }
}

struct Prompt {
    engine: Engine,
    asking: Asking,
    editor: Editor<Typing, FileHistory>,
    names: Arc<RwLock<Names>>,
    /// `None` where it cannot be kept.
    history: Option<PathBuf>,
    is_timing: bool,
}

impl Prompt {
    fn new(engine: Engine, asking: Asking) -> Result<Self, Failure> {
        let cannot = |error: ReadlineError| Failure::failed(format!("cannot open a prompt: {error}"));
        // The prompt is for whoever types; rows may go to a file meanwhile.
        let behavior = if io::stdout().is_terminal() { Behavior::Stdio } else { Behavior::PreferTerm };
        let config = Config::builder()
            .max_history_size(MOST_HISTORY)
            .map_err(cannot)?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .behavior(behavior)
            .build();
        let mut editor = Editor::with_config(config).map_err(cannot)?;
        let names = Arc::<RwLock<Names>>::default();
        editor.set_helper(Some(Typing { names: Arc::clone(&names) }));
        let history = history::file().filter(|file| match history::make_folder(file) {
            Ok(()) => true,
            Err(error) => {
                output::say(format!(
                    "what is asked here is not kept: cannot make a folder for `{}`: {error}",
                    file.display()
                ));
                false
            }
        });
        if let Some(file) = &history {
            // There is none before the first line.
            let _ = editor.load_history(file);
        }
        Ok(Self { engine, asking, editor, names, history, is_timing: false })
    }

    /// Reads the names of the lake, beside what goes on; those of a version that was read before take no time.
    fn read_names(&self) -> tokio::task::JoinHandle<()> {
        let (engine, names) = (self.engine.clone(), Arc::clone(&self.names));
        tokio::spawn(async move {
            // Without them there is less to complete.
            if let Ok(read) = names_of(&engine).await {
                *names.write().unwrap_or_else(PoisonError::into_inner) = read;
            }
        })
    }

    fn remember(&mut self, text: &str) {
        let Some(file) = &self.history else { return };
        let kept = self.editor.add_history_entry(text.trim_end()).and_then(|is_new| match is_new {
            // Line by line, so that nothing is lost with the terminal.
            true => self.editor.append_history(file),
            false => Ok(()),
        });
        if let Err(error) = kept {
            output::say(format!("what is asked here is not kept any more: cannot write `{}`: {error}", file.display()));
            self.history = None;
        }
    }

    /// A command, or all statements of a text, up to the first that fails.
    async fn take(&mut self, text: &str) -> Next {
        let text = text.trim();
        if text.starts_with('\\') || is_word(text) {
            return match self.command(text).await {
                Ok(next) => next,
                Err(failure) => {
                    output::report(&failure);
                    Next::Line
                }
            };
        }
        for statement in split(text).0 {
            if !self.ask(statement).await {
                break;
            }
        }
        Next::Line
    }

    /// Whether a statement came to its end.
    async fn ask(&self, statement: &str) -> bool {
        let started_ms = self.engine.now_ms();
        let asked = tokio::select! {
            asked = self.asking.ask(&self.engine, statement) => asked,
            _ = tokio::signal::ctrl_c() => Err(Failure::failed("the statement was ended by an interrupt")),
        };
        if self.is_timing {
            output::say(format!("Time: {}", duration(self.engine.now_ms().abs_diff(started_ms) as f64)));
        }
        match asked {
            Ok(()) => true,
            Err(failure) => {
                output::report(&failure);
                failure.exit == Exit::EnoughRead
            }
        }
    }

    async fn command(&mut self, text: &str) -> Result<Next, Failure> {
        let text = text.trim_end_matches(';').trim_end();
        let (command, argument) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let argument = argument.trim();
        match command.to_lowercase().as_str() {
            "\\q" | "exit" | "quit" => return Ok(Next::End),
            "\\?" | "\\h" | "help" => output::say(HELP),
            "\\timing" => {
                self.is_timing = !self.is_timing;
                output::say(if self.is_timing { "Timing is on." } else { "Timing is off." });
            }
            "\\format" => self.asking.format = format(argument)?,
            "\\rows" => {
                let rows = argument.parse();
                self.asking.max_rows = Some(rows.map_err(|_| {
                    Failure::usage(format!("\\rows: found `{argument}`; expected a number of rows, or 0 for all"))
                })?);
            }
            "\\d" => show(&self.describe(argument).await?)?,
            other => {
                let failure = Failure::usage(format!("there is no command `{other}`"));
                return Err(match nearest(other, COMMANDS) {
                    Some(near) => failure.hint(format!("did you mean `{near}`?")),
                    None => failure.hint("\\? lists those that there are"),
                });
            }
        }
        Ok(Next::Line)
    }

    async fn describe(&self, table: &str) -> Result<Table, Failure> {
        let left = |titles: [&str; 2]| Table::new(titles.map(|title| (title.to_owned(), Align::Left)).to_vec());
        let known = [TableName::Events, TableName::Failed];
        if table.is_empty() {
            let mut tables = left(["name", "what it has"]);
            for (name, what) in [
                ("events", "a row an event"),
                ("failed", "a row for each that was sent and not taken"),
                ("funnel('STEP', …)", "a row a step: how many users took it"),
                ("funnel_users('STEP', …)", "a row a user: how far they came, and when"),
            ] {
                tables.row(vec![name.to_owned(), what.to_owned()]);
            }
            return Ok(tables);
        }
        let Some(name) = known.into_iter().find(|name| name.as_str() == table) else {
            let failure = Failure::usage(format!("there is no table `{table}`"));
            let near = nearest(table, TABLES);
            return Err(failure
                .hint(near.map_or("\\d lists those that there are".to_owned(), |n| format!("did you mean `{n}`?"))));
        };
        let mut columns = left(["column", "type"]);
        for field in self.engine.sql_columns(name).await?.fields() {
            columns.row(vec![quoted(field.name()), type_name(field.data_type()).to_owned()]);
        }
        Ok(columns)
    }
}

fn show(table: &Table) -> Result<(), Failure> {
    let mut results = Results::stdout();
    results.text(&table.text())?;
    results.finish().map(|_| ())
}

fn format(name: &str) -> Result<Format, Failure> {
    Format::from_str(name, true).map_err(|_| {
        let failure = Failure::usage(format!("\\format: found `{name}`; expected {}", FORMATS.join(", ")));
        match nearest(name, FORMATS) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure,
        }
    })
}

/// A type as people call it.
fn type_name(kind: &DataType) -> &'static str {
    match kind {
        DataType::Timestamp(..) => "timestamp",
        DataType::Boolean => "boolean",
        DataType::Float64 => "double",
        kind if kind.is_integer() => "bigint",
        _ => "text",
    }
}

async fn names_of(engine: &Engine) -> Result<Names, EngineError> {
    let lake = engine.catalogue().await?;
    let mut names = Names::default();
    for table in [TableName::Events, TableName::Failed] {
        let columns = engine.sql_columns(table).await?;
        names.columns.extend(columns.fields().iter().map(|field| field.name().clone()));
    }
    names.events = lake.list().events.into_iter().map(|event| event.event).collect();
    let properties = lake.catalogue.events.values().flat_map(|event| event.properties.keys().cloned());
    names.properties = properties.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    Ok(names)
}

/// What the line editor asks while somebody types.
struct Typing {
    names: Arc<RwLock<Names>>,
}

impl Completer for Typing {
    type Candidate = String;

    fn complete(&self, line: &str, cursor: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        Ok(complete(line, cursor, &names))
    }
}

impl Validator for Typing {
    fn validate(&self, typed: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_complete(typed.input()) { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Hinter for Typing {
    type Hint = String;
}

impl Highlighter for Typing {}

impl Helper for Typing {}
