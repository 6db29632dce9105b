//! Apps that send until they are told that their events are safe, as their libraries do; and what they know at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::dice::Dice;
use weir_tests::http::{Answer, Http};
use weir_tests::lambda::Function;
use weir_tests::lambda::api::Outcome;

use super::site::{KEY, OFF_KEY};

/// Events of one request.
pub const BATCH: usize = 100;
/// So many of a hundred requests meet a process that is killed while it has them.
const KILLED: usize = 4;
/// A request is tried again for so long.
const PATIENCE: Duration = Duration::from_secs(120);
/// Users take three steps; of so many, one goes on to the next.
pub const GOES_ON: [usize; 2] = [2, 5];

/// What a client knows.
#[derive(Default)]
pub struct Known {
    /// Ids of events that were said to be safe.
    pub accepted: BTreeSet<String>,
    /// Why events were refused, and how many were for each reason: each is in one request that was answered.
    pub rejected: BTreeMap<String, usize>,
    /// Ids of events under the key that was switched off, by whether they were taken.
    pub old_taken: BTreeSet<String>,
    pub old_refused: usize,
    /// Requests that had to be sent again.
    pub retries: usize,
    /// Who took which steps, by the events that are safe.
    pub steps: [BTreeSet<String>; 3],
}

impl Known {
    pub fn and(mut self, other: Self) -> Self {
        self.accepted.extend(other.accepted);
        self.old_taken.extend(other.old_taken);
        for (code, count) in other.rejected {
            *self.rejected.entry(code).or_default() += count;
        }
        for (mine, theirs) in self.steps.iter_mut().zip(other.steps) {
            mine.extend(theirs);
        }
        self.old_refused += other.old_refused;
        self.retries += other.retries;
        self
    }
}

/// One app.
pub struct Client<'a> {
    pub number: usize,
    pub live: &'a Function,
    pub bulk: &'a Function,
    pub dice: Dice,
    /// When the first event happened, milliseconds since 1970.
    pub began_ms: i64,
}

