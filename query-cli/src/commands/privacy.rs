//! `weir privacy`: which properties are dropped or hashed before anything is stored.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ingest_fn::privacy::{Rule, fresh_secret};
use ingest_fn::settings_watch::{POLL, PRIVACY, PRIVACY_SECRET, rules_of};
use serde::Serialize;
use serde_json::{Map, json};
use weir_core::ports::Ids;
use weir_lake::{Settings, Store, Table as LakeTable};

use super::open_store;
use crate::args::{AddRuleArgs, CommonPrivacyArgs, PrivacyArgs, PrivacyCommand, RemoveRuleArgs};
use crate::error::Failure;
use crate::output;
use crate::render::table::{Align, Table};
use crate::render::{Records, TableReport};
use weir_core::ports::RandomIds;

/// Runs the command.
///
/// # Errors
/// Whatever is wrong with the lake, its settings or the rule.
pub async fn run(args: &PrivacyArgs) -> Result<(), Failure> {
    match &args.command {
        PrivacyCommand::Add(args) => add_rule(args).await,
        PrivacyCommand::List(args) => {
            let settings = Settings::newest(&open_lake(&args.common).await?).await?;
            output::print(&List(rules_of(&settings)?.iter().map(Row::of).collect()), args.common.output.format)
        }
        PrivacyCommand::Remove(args) => remove_rule(args).await,
    }
}

async fn add_rule(args: &AddRuleArgs) -> Result<(), Failure> {
    let about = &args.about;
    let rule = Rule {
        property: about.property.clone(),
        action: args.action.into(),
        source: about.source.clone(),
        event: about.event.clone(),
        other: Map::new(),
    };
    rule.check().map_err(Failure::usage)?;
    let store = open_lake(&args.common).await?;
    Settings::update(&store, |settings| add(settings, &rule, &RandomIds)).await?;
    output::print(&One(Row::of(&rule)), args.common.output.format)?;
    note(&args.common);
    Ok(())
}

async fn remove_rule(args: &RemoveRuleArgs) -> Result<(), Failure> {
    let store = open_lake(&args.common).await?;
    let removed = Settings::update(&store, |settings| remove(settings, args)).await?;
    output::print(&One(Row::of(&removed)), args.common.output.format)?;
    note(&args.common);
    Ok(())
}

/// Adds a rule, or gives one about the same property of the same events its action. The secret is made with the first rule,
/// and stays: under another one the same values would have other hashes.
fn add(settings: &mut Settings, rule: &Rule, ids: &dyn Ids) -> Result<(), Failure> {
    let mut rules = rules_of(settings)?;
    match rules.iter_mut().find(|other| other.is_about_the_same(rule)) {
        Some(other) => other.action = rule.action,
        None => rules.push(rule.clone()),
    }
    settings.set(PRIVACY, &rules)?;
    if settings.get::<String>(PRIVACY_SECRET)?.is_none() {
        settings.set(PRIVACY_SECRET, &STANDARD.encode(fresh_secret(ids)))?;
    }
    Ok(())
}

fn remove(settings: &mut Settings, args: &RemoveRuleArgs) -> Result<Rule, Failure> {
    let mut rules = rules_of(settings)?;
    let about = &args.about;
    let is_meant =
        |rule: &Rule| (&rule.property, &rule.source, &rule.event) == (&about.property, &about.source, &about.event);
    let Some(at) = rules.iter().position(is_meant) else {
        let failure = Failure::failed(format!("there is no such rule about `{}`", about.property));
        return Err(
            failure.hint("list the rules with `weir privacy list`, and give --source and --event as they are there")
        );
    };
    let removed = rules.remove(at);
    settings.set(PRIVACY, &rules)?;
    Ok(removed)
}

/// The store of a lake: a folder that holds none is none.
async fn open_lake(args: &CommonPrivacyArgs) -> Result<Store, Failure> {
    let store = open_store(&args.lake).await?;
    LakeTable::must_exist(&store).await?;
    Ok(store)
}

fn note(args: &CommonPrivacyArgs) {
    if !args.output.quiet {
        output::say(format_args!(
            "a running collector knows within {} s; what is in the lake already stays as it is",
            POLL.as_secs()
        ));
    }
}

/// One rule, as it is printed.
#[derive(Debug, Serialize)]
struct Row {
    property: String,
    action: String,
    /// `None`: of any.
    source: Option<String>,
    /// `None`: of any.
    event: Option<String>,
}

/// What `list` prints: its document is an array.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct List(Vec<Row>);

/// What `add` and `remove` print.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct One(Row);

impl Row {
    fn of(rule: &Rule) -> Self {
        Self {
            property: rule.property.clone(),
            action: rule.action.to_string(),
            source: rule.source.as_ref().map(ToString::to_string),
            event: rule.event.clone(),
        }
    }
}

fn table(rows: &[Row]) -> Table {
    let columns = ["property", "action", "source", "event"].map(|title| (title.to_owned(), Align::Left));
    let mut table = Table::new(columns.to_vec());
    for row in rows {
        let or_any = |name: &Option<String>| name.clone().unwrap_or_else(|| "any".to_owned());
        table.row(vec![row.property.clone(), row.action.clone(), or_any(&row.source), or_any(&row.event)]);
    }
    table
}

fn records(rows: &[Row]) -> Records {
    let row = |row: &Row| vec![json!(row.property), json!(row.action), json!(row.source), json!(row.event)];
    Records { columns: vec!["property", "action", "source", "event"], rows: rows.iter().map(row).collect() }
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
mod tests {
    use ingest_fn::privacy::Action;
    use ingest_fn::settings_watch::privacy_of;
    use weir_core::ports::CountingIds;

    use super::*;
    use crate::args::RuleArgs;

    fn rule(property: &str, action: Action) -> Rule {
        Rule { property: property.to_owned(), action, source: None, event: None, other: Map::new() }
    }

    #[test]
    fn a_secret_is_made_once_and_a_property_has_one_rule() {
        let (mut settings, ids) = (Settings::default(), CountingIds::default());
        add(&mut settings, &rule("email", Action::Drop), &ids).unwrap();
        let secret = settings.get::<String>(PRIVACY_SECRET).unwrap().unwrap();
        add(&mut settings, &rule("email", Action::Hash), &ids).unwrap();
        add(&mut settings, &rule("phone", Action::Hash), &ids).unwrap();
        assert_eq!(settings.get::<String>(PRIVACY_SECRET).unwrap().unwrap(), secret);
        assert_eq!(rules_of(&settings).unwrap(), [rule("email", Action::Hash), rule("phone", Action::Hash)]);
        assert!(privacy_of(&settings).unwrap().concern("any"));

        let common = || CommonPrivacyArgs { lake: Default::default(), output: Default::default() };
        let about = |event: Option<&str>| RuleArgs {
            property: "email".to_owned(),
            source: None,
            event: event.map(str::to_owned),
        };
        let other = RemoveRuleArgs { about: about(Some("signup")), common: common() };
        assert!(remove(&mut settings, &other).is_err(), "a rule about some events is another rule");
        let removed = remove(&mut settings, &RemoveRuleArgs { about: about(None), common: common() }).unwrap();
        assert_eq!(removed, rule("email", Action::Hash));
        assert_eq!(rules_of(&settings).unwrap(), [rule("phone", Action::Hash)]);
        assert_eq!(settings.get::<String>(PRIVACY_SECRET).unwrap().unwrap(), secret, "old hashes can still be made");
    }
}
