//! From options and documents to a question: what all kinds of questions have in common.
//!
//! Every way to ask becomes the JSON form of a spec before anything looks at it, so that options, documents and HTTP
//! requests have one meaning and one set of messages.

use serde_json::{Map, Value, json};
use weir_core::ports::{Clock, SystemClock};
use weir_core::spec::{
    SpecError, SpecProblem, parse_cohort, parse_conditions, parse_step, parse_value, read as read_document,
};

use super::read_text;
use crate::args::{ScopeArgs, SplitArgs};
use crate::error::Failure;
use crate::output::Results;

/// The fields of a question.
pub(super) type FieldMap = Map<String, Value>;

/// Reads a question of a kind: its document, if there is one, with what options say. `put` adds what is the kind's own; `option_of`
/// names the option that a field came from, where it is the kind's own.
pub(super) fn read(
    kind: &str,
    scope: &ScopeArgs,
    put: impl FnOnce(&mut FieldMap) -> Result<(), Failure>,
    option_of: impl Fn(&str) -> Option<String>,
) -> Result<Value, Failure> {
    let document = scope.spec.as_ref().map(|file| read_text(file)).transpose()?;
    from_document(kind, scope, document.as_deref(), &SystemClock, put, option_of)
}

fn from_document(
    kind: &str,
    scope: &ScopeArgs,
    document: Option<&str>,
    clock: &dyn Clock,
    put: impl FnOnce(&mut FieldMap) -> Result<(), Failure>,
    option_of: impl Fn(&str) -> Option<String>,
) -> Result<Value, Failure> {
    let named = |error: SpecError| name_options(error, |field| option_of(field).or_else(|| scope_option(field, scope)));
    let mut question = match document {
        None => json!({"kind": kind}),
        Some(text) => read_document(text).map_err(named)?,
    };
    // What is no object is refused below.
    if let Some(fields) = question.as_object_mut() {
        put_scope(fields, scope)?;
        put(fields)?;
    }
    let spec = parse_value(&question, clock.now_ms()).map_err(named)?;
    if spec.kind() != kind {
        let found = spec.kind();
        return Err(Failure::usage(format!("the document asks for {found}"))
            .hint(format!("`weir {found} --spec …` answers it")));
    }
    Ok(question)
}

/// Prints the question itself.
pub(super) fn print(question: &Value) -> Result<(), Failure> {
    let mut results = Results::stdout();
    results.line(&serde_json::to_string_pretty(question).map_err(Failure::failed)?)?;
    results.finish().map(|_| ())
}

fn put_scope(fields: &mut FieldMap, scope: &ScopeArgs) -> Result<(), Failure> {
    put_range(fields, scope.from.as_deref(), scope.to.as_deref(), scope.last.as_deref());
    put_conditions(fields, &scope.conditions)?;
    put_cohorts(fields, &scope.cohort)?;
    if let Some(zone) = &scope.timezone {
        fields.insert("timezone".to_owned(), json!(zone));
    }
    if let Some(version) = scope.at_version {
        fields.insert("version".to_owned(), json!(version));
    }
    Ok(())
}

/// A range is either `last` or `from` and `to`; an option replaces the other form too.
pub(super) fn put_range(fields: &mut FieldMap, from: Option<&str>, to: Option<&str>, last: Option<&str>) {
    if last.is_some() {
        fields.shift_remove("from");
        fields.shift_remove("to");
    }
    if from.is_some() || to.is_some() {
        fields.shift_remove("last");
    }
    for (name, value) in [("from", from), ("to", to), ("last", last)] {
        if let Some(value) = value {
            fields.insert(name.to_owned(), json!(value));
        }
    }
}

/// Conditions narrow, so those of options and of a document hold together.
pub(super) fn put_conditions(fields: &mut FieldMap, conditions: &[String]) -> Result<(), Failure> {
    for text in conditions {
        let more = parse_conditions(text).map_err(|error| Failure::usage(format!("--where: {error}")))?;
        let all = fields.entry("where").or_insert(Value::Null);
        match all {
            Value::Array(list) => list.extend(more),
            Value::Null => *all = Value::Array(more),
            // Not a list: the document is refused for it.
            _ => {}
        }
    }
    Ok(())
}

