//! `weir sql`: the rows of a statement, printed as they come; or a prompt for many.
//!
//! A table for people is laid out by its first rows, so that a result of any length is printed in bounded memory.

mod complete;
mod history;
mod prompt;
mod statement;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
// The JSON writer is a feature of Arrow that DataFusion turns on.
use ::parquet::arrow::ArrowWriter;
use datafusion::arrow::json::WriterBuilder;
use datafusion::arrow::json::writer::LineDelimited;
use futures::{Stream, StreamExt};

use super::{engine, read_text, say_foreign};
use crate::args::SqlArgs;
use crate::engine::{Engine, SqlLimits};
use crate::error::Failure;
use crate::output::{self, Format, Results};
use crate::render::numbers::{count, counted, duration};
use crate::render::table::{Align, Layout, markdown_header, markdown_line};
use crate::render::{csv_line, parquet};

/// A table's columns are as wide as these many first rows need.
const LAYOUT_ROWS: usize = 1_000;
/// A table for people has so many rows where nothing is said: who wants more than can be looked at wants another format.
const TABLE_ROWS: u64 = 1_000;
/// What stands in a table where there is no value.
const NULL: &str = "null";

/// Runs the command.
///
/// # Errors
/// What is wrong with the statement, or with the lake.
pub async fn run(args: &SqlArgs) -> Result<(), Failure> {
    let query = match args.query.as_deref() {
        None if io::stdin().is_terminal() => None,
        None | Some("-") => Some(read_text(Path::new("-"))?),
        Some(query) => Some(query.to_owned()),
    };
    if query.as_deref().is_some_and(|query| query.trim().is_empty()) {
        return Err(
            Failure::usage("no statement given").hint("name it behind `weir sql`, or write it to standard input")
        );
    }
    let engine = engine(&args.lake).await?;
    let asking = Asking::new(args);
    match query {
        Some(query) => asking.ask(&engine, &query).await,
        None => prompt::run(engine, asking).await,
    }
}

/// How statements are asked, and their rows printed.
#[derive(Debug, Clone)]
struct Asking {
    limits: SqlLimits,
    timeout: Option<Duration>,
    /// `None` where it depends on the format; 0 is all.
    max_rows: Option<u64>,
    format: Format,
    quiet: bool,
}

impl Asking {
    fn new(args: &SqlArgs) -> Self {
        Self {
            limits: SqlLimits { memory_bytes: usize::try_from(args.max_memory).unwrap_or(usize::MAX) },
            timeout: args.timeout,
            max_rows: args.max_rows,
            format: args.output.format,
            quiet: args.output.quiet,
        }
    }

    /// Asks one statement, prints its rows and says what is to be known of them.
    async fn ask(&self, engine: &Engine, query: &str) -> Result<(), Failure> {
        let Some(most) = self.timeout else { return self.ask_in_any_time(engine, query).await };
        tokio::time::timeout(most, self.ask_in_any_time(engine, query)).await.unwrap_or_else(|_| {
            let most = duration(most.as_millis() as f64);
            let message = format!("the statement did not end within {most}, and was given up");
            Err(Failure::failed(message).hint("allow more with --timeout, or ask for less"))
        })
    }

    async fn ask_in_any_time(&self, engine: &Engine, query: &str) -> Result<(), Failure> {
        if self.format == Format::Parquet {
            output::refuse_terminal()?;
        }
        let rows = engine.sql(query, self.limits).await?;
        let printer = Printer::new(Results::stdout(), &rows.schema, self.format, self.most_rows())?;
        let printed = printer.print(rows.batches).await?;
        say_foreign(engine.last_snapshot().await.as_ref());
        if printed.hidden > 0 {
            // Not for --quiet to keep back: the result is not whole.
            let all = counted(printed.rows + printed.hidden, "row");
            output::say(format!("{} of {all}; --max-rows 0 prints all", count(printed.rows)));
        } else if !self.quiet {
            output::say(counted(printed.rows, "row"));
        }
        Ok(())
    }

    fn most_rows(&self) -> u64 {
        match (self.max_rows, self.format) {
            (Some(0), _) => u64::MAX,
            (Some(most), _) => most,
            (None, Format::Table) => TABLE_ROWS,
            (None, _) => u64::MAX,
        }
    }
}

/// What became of the rows of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Printed {
    /// Printed.
    rows: u64,
    /// Beyond the limit: counted only.
    hidden: u64,
}

/// Prints batches of rows as they come.
struct Printer<W: Write> {
    results: Results<W>,
    format: Format,
    columns: Vec<(String, Align)>,
    /// For a table, once it is known.
    layout: Option<Layout>,
    /// For a table, rows that wait for the layout.
    waiting: Vec<Vec<String>>,
    /// So many rows are printed at most.
    most: u64,
    /// For Parquet, the file so far: its footer comes last, and until then nobody can read it.
    parquet: Option<ArrowWriter<Vec<u8>>>,
    printed: Printed,
}

impl<W: Write> Printer<W> {
    fn new(results: Results<W>, schema: &SchemaRef, format: Format, most: u64) -> Result<Self, Failure> {
        let align = |kind: &DataType| if kind.is_numeric() { Align::Right } else { Align::Left };
        let columns = schema.fields().iter().map(|field| (field.name().clone(), align(field.data_type())));
        let (columns, printed) = (columns.collect(), Printed::default());
        let parquet = match format {
            Format::Parquet => Some(parquet::writer(Arc::clone(schema)).map_err(Failure::failed)?),
            _ => None,
        };
        Ok(Self { results, format, columns, layout: None, waiting: Vec::new(), most, parquet, printed })
    }

