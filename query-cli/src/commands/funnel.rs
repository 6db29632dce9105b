//! `weir funnel`: how many users took some steps, one after the other.
//!
//! Every way to ask becomes the JSON form of a spec before anything looks at it, so that options, documents and HTTP
//! requests have one meaning and one set of messages.

use serde_json::{Map, Value, json};
use weir_core::ports::{Clock, SystemClock};
use weir_core::spec::{FunnelSpec, Spec, SpecError, parse_exclude, parse_step, parse_value, read};

use super::ask::ask;
use super::question::{self, given, numbered};
use super::read_text;
use crate::args::{FunnelArgs, QuestionArgs};
use crate::error::Failure;

/// Runs the command.
///
/// # Errors
/// A usage error for a question that cannot be understood, else whatever is wrong with the lake.
pub async fn run(args: &FunnelArgs) -> Result<(), Failure> {
    let (document, _) = read_question(&args.question)?;
    ask(&document, &args.lake, &args.ask, args.output).await
}

/// The question that options and a document ask now.
pub(super) fn read_question(args: &QuestionArgs) -> Result<(Value, FunnelSpec), Failure> {
    let document = match &args.spec {
        Some(file) => read_text(file)?,
        None => String::new(),
    };
    question(args, &document, &SystemClock)
}

/// The question as a document and as a checked value. `document` is the text of `--spec`, where it was given.
fn question(args: &QuestionArgs, document: &str, clock: &dyn Clock) -> Result<(Value, FunnelSpec), Failure> {
    let mut question = match &args.spec {
        None if args.steps.is_empty() => {
            return Err(Failure::usage("no steps given")
                .hint("name each with --step EVENT, in order, or give a document with --spec FILE"));
        }
        None => json!({"kind": "funnel"}),
        Some(_) => read(document).map_err(|error| name_options(error, args))?,
    };
    // What is no object is refused below.
    if let Some(fields) = question.as_object_mut() {
        put(fields, args)?;
    }
    let spec = parse_value(&question, clock.now_ms()).and_then(Spec::into_funnel);
    let spec = spec.map_err(|error| name_options(error, args))?;
    Ok((question, spec))
}

/// What options say, as fields of a question.
pub(super) fn put(fields: &mut Map<String, Value>, args: &QuestionArgs) -> Result<(), Failure> {
    put_steps(fields, args)?;
    question::put_conditions(fields, &args.conditions)?;
    question::put_cohorts(fields, &args.cohort)?;
    put_optional(fields, args)?;
    put_excludes(fields, args)?;
    put_options(fields, args);
    put_breakdown(fields, args)?;
    put_users(fields, args);
    Ok(())
}

fn put_steps(fields: &mut Map<String, Value>, args: &QuestionArgs) -> Result<(), Failure> {
    let steps = args
        .steps
        .iter()
        .enumerate()
        .map(|(at, text)| parse_step(text).map_err(|error| Failure::usage(format!("--step {}: {error}", at + 1))));
    let steps = steps.collect::<Result<Vec<_>, _>>()?;
    if !steps.is_empty() {
        fields.insert("steps".to_owned(), Value::Array(steps));
    }
    Ok(())
}

/// Steps that may be passed over, whether they are options or of a document.
fn put_optional(fields: &mut Map<String, Value>, args: &QuestionArgs) -> Result<(), Failure> {
    for number in &args.optional {
        let steps = fields.get_mut("steps").and_then(Value::as_array_mut);
        let at = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
        match steps.and_then(|steps| steps.get_mut(at?)).and_then(Value::as_object_mut) {
            Some(step) => {
                step.insert("optional".to_owned(), json!(true));
            }
            None => {
                return Err(Failure::usage(format!("--optional {number}: there is no step {number}"))
                    .hint("steps are numbered from 1; the first cannot be optional"));
            }
        }
    }
    Ok(())
}

fn put_excludes(fields: &mut Map<String, Value>, args: &QuestionArgs) -> Result<(), Failure> {
    let excludes = args.exclude.iter().enumerate().map(|(at, text)| {
        parse_exclude(text).map_err(|error| Failure::usage(format!("--exclude {}: {error}", at + 1)))
    });
    let excludes = excludes.collect::<Result<Vec<_>, _>>()?;
    if !excludes.is_empty() {
        fields.insert("exclude".to_owned(), Value::Array(excludes));
    }
    if !args.hold.is_empty() {
        fields.insert("hold".to_owned(), json!(args.hold));
    }
    Ok(())
}

