use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn link(from: &'static str, to: &'static str, received_ms: i64) -> Declared<'static> {
    Declared { from, to, to_is_user: true, received_ms, place: 0 }
}

fn anonymous(from: &'static str, to: &'static str, received_ms: i64) -> Declared<'static> {
    Declared { to_is_user: false, ..link(from, to, received_ms) }
}

#[test]
fn events_declare_links() {
    fn said(event: &str, user: Option<&str>, anonymous: Option<&str>, properties: Option<&str>) -> Option<String> {
        declared_by(event, user, anonymous, properties)
            .map(|said| format!("{} {} {}", said.from, said.to, said.to_is_user))
    }
    let (u, a) = (Some("u"), Some("a"));
    let previous = |id: &str| format!(r#"{{"previousId":{id}}}"#);
    for (event, user, anonymous_id, properties, expected) in [
        (IDENTIFY, u, a, None, Some("a u true")),
        (IDENTIFY, u, None, None, Some("u u true")),
        (IDENTIFY, None, a, None, None),
        (IDENTIFY, u, a, Some(previous("\"p\"")), Some("a u true")),
        (ALIAS, u, a, Some(previous("\"p\"")), Some("p u true")),
        (ALIAS, u, None, Some(r#"{"previous_id":"p"}"#.to_owned()), Some("p u true")),
        (ALIAS, u, None, Some(previous("17")), Some("17 u true")),
        (ALIAS, None, a, Some(previous("\"p\"")), Some("p a false")),
        (ALIAS, None, a, Some(previous("\"a\"")), None),
        (ALIAS, None, a, None, None),
        (ALIAS, u, a, None, Some("a u true")),
        (ALIAS, u, None, Some(previous("\"\"")), Some("u u true")),
        (ALIAS, u, None, Some(previous("{}")), Some("u u true")),
        (ALIAS, u, a, Some(previous(&format!("\"{}\"", "x".repeat(201)))), Some("a u true")),
        ("view", u, a, Some(previous("\"p\"")), None),
        ("Identify", u, a, None, None),
    ] {
        let found = said(event, user, anonymous_id, properties.as_deref());
        assert_eq!(found.as_deref(), expected, "{event} {user:?} {anonymous_id:?} {properties:?}");
    }
}

#[test]
fn the_first_user_of_a_device_keeps_it() {
    let links = Links::resolve([link("kiosk", "ben", 5), link("kiosk", "ana", 3), link("kiosk", "ben", 9)]);
    assert_eq!(links.user_of("kiosk"), "ana");
    assert_eq!(links.refused_count(), 1, "said twice, counted once");
    let refused = &links.refused()[0];
    assert_eq!((&*refused.to, &*refused.stays, refused.reason), ("ben", "ana", Refusal::OtherUser));
    assert_eq!(refused.received_ms, 5);
}

#[test]
fn two_known_users_are_never_one() {
    let links = Links::resolve([link("ana", "ana.lee", 1), link("phone", "ana", 2)]);
    assert_eq!((links.user_of("ana"), links.user_of("phone")), ("ana", "ana"));
    assert_eq!(links.refused()[0].reason, Refusal::KnownUser);
    // That ana is known may be said by nothing but an identify of hers.
    let links = Links::resolve([link("ana", "ana.lee", 1), link("ana", "ana", 2)]);
    assert_eq!((links.user_of("ana"), links.refused_count()), ("ana", 1));
}

#[test]
fn links_lead_on_and_never_in_a_circle() {
    let links = Links::resolve([anonymous("a", "b", 1), anonymous("b", "c", 2), link("c", "u", 3)]);
    assert_eq!(["a", "b", "c"].map(|id| links.user_of(id)), ["u"; 3]);
    assert_eq!(links.ids_of("u"), ["a", "b", "c"]);
    let circle = [anonymous("a", "b", 1), anonymous("b", "a", 2)];
    let links = Links::resolve(circle);
    assert_eq!(["a", "b"].map(|id| links.user_of(id)), ["b"; 2]);
    assert_eq!(links.refused_count(), 0, "it says what holds already");
    let links = Links::resolve(circle.into_iter().chain([link("b", "u", 3)]));
    assert_eq!(["a", "b"].map(|id| links.user_of(id)), ["u"; 2], "the next link of b is tried");
}

/// Declarations among few ids, so that conflicts, chains and circles are the rule.
fn declarations() -> impl Strategy<Value = Vec<Declared<'static>>> {
    const ANONYMOUS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    const USERS: [&str; 4] = ["u", "v", "w", "a"];
    let one =
        (0..6_usize, 0..6_usize, 0..12_usize, 0..10_i64, 0..2_i64).prop_map(|(from, to, kind, received_ms, place)| {
            let (from, to, to_is_user) = match kind {
                0 => (USERS[from % 3], USERS[to % 4], true),
                1 => (USERS[to % 4], USERS[to % 4], true),
                2..8 => (ANONYMOUS[from], ANONYMOUS[to], false),
                _ => (ANONYMOUS[from], USERS[to % 3], true),
            };
            Declared { from, to, to_is_user, received_ms, place }
        });
    prop::collection::vec(one.prop_filter("says nothing", |one| one.to_is_user || one.from != one.to), 0..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn it_is_what_the_reference_says(declared in declarations(), seed in 0..1000_usize) {
        let held = reference::resolve(&declared);
        let mut shuffled = declared.clone();
        if !shuffled.is_empty() {
            let by = seed % shuffled.len();
            shuffled.rotate_left(by);
        }
        shuffled.extend(declared.iter().take(seed % 5).copied());
        let links = Links::resolve(shuffled);
        let ids = ["a", "b", "c", "d", "e", "f", "u", "v", "w"];
        for id in ids {
            prop_assert_eq!(links.user_of(id), reference::user_of(&held, id), "{}", id);
            let mut naive: Vec<&str> = ids.into_iter().filter(|i| *i != id && reference::user_of(&held, i) == id).collect();
            naive.sort_unstable();
            prop_assert_eq!(links.ids_of(id), naive);
        }
        let refused = reference::refused(&declared);
        prop_assert_eq!(links.refused_count(), refused.len() as u64);
        let shown: BTreeSet<(&str, &str)> = links.refused().iter().map(|r| (&*r.from, &*r.to)).collect();
        prop_assert_eq!(shown, refused);
        let hashes: Vec<u64> = links.iter().map(|(hash, ..)| hash).collect();
        prop_assert!(hashes.is_sorted());
    }
}

#[test]
fn links_take_little_memory() {
    let ids: Vec<(String, String)> = (0..100_000).map(|i| (format!("device-{i:030}"), format!("user-{i}"))).collect();
    let declared =
        ids.iter().zip(0..).map(|((from, to), at)| Declared { from, to, to_is_user: true, received_ms: at, place: 0 });
    let links = Links::resolve(declared);
    assert_eq!(links.len(), 100_000);
    assert_eq!(links.user_of(&ids[77_777].0), ids[77_777].1);
    assert!(links.memory() < 100_000 * 80, "{}", links.memory());
}
