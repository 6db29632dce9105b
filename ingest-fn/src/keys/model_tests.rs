use std::collections::HashSet;

use serde_json::json;
use weir_core::ports::CountingIds;

use super::*;

fn web() -> NewKey {
    NewKey {
        source: SourceName::parse("web").unwrap(),
        origins: vec![Origin::parse("https://a.example").unwrap()],
        events_per_second: NonZeroU32::new(5),
        store_ip: false,
        burst: None,
        plan: PlanMode::Off,
    }
}

#[test]
fn a_new_key_has_its_form_and_comes_once() {
    let ids = CountingIds::default();
    let keys: Vec<String> = (0..10_000).map(|_| Key::new(web(), &ids, 7).key.as_str().to_owned()).collect();
    for key in &keys {
        let digits = key.strip_prefix("wk_").unwrap();
        assert!(digits.len() == 24 && digits.bytes().all(|b| b.is_ascii_alphanumeric()), "{key}");
    }
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
}

/// Identifiers whose bytes are drawn by a generator (splitmix64).
struct Drawn(std::sync::Mutex<u64>);

impl Ids for Drawn {
    fn next_id(&self) -> [u8; 16] {
        let mut state = self.0.lock().unwrap();
        let mut id = [0; 16];
        for half in id.chunks_exact_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            half.copy_from_slice(&(z ^ (z >> 31)).to_be_bytes());
        }
        id
    }
}

#[test]
fn every_character_is_as_likely_as_every_other_at_every_place() {
    let ids = Drawn(1.into());
    let mut seen = vec![[0_u32; 128]; 24];
    let keys = 62 * 400;
    for _ in 0..keys {
        let key = Key::new(web(), &ids, 0).key;
        key.as_str().bytes().skip(3).zip(&mut seen).for_each(|(byte, seen)| seen[usize::from(byte)] += 1);
    }
    for (place, seen) in seen.iter().enumerate() {
        let counts: Vec<u32> = ALPHABET.iter().map(|b| seen[usize::from(*b)]).collect();
        assert!(counts.iter().all(|n| (300..500).contains(n)), "place {place}: {counts:?}");
    }
}

#[test]
fn what_is_stored_reads_back_and_unknown_fields_stay() {
    let key = Key::new(web(), &CountingIds::default(), 7);
    let stored = serde_json::to_value(&key).unwrap();
    let text = key.key.as_str();
    let expected = json!({"key": text, "source": "web", "created_at": 7, "origins": ["https://a.example"], "events_per_second": 5});
    assert_eq!(stored, expected);
    assert_eq!(serde_json::from_value::<Key>(stored).unwrap(), key);

    let newer = json!({"key": "wk_1", "source": "app", "created_at": 1, "plan": "warn", "disabled_at": 9, "quota": {"day": 1}, "n": 1.5});
    let read: Key = serde_json::from_value(newer.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), newer);
    let successor = read.successor(&CountingIds::default(), 5);
    assert_eq!((successor.other, successor.disabled_at, successor.created_at), (read.other, None, 5));
    assert_ne!(successor.key, read.key);
    assert_eq!((read.plan, successor.plan), (PlanMode::Warn, PlanMode::Warn));
}

#[test]
fn a_stored_key_that_makes_no_sense_is_refused() {
    for (field, value, says) in [
        ("source", json!(""), "a source needs a name"),
        ("origins", json!(["https://a.example/x"]), "no path"),
        ("events_per_second", json!(0), "nonzero"),
        ("burst", json!(-1), "nonzero"),
        ("disabled_at", json!("soon"), "soon"),
    ] {
        let mut key = json!({"key": "wk_1", "source": "app", "created_at": 1});
        key[field] = value;
        let error = serde_json::from_value::<Key>(key).unwrap_err().to_string();
        assert!(error.contains(says), "{field}: {error}");
    }
}

#[test]
fn a_key_ends_at_its_instant() {
    let mut key = Key::new(web(), &CountingIds::default(), 0);
    assert_eq!(key.state(i64::MAX), State::Active);
    key.disabled_at = Some(10);
    assert_eq!([9, 10, 11].map(|now| key.state(now)), [State::Ending, State::Disabled, State::Disabled]);
}

#[test]
fn a_burst_is_ten_seconds_unless_it_is_said() {
    let mut key = Key::new(web(), &CountingIds::default(), 0);
    assert_eq!(key.rate().unwrap().burst.get(), 50);
    key.burst = NonZeroU32::new(3);
    assert_eq!(key.rate().unwrap().burst.get(), 3);
    key.events_per_second = None;
    assert_eq!(key.rate(), None);
}

#[test]
fn names_of_sources_are_checked() {
    for good in ["w", "web shop", "앱", &"x".repeat(100)] {
        assert_eq!(SourceName::parse(good).unwrap().as_str(), good);
    }
    for (bad, says) in
        [("", "needs a name"), (&*"x".repeat(101), "found 101 bytes"), (" a", "space"), ("a\n", "control")]
    {
        assert!(SourceName::parse(bad).unwrap_err().contains(says), "{bad:?}");
    }
}

#[test]
fn origins_are_written_as_browsers_write_them() {
    for (text, origin) in [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example:443", "https://shop.example"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://localhost:80", "https://localhost:80"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://[::1]", "http://[::1]"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
    ] {
        assert_eq!(Origin::parse(text).map(String::from), Ok(origin.to_owned()));
    }
    for (text, says) in [
        ("shop.example", "expected scheme and host"),
        ("https://", "expected scheme and host"),
        ("://a", "expected scheme and host"),
        ("https://a.example/", "no slash at its end"),
        ("https://a.example/shop", "no path"),
        ("https://*.example", "no wildcards"),
        ("https://서울.example", "xn--"),
        ("https://a b", "expected scheme and host"),
        ("https://a:0", "expected scheme and host"),
        ("https://a:99999", "expected scheme and host"),
        ("https://user@a.example", "expected scheme and host"),
        ("*", "expected scheme and host"),
        ("null", "expected scheme and host"),
    ] {
        let problem = Origin::parse(text).unwrap_err();
        assert!(problem.contains(says), "{text}: {problem}");
    }
}
