//! `weir delete-user`: takes every event of a user away, and says what remains where, and until when.

use std::collections::BTreeSet;

use compact_fn::erase::{
    Remains, UserIds, cut_short, done_requests, finish_all, linked_devices, open_requests, preview, remains, request,
};
use compact_fn::expire::Retention;
use compact_fn::rewrite::{Deadline, Rewritten};
use compact_fn::tables::Tables;
use compact_fn::vacuum::{Keep, Sweep, Vacuumed, vacuum};
use ingest_fn::settings_watch::{POLL, privacy_of};
use serde::Serialize;
use serde_json::{Value, json};
use weir_core::ports::{Clock, Ids, RandomIds, SystemClock};
use weir_core::time::rfc3339;
use weir_lake::erased::{allow, entries, fresh_secret, refuse};
use weir_lake::{Settings, Store, StoreError, Table as LakeTable, TableName};

use super::failed::agreed;
use super::open_store;
use crate::args::DeleteUserArgs;
use crate::error::Failure;
use crate::output;
use crate::render::numbers::{bytes, count, counted};
use crate::render::table::{Align, Table};
use crate::render::{Records, TableReport};

/// Collectors may take events for so long that are refused from now on, in milliseconds: until they know.
const UNTIL_KNOWN_MS: i64 = 60_000;

/// Runs the command.
///
/// # Errors
/// Whatever is wrong with the lake. An erasure that has begun goes on with the next call, of this command or of a loop.
pub async fn run(args: &DeleteUserArgs) -> Result<(), Failure> {
    let store = open_store(&args.lake).await?;
    LakeTable::must_exist(&store).await?;
    match (&args.id, &args.allow_again) {
        (Some(id), _) => erase(args, &store, id).await,
        (None, Some(id)) => allow_again(args, &store, id).await,
        (None, None) => list(args, &store).await,
    }
}

async fn erase(args: &DeleteUserArgs, store: &Store, id: &str) -> Result<(), Failure> {
    let mut tables = Tables::new(store);
    let settings = Settings::newest(store).await?;
    let user = ids_of(args, &mut tables, &settings, id).await?;
    let mut outcome = Outcome::of(&user, args);
    if args.dry_run || !args.yes {
        (outcome.events, outcome.failed) = preview(&mut tables, &user, &RandomIds).await?;
    }
    if args.dry_run {
        return output::print(&outcome, args.output.format);
    }
    if !args.yes {
        let (events, failed) = (outcome.events.rows_removed, outcome.failed.rows_removed);
        agreed(&format!("erase {} and {} for good?", counted(events, "event"), counted(failed, "failed event")))?;
    }
    if args.refuse_later {
        let (secret, now_ms) = (fresh_secret(|| RandomIds.next_id()), SystemClock.now_ms());
        Settings::update(store, |settings| refuse(settings, id, user.all(), now_ms, &secret)).await?;
    }
    let longer_ms = if args.refuse_later { UNTIL_KNOWN_MS } else { 0 };
    let mine = request(&mut tables, &user, longer_ms, &SystemClock, &RandomIds).await?;
    let erased = finish_all(&mut tables, &SystemClock, &RandomIds, Deadline::NEVER).await?;
    let erased_ms = SystemClock.now_ms();
    outcome.complete = erased.iter().any(|one| one.id == mine) && erased.iter().all(|one| one.done.is_some());
    (outcome.events, outcome.failed) = (Rewritten::default(), Rewritten::default());
    for one in erased {
        // A loop beside this may have done a part of it.
        let total = one.done.filter(|_| one.id == mine);
        outcome.events.add(total.as_ref().map_or(one.events, |done| done.events));
        outcome.failed.add(total.as_ref().map_or(one.failed, |done| done.failed));
        outcome.unreadable_records += total.map_or(0, |done| done.unreadable);
    }
    outcome.request = Some(mine);
    for table in tables.opened().await? {
        match table.name() {
            TableName::Events => outcome.version = table.snapshot().version,
            TableName::Failed => outcome.failed_version = Some(table.snapshot().version),
        }
    }
    let keep = Retention::of(&settings)?.keep();
    if args.vacuum_now {
        outcome.vacuumed = Some(vacuum(&mut tables, Keep { removed_ms: 0 }, Sweep::Remove, &SystemClock).await?);
    }
    let old_versions = outcome.vacuumed.as_ref().is_none_or(|done| done.waiting > 0);
    let until_ms = erased_ms.saturating_add(longer_ms);
    outcome.remains = remains(&mut tables, until_ms, erased_ms, keep, old_versions).await?;
    output::print(&outcome, args.output.format)?;
    say(args, &outcome);
    match outcome.complete {
        true => Ok(()),
        false => Err(Failure::failed("the erasure is not complete").hint("run the same command again")),
    }
}

