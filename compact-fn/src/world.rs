//! For tests: a lake of random events of people who share devices, and the same events as plain rows to compare it with.
//!
//! ```text
//! let mut world = World::new(Store::in_memory(), 7).await;
//! world.land(100).await;                     // in the lake, and in world.rows
//! assert_eq!(world.in_lake().await, world.rows);
//! ```

#![allow(clippy::unwrap_used, clippy::panic, reason = "for tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use weir_core::event::{EventId, Failed, ID_NAMES, Receipt, parse, uuid_text};
use weir_core::identity::{Declared, declared_by, reference};
use weir_core::plan;
use weir_core::ports::{Clock, Ids, RandomIds, SequenceNumber, SystemClock};
use weir_lake::failed::{Bodies, Scan};
use weir_lake::rows::EventRows;
use weir_lake::schema::columns;
use weir_lake::{Settings, Snapshot, Store, Table, TableName, reader};

use crate::compact::{Extent, compact};
use crate::erase::UserIds;
use crate::failed::{FailedLander, FailedOfLog, compact_failed};
use crate::land::Lander;

const PEOPLE: u64 = 6;
const DAY_MS: i64 = 86_400_000;

/// Numbers that look random and are the same in every run.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// An event, without its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) event: String,
    pub(crate) user_id: Option<String>,
    pub(crate) anonymous_id: Option<String>,
    pub(crate) properties: Option<Value>,
    pub(crate) time_ms: i64,
    /// When it was received, and its place in the request.
    pub(crate) arrival: (i64, i64),
}

impl Row {
    pub(crate) fn of(json: Value, now_ms: i64, place: i64) -> Self {
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        Self {
            event: text("event").unwrap(),
            user_id: text("user_id"),
            anonymous_id: text("anonymous_id"),
            properties: json.get("properties").cloned(),
            time_ms: json["timestamp"].as_i64().unwrap_or(now_ms),
            arrival: (now_ms, place),
        }
    }
}

/// A lake, and what is in it.
pub(crate) struct World {
    pub(crate) store: Store,
    lander: Lander,
    failed_lander: FailedLander,
    pub(crate) dice: Dice,
    pub(crate) now_ms: i64,
    /// By the event's id.
    pub(crate) rows: BTreeMap<String, Row>,
    /// Bodies of failed events by their ids, with the ids that they mention.
    pub(crate) failed: BTreeMap<String, (String, Vec<String>)>,
}

/// Plans properties, each `name:type`, of all events of a [`World`].
pub(crate) async fn plan_in_force(store: &Store, properties: &[&str]) {
    let properties: serde_json::Map<_, _> = properties
        .iter()
        .filter_map(|property| property.split_once(':'))
        .map(|(name, kind)| (name.to_owned(), json!({"type": kind})))
        .collect();
    let plan = json!({"weir_plan": 1, "events": {"e0": {"properties": properties}}});
    let set = |settings: &mut Settings| settings.set(plan::SETTING, &plan);
    Settings::update(store, set).await.unwrap();
}

pub(crate) fn user(number: u64) -> String {
    format!("usr-{number}-qzx")
}

pub(crate) fn device(number: u64) -> String {
    format!("dvc-{number}-qzx")
}

impl World {
    /// Worlds of odd seeds have a tracking plan, by which properties get columns of their own.
    pub(crate) async fn new(store: Store, seed: u64) -> Self {
        if seed % 2 == 1 {
            plan_in_force(&store, &["price:number", "text:string", "a:integer", "n:number"]).await;
        }
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
        let lander = Lander::open(&store, clock.clone(), ids.clone()).await.unwrap();
        let failed_lander = FailedLander::open(&store, clock, ids).await.unwrap();
        let now_ms = SystemClock.now_ms() - 60_000;
        let (rows, failed) = (BTreeMap::new(), BTreeMap::new());
        Self { store, lander, failed_lander, dice: Dice::new(seed), now_ms, rows, failed }
    }

    /// An event of somebody, on a device that may be another's.
    fn random(&mut self) -> Value {
        let dice = &mut self.dice;
        let person = dice.below(PEOPLE);
        let on = if dice.below(5) == 0 { dice.below(PEOPLE) } else { person };
        let (known, time) = (dice.below(3) > 0, self.now_ms - DAY_MS * i64::try_from(dice.below(90)).unwrap());
        let mut event = json!({"event": format!("e{}", dice.below(4)), "timestamp": time});
        if known {
            event["user_id"] = user(person).into();
        }
        if !known || dice.below(2) == 0 {
            event["anonymous_id"] = device(on).into();
        }
        match dice.below(12) {
            0 if known => {
                event["event"] = "identify".into();
                event["anonymous_id"] = device(on).into();
            }
            1 if known => {
                event["event"] = "alias".into();
                event["properties"] = json!({"previousId": device(dice.below(PEOPLE)), "n": 1});
            }
            2 => event["properties"] = json!({"a": 1, "$device_id": device(on), "b": {"c": [person]}}),
            3 => event["properties"] = json!({"userId": user(dice.below(PEOPLE)), "text": "\u{e9}\\\""}),
            4 => {
                let prices = [json!(5), json!(5.25), json!("5"), json!(null), json!([5]), json!(u64::MAX)];
                event["properties"] = json!({"price": prices[dice.below(6) as usize], "a": true, "text": "x"});
            }
            _ => {}
        }
        event
    }

