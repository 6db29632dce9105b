//! Which properties get columns of their own: see [`typed`](weir_lake::typed).
//!
//! ```text
//! notes of the files that are merged ─┬─ planned as a text, a number or a flag, and there      ─┐
//!                                     └─ in a twentieth of the events, nine in ten of one kind  ─┴─▶ the table's columns from now on
//! ```
//!
//! What is planned has a column however small the lake is. Observation needs many rows: those of a small lake are read in no time
//! anyway, taking their texts apart makes a merge a third longer, and the first hundred events say little of the next million.
//! Columns only become more: a property that nobody sends any more leaves an empty column, which costs next to nothing in a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use weir_core::plan::{self, JsonType, Plan};
use weir_lake::catalogue::{self, Catalogue, Kind};
use weir_lake::typed::{ColumnKind, MOST_COLUMNS, TypedColumn, may_have_column, same_name};
use weir_lake::{DataFile, LakeError, Settings, Snapshot, Table};

/// Live rows of the table from which on columns are chosen by observation.
const MANY_ROWS: u64 = 4 * 1024 * 1024;
/// Notes that are looked at: those of the largest files.
const NOTES: usize = 16;
/// Columns of a table up to which observation alone gives it more. The others are left to the tracking plan.
const OBSERVED_COLUMNS: usize = 16;
/// A property is observed often enough if one event in so many has it.
const ONE_IN: u64 = 20;
/// One that is planned, if one event in so many has it.
const PLANNED_ONE_IN: u64 = 1_000;

/// The columns that files have which are merged of `inputs`: those that the table has, and more, if these are worth it.
pub(super) async fn choose(
    table: &Table,
    snapshot: &Snapshot,
    inputs: &[Arc<DataFile>],
    plan: Option<&Plan>,
) -> Result<Vec<TypedColumn>, LakeError> {
    let have = snapshot.typed_columns().to_vec();
    let is_many = snapshot.rows() >= MANY_ROWS;
    if have.len() >= MOST_COLUMNS || (plan.is_none() && (!is_many || have.len() >= OBSERVED_COLUMNS)) {
        return Ok(have);
    }
    let mut largest = inputs.to_vec();
    largest.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.path.cmp(&b.path)));
    largest.truncate(NOTES);
    let noted = catalogue::read::merged(table.store(), snapshot.version, &largest).await?;
    Ok(noted.map_or_else(|| have.clone(), |noted| extend(have.clone(), &noted, plan, is_many)))
}

/// The tracking plan that is in force. One that cannot be read is none: files are merged all the same.
pub(super) async fn plan_in_force(table: &Table) -> Option<Plan> {
    let settings = Settings::newest(table.store()).await;
    let document = settings.and_then(|settings| settings.get::<Value>(plan::SETTING));
    let parsed = match document {
        Ok(None | Some(Value::Null)) => return None,
        Ok(Some(document)) => plan::parse(&document).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    parsed.map_err(|error| tracing::warn!(%error, "the tracking plan cannot be read, so no column is made for it")).ok()
}

/// What events have under one name.
#[derive(Debug, Default)]
struct Seen {
    /// With a value.
    present: u64,
    kinds: [u64; 3],
    /// Texts that are no word of a few: these are read rarely, and stay where they are.
    too_long: u64,
}

const KINDS: [(ColumnKind, Kind); 3] =
    [(ColumnKind::Text, Kind::String), (ColumnKind::Number, Kind::Number), (ColumnKind::Flag, Kind::Boolean)];

impl Seen {
    /// The kind that most values are of, and how many these are.
    fn mostly(&self) -> (ColumnKind, u64) {
        let counts = KINDS.iter().zip(self.kinds).map(|((kind, _), count)| (*kind, count));
        counts.max_by_key(|(_, count)| *count).unwrap_or((ColumnKind::Text, 0))
    }
}

/// The columns of a table with those that its events are worth.
fn extend(mut columns: Vec<TypedColumn>, noted: &Catalogue, plan: Option<&Plan>, is_many: bool) -> Vec<TypedColumn> {
    let (events, seen, planned) = (noted.count(), seen(noted), plan.map(planned).unwrap_or_default());
    let mut candidates: Vec<(bool, u64, TypedColumn)> = Vec::new();
    for (property, seen) in seen.into_iter().filter(|(name, _)| may_have_column(name)) {
        let (mostly, count) = seen.mostly();
        let is_short = seen.too_long.saturating_mul(20) <= count;
        let (kind, is_planned) = match planned.get(property) {
            Some(Some(kind)) => (*kind, true),
            Some(None) => continue,
            None => (mostly, false),
        };
        let is_worth_it = match is_planned {
            true => seen.present.saturating_mul(PLANNED_ONE_IN) >= events,
            false => {
                is_many && seen.present.saturating_mul(ONE_IN) >= events && count.saturating_mul(10) >= seen.present * 9
            }
        };
        if is_worth_it && count > 0 && is_short {
            candidates.push((is_planned, seen.present, TypedColumn { property: property.to_owned(), kind }));
        }
    }
    // The planned ones first, then those that most events have.
    candidates.sort_by(|a, b| (b.0, b.1).cmp(&(a.0, a.1)).then_with(|| a.2.property.cmp(&b.2.property)));
    for (is_planned, _, column) in candidates {
        let most = if is_planned { MOST_COLUMNS } else { OBSERVED_COLUMNS };
        let is_new = columns.iter().all(|other| !same_name(&other.property, &column.property));
        if is_new && columns.len() < most {
            columns.push(column);
        }
    }
    columns
}

fn seen(noted: &Catalogue) -> BTreeMap<&str, Seen> {
    let mut all: BTreeMap<&str, Seen> = BTreeMap::new();
    for (name, property) in noted.events.values().flat_map(|event| &event.properties) {
        let seen = all.entry(name).or_default();
        seen.present += property.present();
        seen.too_long += property.values.too_long();
        seen.kinds.iter_mut().zip(KINDS).for_each(|(count, (_, kind))| *count += property.types.of(kind));
    }
    all
}

/// The properties of a plan, and of which kind they are; `None` for those that may be of several, or of no kind of a column.
fn planned(plan: &Plan) -> BTreeMap<&str, Option<ColumnKind>> {
    let mut all: BTreeMap<&str, Option<ColumnKind>> = BTreeMap::new();
    for property in plan.events.iter().flat_map(|event| &event.properties).filter(|property| !property.types.is_empty())
    {
        let kind = |kind: &JsonType| match kind {
            JsonType::String => Some(ColumnKind::Text),
            JsonType::Integer | JsonType::Number => Some(ColumnKind::Number),
            JsonType::Boolean => Some(ColumnKind::Flag),
            JsonType::Array | JsonType::Object | JsonType::Null => None,
        };
        let mut kinds = property.types.iter().filter(|of| **of != JsonType::Null).map(kind);
        let first = kinds.next().flatten();
        let one = first.filter(|first| kinds.all(|other| other == Some(*first)));
        all.entry(&property.name).and_modify(|before| *before = before.filter(|_| *before == one)).or_insert(one);
    }
    all
}

#[cfg(test)]
#[path = "columns_tests.rs"]
mod tests;
