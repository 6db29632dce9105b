//! What is observed is what a naive count over parsed JSON finds.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use weir_core::event::{Event, EventId};

use super::super::{Kind, PropertyEntry, TopValue};
use super::*;
use crate::rows::EventRows;

const NOW_MS: i64 = 1_767_225_600_000;

/// What tests keep of an event.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub name: String,
    pub source: String,
    pub time_ms: i64,
    pub properties: Option<String>,
    pub context: Option<String>,
}

pub(crate) fn batch(events: &[Sent]) -> RecordBatch {
    let mut rows = EventRows::default();
    for (number, sent) in events.iter().enumerate() {
        let event = Event {
            event: sent.name.as_str().into(),
            user_id: Some(format!("user-{}", number % 7).into()),
            anonymous_id: None,
            time_ms: sent.time_ms,
            event_id: None,
            session_id: None,
            properties: sent.properties.as_deref(),
            context: sent.context.as_deref(),
            received_ms: NOW_MS,
            place: number as u64,
        };
        rows.push(&sent.source, &event, &EventId::Text(format!("{number}").into()));
    }
    rows.freeze().sorted(&vec![true; events.len()]).unwrap()
}

pub(crate) fn observed(events: &[Sent], limits: Limits, batch_rows: usize) -> Catalogue {
    let mut observer = Observer::new(limits);
    let batch = batch(events);
    for start in (0..batch.num_rows()).step_by(batch_rows.max(1)) {
        observer.observe(&batch.slice(start, batch_rows.min(batch.num_rows() - start)));
    }
    observer.finish()
}

fn sent(name: &str, properties: &str) -> Sent {
    let (name, source) = (name.to_owned(), "dev".to_owned());
    Sent { name, source, time_ms: NOW_MS, properties: Some(properties.to_owned()), context: None }
}

/// Counts by trees and one event at a time.
pub(crate) fn naive(events: &[Sent]) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for sent in events {
        let new = EventEntry {
            count: 0,
            time_ms: (i64::MAX, i64::MIN),
            received_ms: (NOW_MS, NOW_MS),
            days_utc: BTreeMap::new(),
            other_days: 0,
            sources: BTreeMap::new(),
            other_sources: 0,
            properties: BTreeMap::new(),
            other_properties: 0,
        };
        let event = catalogue.events.entry(sent.name.clone()).or_insert(new);
        event.count += 1;
        event.time_ms = widest(event.time_ms, (sent.time_ms, sent.time_ms));
        *event.days_utc.entry(i32::try_from(sent.time_ms.div_euclid(DAY_MS)).unwrap()).or_default() += 1;
        *event.sources.entry(sent.source.clone()).or_default() += 1;
        let roots = [("", &sent.properties), ("context.", &sent.context)];
        for (prefix, text) in roots.into_iter().filter_map(|(prefix, text)| Some((prefix, text.as_ref()?))) {
            let mut paths = BTreeSet::new();
            paths_of(&serde_json::from_str(text).unwrap(), "", 1, &mut paths);
            for path in paths {
                let value = weir_core::property::lookup(text, &path).unwrap_or(Value::Null);
                add(event.properties.entry(format!("{prefix}{path}")).or_default(), &value);
            }
        }
    }
    catalogue
}

fn paths_of(value: &Value, prefix: &str, depth: usize, paths: &mut BTreeSet<String>) {
    let Value::Object(members) = value else { return };
    for (key, value) in members.iter().filter(|_| depth <= super::super::MAX_DEPTH) {
        let path = format!("{prefix}{key}");
        paths_of(value, &format!("{path}."), depth + 1, paths);
        paths.insert(path);
    }
}

fn add(property: &mut PropertyEntry, value: &Value) {
    let kind = match value {
        Value::Null => Kind::Null,
        Value::Bool(_) => Kind::Boolean,
        Value::Array(_) => Kind::List,
        Value::Object(_) => Kind::Object,
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            let (low, high) = property.numbers.unwrap_or((number, number));
            property.numbers = Some((low.min(number), high.max(number)));
            Kind::Number
        }
        Value::String(text) => {
            let mut listed = property.values.listed().to_vec();
            match listed.iter_mut().find(|value| value.value == *text) {
                Some(value) => value.count += 1,
                None => listed.push(TopValue { value: text.clone(), count: 1, error: 0 }),
            }
            property.values = super::super::TopValues::new(listed, 0, 0);
            Kind::String
        }
    };
    property.types.add(kind, 1);
}

/// JSON with few keys and few values, some of them written in two ways, some twice.
fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        (-3..40_i64).prop_map(|number| number.to_string()),
        Just("2.5e1".to_owned()),
        prop::sample::select(vec![r#""new""#, r#""n\u0065w""#, r#""서울""#, r#""""#, r#""a\"b\\""#])
            .prop_map(str::to_owned),
        Just(r#"[1,{"a":"]"},[]]"#.to_owned()),
    ];
    let value = scalar.prop_recursive(4, 24, 4, |inner| object(inner).boxed());
    object(value)
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec!["a", "b", "a.b", "b.a", "c", r"\u0061", "서", "a.b.a"]);
    let space = prop::sample::select(vec!["", " ", "\n\t"]);
    (prop::collection::vec((key, value), 0..5), space).prop_map(|(members, space)| {
        let members: Vec<String> =
            members.iter().map(|(key, value)| format!("{space}\"{key}\"{space}:{space}{value}{space}")).collect();
        format!("{{{space}{}}}", members.join(","))
    })
}

