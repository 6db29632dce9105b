//! `weir tokens`: who may ask a server of a lake.

use serde::Serialize;
use serde_json::{Value, json};
use weir_core::nearest::nearest;
use weir_core::ports::{Clock, RandomIds, SystemClock};
use weir_core::time::rfc3339;
use weir_lake::{Settings, Store, Table as LakeTable};

use super::open_store;
use crate::args::{AddTokenArgs, CommonTokensArgs, TokensArgs, TokensCommand};
use crate::error::Failure;
use crate::output;
use crate::render::table::{Align, Table};
use crate::render::{Records, TableReport};
use crate::tokens::{Role, TOKENS, Token, TokenText, tokens_of};

/// Runs the command.
///
/// # Errors
/// Whatever is wrong with the lake, its settings or the token that was asked for.
pub async fn run(args: &TokensArgs) -> Result<(), Failure> {
    let now_ms = SystemClock.now_ms();
    match &args.command {
        TokensCommand::Add(args) => add(args, now_ms).await,
        TokensCommand::List(args) => {
            let settings = Settings::newest(&open_lake(&args.common).await?).await?;
            let rows = tokens_of(&settings)?.iter().map(|token| Row::of(token, now_ms)).collect();
            output::print(&Rows(rows), args.common.output.format)
        }
        TokensCommand::Disable(args) => {
            let store = open_lake(&args.common).await?;
            let disabled = update(&store, |tokens| disable(tokens, &args.name, now_ms)).await?;
            output::print(&One(Row::of(&disabled, now_ms)), args.common.output.format)?;
            if !args.common.output.quiet {
                output::say("a running `weir serve` knows within seconds");
            }
            Ok(())
        }
    }
}

/// The store of a lake: a folder that holds none is none.
async fn open_lake(args: &CommonTokensArgs) -> Result<Store, Failure> {
    let store = open_store(&args.lake).await?;
    LakeTable::must_exist(&store).await?;
    Ok(store)
}

async fn update<T>(store: &Store, change: impl Fn(&mut Vec<Token>) -> Result<T, Failure>) -> Result<T, Failure> {
    Settings::update(store, |settings| {
        let mut tokens = tokens_of(settings)?;
        let outcome = change(&mut tokens)?;
        settings.set(TOKENS, &tokens)?;
        Ok(outcome)
    })
    .await
}

async fn add(args: &AddTokenArgs, now_ms: i64) -> Result<(), Failure> {
    let store = open_lake(&args.common).await?;
    let text = TokenText::fresh(&RandomIds);
    let token = Token::new(&args.name, args.role, &text, now_ms);
    update(&store, |tokens| push(tokens, token.clone())).await?;
    let added = Added { token: text.reveal().to_owned(), name: token.name, role: token.role };
    output::print(&added, args.common.output.format)?;
    if !args.common.output.quiet {
        output::say("keep it now: it is not shown again; a running `weir serve` knows it within seconds");
    }
    Ok(())
}

/// A name belongs to one token for good: what somebody saved has it.
fn push(tokens: &mut Vec<Token>, token: Token) -> Result<(), Failure> {
    if let Some(taken) = tokens.iter().find(|known| known.name == token.name) {
        let state = if taken.disabled_at.is_some() { "one that is disabled" } else { "one" };
        return Err(Failure::failed(format!("there is a token `{}` already, {state}", token.name))
            .hint("take another name: names stand beside what somebody saved"));
    }
    tokens.push(token);
    Ok(())
}

