//! `weir trends`: how much of something there was, bucket by bucket.

use serde_json::{Value, json};
use weir_core::spec::parse_series;

use super::ask::ask;
use super::question::{self, FieldMap, given, numbered};
use crate::args::TrendsArgs;
use crate::error::Failure;

/// Runs the command.
///
/// # Errors
/// A usage error for a question that cannot be understood, else whatever is wrong with the lake.
pub async fn run(args: &TrendsArgs) -> Result<(), Failure> {
    if args.series.is_empty() && args.scope.spec.is_none() {
        return Err(Failure::usage("no series given")
            .hint("name each with --series EVENT, or give a document with --spec FILE"));
    }
    let document = question::read("trends", &args.scope, |fields| put(fields, args), |field| option_of(field, args))?;
    ask(&document, &args.lake, &args.ask, args.output).await
}

fn put(fields: &mut FieldMap, args: &TrendsArgs) -> Result<(), Failure> {
    let series =
        args.series.iter().enumerate().map(|(at, text)| {
            parse_series(text).map_err(|error| Failure::usage(format!("--series {}: {error}", at + 1)))
        });
    let series = series.collect::<Result<Vec<_>, _>>()?;
    if !series.is_empty() {
        fields.insert("series".to_owned(), Value::Array(series));
    }
    if !args.formula.is_empty() {
        fields.insert("formulas".to_owned(), json!(args.formula));
    }
    if args.cumulative {
        fields.insert("cumulative".to_owned(), json!(true));
    }
    if let Some(buckets) = args.moving_average {
        fields.insert("moving_average".to_owned(), json!(buckets));
    }
    for (name, value) in [("interval", &args.interval), ("compare", &args.compare)] {
        if let Some(value) = value {
            fields.insert(name.to_owned(), json!(value));
        }
    }
    question::put_split(fields, &args.split)
}

fn option_of(field: &str, args: &TrendsArgs) -> Option<String> {
    for (name, option, is_given) in
        [("series", "--series", !args.series.is_empty()), ("formulas", "--formula", !args.formula.is_empty())]
    {
        if let Some(rest) = field.strip_prefix(name).filter(|_| is_given) {
            return numbered(option, rest);
        }
    }
    match field {
        "interval" => given("--interval", args.interval.is_some()),
        "compare" => given("--compare", args.compare.is_some()),
        "moving_average" => given("--moving-average", args.moving_average.is_some()),
        _ => question::split_option(field, &args.split),
    }
}
