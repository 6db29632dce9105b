//! `weir retention`: who came back, and how long after they began.

use serde_json::{Value, json};

use super::ask::ask;
use super::keep;
use super::question::{self, FieldMap, given, numbered, put_step, step_option};
use crate::args::RetentionArgs;
use crate::error::Failure;

/// Runs the command.
///
/// # Errors
/// A usage error for a question that cannot be understood, else whatever is wrong with the lake.
pub async fn run(args: &RetentionArgs) -> Result<(), Failure> {
    if let Some(command) = &args.former {
        return keep::run_former(command).await;
    }
    if args.start.is_none() && args.scope.spec.is_none() {
        return Err(Failure::usage("no start given").hint(
            "name what users begin with by --start EVENT, or give a document with --spec FILE; how long things are kept says \
             `weir keep`",
        ));
    }
    let document =
        question::read("retention", &args.scope, |fields| put(fields, args), |field| option_of(field, args))?;
    ask(&document, &args.lake, &args.ask, args.output).await
}

fn put(fields: &mut FieldMap, args: &RetentionArgs) -> Result<(), Failure> {
    put_step(fields, "start", "--start", args.start.as_deref())?;
    put_step(fields, "return", "--return", args.back.as_deref())?;
    for (name, value) in [("interval", &args.interval), ("mode", &args.mode), ("occurrence", &args.occurrence)] {
        if let Some(value) = value {
            fields.insert(name.to_owned(), json!(value));
        }
    }
    // One stands in the place of the other.
    if let Some(periods) = args.periods {
        fields.shift_remove("brackets");
        fields.insert("periods".to_owned(), json!(periods));
    }
    if let Some(text) = &args.brackets {
        fields.shift_remove("periods");
        fields.insert("brackets".to_owned(), brackets(text)?);
    }
    question::put_split(fields, &args.split)
}

/// `0,1-6` as `[[0, 0], [1, 6]]`.
fn brackets(text: &str) -> Result<Value, Failure> {
    let bracket = |text: &str| {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        Some([from.trim().parse::<u64>().ok()?, to.trim().parse().ok()?])
    };
    let brackets: Option<Vec<[u64; 2]>> = text.split(',').map(bracket).collect();
    let brackets = brackets.ok_or_else(|| {
        Failure::usage(format!(
            "--brackets: found `{text}`; expected periods, and first and last ones, such as 0,1-6,7-13"
        ))
    })?;
    Ok(json!(brackets))
}

fn option_of(field: &str, args: &RetentionArgs) -> Option<String> {
    if let Some(rest) = field.strip_prefix("brackets").filter(|_| args.brackets.is_some()) {
        return numbered("--brackets", rest);
    }
    for (name, option, is_given) in
        [("start", "--start", args.start.is_some()), ("return", "--return", args.back.is_some())]
    {
        if let Some(named) = step_option(field, name, option).filter(|_| is_given) {
            return Some(named);
        }
    }
    match field {
        "interval" => given("--interval", args.interval.is_some()),
        "mode" => given("--mode", args.mode.is_some()),
        "occurrence" => given("--occurrence", args.occurrence.is_some()),
        "periods" => given("--periods", args.periods.is_some()),
        _ => question::split_option(field, &args.split),
    }
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
