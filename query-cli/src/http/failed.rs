//! Failed events over HTTP, as `weir failed` has them: for admins, because what was sent by mistake is there too.
//!
//! ```text
//! GET  /api/failed?code=missing_field&since=24h     {"count":12,"groups":[{"code":"missing_field","count":12,…}]}
//! GET  /api/failed?each=true                        {"count":12,"failed":[{"failed_id":"0190…",…}]}
//! GET  /api/failed/0190f3a1                         one, with what was sent
//! POST /api/failed/replay {"source":"web"}          {"replayed":11,"duplicates":1,"failing":0,"left":12,"version":43}
//! POST /api/failed/drop   {"ids":["0190f3a1"]}      {"dropped":1}
//! ```

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use weir_core::ports::Clock;

use super::api::{ApiError, Id};
use super::state::Api;
use crate::args::{FilterArgs, moment_since, moment_until};
use crate::engine::Engine;
use crate::failed::{FailedEvents, Filter, Try, replay, summary, whole};

/// The most lines of one answer, and so many unless it is said.
const MOST_LINES: usize = 10_000;
const DEFAULT_LINES: usize = 100;

const EXPECTED_CHOICE: &str =
    r#"expected {"ids": ["…"]}, some of `source`, `code`, `event`, `since` and `until`, or {"all": true}"#;

/// What failed events have in common.
#[derive(Debug, Default, Deserialize)]
struct Common {
    source: Option<String>,
    code: Option<String>,
    event: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

impl Common {
    fn filter(self, now_ms: i64) -> Result<Filter, ApiError> {
        let wrong = |name: &str| {
            let name = name.to_owned();
            move |message: String| ApiError::Parameters(format!("{name}: {message}"))
        };
        let filter = FilterArgs {
            source: self.source,
            code: self.code,
            event: self.event,
            since: self.since.as_deref().map(moment_since).transpose().map_err(wrong("since"))?,
            until: self.until.as_deref().map(moment_until).transpose().map_err(wrong("until"))?,
        };
        Ok(filter.filter(now_ms))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParameters {
    #[serde(default)]
    each: bool,
    limit: Option<usize>,
    source: Option<String>,
    code: Option<String>,
    event: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

pub(super) async fn list(
    State(engine): State<Arc<Engine>>,
    parameters: Result<Query<ListParameters>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(parameters) = parameters.map_err(|rejection| {
        let known = "there are `source`, `code`, `event`, `since`, `until`, `each` and `limit`";
        ApiError::Parameters(format!("{}; {known}", rejection.body_text()))
    })?;
    let ListParameters { each, limit, source, code, event, since, until } = parameters;
    let limit = limit.unwrap_or(DEFAULT_LINES);
    if !(1..=MOST_LINES).contains(&limit) {
        return Err(ApiError::Parameters(format!("limit: found {limit}; expected a number from 1 to {MOST_LINES}")));
    }
    let filter = Common { source, code, event, since, until }.filter(engine.now_ms())?;
    let failed = FailedEvents::open(engine.store()).await?;
    if each {
        let (rows, count) = failed.newest(&filter, limit).await?;
        let rows: Vec<Map<String, Value>> = rows.iter().map(summary).collect();
        return Ok(Json(json!({"count": count, "failed": rows})).into_response());
    }
    let mut groups = failed.groups(&filter).await?;
    let (count, lines) = (groups.iter().map(|group| group.count).sum::<u64>(), groups.len());
    groups.truncate(limit);
    let groups: Vec<Map<String, Value>> = groups.iter().map(crate::failed::Group::document).collect();
    Ok(Json(json!({"count": count, "reasons": lines, "groups": groups})).into_response())
}

pub(super) async fn show(State(engine): State<Arc<Engine>>, Id(id): Id) -> Result<Response, ApiError> {
    let row = FailedEvents::open(engine.store()).await?.one(&id).await?;
    let fields = whole(&row).into_iter().map(|(name, value)| (name.to_owned(), value));
    Ok(Json(Map::from_iter(fields)).into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Choice {
    ids: Vec<String>,
    all: bool,
    dry_run: bool,
    source: Option<String>,
    code: Option<String>,
    event: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

/// What a request is about. All of it only where that is said: nothing can be brought back.
async fn choice(
    failed: &FailedEvents,
    body: Result<Bytes, BytesRejection>,
    now_ms: i64,
) -> Result<(Filter, bool), ApiError> {
    let body = body.map_err(ApiError::Body)?;
    let choice: Choice =
        serde_json::from_slice(&body).map_err(|error| ApiError::Parameters(format!("{error}; {EXPECTED_CHOICE}")))?;
    let Choice { ids, all, dry_run, source, code, event, since, until } = choice;
    let filter = Common { source, code, event, since, until }.filter(now_ms)?;
    let is_some = filter != Filter::default();
    if usize::from(all) + usize::from(is_some) + usize::from(!ids.is_empty()) != 1 {
        return Err(ApiError::Parameters(EXPECTED_CHOICE.to_owned()));
    }
    let filter = if ids.is_empty() { filter } else { failed.exactly(&ids).await? };
    Ok((filter, dry_run))
}

pub(super) async fn replay_chosen(
    State(api): State<Api>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let mut failed = FailedEvents::open(api.engine.store()).await?;
    let (filter, dry_run) = choice(&failed, body, api.engine.now_ms()).await?;
    let how = if dry_run { Try::Dry } else { Try::Land };
    let done = replay(&mut failed, &filter, how, Arc::clone(api.engine.clock()), Arc::clone(&api.ids)).await?;
    Ok(Json(done).into_response())
}

pub(super) async fn drop_chosen(
    State(api): State<Api>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let mut failed = FailedEvents::open(api.engine.store()).await?;
    let (filter, dry_run) = choice(&failed, body, api.engine.now_ms()).await?;
    let clock: &dyn Clock = api.engine.clock().as_ref();
    let dropped = failed.drop_all(&filter, dry_run, clock, api.ids.as_ref()).await?;
    Ok(Json(json!({"dropped": dropped})).into_response())
}
