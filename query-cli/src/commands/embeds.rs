//! `weir embeds`: links to the answer of one report.

use serde::Serialize;
use serde_json::{Value, json};
use weir_core::ports::{Clock, RandomIds, SystemClock};
use weir_core::time::rfc3339;
use weir_lake::names::SavedKind;
use weir_lake::{Settings, Store, Table as LakeTable};

use super::open_store;
use crate::args::{AddEmbedArgs, CommonEmbedsArgs, EmbedsArgs, EmbedsCommand};
use crate::embeds::{EMBED_PREFIX, Embed, EmbedError, add, disable, embeds_of};
use crate::error::Failure;
use crate::output;
use crate::render::table::{Align, Table};
use crate::render::{Records, TableReport};
use crate::saved::{Library, SavedError};
use crate::tokens::TokenText;

/// Runs the command.
///
/// # Errors
/// Whatever is wrong with the lake, its settings, the report or the embed that was asked for.
pub async fn run(args: &EmbedsArgs) -> Result<(), Failure> {
    let now_ms = SystemClock.now_ms();
    match &args.command {
        EmbedsCommand::Add(args) => make(args, now_ms).await,
        EmbedsCommand::List(args) => {
            let settings = Settings::newest(&open_lake(&args.common).await?).await?;
            let rows = embeds_of(&settings)?.iter().map(|embed| Row::of(embed, now_ms)).collect();
            output::print(&Rows(rows), args.common.output.format)
        }
        EmbedsCommand::Disable(args) => {
            let disabled = disable(&open_lake(&args.common).await?, &args.name, now_ms).await?;
            output::print(&Rows(vec![Row::of(&disabled, now_ms)]), args.common.output.format)?;
            if !args.common.output.quiet {
                output::say("a running `weir serve` knows within seconds");
            }
            Ok(())
        }
    }
}

/// The store of a lake: a folder that holds none is none.
async fn open_lake(args: &CommonEmbedsArgs) -> Result<Store, Failure> {
    let store = open_store(&args.lake).await?;
    LakeTable::must_exist(&store).await?;
    Ok(store)
}

async fn make(args: &AddEmbedArgs, now_ms: i64) -> Result<(), Failure> {
    let store = open_lake(&args.common).await?;
    let report = Library::new(store.clone()).get(SavedKind::Reports, &args.report).await?;
    if report.removed {
        return Err(SavedError::NotThere { kind: SavedKind::Reports, id: args.report.clone() }.into());
    }
    let text = TokenText::fresh_with(EMBED_PREFIX, &RandomIds);
    let embed = Embed::new(&args.name, &args.report, &text, now_ms);
    add(&store, &embed).await?;
    let made = Made { token: text.reveal().to_owned(), name: embed.name, report: embed.report };
    output::print(&made, args.common.output.format)?;
    if !args.common.output.quiet {
        output::say("keep it now: it is not shown again; the link is the address of the server and #embed=TOKEN");
    }
    Ok(())
}

impl From<EmbedError> for Failure {
    fn from(error: EmbedError) -> Self {
        match error {
            EmbedError::Store(error) => error.into(),
            other => Self::failed(other.to_string()),
        }
    }
}

/// What `add` prints.
#[derive(Debug, Serialize)]
struct Made {
    token: String,
    name: String,
    report: String,
}

/// One embed, as `list` and `disable` print it.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    report: String,
    state: &'static str,
    created_at: String,
    created_by: Option<String>,
    /// From then on it is refused.
    disabled_at: Option<String>,
}

/// Several: their document is an array.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Rows(Vec<Row>);

impl Row {
    fn of(embed: &Embed, now_ms: i64) -> Self {
        Self {
            name: embed.name.clone(),
            report: embed.report.clone(),
            state: if embed.is_active(now_ms) { "active" } else { "disabled" },
            created_at: rfc3339(embed.created_at),
            created_by: embed.created_by.clone(),
            disabled_at: embed.disabled_at.map(rfc3339),
        }
    }
}

fn left(title: &str) -> (String, Align) {
    (title.to_owned(), Align::Left)
}

impl TableReport for Rows {
    fn records(&self) -> Records {
        let columns = vec!["name", "report", "state", "created_at", "created_by", "disabled_at"];
        let row = |row: &Row| -> Vec<Value> {
            let Row { name, report, state, created_at, created_by, disabled_at } = row;
            vec![json!(name), json!(report), json!(state), json!(created_at), json!(created_by), json!(disabled_at)]
        };
        Records { columns, rows: self.0.iter().map(row).collect() }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["name", "report", "state", "made", "by"].map(left).to_vec());
        for row in &self.0 {
            let by = row.created_by.clone().unwrap_or_default();
            table.row(vec![row.name.clone(), row.report.clone(), row.state.to_owned(), row.created_at.clone(), by]);
        }
        table
    }
}

impl TableReport for Made {
    fn records(&self) -> Records {
        let row = vec![json!(self.token), json!(self.name), json!(self.report)];
        Records { columns: vec!["token", "name", "report"], rows: vec![row] }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["token", "name", "report"].map(left).to_vec());
        table.row(vec![self.token.clone(), self.name.clone(), self.report.clone()]);
        table
    }
}
