//! `weir experiment`: whether users of one variant converted more often than those of another.

use serde_json::{Map, Value, json};
use weir_core::spec::variant_name;

use super::ask::ask;
use super::funnel;
use super::question::{self, FieldMap, given};
use crate::args::{ExperimentArgs, QuestionArgs};
use crate::error::Failure;

/// Runs the command.
///
/// # Errors
/// A usage error for a question that cannot be understood or asked of the data, else whatever is wrong with the lake.
pub async fn run(args: &ExperimentArgs) -> Result<(), Failure> {
    if args.attempt.steps.is_empty() && args.scope.spec.is_none() {
        return Err(Failure::usage("no steps given")
            .hint("name each with --step EVENT, in order, or give a document with --spec FILE"));
    }
    ask(&document(args)?, &args.lake, &args.ask, args.output).await
}

/// The question that options and a document ask.
fn document(args: &ExperimentArgs) -> Result<Value, Failure> {
    let attempt = args.attempt.of_funnel(&args.scope);
    question::read(
        "experiment",
        &args.scope,
        |fields| put(fields, &attempt, args),
        |field| option_of(field, &attempt, args),
    )
}

fn put(fields: &mut FieldMap, attempt: &QuestionArgs, args: &ExperimentArgs) -> Result<(), Failure> {
    funnel::put(fields, attempt)?;
    put_variant(fields, args)?;
    if let Some(control) = &args.control {
        fields.insert("control".to_owned(), value(control));
    }
    if !args.variants.is_empty() {
        fields.insert("variants".to_owned(), args.variants.iter().map(|text| value(text)).collect());
    }
    put_expected(fields, &args.expected)?;
    if let Some(step) = args.metric_step {
        fields.insert("metric".to_owned(), json!({"step": step}));
    }
    if let Some(mixed) = &args.mixed {
        fields.insert("mixed".to_owned(), json!(mixed));
    }
    if let Some(confidence) = args.confidence {
        fields.insert("confidence".to_owned(), json!(confidence));
    }
    Ok(())
}

fn put_variant(fields: &mut FieldMap, args: &ExperimentArgs) -> Result<(), Failure> {
    let mut variant = match (&args.variant, fields.get("variant")) {
        (None, _) if args.variant_step.is_none() => return Ok(()),
        (Some(property), _) | (None, Some(Value::String(property))) => json!({"property": property}),
        (None, Some(given @ Value::Object(_))) => given.clone(),
        (None, _) => {
            return Err(
                Failure::usage("--variant-step without a variant").hint("name the property with --variant PROPERTY")
            );
        }
    };
    if let Some(step) = args.variant_step {
        variant["step"] = json!(step);
    }
    fields.insert("variant".to_owned(), variant);
    Ok(())
}

/// Shares, and the variants that they name where nothing else does: an option says whether those are numbers or texts.
fn put_expected(fields: &mut FieldMap, expected: &[String]) -> Result<(), Failure> {
    if expected.is_empty() {
        return Ok(());
    }
    let (mut values, mut shares) = (Vec::new(), Map::new());
    for text in expected {
        let parts = text
            .rsplit_once('=')
            .and_then(|(name, share)| Some((value(name.trim()), share.trim().parse::<f64>().ok()?)));
        let Some((value, share)) = parts.filter(|(_, share)| share.is_finite()) else {
            return Err(Failure::usage(format!(
                "--expected: found `{text}`; expected a variant and its share, such as A=0.5"
            )));
        };
        shares.insert(variant_name(&value), json!(share));
        values.push(value);
    }
    if fields.get("variants").is_none_or(Value::is_null) {
        fields.insert("variants".to_owned(), Value::Array(values));
    }
    fields.insert("expected".to_owned(), Value::Object(shares));
    Ok(())
}

/// A number, a boolean or a text in quotes, as JSON writes them; anything else is a text as it stands.
fn value(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::String(_))) => value,
        _ => Value::from(text),
    }
}

fn option_of(field: &str, attempt: &QuestionArgs, args: &ExperimentArgs) -> Option<String> {
    let named = match field {
        "variant" | "variant.property" => given("--variant", args.variant.is_some()),
        "variant.step" => given("--variant-step", args.variant_step.is_some()),
        "control" => given("--control", args.control.is_some()),
        "metric" | "metric.step" => given("--metric-step", args.metric_step.is_some()),
        "mixed" => given("--mixed", args.mixed.is_some()),
        "confidence" => given("--confidence", args.confidence.is_some()),
        _ if field.starts_with("variants") => given("--variants", !args.variants.is_empty()),
        _ if field.starts_with("expected") => given("--expected", !args.expected.is_empty()),
        _ => None,
    };
    named.or_else(|| funnel::option_of(field, attempt))
}

#[cfg(test)]
#[path = "experiment_tests.rs"]
mod tests;
