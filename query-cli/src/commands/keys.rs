//! `weir keys`: who may send events to a lake.

use ingest_fn::keys::{Key, NewKey, State, WriteKey};
use ingest_fn::plan::PlanMode;
use serde::Serialize;
use serde_json::{Value, json};
use weir_core::ports::{Clock, Ids, RandomIds, SystemClock};
use weir_core::time::rfc3339;
use weir_lake::{Settings, Store, Table as LakeTable};

use super::open_store;
use crate::args::{AddKeyArgs, CommonKeysArgs, KeyChanges, KeysArgs, KeysCommand, OriginsChange, RotateKeyArgs};
use crate::error::Failure;
use crate::output;
use crate::render::numbers::count;
use crate::render::table::{Align, Table};
use crate::render::{Records, TableReport};
use ingest_fn::settings_watch::{KEYS, POLL, keys_of};

/// Characters of a key that a message shows: enough to find it.
const SHOWN_CHARS: usize = 10;

/// Runs the command.
///
/// # Errors
/// Whatever is wrong with the lake, its settings or the key that was asked for.
pub async fn run(args: &KeysArgs) -> Result<(), Failure> {
    let now_ms = SystemClock.now_ms();
    match &args.command {
        KeysCommand::Add(args) => add(args, now_ms).await,
        KeysCommand::List(args) => {
            let settings = Settings::newest(&open_lake(&args.common).await?).await?;
            let rows = keys_of(&settings)?.iter().map(|key| Row::of(key, now_ms)).collect();
            output::print(&List(rows), args.common.output.format)
        }
        KeysCommand::Set(args) => change(&args.common, |keys| set(keys, &args.key, &args.changes), now_ms).await,
        KeysCommand::Disable(args) => change(&args.common, |keys| disable(keys, &args.key, now_ms), now_ms).await,
        KeysCommand::Enable(args) => change(&args.common, |keys| enable(keys, &args.key), now_ms).await,
        KeysCommand::Rotate(args) => rotate_key(args, now_ms).await,
    }
}

async fn add(args: &AddKeyArgs, now_ms: i64) -> Result<(), Failure> {
    let store = open_lake(&args.common).await?;
    let new = NewKey {
        source: args.source.clone(),
        origins: args.origins.clone(),
        events_per_second: args.events_per_second,
        burst: args.burst,
        store_ip: args.store_ip,
        plan: args.plan,
    };
    let key = Key::new(new, &RandomIds, now_ms);
    update(&store, |keys| {
        keys.push(key.clone());
        Ok(())
    })
    .await?;
    output::print(
        &Added { key: key.key.as_str().to_owned(), source: key.source.to_string() },
        args.common.output.format,
    )?;
    note(&args.common, "");
    Ok(())
}

async fn rotate_key(args: &RotateKeyArgs, now_ms: i64) -> Result<(), Failure> {
    let store = open_lake(&args.common).await?;
    let ends_at = now_ms.saturating_add(args.grace);
    let rotated = update(&store, |keys| rotate(keys, &args.key, &RandomIds, now_ms, ends_at)).await?;
    output::print(&rotated, args.common.output.format)?;
    note(&args.common, &format!("; the old key goes on until {}", rotated.replaced_until));
    Ok(())
}

async fn change(
    args: &CommonKeysArgs,
    change: impl Fn(&mut [Key]) -> Result<Key, Failure>,
    now_ms: i64,
) -> Result<(), Failure> {
    let changed = update(&open_lake(args).await?, |keys| change(keys)).await?;
    output::print(&One(Row::of(&changed, now_ms)), args.output.format)?;
    note(args, "");
    Ok(())
}

/// Changes the keys of a lake.
async fn update<T>(store: &Store, change: impl Fn(&mut Vec<Key>) -> Result<T, Failure>) -> Result<T, Failure> {
    Settings::update(store, |settings| {
        let mut keys = keys_of(settings)?;
        let outcome = change(&mut keys)?;
        settings.set(KEYS, &keys)?;
        Ok(outcome)
    })
    .await
}

/// The store of a lake: a folder that holds none is none.
async fn open_lake(args: &CommonKeysArgs) -> Result<Store, Failure> {
    let store = open_store(&args.lake).await?;
    LakeTable::must_exist(&store).await?;
    Ok(store)
}

fn note(args: &CommonKeysArgs, more: &str) {
    if !args.output.quiet {
        output::say(format_args!("a running collector knows within {} s{more}", POLL.as_secs()));
    }
}

