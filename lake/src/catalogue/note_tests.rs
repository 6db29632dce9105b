//! Notes are small, and what cannot be used is not.

use super::super::observe::tests::{Sent, observed};
use super::*;

fn sent(name: String, day: i64, properties: String) -> Sent {
    let time_ms = 1_767_225_600_000 + day * 86_400_000;
    Sent { name, source: format!("source-{}", day % 50), time_ms, properties: Some(properties), context: None }
}

#[test]
fn a_note_says_what_was_observed() {
    let events = [sent("view".into(), 0, r#"{"tab":"new","cart":{"sum":5}}"#.into())];
    let catalogue = observed(&events, Limits::NOTE, 10);
    let note = encode(catalogue.clone(), &Limits::NOTE);
    let json = String::from_utf8(zstd::bulk::decompress(&note, 1 << 20).unwrap()).unwrap();
    insta::assert_snapshot!(json, @r#"{"v":1,"events":{"view":{"n":1,"t":[1767225600000,1767225600000],"r":[1767225600000,1767225600000],"d":{"20454":1},"s":{"source-0":1},"p":{"cart":{"k":[0,0,0,0,0,1]},"cart.sum":{"k":[0,1,0,0,0,0],"m":[5.0,5.0]},"tab":{"k":[1,0,0,0,0,0],"v":{"v":[["new",1]]}}}}}}"#);
    assert_eq!(decode(&note, 1), Some(catalogue));
}

#[test]
fn a_note_that_says_something_else_is_not_used() {
    let catalogue = observed(&[sent("view".into(), 0, "{}".into())], Limits::NOTE, 10);
    let note = encode(catalogue, &Limits::NOTE);
    assert!(decode(&note, 1).is_some());
    assert_eq!(decode(&note, 2), None, "it counts other rows");
    assert_eq!(decode(&note[..note.len() / 2], 1), None, "it is cut");
    assert_eq!(decode(b"", 0), None, "it is empty");
    let json = String::from_utf8(zstd::bulk::decompress(&note, 1 << 20).unwrap()).unwrap();
    let newer = zstd::bulk::compress(json.replace(r#""v":1"#, r#""v":2"#).as_bytes(), 3).unwrap();
    assert_eq!(decode(&newer, 1), None, "it is of another form");
}

#[test]
fn whatever_comes_the_note_is_small_and_sums_are_exact() {
    // Names, values and days that do not repeat, and hardly compress.
    let scrambled = |n: u64| format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995);
    let event = |n: u64| {
        let pairs: Vec<String> =
            (0..12).map(|at| format!("\"{}\":\"{}\"", scrambled(n * 31 + at), scrambled(n * 101 + at))).collect();
        sent(format!("event-{}", scrambled(n % 300)), (n % 4_000) as i64, format!("{{{}}}", pairs.join(",")))
    };
    let events: Vec<Sent> = (0..6_000).map(event).collect();
    let catalogue = observed(&events, Limits::NOTE, 10_000);
    for note_bytes in [Limits::NOTE.note_bytes, 20_000, 2_000, 300] {
        let note = encode(catalogue.clone(), &Limits { note_bytes, ..Limits::NOTE });
        assert!(note.len() <= note_bytes, "{} bytes", note.len());
        let read = decode(&note, 6_000).unwrap();
        assert_eq!(read.count(), 6_000);
        for event in read.events.values() {
            assert_eq!(event.days_utc.values().sum::<u64>() + event.other_days, event.count);
            assert_eq!(event.sources.values().sum::<u64>() + event.other_sources, event.count);
            let named = event.properties.values().map(|property| property.types.total()).sum::<u64>();
            assert_eq!(named + event.other_properties, event.count * 12);
        }
    }
    assert_eq!(decode(&encode(catalogue, &Limits { note_bytes: 5, ..Limits::NOTE }), 6_000), None);
}

#[test]
fn ten_thousand_names_fit_into_a_note_each_with_its_count() {
    let events: Vec<_> =
        (0..10_000).map(|n| sent(format!("event_{n:05}"), n % 30, r#"{"plan":"pro"}"#.into())).collect();
    let catalogue = observed(&events, Limits::NOTE, 1_000);
    let note = encode(catalogue, &Limits::NOTE);
    assert!(note.len() <= Limits::NOTE.note_bytes, "{} bytes", note.len());
    let read = decode(&note, events.len() as u64).unwrap();
    assert_eq!((read.events.len(), read.other_events), (10_000, 0));
    assert!(read.events.values().all(|event| event.count == 1));
}