fn put_options(fields: &mut Map<String, Value>, args: &QuestionArgs) {
    question::put_range(fields, args.from.as_deref(), args.to.as_deref(), args.last.as_deref());
    for (name, value) in [
        ("timezone", &args.timezone),
        ("window", &args.window),
        ("order", &args.order),
        ("ties", &args.ties),
        ("count", &args.count),
        ("exclusion", &args.exclusion),
        ("interval", &args.interval),
        ("compare", &args.compare),
    ] {
        if let Some(value) = value {
            fields.insert(name.to_owned(), json!(value));
        }
    }
    if let Some(version) = args.at_version {
        fields.insert("version".to_owned(), json!(version));
    }
}

fn put_users(fields: &mut Map<String, Value>, args: &QuestionArgs) {
    let Some(state) = &args.users else { return };
    let mut users = json!({"state": state});
    for (name, value) in [("step", args.users_step), ("limit", args.users_limit)] {
        if let Some(value) = value {
            users[name] = json!(value);
        }
    }
    fields.insert("users".to_owned(), users);
}

fn put_breakdown(fields: &mut Map<String, Value>, args: &QuestionArgs) -> Result<(), Failure> {
    let mut breakdown = match (&args.breakdown, fields.get("breakdown")) {
        (None, _) if args.breakdown_step.is_none() && args.breakdown_limit.is_none() => return Ok(()),
        (Some(property), _) | (None, Some(Value::String(property))) => json!({"property": property}),
        (None, Some(given @ Value::Object(_))) => given.clone(),
        (None, _) => {
            let option = if args.breakdown_step.is_some() { "--breakdown-step" } else { "--breakdown-limit" };
            return Err(Failure::usage(format!("{option} without a breakdown"))
                .hint("name the property with --breakdown PROPERTY"));
        }
    };
    for (name, value) in [("step", args.breakdown_step), ("limit", args.breakdown_limit)] {
        if let Some(value) = value {
            breakdown[name] = json!(value);
        }
    }
    fields.insert("breakdown".to_owned(), breakdown);
    Ok(())
}

/// Problems of fields that came from options, under the names of those.
fn name_options(error: SpecError, args: &QuestionArgs) -> SpecError {
    question::name_options(error, |field| option_of(field, args))
}

/// The option that a field came from.
pub(super) fn option_of(field: &str, args: &QuestionArgs) -> Option<String> {
    if let Some(step) = field.strip_suffix("].optional").and_then(|step| step.strip_prefix("steps[")) {
        let number = step.parse::<u64>().ok()? + 1;
        if args.optional.contains(&number) {
            return Some(format!("--optional {number}"));
        }
    }
    for (name, option, is_given) in [
        ("steps", "--step", !args.steps.is_empty()),
        ("exclude", "--exclude", !args.exclude.is_empty()),
        ("hold", "--hold", !args.hold.is_empty()),
        ("cohort", "--cohort", !args.cohort.is_empty()),
    ] {
        if let Some(rest) = field.strip_prefix(name).filter(|_| is_given) {
            return numbered(option, rest);
        }
    }
    match field {
        "" => args.spec.as_ref().map(|file| match file.to_str() {
            Some("-") => "standard input".to_owned(),
            _ => file.display().to_string(),
        }),
        "from" => given("--from", args.from.is_some()),
        "to" => given("--to", args.to.is_some()),
        "last" => given("--last", args.last.is_some()),
        "timezone" => given("--timezone", args.timezone.is_some()),
        "window" => given("--window", args.window.is_some()),
        "order" => given("--order", args.order.is_some()),
        "ties" => given("--ties", args.ties.is_some()),
        "count" => given("--count", args.count.is_some()),
        "exclusion" => given("--exclusion", args.exclusion.is_some()),
        "interval" => given("--interval", args.interval.is_some()),
        "compare" => given("--compare", args.compare.is_some()),
        "version" => given("--at-version", args.at_version.is_some()),
        "users.step" => given("--users-step", args.users_step.is_some()),
        "users.limit" => given("--users-limit", args.users_limit.is_some()),
        "breakdown" | "breakdown.property" => given("--breakdown", args.breakdown.is_some()),
        "breakdown.step" => given("--breakdown-step", args.breakdown_step.is_some()),
        "breakdown.limit" => given("--breakdown-limit", args.breakdown_limit.is_some()),
        // With a document, the numbers count its conditions too.
        _ if field.starts_with("where") => given(&format!("--{field}"), args.spec.is_none()),
        _ => None,
    }
}

#[cfg(test)]
#[path = "funnel_tests.rs"]
mod tests;