    /// Prints batches, up to the most rows.
    async fn print<S, E>(mut self, mut batches: S) -> Result<Printed, Failure>
    where
        S: Stream<Item = Result<RecordBatch, E>> + Unpin,
        Failure: From<E>,
    {
        // The first batch comes before the header, so that a query that fails at once prints nothing.
        let mut next = batches.next().await.transpose()?;
        self.begin()?;
        while let Some(batch) = next {
            let rows = batch.num_rows();
            let shown = usize::try_from(self.most - self.printed.rows).map_or(rows, |room| room.min(rows));
            if shown > 0 {
                self.batch(&batch.slice(0, shown))?;
            }
            self.printed.rows += shown as u64;
            self.printed.hidden += (rows - shown) as u64;
            next = batches.next().await.transpose()?;
        }
        self.end()
    }

    fn begin(&mut self) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Ndjson | Format::Parquet => Ok(()),
            Format::Json => self.results.text("["),
            Format::Csv => self.results.text(&csv_line(self.columns.iter().map(|(name, _)| Some(name.clone())))),
            Format::Markdown => self.results.text(&markdown_header(&self.columns)),
        }
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        match self.format {
            Format::Json | Format::Ndjson => self.json(batch)?,
            Format::Csv => {
                for row in cells(batch).map_err(Failure::failed)? {
                    self.results.text(&csv_line(row.into_iter()))?;
                }
            }
            Format::Markdown => {
                for row in cells(batch).map_err(Failure::failed)? {
                    self.results.text(&markdown_line(&with_nulls(row)))?;
                }
            }
            Format::Parquet => {
                self.parquet.as_mut().map_or(Ok(()), |file| file.write(batch)).map_err(Failure::failed)?
            }
            Format::Table => {
                let rows = cells(batch).map_err(Failure::failed)?;
                self.waiting.extend(rows.into_iter().map(with_nulls));
                if self.layout.is_some() || self.waiting.len() >= LAYOUT_ROWS {
                    self.table_rows()?;
                }
            }
        }
        Ok(())
    }

    fn json(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        // A stable shape: a column without a value is there, as null.
        let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
        writer.write(batch).map_err(Failure::failed)?;
        let lines = String::from_utf8(writer.into_inner()).map_err(Failure::failed)?;
        if self.format == Format::Ndjson {
            return self.results.text(&lines);
        }
        // JSON texts hold no newline as such, so each line is one object.
        for (at, line) in lines.lines().enumerate() {
            let is_first = self.printed.rows == 0 && at == 0;
            self.results.text(if is_first { "" } else { ",\n " })?;
            self.results.text(line)?;
        }
        Ok(())
    }

    fn table_rows(&mut self) -> Result<(), Failure> {
        let rows = std::mem::take(&mut self.waiting);
        let layout = if let Some(layout) = self.layout.take() {
            layout
        } else {
            let layout = Layout::of(&self.columns, &rows);
            self.results.text(&layout.header(&self.columns))?;
            layout
        };
        for row in rows {
            self.results.text(&layout.line(&row))?;
        }
        self.layout = Some(layout);
        Ok(())
    }

    fn end(mut self) -> Result<Printed, Failure> {
        match self.format {
            Format::Json => self.results.text("]\n")?,
            Format::Parquet => {
                let file = self.parquet.take().map(ArrowWriter::into_inner).transpose().map_err(Failure::failed)?;
                self.results.bytes(&file.unwrap_or_default())?;
            }
            Format::Table => self.table_rows()?,
            _ => {}
        }
        // Beside the rows, for whoever gets only those. In other formats it would be read as one.
        if self.format == Format::Table && self.printed.hidden > 0 {
            let rows = if self.printed.hidden == 1 { "row" } else { "rows" };
            self.results.line(&format!("…and {} more {rows}", count(self.printed.hidden)))?;
        }
        self.results.finish().map(|_| self.printed)
    }
}

/// The values of a batch as text, row by row; `None` where there is no value.
fn cells(batch: &RecordBatch) -> Result<Vec<Vec<Option<String>>>, ArrowError> {
    // For what a list holds; a cell without a value is told apart below.
    let options = FormatOptions::default().with_null(NULL);
    let mut rows: Vec<Vec<Option<String>>> = vec![Vec::with_capacity(batch.num_columns()); batch.num_rows()];
    for column in batch.columns() {
        let formatter = ArrayFormatter::try_new(column, &options)?;
        // A dictionary has its nulls among its values.
        let nulls = column.logical_nulls();
        for (at, row) in rows.iter_mut().enumerate() {
            let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(at));
            row.push(if is_null { None } else { Some(formatter.value(at).try_to_string()?) });
        }
    }
    Ok(rows)
}

fn with_nulls(row: Vec<Option<String>>) -> Vec<String> {
    row.into_iter().map(|cell| cell.unwrap_or_else(|| NULL.to_owned())).collect()
}

#[cfg(test)]
#[path = "sql_tests.rs"]
mod tests;
