//! `weir sessions`: how many sessions there were, and what they were like.

use serde_json::{Value, json};

use super::ask::ask;
use super::question::{self, FieldMap, given};
use crate::args::SessionsArgs;
use crate::error::Failure;

/// Runs the command.
///
/// # Errors
/// A usage error for a question that cannot be understood, else whatever is wrong with the lake.
pub async fn run(args: &SessionsArgs) -> Result<(), Failure> {
    ask(&read(args)?, &args.lake, &args.ask, args.output).await
}

fn read(args: &SessionsArgs) -> Result<Value, Failure> {
    question::read("sessions", &args.scope, |fields| put(fields, args), |field| option_of(field, args))
}

fn put(fields: &mut FieldMap, args: &SessionsArgs) -> Result<(), Failure> {
    if let Some(interval) = &args.interval {
        fields.insert("interval".to_owned(), json!(interval));
    }
    if let Some(limit) = args.limit {
        fields.insert("limit".to_owned(), json!(limit));
    }
    question::put_split(fields, &args.split)
}

fn option_of(field: &str, args: &SessionsArgs) -> Option<String> {
    match field {
        "interval" => given("--interval", args.interval.is_some()),
        "limit" => given("--limit", args.limit.is_some()),
        _ => question::split_option(field, &args.split),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn ask(options: &[&str]) -> Result<Value, Failure> {
        let cli = Cli::try_parse_from(["weir", "sessions"].iter().chain(options)).unwrap();
        let Command::Sessions(args) = cli.command else { panic!("another command") };
        read(&args)
    }

    #[test]
    fn options_become_a_document() {
        let options = ["--interval", "week", "--limit", "3", "--breakdown", "country", "--breakdown-limit", "4"];
        assert_eq!(
            ask(&options).unwrap(),
            json!({"kind": "sessions", "interval": "week", "limit": 3, "breakdown": {"property": "country", "limit": 4}})
        );
        let wrong = ask(&["--limit", "0", "--breakdown", "context"]).unwrap_err().message;
        assert_eq!(
            wrong,
            "the question has 2 problems:\n  --breakdown: found `context`; expected `context.…`, such as \
             `context.platform`\n  --limit: found the number 0; expected a whole number from 1 to 1000"
        );
    }
}
