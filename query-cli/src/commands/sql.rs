//! `weir sql`: the rows of a query, printed as they come.
//!
//! A table for people is laid out by its first rows, so that a result of any length is printed in bounded memory.

use std::io::Write;
use std::path::Path;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
// The JSON writer is a feature of Arrow that DataFusion turns on.
use datafusion::arrow::json::WriterBuilder;
use datafusion::arrow::json::writer::LineDelimited;
use futures::{Stream, StreamExt};

use super::{engine, read_text, say_foreign};
use crate::args::SqlArgs;
use crate::error::Failure;
use crate::output::{self, Format, Results};
use crate::render::csv_line;
use crate::render::numbers::counted;
use crate::render::table::{Align, Layout, markdown_header, markdown_line};

/// A table's columns are as wide as these many first rows need.
const LAYOUT_ROWS: usize = 1_000;
/// What stands in a table where there is no value.
const NULL: &str = "null";

/// Runs the command.
///
/// # Errors
/// What is wrong with the query, or with the lake.
pub async fn run(args: &SqlArgs) -> Result<(), Failure> {
    let query = if args.query == "-" { read_text(Path::new("-"))? } else { args.query.clone() };
    let engine = engine(&args.lake).await?;
    let rows = engine.sql(&query).await?;
    let printer = Printer::new(Results::stdout(), &rows.schema, args.output.format);
    let count = printer.print(rows.batches).await?;
    say_foreign(engine.last_snapshot().await.as_ref());
    if !args.output.quiet {
        output::say(counted(count, "row"));
    }
    Ok(())
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
    /// Rows so far.
    rows: u64,
}

impl<W: Write> Printer<W> {
    fn new(results: Results<W>, schema: &SchemaRef, format: Format) -> Self {
        let align = |kind: &DataType| if kind.is_numeric() { Align::Right } else { Align::Left };
        let columns = schema.fields().iter().map(|field| (field.name().clone(), align(field.data_type())));
        Self { results, format, columns: columns.collect(), layout: None, waiting: Vec::new(), rows: 0 }
    }

    /// Prints all batches and returns how many rows that were.
    async fn print<S, E>(mut self, mut batches: S) -> Result<u64, Failure>
    where
        S: Stream<Item = Result<RecordBatch, E>> + Unpin,
        Failure: From<E>,
    {
        // The first batch comes before the header, so that a query that fails at once prints nothing.
        let mut next = batches.next().await.transpose()?;
        self.begin()?;
        while let Some(batch) = next {
            self.batch(&batch)?;
            self.rows += batch.num_rows() as u64;
            next = batches.next().await.transpose()?;
        }
        self.end()
    }

    fn begin(&mut self) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Ndjson => Ok(()),
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
            let is_first = self.rows == 0 && at == 0;
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

    fn end(mut self) -> Result<u64, Failure> {
        match self.format {
            Format::Json => self.results.text("]\n")?,
            Format::Table => self.table_rows()?,
            _ => {}
        }
        self.results.finish().map(|_| self.rows)
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
