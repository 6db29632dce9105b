//! The query API: the same JSON as everywhere.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde_json::{Value, json};
use weir_core::spec::{MAX_SPEC_BYTES, SpecError, SpecProblem, parse};
use weir_lake::names::SavedKind;
use weir_lake::{LakeError, StoreError};

use super::state::Api;
use super::{catalogue, properties, saved, session, user};
use crate::engine::{Engine, EngineError};
use crate::saved::{SavedError, one_of};

/// What answers leave out: files of another engine.
const NOTE_HEADER: &str = "x-weir-note";

/// What there is, for those who ask for something else.
const ROUTES: &str = "there is POST /api/query, GET /api/events, GET /api/catalogue, GET /api/properties, GET /api/user, POST \
                      /api/explain, GET /api/session, and /api/reports, /api/dashboards and /api/annotations";

/// Routes under `/api`.
pub fn router(api: Api) -> Router {
    let routes = Router::new()
        .route("/api/query", post(query))
        .route("/api/events", get(events))
        .route("/api/catalogue", get(catalogue::catalogue))
        .route("/api/user", get(user::timeline))
        .route("/api/explain", post(user::explain))
        .route("/api/properties", get(properties::properties))
        .route("/api/session", get(session::session));
    let with_saved = |routes: Router<Api>, kind: SavedKind| {
        let all = format!("/api/{}", kind.as_str());
        routes
            .route(&all, saved::all(kind))
            .route(&format!("{all}/{{id}}"), saved::one(kind))
            .route(&format!("{all}/{{id}}/history"), saved::history(kind))
    };
    SavedKind::ALL
        .into_iter()
        .fold(routes, with_saved)
        .method_not_allowed_fallback(wrong_method)
        .route("/api/{*path}", any(unknown))
        .layer(DefaultBodyLimit::max(MAX_SPEC_BYTES))
        .with_state(api)
}

async fn query(State(engine): State<Arc<Engine>>, body: Result<Bytes, BytesRejection>) -> Result<Response, ApiError> {
    let body = body.map_err(ApiError::Body)?;
    let text = std::str::from_utf8(&body).map_err(|_| ApiError::NotText)?;
    let spec = parse(text, engine.now_ms()).map_err(EngineError::Spec)?;
    let answer = engine.answer(&spec).await?;
    Ok((note(&engine).await, Json(answer)).into_response())
}

async fn events(State(engine): State<Arc<Engine>>) -> Result<Response, ApiError> {
    let counts = engine.events().await?;
    Ok((note(&engine).await, Json(counts)).into_response())
}

/// The header that says what answers leave out, if anything.
pub(super) async fn note(engine: &Engine) -> Option<[(&'static str, String); 1]> {
    engine.last_snapshot().await.foreign_note().map(|note| [(NOTE_HEADER, note)])
}

async fn wrong_method(method: Method, uri: Uri) -> impl IntoResponse {
    let message = format!("there is no {method} {}; {ROUTES}", uri.path());
    error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", &message)
}

async fn unknown() -> impl IntoResponse {
    error(StatusCode::NOT_FOUND, "not_found", ROUTES)
}

/// An answer that says what is wrong.
pub fn error(status: StatusCode, code: &str, message: &str) -> impl IntoResponse + use<> {
    (status, Json(json!({"error": {"code": code, "message": message}})))
}

pub(super) enum ApiError {
    Body(BytesRejection),
    NotText,
    Engine(EngineError),
    /// No event of that name: what is said of it.
    NoEvent(String),
    /// What is asked for is not named as it should be.
    Parameters(String),
    /// What is to be changed is not named with its revision.
    NoPrecondition(String),
    /// Something saved.
    Saved(SavedError),
}

impl From<SavedError> for ApiError {
    fn from(error: SavedError) -> Self {
        Self::Saved(error)
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let engine = match self {
            Self::NotText => {
                return error(StatusCode::BAD_REQUEST, "invalid_spec", "the spec is not UTF-8 text").into_response();
            }
            Self::Body(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                let message = format!("a spec has at most {MAX_SPEC_BYTES} bytes");
                return error(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &message).into_response();
            }
            Self::Body(rejection) => {
                return error(rejection.status(), "invalid_spec", &rejection.body_text()).into_response();
            }
            Self::NoEvent(message) => {
                return error(StatusCode::NOT_FOUND, "no_event", &message).into_response();
            }
            Self::Parameters(message) => {
                return error(StatusCode::BAD_REQUEST, "invalid_parameters", &message).into_response();
            }
            Self::NoPrecondition(message) => {
                return error(StatusCode::PRECONDITION_REQUIRED, "precondition_required", &message).into_response();
            }
            Self::Saved(saved) => return saved_error(saved),
            Self::Engine(engine) => engine,
        };
        let message = engine.to_string();
        match engine {
            EngineError::Spec(spec) => {
                (StatusCode::BAD_REQUEST, Json(problems("invalid_spec", &spec, &message))).into_response()
            }
            EngineError::Sql(_) | EngineError::Lake(LakeError::NoVersion { .. } | LakeError::VersionGone { .. }) => {
                error(StatusCode::BAD_REQUEST, "invalid_spec", &message).into_response()
            }
            EngineError::Lake(LakeError::Store(StoreError::NoLake { .. })) => {
                error(StatusCode::NOT_FOUND, "no_lake", &message).into_response()
            }
            EngineError::Lake(LakeError::Store(StoreError::Failed { .. })) => {
                tracing::error!(%message, "a query failed");
                error(StatusCode::SERVICE_UNAVAILABLE, "store_failed", &message).into_response()
            }
            EngineError::Lake(_) | EngineError::Statement(_) | EngineError::Memory(_) | EngineError::Internal(_) => {
                tracing::error!(%message, "a query failed");
                error(StatusCode::INTERNAL_SERVER_ERROR, "query_failed", &message).into_response()
            }
        }
    }
}

fn saved_error(saved: SavedError) -> Response {
    let message = saved.to_string();
    match saved {
        SavedError::Store(store) => ApiError::Engine(EngineError::Lake(store.into())).into_response(),
        SavedError::Content(content) => {
            (StatusCode::BAD_REQUEST, Json(problems("invalid_document", &content, &message))).into_response()
        }
        SavedError::NotThere { kind, .. } => {
            error(StatusCode::NOT_FOUND, &format!("no_{}", one_of(kind)), &message).into_response()
        }
        SavedError::NoRevision { .. } => error(StatusCode::NOT_FOUND, "no_revision", &message).into_response(),
        SavedError::Changed { current, .. } => {
            let body = json!({"error": {"code": "changed", "message": message}, "current": current.to_json()});
            (StatusCode::PRECONDITION_FAILED, Json(body)).into_response()
        }
        SavedError::Newer { .. } => error(StatusCode::CONFLICT, "newer_format", &message).into_response(),
        SavedError::TooMany { kind } => {
            let whole = SpecProblem { field: kind.as_str().to_owned(), message: message.clone() };
            let full = SpecError { problems: vec![whole] };
            (StatusCode::BAD_REQUEST, Json(problems("invalid_document", &full, &message))).into_response()
        }
        SavedError::Damaged { .. } => {
            tracing::error!(%message, "a saved document cannot be read");
            error(StatusCode::INTERNAL_SERVER_ERROR, "damaged", &message).into_response()
        }
    }
}

fn problems(code: &str, spec: &SpecError, message: &str) -> Value {
    let problems: Vec<Value> = spec.problems.iter().map(|p| json!({"field": p.field, "message": p.message})).collect();
    json!({"error": {"code": code, "message": message, "problems": problems}})
}
