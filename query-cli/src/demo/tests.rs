use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::world::Name;
use super::{DAY_MS, DemoConfig, HOUR_MS, generate};

/// 2026-06-01T00:00:00Z.
const END_MS: i64 = 1_780_272_000_000;
const COUNT: usize = 40_000;

/// Fingerprint of 3,000 lines of seed 42.
const PINNED: u64 = 0x6ccf_dd6b_69e9_1e77;

/// A generated line, parsed.
struct Event {
    line: String,
    fields: Map<String, Value>,
    at: i64,
}

impl Event {
    fn new(line: String) -> Self {
        let Value::Object(fields) = serde_json::from_str(&line).unwrap() else { panic!("not an object: {line}") };
        let at = match &fields["timestamp"] {
            Value::String(text) => chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis(),
            number => number.as_i64().unwrap(),
        };
        Event { line, fields, at }
    }

    fn text(&self, field: &str) -> &str {
        self.fields[field].as_str().unwrap()
    }

    fn user(&self) -> &str {
        self.text(if self.fields.contains_key("user_id") { "user_id" } else { "anonymous_id" })
    }

    fn property(&self, key: &str) -> Option<&Value> {
        self.fields.get("properties")?.get(key)
    }
}

static SAMPLE: LazyLock<Vec<Event>> =
    LazyLock::new(|| generate(&DemoConfig::new(COUNT as u64, 7, END_MS)).map(Event::new).collect());

/// The part of the sample's events that a test holds for.
fn share(test: impl Fn(&Event) -> bool) -> f64 {
    SAMPLE.iter().filter(|event| test(event)).count() as f64 / COUNT as f64
}

#[track_caller]
fn assert_within(what: &str, value: f64, low: f64, high: f64) {
    assert!((low..=high).contains(&value), "{what} is {value}, not in {low}..={high}");
}