    /// Lands so many random events.
    pub(crate) async fn land(&mut self, events: usize) {
        let events: Vec<Value> = (0..events).map(|_| self.random()).collect();
        // Who lands later was received later, so the first link of a device stays the first.
        self.now_ms += 1;
        self.land_these(events, self.now_ms).await;
    }

    /// Lands events that were received at an instant.
    pub(crate) async fn land_these(&mut self, events: Vec<Value>, received_ms: i64) {
        let mut rows = EventRows::default();
        for (place, json) in events.into_iter().enumerate() {
            let text = json.to_string();
            let receipt = Receipt { received_ms, place: place as u64, correct_skew: false };
            let id = uuid_text(&RandomIds.next_id());
            rows.push("app", &parse(&text, receipt).unwrap(), &EventId::Text(id.as_str().into()));
            self.rows.insert(id, Row::of(json, received_ms, i64::try_from(place).unwrap()));
        }
        self.lander.land(rows.freeze(), vec![], None, "import").await.unwrap();
    }

    /// Lands so many random failed events.
    pub(crate) async fn fail(&mut self, events: usize) {
        let mut landed = FailedOfLog::default();
        for _ in 0..events {
            let (person, other) = (user(self.dice.below(PEOPLE)), device(self.dice.below(PEOPLE)));
            let (body, mentioned) = match self.dice.below(5) {
                0 => (json!({"userId": person, "x": {"anonymousId": other}}).to_string(), vec![person, other]),
                1 => (json!({"user_id": "somebody", "n": 5}).to_string(), vec![]),
                2 => (format!(r#"{{"batch":[{{"to":"{person}","from":"{other}"}},{{"ev"#), vec![person, other]),
                3 => (format!("user={person}&x=1"), vec![person]),
                _ => (json!([{"distinct_id": other}]).to_string(), vec![other]),
            };
            let id = uuid_text(&RandomIds.next_id());
            landed.push(&SequenceNumber::from(1), "app", self.now_ms, &failed(&id, &body));
            self.failed.insert(id, (body, mentioned));
        }
        self.failed_lander.land(landed, None).await.unwrap();
    }

    /// Merges what there is.
    pub(crate) async fn compact(&self, extent: Extent) {
        merge_all(&self.store, extent).await;
    }

    /// What is in the lake.
    pub(crate) async fn in_lake(&self) -> BTreeMap<String, Row> {
        let table = Table::open(&self.store).await.unwrap();
        rows_of(&self.store, &table.snapshot()).await
    }

    /// Bodies of the failed events in the lake.
    pub(crate) async fn failed_in_lake(&self) -> BTreeMap<String, String> {
        let Some(table) = Table::open_if_there(&self.store, TableName::Failed).await.unwrap() else {
            return BTreeMap::new();
        };
        let snapshot = table.snapshot();
        let (mut scan, mut found) = (Scan::new(&self.store, &snapshot, Bodies::Read), BTreeMap::new());
        while let Some(rows) = scan.next().await.unwrap() {
            found.extend(rows.into_iter().map(|row| (row.failed.id.into_owned(), row.failed.body.into_owned())));
        }
        found
    }

    /// The ids of a user, as their events tell them.
    pub(crate) fn ids_of(&self, user: &str) -> UserIds {
        let texts = |row: &Row| row.properties.as_ref().map(Value::to_string);
        let declared: Vec<_> = self
            .rows
            .values()
            .filter_map(|row| {
                let properties = texts(row);
                let (user_id, device) = (row.user_id.as_deref(), row.anonymous_id.as_deref());
                let said = declared_by(&row.event, user_id, device, properties.as_deref())?;
                Some((said.from.into_owned(), said.to.to_owned(), row.arrival))
            })
            .collect();
        let declared: Vec<Declared<'_>> = declared
            .iter()
            .map(|(from, to, (received_ms, place))| Declared {
                from,
                to,
                to_is_user: true,
                received_ms: *received_ms,
                place: *place,
            })
            .collect();
        let held = reference::resolve(&declared);
        let ids = held.iter().map(|(from, _)| *from).filter(|id| reference::user_of(&held, id) == user);
        let devices = ids.map(str::to_owned).collect();
        UserIds { users: BTreeSet::from([user.to_owned()]), devices }
    }

    /// Takes a user out of the plain rows.
    pub(crate) fn forget(&mut self, ids: &UserIds) {
        let is_theirs = |id: &str| ids.all().any(|known| known == id);
        self.rows.retain(|_, row| match &row.user_id {
            Some(user) => !ids.users.contains(user),
            None => !row.anonymous_id.as_deref().is_some_and(is_theirs),
        });
        for row in self.rows.values_mut() {
            row.anonymous_id = row.anonymous_id.take().filter(|id| !is_theirs(id));
            if let Some(Value::Object(properties)) = &mut row.properties {
                properties.retain(|name, value| {
                    let id = value.as_str().filter(|_| ID_NAMES.contains(&name.as_str()));
                    !id.is_some_and(|id| is_theirs(id) && Some(id) != row.user_id.as_deref())
                });
            }
        }
        self.failed.retain(|_, (_, mentioned)| !mentioned.iter().any(|id| is_theirs(id)));
    }

    /// Asserts that the lake has what the plain rows have.
    pub(crate) async fn assert_same(&self) {
        let (found, expected) = (self.in_lake().await, &self.rows);
        for (id, row) in &found {
            assert_eq!(Some(row), expected.get(id), "{id}");
        }
        assert_eq!(found.len(), expected.len());
        let failed: BTreeMap<_, _> = self.failed.iter().map(|(id, (body, _))| (id.clone(), body.clone())).collect();
        assert_eq!(self.failed_in_lake().await, failed);
    }
}

pub(crate) fn failed<'a>(id: &'a str, body: &'a str) -> Failed<'a> {
    Failed {
        id: id.into(),
        protocol: "weir".into(),
        code: "missing_field".into(),
        field: "".into(),
        message: "".into(),
        event: None,
        sent_at: None,
        body: body.into(),
        bytes: body.len() as u64,
        place: None,
    }
}

pub(crate) async fn merge_all(store: &Store, extent: Extent) {
    let mut table = Table::open(store).await.unwrap();
    compact(&mut table, &SystemClock, &RandomIds, extent).await.unwrap();
    if let Some(mut failed) = Table::open_if_there(store, TableName::Failed).await.unwrap() {
        compact_failed(&mut failed, &SystemClock, &RandomIds, extent).await.unwrap();
    }
}

/// The rows of a version.
pub(crate) async fn rows_of(store: &Store, snapshot: &Snapshot) -> BTreeMap<String, Row> {
    let columns = columns();
    let names: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
    let mut found = BTreeMap::new();
    for file in snapshot.files.values() {
        let opened = reader::open_all(store, TableName::Events, snapshot.version, file, &names).await.unwrap();
        for batch in opened.try_collect::<Vec<_>>().await.unwrap() {
            rows_in(&batch, &mut found);
        }
    }
    found
}

fn rows_in(batch: &RecordBatch, found: &mut BTreeMap<String, Row>) {
    let events = batch.column_by_name("event").unwrap().as_dictionary::<Int32Type>();
    let times = batch.column_by_name("time").unwrap();
    let times = times.as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
    let received = batch.column_by_name("received_at").unwrap();
    let received = received.as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
    let places = batch.column_by_name("place").unwrap().as_primitive::<Int64Type>();
    for at in 0..batch.num_rows() {
        let text = |name: &str| {
            let column = batch.column_by_name(name).unwrap().as_string_view();
            column.is_valid(at).then(|| column.value(at).to_owned())
        };
        let row = Row {
            event: events.values().as_string::<i32>().value(events.key(at).unwrap()).to_owned(),
            user_id: text("user_id"),
            anonymous_id: text("anonymous_id"),
            properties: text("properties").map(|json| serde_json::from_str(&json).unwrap()),
            time_ms: times.value(at) / 1000,
            arrival: (received.value(at) / 1000, places.value(at)),
        };
        let before = found.insert(text("event_id").unwrap(), row);
        assert_eq!(before, None, "an event is there twice");
    }
}

/// Objects that hold a text: in their bytes, or in their rows once these are decoded.
pub(crate) async fn objects_with(store: &Store, text: &str) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let mut found = Vec::new();
    for object in store.list_all(&Path::default()).await.unwrap() {
        let bytes: Bytes = store.read(&object.location).await.unwrap().unwrap();
        let in_rows = object.location.as_ref().ends_with(".parquet") && {
            let reader = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap().build().unwrap();
            let batches: Vec<_> = reader.map(Result::unwrap).collect();
            holds(arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string().as_bytes())
        };
        if in_rows || holds(&bytes) {
            found.push(object.location.to_string());
        }
    }
    found
}
