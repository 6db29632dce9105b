use ingest_fn::keys::Origin;
use weir_core::ports::CountingIds;
use weir_lake::names;

use super::*;
use crate::args::OtherLimit;
use crate::output::Format;
use crate::render::render;

const NOW: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z
const HOUR: i64 = 3_600_000;

fn key(text: &str, source: &str) -> Key {
    serde_json::from_value(json!({"key": text, "source": source, "created_at": NOW})).unwrap()
}

fn keys() -> Vec<Key> {
    let mut page = key("wk_1b9XkQ3fTz0mW8sYhN2cLpRa", "web shop");
    page.origins = ["https://shop.example", "http://localhost:3000"].map(|o| Origin::parse(o).unwrap()).to_vec();
    page.events_per_second = 1_000.try_into().ok();
    page.plan = PlanMode::Warn;
    let mut ending = key("wk_1bAAAAAAAAAAAAAAAAAAAAAA", "ios");
    ending.disabled_at = Some(NOW + HOUR);
    let mut off = key("wk_zZ4fDdE0000000000000000A", "ios");
    off.disabled_at = Some(NOW - HOUR);
    vec![page, ending, off]
}

#[test]
fn keys_in_every_format() {
    let list = List(keys().iter().map(|key| Row::of(key, NOW)).collect());
    let show = |format| render(&list, format, 80).unwrap();
    insta::assert_snapshot!(show(Format::Table), @"
    key                          source    state                           origins                                     events a second       plan
    ───────────────────────────  ────────  ──────────────────────────────  ──────────────────────────────────────────  ────────────────────  ────
    wk_1b9XkQ3fTz0mW8sYhN2cLpRa  web shop  active                          https://shop.example http://localhost:3000  1,000 (burst 10,000)  warn
    wk_1bAAAAAAAAAAAAAAAAAAAAAA  ios       until 2026-01-01T01:00:00.000Z  any                                         any                   off
    wk_zZ4fDdE0000000000000000A  ios       disabled                        any                                         any                   off
    ");
    insta::assert_snapshot!(show(Format::Json), @r#"[{"key":"wk_1b9XkQ3fTz0mW8sYhN2cLpRa","source":"web shop","state":"active","created_at":"2026-01-01T00:00:00.000Z","disabled_at":null,"origins":["https://shop.example","http://localhost:3000"],"events_per_second":1000,"burst":10000,"store_ip":false,"plan":"warn"},{"key":"wk_1bAAAAAAAAAAAAAAAAAAAAAA","source":"ios","state":"ending","created_at":"2026-01-01T00:00:00.000Z","disabled_at":"2026-01-01T01:00:00.000Z","origins":[],"events_per_second":null,"burst":null,"store_ip":false,"plan":"off"},{"key":"wk_zZ4fDdE0000000000000000A","source":"ios","state":"disabled","created_at":"2026-01-01T00:00:00.000Z","disabled_at":"2025-12-31T23:00:00.000Z","origins":[],"events_per_second":null,"burst":null,"store_ip":false,"plan":"off"}]"#);
    insta::assert_snapshot!(show(Format::Csv), @r#"
    key,source,state,created_at,disabled_at,origins,events_per_second,burst,store_ip,plan
    wk_1b9XkQ3fTz0mW8sYhN2cLpRa,web shop,active,2026-01-01T00:00:00.000Z,,"[""https://shop.example"",""http://localhost:3000""]",1000,10000,false,warn
    wk_1bAAAAAAAAAAAAAAAAAAAAAA,ios,ending,2026-01-01T00:00:00.000Z,2026-01-01T01:00:00.000Z,[],,,false,off
    wk_zZ4fDdE0000000000000000A,ios,disabled,2026-01-01T00:00:00.000Z,2025-12-31T23:00:00.000Z,[],,,false,off
    "#);
    insta::assert_snapshot!(show(Format::Markdown), @"
    | key | source | state | origins | events a second | plan |
    | --- | --- | --- | --- | --- | --- |
    | wk_1b9XkQ3fTz0mW8sYhN2cLpRa | web shop | active | https://shop.example http://localhost:3000 | 1,000 (burst 10,000) | warn |
    | wk_1bAAAAAAAAAAAAAAAAAAAAAA | ios | until 2026-01-01T01:00:00.000Z | any | any | off |
    | wk_zZ4fDdE0000000000000000A | ios | disabled | any | any | off |
    ");
    let none = List(Vec::new());
    assert_eq!(render(&none, Format::Json, 80).unwrap(), "[]\n");
    assert_eq!(render(&none, Format::Ndjson, 80).unwrap(), "");
}

#[test]
fn a_new_key_in_every_format() {
    let added = Added { key: "wk_1b9XkQ3fTz0mW8sYhN2cLpRa".to_owned(), source: "web".to_owned() };
    let show = |format| render(&added, format, 80).unwrap();
    insta::assert_snapshot!(show(Format::Table), @"
    key                          source
    ───────────────────────────  ──────
    wk_1b9XkQ3fTz0mW8sYhN2cLpRa  web
    ");
    insta::assert_snapshot!(show(Format::Json), @r#"{"key":"wk_1b9XkQ3fTz0mW8sYhN2cLpRa","source":"web"}"#);
    insta::assert_snapshot!(show(Format::Csv), @"
    key,source
    wk_1b9XkQ3fTz0mW8sYhN2cLpRa,web
    ");
    assert_eq!(show(Format::Ndjson), show(Format::Json));
}

#[test]
fn a_key_is_found_by_its_first_characters() {
    let mut keys = keys();
    let found = |wanted: &str, keys: &mut [Key]| match find(keys, wanted) {
        Ok(key) => key.key.as_str().to_owned(),
        Err(failure) => format!("{failure}; {}", failure.hint.clone().unwrap_or_default()),
    };
    assert_eq!(found("wk_1b9", &mut keys), "wk_1b9XkQ3fTz0mW8sYhN2cLpRa");
    assert_eq!(found("wk_zZ4fDdE0000000000000000A", &mut keys), "wk_zZ4fDdE0000000000000000A");
    assert_eq!(
        found("wk_1b", &mut keys),
        "2 keys begin with `wk_1b`; give more of it; list the keys with `weir keys list`"
    );
    for nothing in ["wk_2", "", "w", "wk_", "1b9"] {
        assert_eq!(
            found(nothing, &mut keys),
            format!("there is no key `{nothing}`; list the keys with `weir keys list`")
        );
    }
    keys.push(key("wk_1b", "short"));
    assert_eq!(found("wk_1b", &mut keys), "wk_1b", "the whole text goes before a beginning");
}

#[test]
fn what_is_not_named_stays_when_a_key_is_changed() {
    let mut keys = keys();
    let limit = |n: u32| Some(OtherLimit::Of(n.try_into().unwrap()));
    let change = |keys: &mut Vec<Key>, changes: KeyChanges| {
        let before = keys.clone();
        let changed = set(keys, "wk_1b9", &changes)?;
        assert_eq!((&keys[0], &keys[1..]), (&changed, &before[1..]));
        Ok::<_, Failure>(changed)
    };
    let before = keys[0].clone();
    let plan = KeyChanges { plan: Some(PlanMode::Enforce), ..KeyChanges::default() };
    let changed = change(&mut keys, plan).unwrap();
    assert_eq!(changed, Key { plan: PlanMode::Enforce, ..before });
    let other = Origin::parse("https://a.example").unwrap();
    let origins =
        KeyChanges { origins: vec![OriginsChange::Of(other.clone())], burst: limit(5), ..KeyChanges::default() };
    let changed = change(&mut keys, origins).unwrap();
    assert_eq!(
        (changed.origins.as_slice(), changed.plan, changed.burst),
        (&[other.clone()][..], PlanMode::Enforce, 5.try_into().ok())
    );
    let default = KeyChanges { burst: Some(OtherLimit::None), ..KeyChanges::default() };
    assert_eq!(change(&mut keys, default.clone()).unwrap().rate().unwrap().burst.get(), 10_000);
    let anything = KeyChanges {
        origins: vec![OriginsChange::Any],
        events_per_second: Some(OtherLimit::None),
        plan: Some(PlanMode::Off),
        ..KeyChanges::default()
    };
    let changed = change(&mut keys, anything).unwrap();
    assert_eq!((changed.origins.len(), changed.rate(), changed.burst, changed.plan), (0, None, None, PlanMode::Off));

    let both = KeyChanges { origins: vec![OriginsChange::Any, OriginsChange::Of(other)], ..KeyChanges::default() };
    assert_eq!(set(&mut keys, "wk_1b9", &both).unwrap_err().exit.code(), 2);
    let burst = KeyChanges { burst: limit(5), ..KeyChanges::default() };
    let failure = set(&mut keys, "wk_1b9", &burst).unwrap_err();
    assert_eq!(
        (failure.exit.code(), failure.message.as_str()),
        (2, "the key wk_1b9XkQ3 may bring any number of events, so it has no burst")
    );
    assert!(set(&mut keys, "wk_1b9", &default).is_ok(), "no burst is what it has");
}

#[test]
fn switching_off_and_on_again() {
    let mut keys = keys();
    assert_eq!(disable(&mut keys, "wk_1b9", NOW).unwrap().disabled_at, Some(NOW));
    assert_eq!(disable(&mut keys, "wk_1b9", NOW + HOUR).unwrap().disabled_at, Some(NOW), "the first time counts");
    assert_eq!(disable(&mut keys, "wk_1bA", NOW).unwrap().disabled_at, Some(NOW), "grace ends");
    for wanted in ["wk_1b9", "wk_1bA", "wk_zZ"] {
        assert_eq!(enable(&mut keys, wanted).unwrap().state(i64::MAX), State::Active);
    }
}

#[test]
fn a_key_is_replaced_by_one_like_it() {
    let mut keys = keys();
    let ids = CountingIds::default();
    let rotated = rotate(&mut keys, "wk_1b9", &ids, NOW, NOW + 24 * HOUR).unwrap();
    let (old, new) = (&keys[0], keys.last().unwrap());
    assert_eq!((old.disabled_at, old.state(NOW)), (Some(NOW + 24 * HOUR), State::Ending));
    assert_eq!((new.state(NOW), new.key.as_str()), (State::Active, rotated.key.as_str()));
    assert_eq!((&new.source, &new.origins, new.rate()), (&old.source, &old.origins, old.rate()));
    assert_ne!(new.key, old.key);
    insta::assert_snapshot!(render(&rotated, Format::Table, 80).unwrap().replace(&rotated.key, "wk_NEW_____________________"), @"
    key                          source    replaces                     replaced_until
    ───────────────────────────  ────────  ───────────────────────────  ────────────────────────
    wk_NEW_____________________  web shop  wk_1b9XkQ3fTz0mW8sYhN2cLpRa  2026-01-02T00:00:00.000Z
    ");
    assert_eq!(
        render(&rotated, Format::Json, 80).unwrap(),
        format!(
            "{{\"key\":\"{}\",\"source\":\"web shop\",\"replaces\":\"wk_1b9XkQ3fTz0mW8sYhN2cLpRa\",\"replaced_until\":\"2026-01-02T00:00:00.000Z\"}}\n",
            rotated.key
        )
    );
    let refused = |keys: &mut Vec<Key>, wanted: &str| {
        let failure = rotate(keys, wanted, &ids, NOW, NOW).unwrap_err();
        format!("{failure}\n{}", failure.hint.as_deref().unwrap_or_default())
    };
    insta::assert_snapshot!(refused(&mut keys, "wk_1b9"), @"
    the key wk_1b9XkQ3 was replaced already, and ends by itself
    rotate the key that replaced it, or let this one go on with `weir keys enable wk_1b9XkQ3`
    ");
    insta::assert_snapshot!(refused(&mut keys, "wk_zZ"), @"
    the key wk_zZ4fDdE is disabled, so there is nothing to replace
    make a new one for the source `ios` with `weir keys add`
    ");
    assert_eq!(keys.len(), 4);
    // Without grace the old key ends at once.
    rotate(&mut keys, &rotated.key, &ids, NOW, NOW).unwrap();
    assert_eq!(keys[3].state(NOW), State::Disabled);
}

#[tokio::test]
async fn what_another_weir_wrote_beside_the_keys_stays() {
    let store = Store::in_memory();
    let written =
        json!({"weir_settings": 1, "mode": "x", "keys": [{"key": "wk_1", "source": "a", "created_at": 1, "quota": 2}]});
    assert!(store.create(&names::settings(1), written.to_string().into()).await.unwrap());
    update(&store, |keys| disable(keys, "wk_1", 5)).await.unwrap();
    update(&store, |keys| disable(keys, "wk_1", 6)).await.unwrap();
    let settings = Settings::newest(&store).await.unwrap();
    assert_eq!(settings.number(), 2, "a key that is disabled already is no change");
    assert_eq!(settings.get::<String>("mode").unwrap().as_deref(), Some("x"));
    let keys: Value = settings.get(KEYS).unwrap().unwrap();
    assert_eq!(keys, json!([{"key": "wk_1", "source": "a", "created_at": 1, "disabled_at": 5, "quota": 2}]));
}
