//! `weir paths`: what users did after an event, or before it.

use serde_json::{Value, json};
use weir_core::spec::parse_step;

use super::ask::ask;
use super::question::{self, FieldMap, given, numbered};
use crate::args::PathsArgs;
use crate::error::Failure;

/// Runs the command.
///
/// # Errors
/// A usage error for a question that cannot be understood, else whatever is wrong with the lake.
pub async fn run(args: &PathsArgs) -> Result<(), Failure> {
    ask(&read(args)?, &args.lake, &args.ask, args.output).await
}

fn read(args: &PathsArgs) -> Result<Value, Failure> {
    question::read("paths", &args.scope, |fields| put(fields, args), |field| option_of(field, args))
}

fn put(fields: &mut FieldMap, args: &PathsArgs) -> Result<(), Failure> {
    let step =
        |option: &str, text: &str| parse_step(text).map_err(|error| Failure::usage(format!("{option}: {error}")));
    // Paths have one anchor, so that each takes the place of the other too.
    for (name, other, text) in [("start", "end", &args.start), ("end", "start", &args.end)] {
        if let Some(text) = text {
            fields.shift_remove(other);
            fields.insert(name.to_owned(), step(&format!("--{name}"), text)?);
        }
    }
    for (name, texts) in [("hide", &args.hide), ("only", &args.only)] {
        let mut events = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            let option = format!("--{name} {}", at + 1);
            let event = step(&option, text)?;
            if event.get("any").is_some() {
                return Err(Failure::usage(format!(
                    "{option}: found several events; expected one, and the option once for each"
                )));
            }
            events.push(event);
        }
        if !events.is_empty() {
            fields.insert(name.to_owned(), Value::Array(events));
        }
    }
    for (name, number) in [("depth", args.depth), ("limit", args.limit), ("top", args.top)] {
        if let Some(number) = number {
            fields.insert(name.to_owned(), json!(number));
        }
    }
    for (name, text) in [("window", &args.window), ("count", &args.count)] {
        if let Some(text) = text {
            fields.insert(name.to_owned(), json!(text));
        }
    }
    if args.repeats {
        fields.insert("collapse".to_owned(), json!(false));
    }
    Ok(())
}

fn option_of(field: &str, args: &PathsArgs) -> Option<String> {
    for (name, is_given) in [("hide", !args.hide.is_empty()), ("only", !args.only.is_empty())] {
        if let Some(rest) = field.strip_prefix(name).filter(|_| is_given) {
            return numbered(&format!("--{name}"), rest);
        }
    }
    for (name, is_given) in [("start", args.start.is_some()), ("end", args.end.is_some())] {
        if let Some(rest) = field.strip_prefix(name).filter(|_| is_given) {
            let below = rest.trim_start_matches('.');
            return Some(if below.is_empty() { format!("--{name}") } else { format!("--{name}, {below}") });
        }
    }
    match field {
        "depth" => given("--depth", args.depth.is_some()),
        "limit" => given("--limit", args.limit.is_some()),
        "top" => given("--top", args.top.is_some()),
        "window" => given("--window", args.window.is_some()),
        "count" => given("--count", args.count.is_some()),
        _ => None,
    }
}

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