pub(crate) fn any_sent() -> impl Strategy<Value = Sent> {
    let names = prop::sample::select(vec!["view", "pay", "보기", "x"]);
    let sources = prop::sample::select(vec!["web", "ios"]);
    let days = prop::sample::select(vec![0_i64, 0, 1, 2, 900, 1100, 5000]);
    let parts = (names, sources, days, 0..DAY_MS, prop::option::of(json()), prop::option::of(json()));
    parts.prop_map(|(name, source, day, of_day, properties, context)| Sent {
        name: name.to_owned(),
        source: source.to_owned(),
        time_ms: NOW_MS - day * DAY_MS + of_day,
        properties,
        context,
    })
}

proptest! {
    #[test]
    fn what_is_observed_is_the_naive_count(
        events in prop::collection::vec(any_sent(), 0..40),
        batch_rows in 1..50_usize,
    ) {
        prop_assert_eq!(observed(&events, Limits::NOTE, batch_rows), naive(&events));
    }

    #[test]
    fn any_text_is_survived(texts in prop::collection::vec("[\\[\\]{}\":,\\\\a-c0-9. n]{0,30}", 1..20)) {
        let events: Vec<Sent> = texts.iter().map(|text| sent("e", text)).collect();
        prop_assert_eq!(observed(&events, Limits::NOTE, 7).count(), events.len() as u64);
    }
}

#[test]
fn names_that_no_question_can_ask_for_are_counted_together() {
    let long = format!(r#"{{"{}":{{"a":1}}}}"#, "x".repeat(300));
    let texts = [r#"{"context.os":"x","context":{"b":1},"ok":1}"#, r#"{"":{"a":1}}"#, &long, r#"{"\ud800":1}"#];
    let events = texts.map(|text| sent("e", text));
    let catalogue = observed(&events, Limits::NOTE, 10);
    let event = &catalogue.events["e"];
    assert_eq!(event.properties.keys().collect::<Vec<_>>(), ["ok"]);
    assert_eq!((event.count, event.other_properties), (4, 8));
}

#[test]
fn values_that_cannot_be_decoded_are_missing() {
    let events =
        [sent("e", r#"{"half":"\ud800","big":1e999,"ok":"\ud83d\ude00"}"#), sent("e", "[1]"), sent("e", "{\"ok\":")];
    let catalogue = observed(&events, Limits::NOTE, 10);
    let event = &catalogue.events["e"];
    assert_eq!(event.properties.keys().collect::<Vec<_>>(), ["ok"]);
    assert_eq!(event.properties["ok"].values.listed()[0].value, "😀");
    assert_eq!((event.count, event.properties["ok"].present(), event.other_properties), (3, 1, 0));
}

#[test]
fn what_is_too_deep_or_too_long_is_counted_by_its_type() {
    let text =
        format!(r#"{{"a":{{"a":{{"a":{{"a":{{"a":{{"a":{{}}}}}}}}}}}},"long":"{}"}}"#, "x".repeat(MAX_BYTES + 1));
    let catalogue = observed(&[sent("e", &text)], Limits::NOTE, 10);
    let properties = &catalogue.events["e"].properties;
    assert_eq!(properties.keys().collect::<Vec<_>>(), ["a", "a.a", "a.a.a", "a.a.a.a", "a.a.a.a.a", "long"]);
    assert_eq!(properties["a.a.a.a.a"].types.of(Kind::Object), 1);
    let long = &properties["long"];
    assert_eq!((long.types.of(Kind::String), long.values.too_long(), long.values.listed().len()), (1, 1, 0));
}

const MAX_BYTES: usize = super::super::MAX_VALUE_BYTES;

#[test]
fn many_members_are_found_as_few_are() {
    let object = |order: &mut dyn Iterator<Item = u32>| {
        format!("{{{}}}", order.map(|n| format!("\"key{n}\":{n}")).collect::<Vec<_>>().join(","))
    };
    let texts = [object(&mut (0..40)), object(&mut (0..40).rev()), object(&mut (20..60)), "{}".to_owned()];
    let events: Vec<Sent> = texts.iter().chain(&texts).map(|text| sent("e", text)).collect();
    assert_eq!(observed(&events, Limits::NOTE, 100), naive(&events));
}

#[test]
fn rows_that_are_not_wanted_are_not_counted() {
    let late = |number: usize| Sent {
        time_ms: NOW_MS + i64::try_from(number % 3).unwrap() * DAY_MS,
        ..sent(&format!("e{}", number % 5), &format!("{{\"n\":{number}}}"))
    };
    let events: Vec<Sent> = (0..60).map(late).collect();
    let batch = batch(&events);
    let times = batch.column_by_name(TIME).unwrap().as_primitive::<TimestampMicrosecondType>().values();
    let wanted: Vec<Sent> = events.iter().filter(|sent| sent.time_ms > NOW_MS).cloned().collect();
    for (limit, other) in [(5, 0), (0, 40)] {
        let mut observer = Observer::new(Limits { events: limit, ..Limits::NOTE });
        observer.observe_some(&batch, |row| times[row] > NOW_MS * 1000);
        let catalogue = observer.finish();
        assert_eq!((catalogue.count(), catalogue.other_events), (40, other));
        assert_eq!(catalogue == naive(&wanted), limit > 0);
    }
}