/// FNV-1a, to pin many lines by one number.
fn fingerprint(config: &DemoConfig) -> u64 {
    let bytes = generate(config).flat_map(|line| (line + "\n").into_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn the_same_configuration_gives_the_same_bytes_on_every_machine() {
    let config = DemoConfig::new(3_000, 42, END_MS);
    // Changes whenever the generated data does. If that is intended, take the new number from the message.
    assert_eq!(fingerprint(&config), PINNED);
    assert_eq!(fingerprint(&config), fingerprint(&config.clone()));
    assert_ne!(fingerprint(&config), fingerprint(&DemoConfig { seed: 43, ..config }));
}

#[test]
fn the_number_of_lines_is_exact_and_known_in_advance() {
    for days in [0, 1, 2, 60, 400] {
        for events in [0, 1, 2, 3, 59, 1_000] {
            let config = DemoConfig { days, ..DemoConfig::new(events, 1, END_MS) };
            let mut lines = generate(&config);
            assert_eq!(lines.size_hint(), (events as usize, Some(events as usize)));
            if lines.next().is_some() {
                assert_eq!(lines.size_hint().0, events as usize - 1);
                assert_eq!(lines.count(), events as usize - 1, "{events} events, {days} days");
            } else {
                assert_eq!(events, 0);
            }
        }
    }
}

#[test]
fn the_iterator_can_go_to_another_thread_without_its_configuration() {
    let lines = generate(&DemoConfig::new(100, 1, END_MS));
    assert_eq!(std::thread::spawn(move || lines.count()).join().unwrap(), 100);
}

#[test]
fn every_line_is_a_valid_event() {
    const FIELDS: [&str; 8] =
        ["event", "user_id", "anonymous_id", "timestamp", "event_id", "session_id", "properties", "context"];
    for event in SAMPLE.iter() {
        // Compact, minimal escapes, and no key twice: writing it again, with keys in their order, changes nothing.
        assert_eq!(Value::from(event.fields.clone()).to_string(), event.line);
        for (field, value) in &event.fields {
            assert!(FIELDS.contains(&field.as_str()), "{field} in {}", event.line);
            match field.as_str() {
                "timestamp" => {}
                "properties" | "context" => assert!(value.is_object(), "{}", event.line),
                _ => assert!((1..=200).contains(&value.as_str().unwrap().len()), "{}", event.line),
            }
        }
        assert!(Name::ALL.iter().any(|name| name.text() == event.text("event")));
        assert!(!event.user().is_empty() && !event.text("event_id").is_empty());
    }
}

#[test]
fn timestamps_lie_in_the_period() {
    for (days, events) in [(60, COUNT as u64), (1, 5_000), (3, 500)] {
        // An end in the middle of an hour, so that windows are not days.
        let config = DemoConfig { days, ..DemoConfig::new(events, 3, END_MS - 12_345_678) };
        let times: Vec<i64> = generate(&config).map(|line| Event::new(line).at).collect();
        let start = config.end_ms - i64::from(days) * DAY_MS;
        assert!(times.iter().all(|at| (start + 1..=config.end_ms).contains(at)));
        assert!(times.iter().min().unwrap() - start < DAY_MS / 2);
        assert!(config.end_ms - times.iter().max().unwrap() < DAY_MS / 2);
    }
}

#[test]
fn only_verbatim_copies_share_an_event_id() {
    let mut seen: HashMap<&str, (usize, i64)> = HashMap::new();
    let mut copies = 0;
    let mut now = i64::MIN;
    for (index, event) in SAMPLE.iter().enumerate() {
        now = now.max(event.at);
        if let Some((first, then)) = seen.insert(event.text("event_id"), (index, now)) {
            assert_eq!(event.line, SAMPLE[first].line);
            assert!(now - then <= 2 * HOUR_MS, "copied after {} ms", now - then);
            copies += 1;
        }
    }
    assert_within("share of copies", f64::from(copies) / COUNT as f64, 0.003, 0.008);
}

#[test]
fn some_events_are_late_and_none_by_more_than_three_days() {
    let mut now = i64::MIN;
    let mut late = 0;
    for event in SAMPLE.iter() {
        now = now.max(event.at);
        assert!(now - event.at <= 3 * DAY_MS);
        late += i32::from(now - event.at > 5 * 60_000);
    }
    assert_within("share of late events", f64::from(late) / COUNT as f64, 0.006, 0.015);
}

#[test]
fn some_events_of_a_user_share_a_millisecond() {
    let ids = |event: &'static Event| (event.user(), event.at, event.text("event_id"));
    let all: BTreeSet<_> = SAMPLE.iter().map(ids).collect();
    let instants: BTreeSet<_> = all.iter().map(|(user, at, _)| (user, at)).collect();
    assert_within("share of ties", (all.len() - instants.len()) as f64 / COUNT as f64, 0.001, 0.006);
}

#[test]
fn ids_and_timestamps_come_in_every_form() {
    let has = |field: &'static str| move |event: &Event| event.fields.contains_key(field);
    assert_within("anonymous only", 1.0 - share(has("user_id")), 0.2, 0.4);
    assert_within("both ids", share(|e| has("user_id")(e) && has("anonymous_id")(e)), 0.1, 0.4);
    assert_within("session_id", share(has("session_id")), 0.63, 0.77);
    assert_within("counted event ids", share(|e| e.text("event_id").starts_with("web-")), 0.01, 0.06);
    let uuid = |e: &Event| e.text("event_id").len() == 36 && &e.text("event_id")[14..15] == "4";
    assert_within("UUID event ids", share(uuid), 0.94, 0.99);
    assert_within("UUID user ids", share(|e| e.user().len() == 36), 0.04, 0.2);
    assert_within("integer timestamps", share(|e| e.fields["timestamp"].is_i64()), 0.08, 0.12);
    let ends = |end: &'static str| move |e: &Event| e.fields["timestamp"].as_str().is_some_and(|t| t.ends_with(end));
    assert_within("offsets", share(ends("+09:00")), 0.035, 0.065);
    assert_within("UTC", share(ends("Z")), 0.8, 0.9);
}

#[test]
fn properties_are_as_dirty_as_intended() {
    let with_wage = share(|e| e.property("wage").is_some());
    let among = |test: fn(&Value) -> bool| share(|e| e.property("wage").is_some_and(test)) / with_wage;
    assert_within("wage as a string", among(Value::is_string), 0.008, 0.025);
    assert_within("wage null", among(Value::is_null), 0.001, 0.01);
    assert_within("urgent as a string", share(|e| e.property("is_urgent") == Some(&Value::from("true"))), 0.0003, 0.01);
    assert_within("no properties", share(|e| !e.fields.contains_key("properties")), 0.006, 0.015);
    let views = share(|e| e.text("event") == "view_job");
    let clean = share(|e| {
        e.text("event") == "view_job" && ["job_id", "category", "wage"].iter().all(|key| e.property(key).is_some())
    });
    assert_within("views with something missing", 1.0 - clean / views, 0.015, 0.05);
    assert_within("fractional distances", share(|e| e.property("distance_m").is_some_and(Value::is_f64)), 0.05, 0.3);
    assert_within("nested pay", share(|e| e.property("pay").is_some_and(|pay| pay["currency"] == "KRW")), 0.04, 0.3);
}

#[test]
fn texts_hold_what_trips_up_software() {
    let texts: BTreeSet<&str> = SAMPLE
        .iter()
        .flat_map(|e| ["title", "query", "text", "message"].into_iter().filter_map(|key| e.property(key)?.as_str()))
        .collect();
    let found = |test: fn(char) -> bool| texts.iter().any(|text| text.contains(test));
    assert!(found(|c| c == '"') && found(|c| c == '\\') && found(|c| c == '\n'), "escapes");
    assert!(found(|c| ('\u{1f300}'..='\u{1faff}').contains(&c)), "emoji");
    assert!(found(|c| ('\u{300}'..='\u{36f}').contains(&c)), "combining characters");
    assert!(found(|c| ('\u{590}'..='\u{6ff}').contains(&c)), "right-to-left text");
    assert!(found(|c| ('가'..='힣').contains(&c)) && found(|c| ('\u{1100}'..='\u{11ff}').contains(&c)), "Hangul");
}

#[test]
fn names_have_realistic_volumes() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    SAMPLE.iter().for_each(|event| *counts.entry(event.text("event")).or_default() += 1);
    assert_eq!(counts.len(), Name::ALL.len(), "all names occur");
    assert_eq!(counts.iter().max_by_key(|(_, count)| **count).unwrap().0, &"view_job");
    assert_within("share of view_job", counts["view_job"] as f64 / COUNT as f64, 0.22, 0.29);
    let bytes: usize = SAMPLE.iter().map(|event| event.line.len()).sum();
    assert_within("bytes of a line", bytes as f64 / COUNT as f64, 350.0, 460.0);
}

#[test]
fn a_few_users_are_very_active_and_none_dominates() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    SAMPLE.iter().for_each(|event| *counts.entry(event.user()).or_default() += 1);
    assert_within("events of a user", COUNT as f64 / counts.len() as f64, 9.0, 17.0);
    let mut counts: Vec<usize> = counts.into_values().collect();
    counts.sort_unstable();
    let top = counts[counts.len() - 1];
    assert_within("part of the most active user", top as f64 / COUNT as f64, 0.001, 0.006);
    assert!(counts[counts.len() / 2] * 10 < top, "a heavy tail");
}

