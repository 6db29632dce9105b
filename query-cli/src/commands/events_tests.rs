//! What a person sees of the catalogue, and what a program reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use insta::assert_snapshot;
use weir_lake::catalogue::{Catalogue, EventEntry, Kind, PropertyEntry};

use super::one::OneEvent;
use super::*;
use crate::catalogue::PlannedAs;
use crate::output::Format;
use crate::render::render;

/// 2026-01-01
const FIRST_DAY: i32 = 20_454;
const DAY_MS: i64 = 86_400_000;

/// An event that happened so often on each of some days in a row.
fn event(first_day: i32, counts: &[u64]) -> EventEntry {
    let days_utc: BTreeMap<i32, u64> = (first_day..).zip(counts.iter().copied()).filter(|(_, n)| *n > 0).collect();
    let ms = |day: Option<&i32>, of_day: i64| i64::from(*day.unwrap()) * DAY_MS + of_day;
    let time_ms = (ms(days_utc.keys().next(), 1), ms(days_utc.keys().next_back(), 36_000_000));
    let count = counts.iter().sum();
    EventEntry {
        count,
        time_ms,
        received_ms: (time_ms.0 + 20, time_ms.1 + 20),
        days_utc,
        other_days: 0,
        sources: [("web".to_owned(), count / 4), ("app".to_owned(), count - count / 4)].into(),
        other_sources: 0,
        properties: BTreeMap::new(),
        other_properties: 0,
    }
}

fn property(types: &[(Kind, u64)], numbers: Option<(f64, f64)>, values: &str) -> PropertyEntry {
    let mut property = PropertyEntry { numbers, ..PropertyEntry::default() };
    types.iter().for_each(|(kind, count)| property.types.add(*kind, *count));
    property.values = serde_json::from_str(values).unwrap();
    property
}

