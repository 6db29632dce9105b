//! One user over HTTP.
//!
//! ```text
//! GET  /api/user?id=ana&last=7d&event=view&event=buy     {"kind":"user","user":"ana","events":[…],…}
//! POST /api/explain   {"user":"ana","spec":{…}}           {"kind":"explanation","verdict":"incomplete",…}
//! ```
//!
//! A user whom the lake does not have is an empty answer, as on the command line.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use weir_core::spec::{FunnelSpec, Spec, SpecError, SpecProblem, parse_value};

use super::api::{ApiError, note};
use super::auth::Identity;
use super::state::Api;
use crate::engine::EngineError;
use crate::engine::user::TimelineQuestion;
use crate::explanation::ExplanationView;
use crate::timeline::{Asked, Bounds, DEFAULT_LIMIT, MOST_EVENTS, TimelineView};

const EXPECTED_BODY: &str =
    r#"an object such as {"user": "ana", "spec": {"kind": "funnel", "steps": [{"event": "view"}]}}"#;

pub(super) async fn timeline(
    State(api): State<Api>,
    who: Identity,
    parameters: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(parameters) = parameters.map_err(|rejection| ApiError::Parameters(rejection.body_text()))?;
    let asked = asked(&parameters, api.engine.now_ms()).map_err(ApiError::Parameters)?;
    let timeline = api.turns.take(&who).await?.ask(api.engine.timeline(&asked.question)).await?;
    Ok((note(&api.engine).await, Json(TimelineView { asked: &asked, timeline: &timeline })).into_response())
}

/// What the parameters of a URL ask; else what is wrong with them.
fn asked(parameters: &[(String, String)], now_ms: i64) -> Result<Asked, String> {
    let (mut id, mut bounds, mut events) = (None, Bounds::default(), Vec::new());
    let (mut limit, mut newest_first) = (DEFAULT_LIMIT, false);
    for (name, text) in parameters {
        let text = text.as_str();
        match name.as_str() {
            "id" => id = Some(text.to_owned()).filter(|id| !id.is_empty()),
            "from" => bounds.from = Some(text),
            "to" => bounds.to = Some(text),
            "last" => bounds.last = Some(text),
            "timezone" => bounds.timezone = Some(text),
            "event" => events.push(text.to_owned()),
            "limit" => {
                let number = text.parse().ok().filter(|number| (1..=MOST_EVENTS).contains(number));
                let expected = || format!("limit: found `{text}`; expected a whole number from 1 to {MOST_EVENTS}");
                limit = number.ok_or_else(expected)?;
            }
            "newest_first" => {
                let expected = || format!("newest_first: found `{text}`; expected `true` or `false`");
                newest_first = text.parse().map_err(|_| expected())?;
            }
            other => {
                return Err(format!(
                    "unknown parameter `{other}`; there are `id`, `from`, `to`, `last`, `timezone`, `event`, `limit` and \
                     `newest_first`"
                ));
            }
        }
    }
    let id = id.ok_or("no `id`, which is a user id or an anonymous id")?;
    let period = bounds.period(now_ms).map_err(|error| error.to_string())?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(Asked { question: TimelineQuestion { id, range: period.range, events, limit, newest_first }, period })
}

pub(super) async fn explain(
    State(api): State<Api>,
    who: Identity,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body.map_err(ApiError::Body)?;
    let text = std::str::from_utf8(&body).map_err(|_| ApiError::NotText)?;
    let (user, spec) = explain_body(text, api.engine.now_ms()).map_err(EngineError::Spec)?;
    let asked = async { api.engine.explain(&user, &spec).await.map_err(below_spec) };
    let answer = api.turns.take(&who).await?.ask(asked).await?;
    let view = ExplanationView { asked_for: &user, spec: &spec, answer: &answer };
    Ok((note(&api.engine).await, Json(view)).into_response())
}

