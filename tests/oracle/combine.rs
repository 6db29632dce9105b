//! Questions that combine the rules in whatever way is allowed, about a small world.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};
use weir_tests::dice::Dice;

use super::calendar::local;
use super::worlds::World;

/// Draws questions about one world.
pub struct Combiner<'w> {
    world: &'w World,
    dice: Dice,
    features: BTreeSet<String>,
}

impl<'w> Combiner<'w> {
    pub fn new(world: &'w World, seed: u64) -> Self {
        Self { world, dice: Dice::new(seed.wrapping_mul(104_729)), features: BTreeSet::new() }
    }

    /// A question, and the rules that it combines.
    pub fn question(&mut self) -> (Value, BTreeSet<String>) {
        self.features.clear();
        let order = self.choose("order", &["ordered", "ordered", "strict", "any"]);
        let number = *self.dice.pick(&[1, 2, 2, 3, 3, 3, 4, 5]);
        let mut steps: Vec<Value> = (0..number).map(|_| self.step()).collect();
        if order != "any" && self.dice.chance(35) {
            for step in steps.iter_mut().skip(1) {
                if self.dice.chance(45) {
                    self.features.insert("optional".to_owned());
                    step["optional"] = json!(true);
                }
            }
        }
        let mut spec = json!({"kind": "funnel"});
        if order != "any" && number > 1 && self.dice.chance(40) {
            self.excludes(&mut spec, &steps);
        }
        spec["steps"] = steps.into();
        self.set(&mut spec, "order", &order, "ordered");
        let ties = self.choose("ties", &["lenient", "arrival", "strict"]);
        self.set(&mut spec, "ties", &ties, "lenient");
        let count = self.choose("count", &["users", "users", "sessions", "attempts"]);
        self.set(&mut spec, "count", &count, "users");
        if self.dice.chance(95) {
            spec["window"] = json!(self.window());
        }
        if self.dice.chance(30) {
            self.features.insert("hold".to_owned());
            spec["hold"] = self.dice.pick(&[json!(["item"]), json!(["item"]), json!(["item", "group"])]).clone();
        }
        if self.dice.chance(15) {
            self.features.insert("where".to_owned());
            spec["where"] = json!([self.condition()]);
        }
        if self.dice.chance(40) {
            spec["breakdown"] = self.breakdown(number);
        }
        self.period(&mut spec);
        (spec, self.features.clone())
    }

    fn choose(&mut self, what: &str, of: &[&str]) -> String {
        let word = *self.dice.pick(of);
        self.features.insert(format!("{what} {word}"));
        word.to_owned()
    }

    /// Sets a field, and leaves out what is the default now and then.
    fn set(&mut self, spec: &mut Value, field: &str, word: &str, default: &str) {
        if word != default || self.dice.chance(30) {
            spec[field] = json!(word);
        }
    }