fn catalogue() -> LakeCatalogue {
    let mut view = event(FIRST_DAY, &[1_000, 400, 0, 2_000, 1_250]);
    view.properties = [
        (
            "tab".to_owned(),
            property(&[(Kind::String, 4_000)], None, r#"{"v":[["새로운",2000],["",1500],["all",400],["x",100]]}"#),
        ),
        (
            "wage".to_owned(),
            property(
                &[(Kind::Number, 4_600), (Kind::String, 50)],
                Some((9_860.0, 25_000.5)),
                r#"{"v":[["10000",50]]}"#,
            ),
        ),
        (
            "job_id".to_owned(),
            property(&[(Kind::String, 4_650)], None, r#"{"v":[["job_1",400,30],["job_2",300,0]],"u":40}"#),
        ),
        ("cart".to_owned(), property(&[(Kind::Object, 10), (Kind::Null, 5)], None, "{}")),
        ("context.text".to_owned(), property(&[(Kind::String, 8)], None, r#"{"l":8}"#)),
    ]
    .into();
    let events = [("view", view), ("구매 완료", event(FIRST_DAY + 1, &[30, 5])), ("a,b", event(FIRST_DAY - 300, &[1]))];
    LakeCatalogue {
        version: 42,
        complete_to_ms: Some(i64::from(FIRST_DAY + 5) * DAY_MS),
        catalogue: Arc::new(Catalogue {
            events: events.into_iter().map(|(name, entry)| (name.to_owned(), entry)).collect(),
            other_events: 0,
        }),
        planned: None,
    }
}

#[test]
fn events_in_every_format() {
    let catalogue = catalogue();
    let show = |format| render(&Names(&catalogue), format, 80).unwrap();
    assert_snapshot!(show(Format::Table), @"
    event      count  share  first seen  last seen   28 days to 2026-01-05, UTC
    ─────────  ─────  ─────  ──────────  ──────────  ────────────────────────────
    view       4,650  99.2%  2026-01-01  2026-01-05  ·······················▄▂·█▅
    구매 완료     35   0.7%  2026-01-02  2026-01-03  ························█▂··
    a,b            1  <0.1%  2025-03-07  2025-03-07  ····························
    ");
    assert_snapshot!(show(Format::Markdown), @"
    | event | count | share | first seen | last seen |
    | --- | ---: | ---: | --- | --- |
    | view | 4,650 | 99.2% | 2026-01-01 | 2026-01-05 |
    | 구매 완료 | 35 | 0.7% | 2026-01-02 | 2026-01-03 |
    | a,b | 1 | <0.1% | 2025-03-07 | 2025-03-07 |
    ");
    assert_snapshot!(show(Format::Json), @r#"[{"event":"view","count":4650,"first_seen":"2026-01-01T00:00:00.001Z","last_seen":"2026-01-05T10:00:00.000Z","owner":null,"description":null},{"event":"구매 완료","count":35,"first_seen":"2026-01-02T00:00:00.001Z","last_seen":"2026-01-03T10:00:00.000Z","owner":null,"description":null},{"event":"a,b","count":1,"first_seen":"2025-03-07T00:00:00.001Z","last_seen":"2025-03-07T10:00:00.000Z","owner":null,"description":null}]"#);
    assert_snapshot!(show(Format::Csv), @r#"
    event,count,first_seen,last_seen
    view,4650,2026-01-01T00:00:00.001Z,2026-01-05T10:00:00.000Z
    구매 완료,35,2026-01-02T00:00:00.001Z,2026-01-03T10:00:00.000Z
    "a,b",1,2025-03-07T00:00:00.001Z,2025-03-07T10:00:00.000Z
    "#);
    assert_snapshot!(show(Format::Ndjson), @r#"
    {"event":"view","count":4650,"first_seen":"2026-01-01T00:00:00.001Z","last_seen":"2026-01-05T10:00:00.000Z"}
    {"event":"구매 완료","count":35,"first_seen":"2026-01-02T00:00:00.001Z","last_seen":"2026-01-03T10:00:00.000Z"}
    {"event":"a,b","count":1,"first_seen":"2025-03-07T00:00:00.001Z","last_seen":"2025-03-07T10:00:00.000Z"}
    "#);
    assert_snapshot!(facts(&catalogue), @"version 42, complete to 2026-01-06T00:00:00.000Z, 4,686 events of 3 names");
}

#[test]
fn with_a_plan_events_are_planned_or_not_and_what_is_not_listed_is_summed() {
    let mut catalogue = catalogue();
    let view = PlannedAs { owner: Some("growth".to_owned()), description: None };
    catalogue.planned = Some(Arc::new(BTreeMap::from([("view".to_owned(), view)])));
    Arc::make_mut(&mut catalogue.catalogue).other_events = 700;
    assert_snapshot!(render(&Names(&catalogue), Format::Table, 80).unwrap(), @"
    event         count  share  first seen  last seen   planned  owner   28 days to 2026-01-05, UTC
    ────────────  ─────  ─────  ──────────  ──────────  ───────  ──────  ────────────────────────────
    view          4,650  86.3%  2026-01-01  2026-01-05  yes      growth  ·······················▄▂·█▅
    구매 완료        35   0.6%  2026-01-02  2026-01-03  no               ························█▂··
    a,b               1  <0.1%  2025-03-07  2025-03-07  no               ····························
    (all others)    700  13.0%
    ");
    assert_snapshot!(render(&Names(&catalogue), Format::Csv, 80).unwrap(), @r#"
    event,count,first_seen,last_seen,planned,owner
    view,4650,2026-01-01T00:00:00.001Z,2026-01-05T10:00:00.000Z,true,growth
    구매 완료,35,2026-01-02T00:00:00.001Z,2026-01-03T10:00:00.000Z,false,
    "a,b",1,2025-03-07T00:00:00.001Z,2025-03-07T10:00:00.000Z,false,
    "#);
    assert_snapshot!(facts(&catalogue), @"version 42, complete to 2026-01-06T00:00:00.000Z, 4,686 events of 3 names and 700 of more names than are listed");
    let one = OneEvent::of(&catalogue, "a,b").unwrap();
    assert_snapshot!(render(&one, Format::Table, 80).unwrap(), @"
    event       a,b
    count       1 (<0.1% of all events)
    first seen  2025-03-07T00:00:00.001Z
    last seen   2025-03-07T10:00:00.000Z
    received    2025-03-07T00:00:00.021Z to 2025-03-07T10:00:00.020Z
    planned     no
    28 days     ····························  to 2026-01-05, UTC

    source  count   share
    ──────  ─────  ──────
    app         1  100.0%
    web         0    0.0%
    ");
}

#[test]
fn one_event_in_every_format() {
    let mut catalogue = catalogue();
    let view = Arc::make_mut(&mut catalogue.catalogue).events.get_mut("view").unwrap();
    (view.other_properties, view.other_days) = (12, 1);
    let one = OneEvent::of(&catalogue, "view").unwrap();
    let show = |format| render(&one, format, 80).unwrap();
    assert_snapshot!(show(Format::Table), @r#"
    event       view
    count       4,650 (99.2% of all events)
    first seen  2026-01-01T00:00:00.001Z
    last seen   2026-01-05T10:00:00.000Z
    received    2026-01-01T00:00:00.021Z to 2026-01-05T10:00:00.020Z
    28 days     ·······················▄▂·█▅  to 2026-01-05, UTC

    source  count  share
    ──────  ─────  ─────
    app     3,488  75.0%
    web     1,162  25.0%

    property      present  types                      values
    ────────────  ───────  ─────────────────────────  ─────────────────────────────────────────
    cart             0.2%  object 66.7%, null 33.3%
    context.text     0.2%  string                     long texts 100.0%
    job_id         100.0%  string                     job_1 8.6% to 9.2%, job_2 6.5%, many more
    tab             86.0%  string                     새로운 50.0%, "" 37.5%, all 10.0%, 1 more
    wage           100.0%  number 98.9%, string 1.1%  9860 to 25000.5, "10000" 100.0%

    Values under names that are not listed: 12

    Events on days before those that are listed: 1
    "#);
    assert_snapshot!(show(Format::Markdown), @r#"
    | figure | value |
    | --- | --- |
    | event | view |
    | count | 4,650 (99.2% of all events) |
    | first seen | 2026-01-01T00:00:00.001Z |
    | last seen | 2026-01-05T10:00:00.000Z |
    | received | 2026-01-01T00:00:00.021Z to 2026-01-05T10:00:00.020Z |

    | source | count | share |
    | --- | ---: | ---: |
    | app | 3,488 | 75.0% |
    | web | 1,162 | 25.0% |

    | property | present | types | values |
    | --- | ---: | --- | --- |
    | cart | 0.2% | object 66.7%, null 33.3% |  |
    | context.text | 0.2% | string | long texts 100.0% |
    | job_id | 100.0% | string | job_1 8.6% to 9.2%, job_2 6.5%, many more |
    | tab | 86.0% | string | 새로운 50.0%, "" 37.5%, all 10.0%, 1 more |
    | wage | 100.0% | number 98.9%, string 1.1% | 9860 to 25000.5, "10000" 100.0% |

    | day (UTC) | count |
    | --- | ---: |
    | 2026-01-01 | 1,000 |
    | 2026-01-02 | 400 |
    | 2026-01-04 | 2,000 |
    | 2026-01-05 | 1,250 |

    Values under names that are not listed: 12

    Events on days before those that are listed: 1
    "#);
    assert_snapshot!(show(Format::Json), @r#"{"version":42,"complete_to":"2026-01-06T00:00:00.000Z","event":"view","count":4650,"first_seen":"2026-01-01T00:00:00.001Z","last_seen":"2026-01-05T10:00:00.000Z","owner":null,"description":null,"first_received":"2026-01-01T00:00:00.021Z","last_received":"2026-01-05T10:00:00.020Z","days_utc":[{"day":"2026-01-01","count":1000},{"day":"2026-01-02","count":400},{"day":"2026-01-04","count":2000},{"day":"2026-01-05","count":1250}],"other_days":1,"sources":[{"source":"app","count":3488},{"source":"web","count":1162}],"other_sources":0,"properties":[{"property":"cart","present":10,"types":{"null":5,"object":10},"values":[],"unlisted_at_most":0,"too_long":0},{"property":"context.text","present":8,"types":{"string":8},"values":[],"unlisted_at_most":0,"too_long":8},{"property":"job_id","present":4650,"types":{"string":4650},"values":[{"value":"job_1","count":400,"at_most":430},{"value":"job_2","count":300,"at_most":300}],"unlisted_at_most":40,"too_long":0},{"property":"tab","present":4000,"types":{"string":4000},"values":[{"value":"새로운","count":2000,"at_most":2000},{"value":"","count":1500,"at_most":1500},{"value":"all","count":400,"at_most":400},{"value":"x","count":100,"at_most":100}],"unlisted_at_most":0,"too_long":0},{"property":"wage","present":4650,"types":{"string":50,"number":4600},"min":9860,"max":25000.5,"values":[{"value":"10000","count":50,"at_most":50}],"unlisted_at_most":0,"too_long":0}],"other_properties":12}"#);
    assert_snapshot!(show(Format::Csv), @"
    property,present,string,number,boolean,null,list,object,min,max,top_value,top_count
    cart,10,0,0,0,5,0,10,,,,
    context.text,8,8,0,0,0,0,0,,,,
    job_id,4650,4650,0,0,0,0,0,,,job_1,400
    tab,4000,4000,0,0,0,0,0,,,새로운,2000
    wage,4650,50,4600,0,0,0,0,9860,25000.5,10000,50
    ");
}

#[test]
fn a_name_that_is_not_there_is_a_failure_with_one_that_is_near() {
    let catalogue = catalogue();
    let failure = OneEvent::of(&catalogue, "veiw").err().unwrap();
    assert_eq!((failure.exit.code(), failure.message.as_str()), (1, "the lake has no event `veiw` in version 42"));
    assert_eq!(failure.hint.as_deref(), Some("did you mean `view`?"));
    let far = OneEvent::of(&catalogue, "something else").err().unwrap();
    assert_eq!(far.hint.as_deref(), Some("`weir events` lists those there are"));
}

#[test]
fn an_empty_lake_has_a_header_and_no_events() {
    let (catalogue, planned) = (Arc::new(Catalogue::default()), None);
    let nothing = LakeCatalogue { version: 0, complete_to_ms: None, catalogue, planned };
    assert_eq!(render(&Names(&nothing), Format::Csv, 80).unwrap(), "event,count,first_seen,last_seen\n");
    assert_eq!(render(&Names(&nothing), Format::Json, 80).unwrap(), "[]\n");
    assert_eq!(facts(&nothing), "version 0, nothing received yet, 0 events of 0 names");
}
