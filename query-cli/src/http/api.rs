//! The query API: the same JSON as everywhere.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde_json::{Value, json};
use weir_core::spec::{MAX_SPEC_BYTES, SpecError, SpecProblem};
use weir_lake::names::SavedKind;
use weir_lake::{LakeError, StoreError};

use super::access::UNKNOWN;
use super::state::Api;
use super::{catalogue, checks, embeds, failed, keys, live, openid, properties, query, saved, session, user};
use crate::checks::CheckError;
use crate::embeds::EmbedError;
use crate::engine::{Engine, EngineError};
use crate::error::Failure;
use crate::failed::IdProblem;
use crate::openid::CALLBACK;
use crate::saved::{SavedError, one_of};

/// What answers leave out: files of another engine.
const NOTE_HEADER: &str = "x-weir-note";

/// Who finds no turn comes again after so many seconds.
const RETRY_SECONDS: &str = "2";

/// What there is, for those who ask for something else.
const ROUTES: &str = "there is POST /api/query, GET /api/events, GET /api/catalogue, GET /api/properties, GET /api/user, POST \
                      /api/explain, GET /api/session, POST /api/login, POST /api/logout, /api/reports, /api/dashboards, \
                      /api/annotations, /api/checks and /api/embeds, and for admins /api/live, /api/system, /api/failed and /api/keys";

/// Routes under `/api`.
pub fn router(api: Api) -> Router {
    let routes = Router::new()
        .route("/api/query", post(query::query))
        .route("/api/events", get(events))
        .route("/api/catalogue", get(catalogue::catalogue))
        .route("/api/user", get(user::timeline))
        .route("/api/explain", post(user::explain))
        .route("/api/properties", get(properties::properties))
        .route("/api/checks", get(checks::list))
        .route("/api/checks/{id}", post(checks::run))
        .route("/api/live", get(live::live))
        .route("/api/system", get(live::system))
        .route("/api/failed", get(failed::list))
        .route("/api/failed/{id}", get(failed::show))
        .route("/api/failed/replay", post(failed::replay_chosen))
        .route("/api/failed/drop", post(failed::drop_chosen))
        .route("/api/keys", get(keys::list).post(keys::add))
        .route("/api/keys/{id}/disable", post(keys::disable))
        .route("/api/keys/{id}/rotate", post(keys::rotate))
        .route("/api/session", get(session::session))
        .route("/api/login", post(session::login))
        .route("/api/logout", post(session::logout))
        .route("/api/login/openid", get(openid::begin))
        .route(CALLBACK, get(openid::callback))
        .route("/api/embeds", get(embeds::list).post(embeds::create))
        .route("/api/embeds/{id}/disable", post(embeds::switch_off))
        .route("/api/embedded", get(embeds::embedded))
        .route("/api/embedded/query", post(embeds::query));
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
        .route(UNKNOWN, any(unknown))
        .layer(DefaultBodyLimit::max(MAX_SPEC_BYTES))
        .with_state(api)
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
    (status, Json(body(code, message)))
}

fn body(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

/// The id in the path of a request.
pub(super) struct Id(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = Path::<String>::from_request_parts(parts, state).await;
        read.map(|Path(id)| Self(id)).map_err(|rejection| ApiError::Parameters(rejection.body_text()))
    }
}

#[derive(Debug)]
pub(super) enum ApiError {
    Body(BytesRejection),
    NotText,
    Engine(EngineError),
    /// No event of that name: what is said of it.
    NoEvent(String),
    /// What is asked for is not named as it should be.
    Parameters(String),
    /// So many questions are asked already.
    Busy(u32),
    /// A question that took so many seconds, and is not answered.
    TooLong(u32),
    /// What is to be changed is not named with its revision.
    NoPrecondition(String),
    /// Something saved.
    Saved(SavedError),
    /// A report has no check: what is said of it.
    NoCheck(String),
    /// A failed event is not named as it should be.
    Failed(IdProblem),
    /// An embed.
    Embed(EmbedError),
    /// No such write key: what is said of it.
    NoKey(Failure),
    /// It cannot be done as things are.
    Refused(Failure),
}

impl From<LakeError> for ApiError {
    fn from(error: LakeError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Engine(LakeError::from(error).into())
    }
}

impl From<IdProblem> for ApiError {
    fn from(problem: IdProblem) -> Self {
        Self::Failed(problem)
    }
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

impl From<EmbedError> for ApiError {
    fn from(error: EmbedError) -> Self {
        match error {
            EmbedError::Store(error) => error.into(),
            other => Self::Embed(other),
        }
    }
}

impl From<CheckError> for ApiError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Saved(error) => Self::Saved(error),
            CheckError::Store(error) => Self::Saved(SavedError::Store(error)),
            CheckError::NoCheck(_) => Self::NoCheck(error.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let wait = matches!(self, Self::Busy(_)).then_some([(header::RETRY_AFTER, RETRY_SECONDS)]);
        let (status, body) = self.told();
        (status, wait, Json(body)).into_response()
    }
}

impl ApiError {
    /// A defect.
    pub fn internal(what: impl ToString) -> Self {
        Self::Engine(EngineError::Internal(what.to_string()))
    }