    fn name(&mut self) -> &'static str {
        self.dice.pick::<&'static str>(self.world.names)
    }

    fn step(&mut self) -> Value {
        let mut step = self.events(20);
        if self.dice.chance(10) {
            step["label"] = json!("단계");
        }
        step
    }

    /// One event, any event, or any of several, with a condition in so many of a hundred cases.
    fn events(&mut self, percent: usize) -> Value {
        let mut events = match self.dice.below(10) {
            0 => json!({"event": "*"}),
            1..4 => {
                self.features.insert("any of several".to_owned());
                let any: Vec<Value> = (0..2 + self.dice.below(2)).map(|_| self.alternative(percent)).collect();
                json!({"any": any})
            }
            _ => json!({"event": self.name()}),
        };
        if self.dice.chance(percent) {
            events["where"] = json!([self.condition()]);
        }
        events
    }

    fn alternative(&mut self, percent: usize) -> Value {
        let mut one = json!({"event": self.name()});
        if self.dice.chance(percent) {
            one["where"] = json!([self.condition()]);
        }
        one
    }

    fn condition(&mut self) -> Value {
        self.dice
            .pick(&[
                json!({"property": "price", "op": ">=", "value": 50}),
                json!({"property": "price", "op": "!=", "value": 100}),
                json!({"property": "group", "op": "in", "value": ["KR", 1, false]}),
                json!({"property": "group", "op": "not in", "value": ["JP", "1"]}),
                json!({"property": "group", "op": "matches", "value": "^[A-Z]{2}$|b"}),
                json!({"property": "item", "op": "exists"}),
                json!({"property": "cart.total", "op": "<", "value": 2}),
                json!({"property": "cart.0.total", "op": "not exists"}),
                json!({"property": "context.platform", "op": "=", "value": "ios"}),
            ])
            .clone()
    }

    fn excludes(&mut self, spec: &mut Value, steps: &[Value]) {
        let last = steps.len();
        let is_safe = |step: &usize| *step == last || steps[step - 1]["optional"] != true;
        let safe: Vec<usize> = (1..=last).filter(is_safe).collect();
        let excludes: Vec<Value> = (0..1 + self.dice.below(2))
            .map(|_| {
                let mut exclude = self.events(15);
                let from = self.dice.below(safe.len() - 1);
                let to = from + 1 + self.dice.below(safe.len() - from - 1);
                if from > 0 || self.dice.chance(50) {
                    exclude["from"] = json!(safe[from]);
                }
                if safe[to] != last || self.dice.chance(50) {
                    exclude["to"] = json!(safe[to]);
                }
                exclude
            })
            .collect();
        spec["exclude"] = excludes.into();
        let exclusion = self.choose("exclusion", &["block", "drop_user"]);
        self.set(spec, "exclusion", &exclusion, "block");
    }

    /// Some units, as events lie that far apart; seldom a millisecond less.
    fn window(&mut self) -> String {
        if self.dice.chance(25) {
            self.features.insert("window session".to_owned());
            return "session".to_owned();
        }
        let ms = self.world.unit_ms * self.dice.between(1, 5) - i64::from(self.dice.chance(15));
        match ms {
            ms if ms <= 0 => "1ms".to_owned(),
            ms if ms % 86_400_000 == 0 => format!("{}d", ms / 86_400_000),
            ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
            ms => format!("{ms}ms"),
        }
    }

    fn breakdown(&mut self, steps: usize) -> Value {
        let property = *self.dice.pick(&["group", "group", "item", "context.platform", "cart.total", "nothing"]);
        if self.dice.chance(15) {
            return json!(property);
        }
        let mut breakdown = json!({"property": property});
        if self.dice.chance(70) {
            self.features.insert("breakdown step".to_owned());
            breakdown["step"] = json!(1 + self.dice.below(steps));
        }
        if self.dice.chance(60) {
            self.features.insert("breakdown limit".to_owned());
            breakdown["limit"] = json!(1 + self.dice.below(4));
        }
        breakdown
    }

    /// When first steps may happen, and what is asked by time.
    fn period(&mut self, spec: &mut Value) {
        if self.dice.chance(80) {
            spec["timezone"] = json!(self.world.zone);
        }
        let zone = spec["timezone"].as_str().unwrap_or("UTC").parse().expect("a time zone");
        let mut ends = [self.world.instant(&mut self.dice), self.world.instant(&mut self.dice)];
        ends.sort_unstable();
        let dates = self.dice.chance(50);
        let mut ends = ends.map(|ms| {
            if dates {
                return local(zone, ms).format("%Y-%m-%d").to_string();
            }
            let instant = DateTime::from_timestamp_millis(ms).expect("an instant");
            instant.to_rfc3339_opts(SecondsFormat::Millis, true)
        });
        // Where clocks go back over midnight, the later instant may have the earlier date.
        ends.sort_unstable();
        let [from, to] = ends.map(Value::from);
        match self.dice.below(8) {
            0 => {}
            1 => spec["from"] = from,
            2 => spec["to"] = to,
            3 => {
                self.features.insert("last".to_owned());
                spec["last"] = json!(*self.dice.pick(&["3h", "2d", "4d"]));
            }
            _ => {
                self.features.insert(if dates { "dates" } else { "instants" }.to_owned());
                spec["from"] = from;
                spec["to"] = to;
            }
        }
        let is_closed = spec.get("last").is_some() || (spec.get("from").is_some() && spec.get("to").is_some());
        if is_closed && self.dice.chance(40) {
            self.features.insert("compare".to_owned());
            spec["compare"] = json!("previous");
        }
        if self.dice.chance(40) {
            let interval = self.choose("interval", &["hour", "day", "week", "month"]);
            spec["interval"] = json!(interval);
        }
    }
}
