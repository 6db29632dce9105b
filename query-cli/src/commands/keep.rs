//! `weir keep`: how long events, failed events and old versions are kept.

use compact_fn::expire::{RETENTION, Retention, look_for_expired, slack_ms};
use compact_fn::tables::Tables;
use serde::Serialize;
use serde_json::json;
use weir_core::ports::{Clock, SystemClock};
use weir_core::time::DAY_MS;
use weir_lake::{Settings, Store, StoreError, Table as LakeTable, TableName};

use super::failed::agreed;
use super::open_store;
use crate::args::{FormerKeepCommand, KeepArgs, KeepCommand, Kept, LakeArg, SetKeepArgs, ShowKeepArgs, UnsetKeepArgs};
use crate::error::Failure;
use crate::output;
use crate::render::numbers::counted;
use crate::render::table::{Align, Table};
use crate::render::{Records, TableReport};

/// Runs the command.
///
/// # Errors
/// Whatever is wrong with the lake or its settings.
pub async fn run(args: &KeepArgs) -> Result<(), Failure> {
    match &args.command {
        KeepCommand::Show(args) => show(args).await,
        KeepCommand::Set(args) => set(args).await,
        KeepCommand::Unset(args) => unset(args).await,
    }
}

/// Runs the command under the name that it had before, and says what its name is now.
///
/// # Errors
/// As [`run`].
pub async fn run_former(command: &FormerKeepCommand) -> Result<(), Failure> {
    let (name, is_quiet) = match command {
        FormerKeepCommand::Show(args) => ("show", args.output.quiet),
        FormerKeepCommand::Set(args) => ("set", args.output.quiet),
        FormerKeepCommand::Unset(args) => ("unset", args.output.quiet),
    };
    if !is_quiet {
        output::say(format!("note: `weir retention {name}` is `weir keep {name}` now"));
    }
    match command {
        FormerKeepCommand::Show(args) => show(args).await,
        FormerKeepCommand::Set(args) => set(args).await,
        FormerKeepCommand::Unset(args) => unset(args).await,
    }
}

async fn show(args: &ShowKeepArgs) -> Result<(), Failure> {
    let store = open_lake(&args.lake).await?;
    output::print(&Shown::of(&Retention::of(&Settings::newest(&store).await?)?), args.output.format)
}

async fn unset(args: &UnsetKeepArgs) -> Result<(), Failure> {
    let store = open_lake(&args.lake).await?;
    let retention = change(&store, |retention| {
        for kept in &args.what {
            match kept {
                Kept::Events => retention.events = None,
                Kept::Failed => retention.failed = None,
                Kept::OldVersions => retention.old_versions = None,
            }
        }
    });
    output::print(&Shown::of(&retention.await?), args.output.format)
}

async fn open_lake(lake: &LakeArg) -> Result<Store, Failure> {
    let store = open_store(lake).await?;
    LakeTable::must_exist(&store).await?;
    Ok(store)
}

async fn change(store: &Store, how: impl Fn(&mut Retention)) -> Result<Retention, Failure> {
    let changed = Settings::update(store, |settings| {
        let mut retention = Retention::of(settings)?;
        how(&mut retention);
        settings.set(RETENTION, &retention)?;
        Ok::<_, StoreError>(retention)
    });
    Ok(changed.await?)
}

async fn set(args: &SetKeepArgs) -> Result<(), Failure> {
    let store = open_lake(&args.lake).await?;
    let apply = |retention: &mut Retention| {
        for (to, from) in [
            (&mut retention.events, &args.events),
            (&mut retention.failed, &args.failed),
            (&mut retention.old_versions, &args.old_versions),
        ] {
            if from.is_some() {
                to.clone_from(from);
            }
        }
    };
    let mut wanted = Retention::default();
    apply(&mut wanted);
    let mut too_old = [0; 2];
    for table in Tables::new(&store).opened().await? {
        if let Some(retention_ms) = wanted.of_table(table.name()) {
            let found = look_for_expired(table, retention_ms, SystemClock.now_ms()).await?;
            too_old[usize::from(table.name() == TableName::Failed)] = found.rows_removed;
        }
    }
    let [events, failed] = too_old;
    if events + failed > 0 && !args.yes {
        let (events, failed) = (counted(events, "event"), counted(failed, "failed event"));
        agreed(&format!("{events} and {failed} are too old then, and go for good; set it?"))?;
    }
    let retention = change(&store, apply).await?;
    output::print(&Shown::of(&retention), args.output.format)?;
    if !args.output.quiet && events + failed > 0 {
        output::say("what is too old goes within an hour where `weir dev` runs, or with `weir compact`");
    }
    Ok(())
}

/// How long things are kept, as it is printed.
#[derive(Debug, Serialize)]
struct Shown {
    /// `None`: for good.
    events: Option<String>,
    /// The same of failed events.
    failed: Option<String>,
    old_versions: String,
    /// An event is gone so many days after it is too old, at the latest.
    events_gone_after_days: Option<u64>,
    /// The same of failed events.
    failed_gone_after_days: Option<u64>,
}

impl Shown {
    fn of(retention: &Retention) -> Self {
        let gone_ms = |ms: i64| ms.saturating_add(slack_ms(ms)).unsigned_abs();
        let days = |table: TableName| retention.of_table(table).map(|ms| gone_ms(ms).div_ceil(DAY_MS.unsigned_abs()));
        Self {
            events: retention.events.clone(),
            failed: retention.failed.clone(),
            old_versions: retention.old_versions.clone().unwrap_or_else(|| "1h".to_owned()),
            events_gone_after_days: days(TableName::Events),
            failed_gone_after_days: days(TableName::Failed),
        }
    }

    fn rows(&self) -> [(&'static str, Option<&str>, Option<u64>); 3] {
        [
            ("events", self.events.as_deref(), self.events_gone_after_days),
            ("failed", self.failed.as_deref(), self.failed_gone_after_days),
            ("old versions", Some(&self.old_versions), None),
        ]
    }
}

impl TableReport for Shown {
    fn records(&self) -> Records {
        let rows = self.rows().map(|(what, kept, gone)| vec![json!(what), json!(kept), json!(gone)]);
        Records { columns: vec!["what", "kept", "gone_after_days"], rows: rows.to_vec() }
    }

    fn table(&self) -> Table {
        let columns = [("", Align::Left), ("kept", Align::Left), ("gone after", Align::Left)];
        let mut table = Table::new(columns.map(|(title, align)| (title.to_owned(), align)).to_vec());
        for (what, kept, gone) in self.rows() {
            let gone = gone.map_or(String::new(), |days| format!("{days} days at the latest"));
            table.row(vec![what.to_owned(), kept.unwrap_or("for good").to_owned(), gone]);
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
    fn a_retention_is_shown_with_when_things_are_gone() {
        let retention = Retention { events: Some("400d".to_owned()), ..Retention::default() };
        insta::assert_snapshot!(render(&Shown::of(&retention), Format::Table, 80).unwrap(), @"
                      kept      gone after
        ────────────  ────────  ──────────────────────
        events        400d      407 days at the latest
        failed        for good
        old versions  1h
        ");
        insta::assert_snapshot!(render(&Shown::of(&retention), Format::Json, 80).unwrap(), @r#"{"events":"400d","failed":null,"old_versions":"1h","events_gone_after_days":407,"failed_gone_after_days":null}"#);
    }
}