    /// Its status, and what is said of it.
    pub fn told(self) -> (StatusCode, Value) {
        let engine = match self {
            Self::NotText => {
                return (StatusCode::BAD_REQUEST, body("invalid_spec", "the body is not UTF-8 text"));
            }
            Self::Body(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                let message = format!("a body has at most {MAX_SPEC_BYTES} bytes");
                return (StatusCode::PAYLOAD_TOO_LARGE, body("too_large", &message));
            }
            Self::Body(rejection) => return (rejection.status(), body("invalid_spec", &rejection.body_text())),
            Self::NoEvent(message) => return (StatusCode::NOT_FOUND, body("no_event", &message)),
            Self::Parameters(message) => return (StatusCode::BAD_REQUEST, body("invalid_parameters", &message)),
            Self::NoPrecondition(message) => {
                return (StatusCode::PRECONDITION_REQUIRED, body("precondition_required", &message));
            }
            Self::Busy(most) => {
                let message = format!("{most} questions are asked at the same time already; try again in a moment");
                return (StatusCode::TOO_MANY_REQUESTS, body("too_many_queries", &message));
            }
            Self::TooLong(seconds) => {
                let message = format!(
                    "the question was given up after {seconds} s; ask for a shorter range or fewer events, or ask an admin"
                );
                return (StatusCode::SERVICE_UNAVAILABLE, body("query_too_long", &message));
            }
            Self::Saved(saved) => return saved_error(saved),
            Self::NoCheck(message) => return (StatusCode::NOT_FOUND, body("no_check", &message)),
            Self::Failed(IdProblem::Lake(error)) => error.into(),
            Self::Failed(problem @ IdProblem::None(_)) => {
                return (StatusCode::NOT_FOUND, body("no_failed_event", &problem.to_string()));
            }
            Self::Failed(problem) => {
                return (StatusCode::BAD_REQUEST, body("invalid_parameters", &problem.to_string()));
            }
            Self::Embed(error @ EmbedError::Exists(_)) => {
                return (StatusCode::CONFLICT, body("exists", &error.to_string()));
            }
            Self::Embed(error) => return (StatusCode::NOT_FOUND, body("no_embed", &error.to_string())),
            Self::NoKey(failure) => return (StatusCode::NOT_FOUND, body("no_key", &failure.message)),
            Self::Refused(failure) => return (StatusCode::CONFLICT, body("refused", &failure.message)),
            Self::Engine(engine) => engine,
        };
        let message = engine.to_string();
        match engine {
            EngineError::Spec(spec) => (StatusCode::BAD_REQUEST, problems("invalid_spec", &spec, &message)),
            EngineError::Sql(_) | EngineError::Lake(LakeError::NoVersion { .. } | LakeError::VersionGone { .. }) => {
                (StatusCode::BAD_REQUEST, body("invalid_spec", &message))
            }
            EngineError::Lake(LakeError::Store(StoreError::NoLake { .. })) => {
                (StatusCode::NOT_FOUND, body("no_lake", &message))
            }
            EngineError::Lake(LakeError::Store(StoreError::Failed { .. })) => {
                tracing::error!(%message, "a query failed");
                (StatusCode::SERVICE_UNAVAILABLE, body("store_failed", &message))
            }
            EngineError::Lake(_) | EngineError::Statement(_) | EngineError::Memory(_) | EngineError::Internal(_) => {
                tracing::error!(%message, "a query failed");
                (StatusCode::INTERNAL_SERVER_ERROR, body("query_failed", &message))
            }
        }
    }
}

fn saved_error(saved: SavedError) -> (StatusCode, Value) {
    let message = saved.to_string();
    match saved {
        SavedError::Store(store) => ApiError::Engine(EngineError::Lake(store.into())).told(),
        SavedError::Content(content) => (StatusCode::BAD_REQUEST, problems("invalid_document", &content, &message)),
        SavedError::NotThere { kind, .. } => (StatusCode::NOT_FOUND, body(&format!("no_{}", one_of(kind)), &message)),
        SavedError::NoRevision { .. } => (StatusCode::NOT_FOUND, body("no_revision", &message)),
        SavedError::Changed { current, .. } => {
            let mut told = body("changed", &message);
            told["current"] = current.to_json();
            (StatusCode::PRECONDITION_FAILED, told)
        }
        SavedError::Newer { .. } => (StatusCode::CONFLICT, body("newer_format", &message)),
        SavedError::TooMany { kind } => {
            let whole = SpecProblem { field: kind.as_str().to_owned(), message: message.clone() };
            let full = SpecError { problems: vec![whole] };
            (StatusCode::BAD_REQUEST, problems("invalid_document", &full, &message))
        }
        SavedError::Damaged { .. } => {
            tracing::error!(%message, "a saved document cannot be read");
            (StatusCode::INTERNAL_SERVER_ERROR, body("damaged", &message))
        }
    }
}

fn problems(code: &str, spec: &SpecError, message: &str) -> Value {
    let problems: Vec<Value> = spec.problems.iter().map(|p| json!({"field": p.field, "message": p.message})).collect();
    json!({"error": {"code": code, "message": message, "problems": problems}})
}