/// What is not named stays; a key that may bring any number of events has no burst.
fn set(keys: &mut [Key], wanted: &str, changes: &KeyChanges) -> Result<Key, Failure> {
    let key = find(keys, wanted)?;
    if let Some(plan) = changes.plan {
        key.plan = plan;
    }
    let origins = changes.origins.iter().filter_map(|origin| match origin {
        OriginsChange::Any => None,
        OriginsChange::Of(origin) => Some(origin.clone()),
    });
    let origins: Vec<_> = origins.collect();
    if changes.origins.contains(&OriginsChange::Any) && !origins.is_empty() {
        return Err(Failure::usage("`--origin any` beside other origins: any origin, or only those?"));
    }
    if !changes.origins.is_empty() {
        key.origins = origins;
    }
    if let Some(limit) = changes.events_per_second {
        key.events_per_second = limit.number();
    }
    if let Some(burst) = changes.burst {
        key.burst = burst.number();
    }
    if key.events_per_second.is_none() {
        if changes.burst.is_some_and(|burst| burst.number().is_some()) {
            let message = format!("the key {} may bring any number of events, so it has no burst", shown(&key.key));
            return Err(Failure::usage(message).hint("give --events-per-second too"));
        }
        key.burst = None;
    }
    Ok(key.clone())
}

/// Switches a key off.
///
/// # Errors
/// As [`find`].
pub fn disable(keys: &mut [Key], wanted: &str, now_ms: i64) -> Result<Key, Failure> {
    let key = find(keys, wanted)?;
    // When a key was switched off first is what is worth keeping.
    key.disabled_at = Some(key.disabled_at.map_or(now_ms, |at| at.min(now_ms)));
    Ok(key.clone())
}

fn enable(keys: &mut [Key], wanted: &str) -> Result<Key, Failure> {
    let key = find(keys, wanted)?;
    key.disabled_at = None;
    Ok(key.clone())
}

/// Replaces a key by a new one like it; the old one ends later.
///
/// # Errors
/// As [`find`]; it is replaced or disabled already.
pub fn rotate(keys: &mut Vec<Key>, wanted: &str, ids: &dyn Ids, now_ms: i64, ends_at: i64) -> Result<Rotated, Failure> {
    let old = find(keys, wanted)?;
    let shown = shown(&old.key);
    match old.state(now_ms) {
        State::Active => {}
        State::Ending => {
            return Err(Failure::failed(format!("the key {shown} was replaced already, and ends by itself")).hint(
                format!("rotate the key that replaced it, or let this one go on with `weir keys enable {shown}`"),
            ));
        }
        State::Disabled => {
            return Err(Failure::failed(format!("the key {shown} is disabled, so there is nothing to replace"))
                .hint(format!("make a new one for the source `{}` with `weir keys add`", old.source)));
        }
    }
    let new = old.successor(ids, now_ms);
    old.disabled_at = Some(ends_at);
    let rotated = Rotated {
        key: new.key.as_str().to_owned(),
        source: new.source.to_string(),
        replaces: old.key.as_str().to_owned(),
        replaced_until: rfc3339(ends_at),
    };
    keys.push(new);
    Ok(rotated)
}

/// The key of this text, or the only one that begins with it.
///
/// # Errors
/// There is none, or more than one.
pub fn find<'a>(keys: &'a mut [Key], wanted: &str) -> Result<&'a mut Key, Failure> {
    let list = "list the keys with `weir keys list`";
    let matches =
        |key: &Key| key.key.as_str().starts_with(wanted) && wanted.len() > ingest_fn::keys::model::KEY_PREFIX.len();
    let found: Vec<usize> = (0..keys.len()).filter(|at| keys.get(*at).is_some_and(matches)).collect();
    let exact = found.iter().copied().find(|at| keys.get(*at).is_some_and(|key| key.key.as_str() == wanted));
    let at = match (exact, found.as_slice()) {
        (Some(at), _) => at,
        (None, [at]) => *at,
        (None, []) => return Err(Failure::failed(format!("there is no key `{wanted}`")).hint(list)),
        (None, several) => {
            let message = format!("{} keys begin with `{wanted}`", count(several.len() as u64));
            return Err(Failure::failed(message).hint(format!("give more of it; {list}")));
        }
    };
    keys.get_mut(at).ok_or_else(|| Failure::failed(format!("there is no key `{wanted}`")))
}

fn shown(key: &WriteKey) -> String {
    key.as_str().chars().take(SHOWN_CHARS).collect()
}

/// What `add` prints.
#[derive(Debug, Serialize)]
struct Added {
    key: String,
    source: String,
}

