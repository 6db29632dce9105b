//! Small lakes in which much happens at once: few users, events that share a millisecond or lie exactly a window apart,
//! copies, late arrivals, people with several devices, days on which clocks are changed.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};
use weir_tests::dice::Dice;

/// Where clocks are changed: at Sunday's start, at midnight, a minute behind it, by half an hour, by a whole day, never.
const SCENES: &[(&str, &str)] = &[
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2025-11-02T06:00:00Z"),
    ("America/Santiago", "2025-09-07T04:00:00Z"),
    ("America/Havana", "2025-11-02T05:00:00Z"),
    ("America/St_Johns", "2010-11-07T02:31:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Asia/Kolkata", "2025-12-31T18:30:00Z"),
    ("Asia/Seoul", "2026-01-31T15:00:00Z"),
];

/// What lies between two events, in milliseconds.
const UNITS: &[i64] = &[1, 1_000, 60_000, 600_000, 1_800_000, 3_600_000, 21_600_000, 86_400_000];

const NAMES: [&str; 5] = ["view", "cart", "buy", "검색", "identify"];

/// A lake as it is sent.
#[derive(Debug)]
pub struct World {
    pub zone: &'static str,
    /// All times lie around this instant, in steps of a unit.
    pub middle_ms: i64,
    pub unit_ms: i64,
    pub names: &'static [&'static str],
    pub batches: Vec<Batch>,
}

/// Events that arrive at once.
#[derive(Debug)]
pub struct Batch {
    /// The source of an import; `None` for a request, which belongs to `dev`.
    pub import: Option<&'static str>,
    pub events: Vec<Value>,
}

impl World {
    /// Another seed is another world; some lie in the present, so that windows are open.
    pub fn draw(seed: u64, now_ms: i64) -> Self {
        let mut dice = Dice::new(seed.wrapping_mul(7919));
        let (zone, instant) = *dice.pick(SCENES);
        let unit_ms = *dice.pick(UNITS);
        let middle_ms = if dice.chance(40) {
            // Not much of it in the future: an event that is more than a day ahead is refused.
            now_ms / 600_000 * 600_000 - unit_ms * dice.between(2, 8)
        } else {
            weir_tests::instant_ms(instant)
        };
        let names = &NAMES[..2 + dice.below(4)];
        let mut world = Self { zone, middle_ms, unit_ms, names, batches: Vec::new() };
        let mut events = world.events(&mut dice);
        // Late and unsorted.
        for at in (1..events.len()).rev() {
            events.swap(at, dice.below(at + 1));
        }
        world.copy_some(&mut events, &mut dice);
        world.send_in_batches(events, &mut dice);
        world
    }

    /// An instant of this world: on its grid, seldom a millisecond beside it.
    pub fn instant(&self, dice: &mut Dice) -> i64 {
        let beside = if dice.chance(8) { dice.between(-1, 1) } else { 0 };
        self.middle_ms + self.unit_ms * dice.between(-3, 3) + beside
    }

    /// All events in the order of their arrival, with their sources.
    pub fn sent(&self) -> impl Iterator<Item = (&'static str, Value)> {
        self.batches.iter().flat_map(|batch| {
            let source = batch.import.unwrap_or("dev");
            batch.events.iter().map(move |event| (source, event.clone()))
        })
    }

    fn events(&self, dice: &mut Dice) -> Vec<Value> {
        let users = 4 + dice.below(20);
        // One kind of world has nobody with two ids.
        let devices = if dice.chance(60) { 0 } else { users };
        let with_session = *dice.pick(&[0, 0, 40, 100]);
        let mut events = Vec::new();
        for user in 0..users {
            for _ in 0..1 + dice.below(9) {
                let mut event = json!({"event": dice.pick(self.names)});
                event["event_id"] = json!(format!("e{}", events.len()));
                event["timestamp"] = self.timestamp(dice);
                event["properties"] = properties(dice);
                event["context"] = json!({"platform": *dice.pick(&["ios", "android"])});
                if dice.chance(with_session) {
                    // The same id for several users is a session of each of them.
                    event["session_id"] = json!(format!("s{}", dice.below(3)));
                }
                name_user(&mut event, user, devices, dice);
                events.push(event);
            }
        }
        events
    }