/// The ids of a user: as given, as events of theirs link them, and as rules of privacy store them.
async fn ids_of(args: &DeleteUserArgs, tables: &mut Tables, settings: &Settings, id: &str) -> Result<UserIds, Failure> {
    let rules = privacy_of(settings)?;
    let stored = |id: &String| [Some(id.clone()), rules.hash_of(id)].into_iter().flatten().collect::<Vec<_>>();
    let users: BTreeSet<String> = stored(&id.to_owned()).into_iter().collect();
    let mut devices: BTreeSet<String> = args.anonymous_ids.iter().flat_map(stored).collect();
    if let Some(events) = tables.opened().await?.iter().find(|table| table.name() == TableName::Events) {
        devices.extend(linked_devices(events, &users).await?);
    }
    devices.retain(|device| !users.contains(device));
    Ok(UserIds { users, devices })
}

fn say(args: &DeleteUserArgs, outcome: &Outcome) {
    if args.output.quiet {
        return;
    }
    let is = if outcome.complete { "complete" } else { "NOT complete" };
    output::say(format_args!("the erasure is {is}: version {}", outcome.version));
    if outcome.refused_later {
        output::say(format_args!("a running collector refuses later events within {} s", POLL.as_secs()));
    }
    for remains in &outcome.remains {
        output::say(format_args!("still in {}: {}, until {}", remains.place, remains.what, remains.until));
    }
}

async fn allow_again(args: &DeleteUserArgs, store: &Store, id: &str) -> Result<(), Failure> {
    let settings = Settings::newest(store).await?;
    let rules = privacy_of(&settings)?;
    let hashed = rules.hash_of(id);
    let ids = || [Some(id), hashed.as_deref()].into_iter().flatten();
    let allowed = Settings::update(store, |settings| allow(settings, ids())).await?;
    if allowed == 0 {
        return Err(Failure::failed("events of this id are not refused").hint("is it written as it was then?"));
    }
    for id in ids() {
        cut_short(store, id, SystemClock.now_ms()).await?;
    }
    let remaining = entries(&Settings::newest(store).await?)?.len() as u64;
    output::print(&Allowed { allowed: allowed as u64, refused: remaining }, args.output.format)?;
    if !args.output.quiet {
        output::say(format_args!("a running collector takes their events within {} s", POLL.as_secs()));
    }
    Ok(())
}

async fn list(args: &DeleteUserArgs, store: &Store) -> Result<(), Failure> {
    let open = open_requests(store).await?;
    let done = done_requests(store).await?;
    let is_done = |id: &str| done.iter().any(|(other, _)| other == id);
    let is_open = |id: &str| open.iter().any(|(other, _)| other == id);
    let mut rows: Vec<Line> = done
        .iter()
        .map(|(id, done)| Line {
            request: id.clone(),
            requested_at: rfc3339(done.requested_at),
            finished_at: Some(rfc3339(done.finished_at)),
            events: done.events.rows_removed,
            failed: done.failed.rows_removed,
            watched: is_open(id),
        })
        .collect();
    rows.extend(open.iter().filter(|(id, _)| !is_done(id)).map(|(id, request)| Line {
        request: id.clone(),
        requested_at: rfc3339(request.requested_at),
        finished_at: None,
        events: 0,
        failed: 0,
        watched: true,
    }));
    output::print(&List(rows), args.output.format)?;
    let settings: Result<Settings, StoreError> = Settings::newest(store).await;
    let refused = entries(&settings?)?.len() as u64;
    if !args.output.quiet {
        output::say(format_args!("events of {} are refused", counted(refused, "erased id")));
    }
    Ok(())
}

/// What an erasure did, or would do.
#[derive(Debug, Serialize)]
struct Outcome {
    /// Whether no event of the user is left in the newest versions.
    complete: bool,
    dry_run: bool,
    request: Option<String>,
    users: Vec<String>,
    anonymous_ids: Vec<String>,
    refused_later: bool,
    /// The version of the events that is free of them.
    version: u64,
    failed_version: Option<u64>,
    events: Rewritten,
    failed: Rewritten,
    unreadable_records: u64,
    vacuumed: Option<Vacuumed>,
    remains: Vec<Remains>,
}

impl Outcome {
    fn of(user: &UserIds, args: &DeleteUserArgs) -> Self {
        Self {
            complete: false,
            dry_run: args.dry_run,
            request: None,
            users: user.users.iter().cloned().collect(),
            anonymous_ids: user.devices.iter().cloned().collect(),
            refused_later: args.refuse_later && !args.dry_run,
            version: 0,
            failed_version: None,
            events: Rewritten::default(),
            failed: Rewritten::default(),
            unreadable_records: 0,
            vacuumed: None,
            remains: Vec::new(),
        }
    }

