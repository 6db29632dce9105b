//! A disagreement made small: events and parts of the question are left out as long as the two answers still differ.

use std::fmt::Write;

use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::cli::{weir, weir_with_input};

use super::compare::differences;
use super::data::Data;
use super::expect;
use super::question::Question;

/// So many smaller cases are tried.
const TRIALS: usize = 500;

/// Events in the order of their arrival, and a question.
#[derive(Clone)]
struct Case {
    events: Vec<Value>,
    spec: Value,
}

/// What a person needs to see a disagreement again: the events, the question and both answers.
pub fn reproduction(sent: impl Iterator<Item = (&'static str, Value)>, spec: &Value) -> String {
    let events = sent.enumerate().map(|(at, (source, mut event))| {
        // One source for all, and an id for each; so one import of one file is the whole lake.
        let id = event["event_id"].as_str().map_or_else(|| format!("line {at}"), str::to_owned);
        event["event_id"] = json!(format!("{source} {id}"));
        event
    });
    let mut case = Case { events: events.collect(), spec: spec.clone() };
    if case.disagreement().is_none() {
        return "one import of all events does not show it: it takes the batches, in their order".to_owned();
    }
    let mut left = TRIALS;
    loop {
        let before = case.clone();
        case.leave_events_out(&mut left);
        case.leave_parts_out(&mut left);
        if left == 0 || (case.events.len() == before.events.len() && case.spec == before.spec) {
            break;
        }
    }
    let (given, expected) = case.disagreement().expect("it still differs");
    let mut text = "the events of a file, imported into an empty lake:\n".to_owned();
    for event in &case.events {
        writeln!(text, "{event}").expect("a text takes everything");
    }
    let found = differences(&given, &expected).join("\n  ");
    write!(text, "\nquestion: {}\n\nweir: {given}\n\nexpected: {expected}\n\n  {found}", case.spec)
        .expect("a text takes everything");
    text
}

impl Case {
    /// Both answers, where they differ. A question that is refused is no disagreement here.
    fn disagreement(&self) -> Option<(Value, Value)> {
        let scratch = Scratch::new();
        let lake = scratch.lake();
        let lines: String = self.events.iter().map(|event| format!("{event}\n")).collect();
        let file = scratch.file("events.ndjson", lines);
        weir(&["import", &file, "--lake", &lake]).ok();
        let args = ["funnel", "--lake", &lake, "--spec", "-", "--format", "json", "--quiet"];
        let ran = weir_with_input(&args, self.spec.to_string().as_bytes());
        if ran.code != 0 {
            return None;
        }
        let given = ran.json();
        let question = Question::read(&self.spec, super::small::now_of(&given, &self.spec, weir_tests::now_ms()));
        let data = Data::of(self.events.iter().map(|event| ("dev", event.clone())));
        let expected = expect::answer(&question, &data, &given["complete_to"]);
        (!differences(&given, &expected).is_empty()).then_some((given, expected))
    }

    /// Takes a smaller case instead, if that still differs.
    fn try_instead(&mut self, smaller: Self, left: &mut usize) -> bool {
        if *left == 0 {
            return false;
        }
        *left -= 1;
        let differs = !smaller.events.is_empty() && smaller.disagreement().is_some();
        if differs {
            *self = smaller;
        }
        differs
    }

    /// Half of them, then ever fewer at once.
    fn leave_events_out(&mut self, left: &mut usize) {
        let mut size = self.events.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < self.events.len() {
                let mut smaller = self.clone();
                smaller.events.drain(at..(at + size).min(smaller.events.len()));
                if !self.try_instead(smaller, left) {
                    at += size;
                }
            }
            size /= 2;
        }
    }

    /// Fields of the question and of its steps, and whole steps. What is no question any more is refused, and stays.
    fn leave_parts_out(&mut self, left: &mut usize) {
        let mut paths = Vec::new();
        list_parts(&self.spec, String::new(), &mut paths);
        for path in paths {
            let mut smaller = self.clone();
            let (parent, key) = path.rsplit_once('/').expect("a path has a key");
            match smaller.spec.pointer_mut(parent) {
                Some(Value::Object(fields)) if key != "kind" && key != "steps" && key != "event" => {
                    fields.remove(key);
                }
                Some(Value::Array(list)) if list.len() > 1 => {
                    // A part before it may be gone by now.
                    let at = key.parse().expect("a place");
                    if at < list.len() {
                        list.remove(at);
                    }
                }
                _ => continue,
            }
            if smaller.spec != self.spec {
                self.try_instead(smaller, left);
            }
        }
    }
}

/// The paths of all parts, those that hold others first.
fn list_parts(value: &Value, path: String, paths: &mut Vec<String>) {
    let mut add = |key: &str, value: &Value| {
        let path = format!("{path}/{key}");
        paths.push(path.clone());
        list_parts(value, path, paths);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| add(name, value)),
        Value::Array(list) => list.iter().enumerate().for_each(|(at, value)| add(&at.to_string(), value)),
        _ => {}
    }
}
