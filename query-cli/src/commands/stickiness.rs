//! `weir stickiness`: in how many buckets of a range users were active.

use serde_json::json;

use super::ask::ask;
use super::question::{self, FieldMap, given, put_step, step_option};
use crate::args::StickinessArgs;
use crate::error::Failure;

/// Runs the command.
///
/// # Errors
/// A usage error for a question that cannot be understood, else whatever is wrong with the lake.
pub async fn run(args: &StickinessArgs) -> Result<(), Failure> {
    let document =
        question::read("stickiness", &args.scope, |fields| put(fields, args), |field| option_of(field, args))?;
    ask(&document, &args.lake, &args.ask, args.output).await
}

fn put(fields: &mut FieldMap, args: &StickinessArgs) -> Result<(), Failure> {
    put_step(fields, "of", "--of", args.of.as_deref())?;
    if let Some(interval) = &args.interval {
        fields.insert("interval".to_owned(), json!(interval));
    }
    Ok(())
}

fn option_of(field: &str, args: &StickinessArgs) -> Option<String> {
    match field {
        "interval" => given("--interval", args.interval.is_some()),
        _ => step_option(field, "of", "--of").filter(|_| args.of.is_some()),
    }
}
