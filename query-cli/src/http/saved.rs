//! Reports, dashboards and annotations over HTTP: three resources with the same rules.
//!
//! ```text
//! GET    /api/reports                {"reports":[{"id":"0190…","name":"Buyers","revision":3,…}]}
//! POST   /api/reports                a document in, 201 and all of it out    ETag: "1"
//! GET    /api/reports/ID             all of it    ETag: "3"
//! PUT    /api/reports/ID             If-Match: "3"    200, as revision 4; 412 if somebody else was first
//! DELETE /api/reports/ID             If-Match: "4"    204
//! GET    /api/reports/ID/history     {"revisions":[{"revision":5,"removed":true,…},…]}
//! ```

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use weir_core::spec::read as read_json;
use weir_lake::names::SavedKind;

use super::api::{ApiError, Id};
use super::auth::Identity;
use super::state::Api;
use crate::engine::Engine;
use crate::saved::{Body, Document, SavedError, one_of};

/// `/api/{kind}`
pub(super) fn all(kind: SavedKind) -> MethodRouter<Api> {
    get(move |State(engine): State<Arc<Engine>>, parameters: Result<Query<ListParameters>, QueryRejection>| {
        list(kind, engine, parameters)
    })
    .post(move |State(api): State<Api>, who: Identity, body: Result<Bytes, BytesRejection>| async move {
        let body = document(kind, &api.engine, body)?;
        let created = api.engine.library().create(kind, body, api.ids.as_ref(), api.saving(&who)).await?;
        let place = format!("/api/{}/{}", kind.as_str(), created.id);
        Ok::<_, ApiError>((StatusCode::CREATED, [(header::LOCATION, place)], whole(&created)))
    })
}

/// `/api/{kind}/{id}`
pub(super) fn one(kind: SavedKind) -> MethodRouter<Api> {
    get(move |State(engine): State<Arc<Engine>>, Id(id): Id, parameters| show(kind, engine, id, parameters))
        .put(
            move |State(api): State<Api>,
                  Id(id): Id,
                  who: Identity,
                  headers: HeaderMap,
                  body: Result<Bytes, BytesRejection>| async move {
                let expected = expected_revision(kind, &headers)?;
                let body = document(kind, &api.engine, body)?;
                let saved = api.engine.library().update(kind, (&id, expected), body, api.saving(&who)).await?;
                Ok::<_, ApiError>(whole(&saved))
            },
        )
        .delete(move |State(api): State<Api>, Id(id): Id, who: Identity, headers: HeaderMap| async move {
            let expected = expected_revision(kind, &headers)?;
            api.engine.library().remove(kind, (&id, expected), api.saving(&who)).await?;
            Ok::<_, ApiError>(StatusCode::NO_CONTENT)
        })
}

/// `/api/{kind}/{id}/history`
pub(super) fn history(kind: SavedKind) -> MethodRouter<Api> {
    get(move |State(engine): State<Arc<Engine>>, Id(id): Id| async move {
        let revisions = engine.library().history(kind, &id).await?;
        let revisions: Vec<Value> = revisions.iter().map(|document| past(kind, document)).collect();
        Ok::<_, ApiError>(Json(json!({"revisions": revisions})))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParameters {
    #[serde(default)]
    removed: bool,
}

async fn list(
    kind: SavedKind,
    engine: Arc<Engine>,
    parameters: Result<Query<ListParameters>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(parameters) = parameters.map_err(|rejection| {
        ApiError::Parameters(format!("{}; there is `removed`, which is true or false", rejection.body_text()))
    })?;
    let mut documents = engine.library().list(kind).await?;
    documents.retain(|document| document.removed == parameters.removed);
    let order: [&str; 2] = if kind == SavedKind::Annotations { ["date", "text"] } else { ["folder", "name"] };
    documents.sort_by_cached_key(|document| order.map(|field| document.text(field)));
    let short: Vec<Value> = documents.iter().map(|document| short(kind, document)).collect();
    Ok(Json(Map::from_iter([(kind.as_str().to_owned(), Value::from(short))])).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevisionParameters {
    revision: Option<u64>,
}

async fn show(
    kind: SavedKind,
    engine: Arc<Engine>,
    id: String,
    parameters: Result<Query<RevisionParameters>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(parameters) = parameters.map_err(|rejection| {
        ApiError::Parameters(format!("{}; there is `revision`, a number from 1", rejection.body_text()))
    })?;
    Ok(match parameters.revision {
        Some(revision) => whole(&engine.library().revision(kind, &id, revision).await?).into_response(),
        None => whole(engine.library().get(kind, &id).await?.as_ref()).into_response(),
    })
}

/// What somebody wants to keep.
fn document(kind: SavedKind, engine: &Engine, body: Result<Bytes, BytesRejection>) -> Result<Body, ApiError> {
    let body = body.map_err(ApiError::Body)?;
    let text = std::str::from_utf8(&body).map_err(|_| ApiError::NotText)?;
    let read = read_json(text).and_then(|value| Body::parse(kind, &value, engine.now_ms()));
    read.map_err(|error| ApiError::Saved(SavedError::Content(error)))
}

/// The revision that a change was made of.
fn expected_revision(kind: SavedKind, headers: &HeaderMap) -> Result<u64, ApiError> {
    let what = one_of(kind);
    let Some(given) = headers.get(header::IF_MATCH) else {
        return Err(ApiError::NoPrecondition(format!(
            "no `If-Match`: send the revision of the {what} that was changed, as `If-Match: \"3\"`"
        )));
    };
    let text = given.to_str().unwrap_or_default().trim();
    let bare = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    bare.parse().ok().filter(|revision| *revision > 0).ok_or_else(|| {
        ApiError::Parameters(format!("If-Match: found `{text}`; expected one revision of the {what}, such as `\"3\"`"))
    })
}

/// All of a document, with its tag.
fn whole(document: &Document) -> impl IntoResponse + use<> {
    ([(header::ETAG, format!("\"{}\"", document.revision))], Json(document.to_json()))
}

/// A document in a list.
fn short(kind: SavedKind, document: &Document) -> Value {
    let mut fields = Map::from_iter([("id".to_owned(), json!(document.id))]);
    let own: &[&str] = match kind {
        SavedKind::Reports | SavedKind::Dashboards => &["name", "folder", "description"],
        SavedKind::Annotations => &["date", "text"],
    };
    fields.extend(own.iter().map(|name| ((*name).to_owned(), document.field(name))));
    if kind == SavedKind::Reports {
        fields.insert("kind".to_owned(), document.field("spec").get("kind").cloned().unwrap_or_default());
    }
    fields.extend(saved(document));
    if document.newer_format().is_some() {
        fields.insert("newer".to_owned(), json!(true));
    }
    Value::Object(fields)
}

/// A revision in a history.
fn past(kind: SavedKind, document: &Document) -> Value {
    let mut fields: Map<String, Value> = saved(document).collect();
    let own: &[&str] = if kind == SavedKind::Annotations { &["date", "text"] } else { &["name"] };
    fields.extend(own.iter().map(|name| ((*name).to_owned(), document.field(name))));
    fields.insert("removed".to_owned(), json!(document.removed));
    Value::Object(fields)
}

fn saved(document: &Document) -> impl Iterator<Item = (String, Value)> + use<> {
    let fields = [
        ("revision", json!(document.revision)),
        ("saved_at", json!(document.saved_at)),
        ("saved_by", json!(document.saved_by)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value))
}