/// Cohorts of options take the place of those of a document.
pub(super) fn put_cohorts(fields: &mut FieldMap, cohorts: &[String]) -> Result<(), Failure> {
    let cohorts = cohorts
        .iter()
        .enumerate()
        .map(|(at, text)| parse_cohort(text).map_err(|error| Failure::usage(format!("--cohort {}: {error}", at + 1))));
    let cohorts = cohorts.collect::<Result<Vec<_>, _>>()?;
    if !cohorts.is_empty() {
        fields.insert("cohort".to_owned(), Value::Array(cohorts));
    }
    Ok(())
}

/// The breakdown of a question without steps.
pub(super) fn put_split(fields: &mut FieldMap, split: &SplitArgs) -> Result<(), Failure> {
    let mut breakdown = match (&split.breakdown, fields.get("breakdown")) {
        (None, _) if split.breakdown_limit.is_none() => return Ok(()),
        (Some(property), _) | (None, Some(Value::String(property))) => json!({"property": property}),
        (None, Some(given @ Value::Object(_))) => given.clone(),
        (None, _) => {
            return Err(Failure::usage("--breakdown-limit without a breakdown")
                .hint("name the property with --breakdown PROPERTY"));
        }
    };
    if let Some(limit) = split.breakdown_limit {
        breakdown["limit"] = json!(limit);
    }
    fields.insert("breakdown".to_owned(), breakdown);
    Ok(())
}

/// A field that is a step, as an option has it in shorthand.
pub(super) fn put_step(fields: &mut FieldMap, name: &str, option: &str, text: Option<&str>) -> Result<(), Failure> {
    if let Some(text) = text {
        let step = parse_step(text).map_err(|error| Failure::usage(format!("{option}: {error}")))?;
        fields.insert(name.to_owned(), step);
    }
    Ok(())
}

/// The option of a field that is a step: `of.where[0].value` as `--of, where[0].value`.
pub(super) fn step_option(field: &str, name: &str, option: &str) -> Option<String> {
    let below = field.strip_prefix(name)?;
    if below.is_empty() {
        return Some(option.to_owned());
    }
    below.strip_prefix('.').map(|below| format!("{option}, {below}"))
}

/// The option of a field of a breakdown.
pub(super) fn split_option(field: &str, split: &SplitArgs) -> Option<String> {
    match field {
        "breakdown" | "breakdown.property" => given("--breakdown", split.breakdown.is_some()),
        "breakdown.limit" => given("--breakdown-limit", split.breakdown_limit.is_some()),
        _ => None,
    }
}

/// Problems of fields that came from options, under the names of those.
pub(super) fn name_options(error: SpecError, option_of: impl Fn(&str) -> Option<String>) -> SpecError {
    let problems = error.problems.into_iter().map(|problem| match option_of(&problem.field) {
        Some(field) => SpecProblem { field, ..problem },
        None => problem,
    });
    SpecError { problems: problems.collect() }
}

/// The name of an option, if it was given.
pub(super) fn given(option: &str, is_given: bool) -> Option<String> {
    is_given.then(|| option.to_owned())
}

/// `steps[1].where` as `--step 2, where`, given what comes behind `steps`.
pub(super) fn numbered(option: &str, rest: &str) -> Option<String> {
    let Some((at, below)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
        return Some(option.to_owned());
    };
    let number = at.parse::<usize>().ok()? + 1;
    let below = below.trim_start_matches('.');
    Some(if below.is_empty() { format!("{option} {number}") } else { format!("{option} {number}, {below}") })
}

fn scope_option(field: &str, scope: &ScopeArgs) -> Option<String> {
    if let Some(rest) = field.strip_prefix("cohort").filter(|_| !scope.cohort.is_empty()) {
        return numbered("--cohort", rest);
    }
    match field {
        "" => scope.spec.as_ref().map(|file| match file.to_str() {
            Some("-") => "standard input".to_owned(),
            _ => file.display().to_string(),
        }),
        "from" => given("--from", scope.from.is_some()),
        "to" => given("--to", scope.to.is_some()),
        "last" => given("--last", scope.last.is_some()),
        "timezone" => given("--timezone", scope.timezone.is_some()),
        "version" => given("--at-version", scope.at_version.is_some()),
        // With a document, the numbers count its conditions too.
        _ if field.starts_with("where") => given(&format!("--{field}"), scope.spec.is_none()),
        _ => None,
    }
}