impl Client<'_> {
    /// Sends so many batches.
    pub fn run(mut self, batches: usize) -> Known {
        let mut known = Known::default();
        for batch in 0..batches {
            let (events, steps) = self.events(batch);
            let bad = self.bad_events();
            // An import now and then, which has a door of its own.
            let is_import = self.dice.chance(10);
            let answer = self.until_safe(is_import, &events, &bad, &mut known);
            if !is_import {
                assert_eq!(answer["accepted"], events.len(), "{answer}");
                assert_eq!(answer["rejected"].as_array().map(Vec::len), Some(bad.len()), "{answer}");
                for rejection in answer["rejected"].as_array().unwrap() {
                    *known.rejected.entry(rejection["code"].as_str().unwrap().to_owned()).or_default() += 1;
                }
            }
            known.accepted.extend(events.iter().map(|event| event["event_id"].as_str().unwrap().to_owned()));
            for (user, step) in steps {
                known.steps[step].insert(user);
            }
            if batch % 7 == 0 {
                self.with_the_old_key(batch, &mut known);
            }
        }
        known
    }

    /// Events of users who each take up to three steps.
    fn events(&mut self, batch: usize) -> (Vec<Value>, Vec<(String, usize)>) {
        let (mut events, mut steps) = (Vec::with_capacity(BATCH), Vec::new());
        let mut number = batch * BATCH;
        while events.len() < BATCH {
            let user = format!("u{}-{number}", self.number);
            let reached = GOES_ON.iter().take_while(|every| number.is_multiple_of(**every)).count();
            for (step, name) in ["view_job", "apply_start", "hired"].iter().enumerate().take(reached + 1) {
                if events.len() == BATCH {
                    break;
                }
                let id = format!("{user}-{step}");
                events.push(json!({
                    "event": name, "user_id": user, "event_id": id,
                    "timestamp": self.began_ms + (number * 10 + step) as i64,
                    "properties": {"place": number % 17, "secret": "zzyzx"}
                }));
                steps.push((user.clone(), step));
            }
            number += 1;
        }
        (events, steps)
    }

    /// Events that are none, of several kinds.
    fn bad_events(&mut self) -> Vec<Value> {
        let kinds = [
            json!({"event": "of nobody"}),
            json!({"user_id": "u"}),
            json!({"event": "x", "user_id": "u", "timestamp": "yesterday"}),
            json!({"event": "x", "user_id": "u", "colour": "red"}),
        ];
        let count = if self.dice.chance(20) { 1 + self.dice.below(3) } else { 0 };
        (0..count).map(|_| self.dice.pick(&kinds).clone()).collect()
    }

    /// Sends the same request until it is answered with 200.
    fn until_safe(&mut self, is_import: bool, events: &[Value], bad: &[Value], known: &mut Known) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = if is_import { self.import(events) } else { self.post(KEY, events, bad) };
            match answer {
                Some(answer) if answer.status == 200 => {
                    return serde_json::from_str(&answer.body).unwrap_or_default();
                }
                Some(answer) => {
                    let is_passing = matches!(answer.status, 429 | 500 | 502 | 503 | 504);
                    assert!(is_passing, "{}: {}", answer.status, answer.body);
                }
                None => {}
            }
            assert!(Instant::now() < until, "nothing was taken for two minutes");
            known.retries += 1;
            std::thread::sleep(Duration::from_millis(self.dice.between(5, 60).unsigned_abs()));
        }
    }

    fn post(&mut self, key: &str, events: &[Value], bad: &[Value]) -> Option<Answer> {
        let all: Vec<&Value> = events.iter().chain(bad).collect();
        let body = json!({"events": all}).to_string();
        if self.dice.chance(KILLED) {
            // It crashes with the request, before or after it has stored something.
            let event = event_of(key, &body);
            let after = Duration::from_micros(self.dice.between(100, 30_000).unsigned_abs());
            return match self.live.invoke_and_kill(event, after) {
                Outcome::Answered(answer) => Some(Answer {
                    status: u16::try_from(answer["statusCode"].as_u64()?).ok()?,
                    headers: Vec::new(),
                    body: answer["body"].as_str()?.to_owned(),
                }),
                _ => None,
            };
        }
        Some(Http::new(self.live.url()).post("/v1/events", ("x-write-key", key), body.as_bytes()))
    }

    /// The same events as a library for imports sends them.
    fn import(&self, events: &[Value]) -> Option<Answer> {
        let calls: Vec<Value> = events
            .iter()
            .map(|event| {
                json!({
                    "type": "track", "event": event["event"], "userId": event["user_id"], "messageId": event["event_id"],
                    "timestamp": weir_core::time::rfc3339(event["timestamp"].as_i64().unwrap()), "properties": event["properties"]
                })
            })
            .collect();
        let body = json!({"batch": calls, "writeKey": KEY}).to_string();
        let answer = Http::new(self.bulk.url()).try_post("/v1/import", "application/json", body.as_bytes());
        answer.ok()
    }

    /// One event under the key that somebody switches off. It is sent once: a 401 is no reason to try again.
    fn with_the_old_key(&mut self, batch: usize, known: &mut Known) {
        let id = format!("old-{}-{batch}", self.number);
        let event = json!({"event": "tick", "user_id": "old", "event_id": id});
        match self.post(OFF_KEY, &[event], &[]) {
            Some(answer) if answer.status == 200 => {
                known.old_taken.insert(id);
            }
            Some(answer) if answer.status == 401 => known.old_refused += 1,
            _ => {}
        }
    }
}

/// A request of `POST /v1/events`, as a function URL hands it on.
fn event_of(key: &str, body: &str) -> Value {
    use weir_tests::lambda::event::{Door, of_request};
    let request = axum::http::Request::post("/v1/events")
        .header("content-type", "application/json")
        .header("x-write-key", key)
        .body(())
        .expect("a request");
    of_request(Door::FunctionUrl, &request.into_parts().0, body.as_bytes())
}