    fn timestamp(&self, dice: &mut Dice) -> Value {
        let ms = self.instant(dice);
        if dice.chance(70) {
            return json!(ms);
        }
        let instant = DateTime::from_timestamp_millis(ms).expect("an instant");
        json!(instant.to_rfc3339_opts(SecondsFormat::Millis, true))
    }

    /// Copies say something else, so that it shows which of them counts.
    fn copy_some(&self, events: &mut Vec<Value>, dice: &mut Dice) {
        for _ in 0..dice.below(6) {
            let mut copy = dice.pick(events).clone();
            copy["event"] = json!(dice.pick(self.names));
            copy["timestamp"] = self.timestamp(dice);
            events.insert(dice.below(events.len() + 1), copy);
        }
    }

    fn send_in_batches(&mut self, events: Vec<Value>, dice: &mut Dice) {
        let number = 1 + dice.below(5);
        self.batches = (0..number)
            .map(|_| {
                let import = dice.chance(40).then(|| *dice.pick(&["dev", "dev", "shop"]));
                Batch { import, events: Vec::new() }
            })
            .collect();
        for mut event in events {
            let batch = &mut self.batches[dice.below(number)];
            // An import makes the ids that are missing from the lines.
            if batch.import.is_none() && dice.chance(10) {
                event.as_object_mut().expect("an event is an object").remove("event_id");
            }
            batch.events.push(event);
        }
        self.batches.retain(|batch| !batch.events.is_empty());
    }
}

/// Who did it: a user, one of two devices, or both; and now and then what links them, in whatever direction.
fn name_user(event: &mut Value, user: usize, devices: usize, dice: &mut Dice) {
    if devices == 0 {
        let field = if user.is_multiple_of(3) { "anonymous_id" } else { "user_id" };
        event[field] = json!(format!("u{user}"));
        if event["event"] == "identify" {
            event["user_id"] = event[field].clone();
        }
        return;
    }
    let device = if dice.chance(85) { user } else { dice.below(devices) };
    let (user, device) = (format!("u{user}"), format!("{device}{}", dice.pick(&["", "0"])));
    match dice.below(10) {
        0..3 => event["user_id"] = json!(user),
        3..8 => event["anonymous_id"] = json!(device),
        _ => {
            event["user_id"] = json!(user);
            event["anonymous_id"] = json!(device);
        }
    }
    if dice.chance(12) {
        event["event"] = json!("identify");
        event["user_id"] = json!(user);
        event["anonymous_id"] = json!(device);
    } else if dice.chance(8) {
        event["event"] = json!("alias");
        let id = dice.below(devices);
        let field = *dice.pick(&["previousId", "previous_id"]);
        // A device by its text or its number, or a user.
        event["properties"][field] = dice.pick(&[json!(id.to_string()), json!(id), json!(format!("u{id}"))]).clone();
    }
}

fn properties(dice: &mut Dice) -> Value {
    let item = [json!(1), json!(1.0), json!(1), json!(2), json!("1"), json!(true), json!(null), json!([1]), json!({})];
    let group =
        [json!("KR"), json!("JP"), json!("a \"b\""), json!(1), json!(1.0), json!("1"), json!(false), json!(null)];
    let odd = [json!([1, "x"]), json!({"k": 1}), json!(2.5)];
    let group = if dice.chance(6) { dice.pick(&odd) } else { dice.pick(&group) };
    let mut properties = json!({});
    if dice.chance(90) {
        properties["item"] = dice.pick(&item).clone();
    }
    if dice.chance(85) {
        properties["group"] = group.clone();
    }
    if dice.chance(70) {
        properties["price"] = json!(dice.below(4) * 50);
    }
    match dice.below(5) {
        0 => properties["cart"] = json!({"total": dice.below(3)}),
        1 => properties["cart.total"] = json!(dice.below(3)),
        2 => properties["cart"] = json!([{"total": dice.below(3)}]),
        _ => {}
    }
    properties
}