fn disable(tokens: &mut [Token], name: &str, now_ms: i64) -> Result<Token, Failure> {
    let near = nearest(name, tokens.iter().map(|token| token.name.as_str())).map(str::to_owned);
    let Some(token) = tokens.iter_mut().find(|token| token.name == name) else {
        let hint =
            near.map_or("list them with `weir tokens list`".to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(Failure::failed(format!("there is no token `{name}`")).hint(hint));
    };
    // When it was switched off first is what is worth keeping.
    token.disabled_at = Some(token.disabled_at.map_or(now_ms, |at| at.min(now_ms)));
    Ok(token.clone())
}

/// What `add` prints.
#[derive(Debug, Serialize)]
struct Added {
    token: String,
    name: String,
    role: Role,
}

/// One token, as `list` and `disable` print it.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    role: Role,
    state: &'static str,
    created_at: String,
    /// From then on it is refused.
    disabled_at: Option<String>,
}

/// What `list` prints: its document is an array.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Rows(Vec<Row>);

/// What `disable` prints.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct One(Row);

impl Row {
    fn of(token: &Token, now_ms: i64) -> Self {
        Self {
            name: token.name.clone(),
            role: token.role,
            state: if token.is_active(now_ms) { "active" } else { "disabled" },
            created_at: rfc3339(token.created_at),
            disabled_at: token.disabled_at.map(rfc3339),
        }
    }
}

fn records(rows: &[Row]) -> Records {
    let columns = vec!["name", "role", "state", "created_at", "disabled_at"];
    let row = |row: &Row| -> Vec<Value> {
        vec![json!(row.name), json!(row.role), json!(row.state), json!(row.created_at), json!(row.disabled_at)]
    };
    Records { columns, rows: rows.iter().map(row).collect() }
}

fn left(title: &str) -> (String, Align) {
    (title.to_owned(), Align::Left)
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(["name", "role", "state", "made"].map(left).to_vec());
    for row in rows {
        table.row(vec![row.name.clone(), row.role.to_string(), row.state.to_owned(), row.created_at.clone()]);
    }
    table
}

impl TableReport for Rows {
    fn records(&self) -> Records {
        records(&self.0)
    }

    fn table(&self) -> Table {
        table(&self.0)
    }
}

impl TableReport for One {
    fn records(&self) -> Records {
        records(std::slice::from_ref(&self.0))
    }

    fn table(&self) -> Table {
        table(std::slice::from_ref(&self.0))
    }
}

impl TableReport for Added {
    fn records(&self) -> Records {
        let row = vec![json!(self.token), json!(self.name), json!(self.role)];
        Records { columns: vec!["token", "name", "role"], rows: vec![row] }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["token", "name", "role"].map(left).to_vec());
        table.row(vec![self.token.clone(), self.name.clone(), self.role.to_string()]);
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str) -> Token {
        Token::new(name, Role::Viewer, &TokenText::sent(name), 1_767_225_600_000)
    }

    #[test]
    fn a_name_belongs_to_one_token() {
        let mut tokens = vec![token("ana")];
        push(&mut tokens, token("bob")).unwrap();
        let taken = push(&mut tokens, token("ana")).unwrap_err();
        assert_eq!(taken.message, "there is a token `ana` already, one");
        disable(&mut tokens, "ana", 5).unwrap();
        assert!(push(&mut tokens, token("ana")).unwrap_err().message.ends_with("one that is disabled"));
    }

    #[test]
    fn a_token_is_disabled_once() {
        let mut tokens = vec![token("ana")];
        assert_eq!(disable(&mut tokens, "ana", 7).unwrap().disabled_at, Some(7));
        assert_eq!(disable(&mut tokens, "ana", 9).unwrap().disabled_at, Some(7));
        let unknown = disable(&mut tokens, "anna", 9).unwrap_err();
        assert_eq!(
            (unknown.message.as_str(), unknown.hint.as_deref()),
            ("there is no token `anna`", Some("did you mean `ana`?"))
        );
    }

    #[test]
    fn the_table_has_no_secret() {
        let rows = [Row::of(&token("ana"), i64::MAX)];
        insta::assert_snapshot!(table(&rows).text(), @"
        name  role    state   made
        ────  ──────  ──────  ────────────────────────
        ana   viewer  active  2026-01-01T00:00:00.000Z
        ");
    }
}