    fn tables(&self) -> [(&'static str, Rewritten); 2] {
        [("events", self.events), ("failed", self.failed)]
    }
}

impl TableReport for Outcome {
    fn records(&self) -> Records {
        let columns = vec![
            "table",
            "rows_removed",
            "rows_changed",
            "files_rewritten",
            "files_removed",
            "bytes_before",
            "bytes_after",
        ];
        let row = |(table, of): (&str, Rewritten)| -> Vec<Value> {
            let figures = [
                of.rows_removed,
                of.rows_changed,
                of.files_rewritten,
                of.files_removed,
                of.bytes_before,
                of.bytes_after,
            ];
            std::iter::once(json!(table)).chain(figures.map(|figure| json!(figure))).collect()
        };
        Records { columns, rows: self.tables().into_iter().map(row).collect() }
    }

    fn table(&self) -> Table {
        let right = |title: &str| (title.to_owned(), Align::Right);
        let mut table = Table::new(vec![
            (String::new(), Align::Left),
            right(if self.dry_run { "to erase" } else { "erased" }),
            right("ids taken out"),
            right("files rewritten"),
            right("removed"),
            right("bytes before"),
            right("after"),
        ]);
        for (name, of) in self.tables() {
            table.row(vec![
                name.to_owned(),
                count(of.rows_removed),
                count(of.rows_changed),
                count(of.files_rewritten),
                count(of.files_removed),
                bytes(of.bytes_before),
                bytes(of.bytes_after),
            ]);
        }
        table
    }
}

/// What `--allow-again` prints.
#[derive(Debug, Serialize)]
struct Allowed {
    allowed: u64,
    refused: u64,
}

impl TableReport for Allowed {
    fn records(&self) -> Records {
        Records { columns: vec!["allowed", "refused"], rows: vec![vec![json!(self.allowed), json!(self.refused)]] }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["allowed", "refused"].map(|title| (title.to_owned(), Align::Right)).to_vec());
        table.row(vec![count(self.allowed), count(self.refused)]);
        table
    }
}

/// One erasure.
#[derive(Debug, Serialize)]
struct Line {
    request: String,
    requested_at: String,
    /// `None` while it is not finished.
    finished_at: Option<String>,
    events: u64,
    failed: u64,
    /// Whether what lands late is still looked at.
    watched: bool,
}

/// What `--list` prints: its document is an array.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct List(Vec<Line>);

impl TableReport for List {
    fn records(&self) -> Records {
        let row = |line: &Line| {
            let Line { request, requested_at, finished_at, events, failed, watched } = line;
            vec![json!(request), json!(requested_at), json!(finished_at), json!(events), json!(failed), json!(watched)]
        };
        let columns = vec!["request", "requested_at", "finished_at", "events", "failed", "watched"];
        Records { columns, rows: self.0.iter().map(row).collect() }
    }

    fn table(&self) -> Table {
        let left = |title: &str| (title.to_owned(), Align::Left);
        let right = |title: &str| (title.to_owned(), Align::Right);
        let mut table =
            Table::new(vec![left("request"), left("asked for"), left("finished"), right("events"), right("failed")]);
        for line in &self.0 {
            let finished = line.finished_at.clone().unwrap_or_else(|| "not yet".to_owned());
            let cells = [line.request.clone(), line.requested_at.clone(), finished];
            table.row(cells.into_iter().chain([count(line.events), count(line.failed)]).collect());
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
    fn an_outcome_as_a_person_and_a_program_see_it() {
        let events = Rewritten {
            rows_removed: 1_204,
            rows_changed: 3,
            files_rewritten: 7,
            files_removed: 1,
            bytes_before: 4_500_000,
            bytes_after: 4_400_000,
        };
        let outcome = Outcome {
            complete: true,
            dry_run: false,
            request: Some("0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e".to_owned()),
            users: vec!["u1".to_owned()],
            anonymous_ids: vec!["d1".to_owned()],
            refused_later: true,
            version: 43,
            failed_version: None,
            events,
            failed: Rewritten::default(),
            unreadable_records: 0,
            vacuumed: None,
            remains: Vec::new(),
        };
        let show = |format| render(&outcome, format, 100).unwrap();
        insta::assert_snapshot!(show(Format::Table), @"
                erased  ids taken out  files rewritten  removed  bytes before   after
        ──────  ──────  ─────────────  ───────────────  ───────  ────────────  ──────
        events   1,204              3                7        1        4.5 MB  4.4 MB
        failed       0              0                0        0           0 B     0 B
        ");
        insta::assert_snapshot!(show(Format::Csv), @"
        table,rows_removed,rows_changed,files_rewritten,files_removed,bytes_before,bytes_after
        events,1204,3,7,1,4500000,4400000
        failed,0,0,0,0,0,0
        ");
        let json: Value = serde_json::from_str(&show(Format::Json)).unwrap();
        assert_eq!(
            (&json["complete"], &json["version"], &json["events"]["rows_removed"]),
            (&json!(true), &json!(43), &json!(1204))
        );
    }
}