/// What `rotate` prints.
#[derive(Debug, Serialize)]
pub struct Rotated {
    key: String,
    source: String,
    /// The old key.
    replaces: String,
    /// From then on the old key is refused.
    replaced_until: String,
}

/// One key, as `list`, `set`, `disable` and `enable` print it.
#[derive(Debug, Serialize)]
pub struct Row {
    key: String,
    source: String,
    state: State,
    created_at: String,
    /// From then on it is refused.
    disabled_at: Option<String>,
    /// Empty: any.
    origins: Vec<String>,
    events_per_second: Option<u32>,
    burst: Option<u32>,
    /// Whether the address of who sends is stored.
    store_ip: bool,
    plan: PlanMode,
}

/// What `list` prints: its document is an array.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct List(Vec<Row>);

/// What `set`, `disable` and `enable` print.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct One(Row);

impl Row {
    /// As it is at an instant.
    pub fn of(key: &Key, now_ms: i64) -> Self {
        let rate = key.rate();
        Self {
            key: key.key.as_str().to_owned(),
            source: key.source.to_string(),
            state: key.state(now_ms),
            created_at: rfc3339(key.created_at),
            disabled_at: key.disabled_at.map(rfc3339),
            origins: key.origins.iter().map(ToString::to_string).collect(),
            events_per_second: rate.map(|rate| rate.events_per_second.get()),
            burst: rate.map(|rate| rate.burst.get()),
            store_ip: key.store_ip,
            plan: key.plan,
        }
    }

    fn cells(&self) -> Vec<String> {
        let until = |what: &str| format!("{what} {}", self.disabled_at.as_deref().unwrap_or_default());
        let state = match self.state {
            State::Active => "active".to_owned(),
            State::Ending => until("until"),
            State::Disabled => "disabled".to_owned(),
        };
        let origins = if self.origins.is_empty() { "any".to_owned() } else { self.origins.join(" ") };
        let rate = match (self.events_per_second, self.burst) {
            (Some(rate), Some(burst)) => format!("{} (burst {})", count(rate.into()), count(burst.into())),
            _ => "any".to_owned(),
        };
        vec![self.key.clone(), self.source.clone(), state, origins, rate, self.plan.to_string()]
    }
}

fn table(rows: &[Row]) -> Table {
    let left = |title: &str| (title.to_owned(), Align::Left);
    let mut table = Table::new(["key", "source", "state", "origins", "events a second", "plan"].map(left).to_vec());
    rows.iter().for_each(|row| table.row(row.cells()));
    table
}

fn records(rows: &[Row]) -> Records {
    let columns = vec![
        "key",
        "source",
        "state",
        "created_at",
        "disabled_at",
        "origins",
        "events_per_second",
        "burst",
        "store_ip",
        "plan",
    ];
    let row = |row: &Row| -> Vec<Value> {
        vec![
            json!(row.key),
            json!(row.source),
            json!(row.state),
            json!(row.created_at),
            json!(row.disabled_at),
            json!(row.origins),
            json!(row.events_per_second),
            json!(row.burst),
            json!(row.store_ip),
            json!(row.plan),
        ]
    };
    Records { columns, rows: rows.iter().map(row).collect() }
}

/// A table of one row, whose columns are named.
fn one_row(fields: &[(&'static str, &str)]) -> Table {
    let mut table = Table::new(fields.iter().map(|(name, _)| ((*name).to_owned(), Align::Left)).collect());
    table.row(fields.iter().map(|(_, value)| (*value).to_owned()).collect());
    table
}

fn one_record(fields: &[(&'static str, &str)]) -> Records {
    let row = fields.iter().map(|(_, value)| json!(value)).collect();
    Records { columns: fields.iter().map(|(name, _)| *name).collect(), rows: vec![row] }
}

impl Added {
    fn fields(&self) -> [(&'static str, &str); 2] {
        [("key", &self.key), ("source", &self.source)]
    }
}

impl Rotated {
    fn fields(&self) -> [(&'static str, &str); 4] {
        [
            ("key", &self.key),
            ("source", &self.source),
            ("replaces", &self.replaces),
            ("replaced_until", &self.replaced_until),
        ]
    }
}

impl TableReport for Added {
    fn records(&self) -> Records {
        one_record(&self.fields())
    }

    fn table(&self) -> Table {
        one_row(&self.fields())
    }
}

impl TableReport for Rotated {
    fn records(&self) -> Records {
        one_record(&self.fields())
    }

    fn table(&self) -> Table {
        one_row(&self.fields())
    }
}

impl TableReport for List {
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

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