/// A problem of the question, by its field in the body.
fn below(problem: SpecProblem) -> SpecProblem {
    let field = if problem.field.is_empty() { "spec".to_owned() } else { format!("spec.{}", problem.field) };
    SpecProblem { field, ..problem }
}

/// The same of what shows only when the question is asked.
fn below_spec(error: EngineError) -> EngineError {
    match error {
        EngineError::Spec(error) => {
            EngineError::Spec(SpecError { problems: error.problems.into_iter().map(below).collect() })
        }
        other => other,
    }
}

/// The user and the question of a body; problems of the question have their fields below `spec`.
fn explain_body(text: &str, now_ms: i64) -> Result<(String, FunnelSpec), SpecError> {
    let one = |field: &str, message: String| SpecProblem { field: field.to_owned(), message };
    let refuse = |problem: SpecProblem| SpecError { problems: vec![problem] };
    let body: Value = serde_json::from_str(text)
        .map_err(|error| refuse(one("", format!("not valid JSON: {error}; expected {EXPECTED_BODY}"))))?;
    let fields = body.as_object().ok_or_else(|| refuse(one("", format!("expected {EXPECTED_BODY}"))))?;
    let mut problems: Vec<SpecProblem> = fields
        .keys()
        .filter(|name| !["user", "spec"].contains(&name.as_str()))
        .map(|name| one(name, "unknown field; known fields: user, spec".to_owned()))
        .collect();
    let user = fields.get("user").and_then(Value::as_str).filter(|user| !user.is_empty());
    if user.is_none() {
        problems.push(one("user", "expected a user id or an anonymous id, as a text".to_owned()));
    }
    let spec = match fields.get("spec").map(|spec| parse_value(spec, now_ms).and_then(Spec::into_funnel)) {
        Some(Ok(spec)) => Some(spec),
        Some(Err(error)) => {
            problems.extend(error.problems.into_iter().map(below));
            None
        }
        None => {
            problems.push(one("spec", format!("missing; expected {EXPECTED_BODY}")));
            None
        }
    };
    match (user, spec) {
        (Some(user), Some(spec)) if problems.is_empty() => Ok((user.to_owned(), spec)),
        _ => Err(SpecError { problems }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_those_of_the_command() {
        let ask = |parameters: &[(&str, &str)]| {
            let parameters: Vec<_> =
                parameters.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            asked(&parameters, 1_767_225_600_000)
        };
        let asked =
            ask(&[("id", "ana"), ("event", "a"), ("event", "b"), ("limit", "5"), ("newest_first", "true")]).unwrap();
        assert_eq!((asked.question.events.len(), asked.question.limit, asked.question.newest_first), (2, 5, true));
        for (parameters, says) in [
            (vec![("last", "1d")], "no `id`"),
            (vec![("id", "")], "no `id`"),
            (vec![("id", "a"), ("limit", "0")], "limit: found `0`; expected a whole number from 1 to 100000"),
            (vec![("id", "a"), ("newest_first", "yes")], "newest_first: found `yes`"),
            (vec![("id", "a"), ("from", "soon")], "from: found `soon`; expected a date"),
            (vec![("id", "a"), ("user", "b")], "unknown parameter `user`"),
        ] {
            let refused = ask(&parameters).unwrap_err();
            assert!(refused.contains(says), "{refused}");
        }
    }

    #[test]
    fn a_body_is_refused_with_all_its_problems() {
        let refused = |body: &str| explain_body(body, 0).unwrap_err().to_string();
        assert!(refused("{").contains("not valid JSON"), "{}", refused("{"));
        let all = refused(r#"{"usr": "a", "spec": {"kind": "funnel", "steps": []}}"#);
        for says in ["usr: unknown field", "user: expected a user id", "spec.steps: found 0 steps"] {
            assert!(all.contains(says), "{all}");
        }
        let good =
            explain_body(r#"{"user": "ana", "spec": {"kind": "funnel", "steps": [{"event": "a"}]}}"#, 0).unwrap();
        assert_eq!((good.0.as_str(), good.1.steps.len()), ("ana", 1));
    }
}
