//! `weir lifecycle`: which active users of each bucket of time are new, and who is not there any more; `weir stickiness`: in how many
//! buckets of a range users were active. Both are asked in the same way.

use serde_json::json;

use super::ask::ask;
use super::question::{self, FieldMap, given, put_step, step_option};
use crate::args::ActivityArgs;
use crate::error::Failure;

/// Runs the command whose kind of question this is.
///
/// # Errors
/// A usage error for a question that cannot be understood, else whatever is wrong with the lake.
pub async fn run(kind: &str, args: &ActivityArgs) -> Result<(), Failure> {
    let document = question::read(kind, &args.scope, |fields| put(fields, args), |field| option_of(field, args))?;
    ask(&document, &args.lake, &args.ask, args.output).await
}

fn put(fields: &mut FieldMap, args: &ActivityArgs) -> Result<(), Failure> {
    put_step(fields, "of", "--of", args.of.as_deref())?;
    if let Some(interval) = &args.interval {
        fields.insert("interval".to_owned(), json!(interval));
    }
    Ok(())
}

fn option_of(field: &str, args: &ActivityArgs) -> Option<String> {
    match field {
        "interval" => given("--interval", args.interval.is_some()),
        _ => step_option(field, "of", "--of").filter(|_| args.of.is_some()),
    }
}
