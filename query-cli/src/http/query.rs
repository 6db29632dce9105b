//! `POST /api/query`: a question in, its answer out, at once or after lines that say how far it is.
//!
//! ```text
//! Accept: application/x-ndjson       {"progress":{"rows":1000,"of":50000}}
//!                                    {"progress":{"rows":9000,"of":50000}}
//!                                    {"answer":{…}}    or    {"error":{"code":"…",…}}
//! ```
//!
//! Whoever closes the connection drops the body, with it the question, and with that every task that reads for it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream};
use serde_json::{Value, json};
use weir_core::spec::{Spec, parse};

use super::api::{ApiError, note};
use super::auth::Identity;
use super::state::Api;
use crate::engine::EngineError;
use crate::engine::progress::Meter;
use crate::engine::questions::Answer;

/// Lines of JSON.
const LINES: &str = "application/x-ndjson";
/// An answer that comes before is not announced.
const PATIENCE: Duration = Duration::from_millis(200);
/// From one line of progress to the next.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) async fn query(
    State(api): State<Api>,
    who: Identity,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body.map_err(ApiError::Body)?;
    let text = std::str::from_utf8(&body).map_err(|_| ApiError::NotText)?;
    let spec = parse(text, api.engine.now_ms()).map_err(EngineError::Spec)?;
    answer(&api, &who, &headers, spec).await
}

/// The answer to a question of somebody, as they take it.
pub(super) async fn answer(api: &Api, who: &Identity, headers: &HeaderMap, spec: Spec) -> Result<Response, ApiError> {
    let turn = api.turns.take(who).await?;
    if !wants_lines(headers) {
        let answer = turn.ask(api.engine.answer(&spec)).await?;
        return Ok((note(&api.engine).await, Json(answer)).into_response());
    }
    // What is wrong with the reports of its cohorts is a plain answer too.
    let (metered, meter) = turn.ask(api.engine.metered(&spec)).await?;
    let note = note(&api.engine).await;
    let asked = Box::pin(async move { turn.ask(metered.answer(&spec)).await });
    let lines = Body::from_stream(lines(asked, meter));
    Ok((note, [(header::CONTENT_TYPE, LINES), (header::CACHE_CONTROL, "no-store")], lines).into_response())
}

fn wants_lines(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds =
        accepted.flat_map(|value| value.split(',')).map(|kind| kind.split(';').next().unwrap_or(kind).trim());
    kinds.any(|kind| kind.eq_ignore_ascii_case(LINES))
}

/// A question on its way.
type Asked = Pin<Box<dyn Future<Output = Result<Answer, ApiError>> + Send>>;

/// Lines of progress, and at last one with the answer.
fn lines(asked: Asked, meter: Arc<Meter>) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    stream::unfold(Some((asked, PATIENCE)), move |on_its_way| {
        let meter = Arc::clone(&meter);
        async move {
            let (mut asked, pause) = on_its_way?;
            tokio::select! {
                biased;
                answer = &mut asked => Some((Ok(line(&told(answer))), None)),
                () = tokio::time::sleep(pause) => {
                    Some((Ok(line(&json!({"progress": meter.progress()}))), Some((asked, PAUSE))))
                }
            }
        }
    })
}

fn told(answer: Result<Answer, ApiError>) -> Value {
    match answer.and_then(|answer| serde_json::to_value(answer).map_err(ApiError::internal)) {
        Ok(answer) => json!({"answer": answer}),
        Err(error) => error.told().1,
    }
}

fn line(value: &Value) -> Bytes {
    Bytes::from(format!("{value}\n"))
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    fn asks(kinds: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for kind in kinds {
            headers.append(header::ACCEPT, kind.parse().unwrap());
        }
        wants_lines(&headers)
    }

    #[test]
    fn lines_are_for_those_who_ask_for_them() {
        for kinds in [
            vec!["application/x-ndjson"],
            vec!["text/html, Application/X-NDJSON;q=0.9"],
            vec!["a/b", "application/x-ndjson"],
        ] {
            assert!(asks(&kinds), "{kinds:?}");
        }
        for kinds in [vec![], vec!["application/json"], vec!["*/*"], vec!["application/x-ndjsonp"]] {
            assert!(!asks(&kinds), "{kinds:?}");
        }
    }

    #[tokio::test]
    async fn progress_comes_at_most_five_times_a_second_and_the_end_is_the_answer() {
        let asked: Asked = Box::pin(async {
            tokio::time::sleep(Duration::from_millis(1_100)).await;
            Err(ApiError::Parameters("no".to_owned()))
        });
        let started = tokio::time::Instant::now();
        let mut lines = Box::pin(lines(asked, Arc::default()));
        let mut seen = Vec::new();
        while let Some(Ok(line)) = lines.next().await {
            let text = String::from_utf8(line.to_vec()).unwrap();
            assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "{text}");
            seen.push((started.elapsed(), text.trim_end().to_owned()));
        }
        let (last, progress) = seen.split_last().unwrap();
        assert!(last.1.starts_with(r#"{"error":{"code":"invalid_parameters""#), "{last:?}");
        assert!(!progress.is_empty() && progress.iter().all(|(_, line)| line == r#"{"progress":{"rows":0,"of":0}}"#));
        // On a busy machine they come later, never sooner.
        for (number, (at, _)) in (0..).zip(progress) {
            assert!(*at >= PATIENCE + PAUSE * number, "{seen:?}");
        }
        assert!(PATIENCE >= Duration::from_millis(150) && PAUSE >= Duration::from_millis(200));
    }

    #[tokio::test]
    async fn an_answer_that_comes_at_once_is_not_announced() {
        let asked: Asked = Box::pin(async { Err(ApiError::NotText) });
        let seen: Vec<_> = lines(asked, Arc::default()).collect().await;
        assert_eq!(seen.len(), 1);
    }
}