#[test]
fn the_funnel_loses_people_at_every_step() {
    const STEPS: [&str; 5] = ["view_job", "apply_start", "apply_submit", "chat_open", "hired"];
    let mut events: Vec<&Event> = SAMPLE.iter().collect();
    events.sort_by_key(|event| event.at);
    let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events {
        // Without a window the greedy depth is the longest.
        let depth = depths.entry(event.user()).or_default();
        *depth += usize::from(STEPS.get(*depth) == Some(&event.text("event")));
    }
    let reached = |step: usize| depths.values().filter(|depth| **depth >= step).count() as f64;
    for (step, (low, high)) in [(2, (0.28, 0.44)), (3, (0.5, 0.7)), (4, (0.35, 0.55)), (5, (0.15, 0.36))] {
        assert_within(STEPS[step - 1], reached(step) / reached(step - 1), low, high);
    }
}

#[test]
fn the_week_has_its_rhythm_in_korean_time() {
    let hour = |event: &Event| (event.at.div_euclid(HOUR_MS) + 9).rem_euclid(24);
    assert_within("four at night", share(|e| hour(e) == 4), 0.0, 0.01);
    assert_within("eight in the evening", share(|e| hour(e) == 20), 0.055, 0.08);
    // 1970-01-01 was a Thursday; Monday is 0.
    let weekday = |event: &Event| ((event.at.div_euclid(HOUR_MS) + 9).div_euclid(24) + 3).rem_euclid(7);
    assert!(share(|e| weekday(e) == 0) > 1.2 * share(|e| weekday(e) == 5), "Mondays are busier than Saturdays");
}

#[test]
fn sessions_are_short_and_told_by_one_user() {
    let mut sessions: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in SAMPLE.iter().filter(|event| event.fields.contains_key("session_id")) {
        sessions.entry(event.text("session_id")).or_default().push(event);
    }
    for events in sessions.values_mut() {
        events.sort_by_key(|event| event.at);
        for pair in events.windows(2) {
            assert_eq!(pair[0].user(), pair[1].user());
            assert!(pair[1].at - pair[0].at < HOUR_MS / 2);
        }
    }
    let longest = sessions.values().map(Vec::len).max().unwrap();
    assert_within("events of the longest session", longest as f64, 25.0, 120.0);
}

#[test]
fn dates_follow_the_calendar() {
    for text in [
        "1970-01-01T00:00:00.000",
        "1999-12-31T23:59:59.999",
        "2000-02-29T12:00:00.001",
        "2024-02-29T23:59:59.999",
        "2026-12-31T00:00:00.000",
        "2100-02-28T10:20:30.040",
        "2100-03-01T00:00:00.000",
    ] {
        let ms = chrono::DateTime::parse_from_rfc3339(&format!("{text}Z")).unwrap().timestamp_millis();
        let mut written = String::new();
        super::line::push_date_time(&mut written, ms);
        assert_eq!(written, text);
    }
}
