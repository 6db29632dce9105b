//! What is said back: JSON bodies and status codes.
//!
//! Where the events were looked at, or their body is at fault, the answer has the shape of a batch: `accepted`,
//! `duplicates`, `rejected`, `receipt`. Everything else that goes wrong is `{"error":{"code":"…","message":"…"}}`.

use axum::http::header::{ACCEPT_ENCODING, ALLOW, CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use weir_core::event::Rejection;
use weir_core::event::envelope::MAX_RECORD_BYTES;
use weir_core::ports::LogError;

use crate::accept::{AcceptError, Rejected, shortened};
use crate::body::BodyProblem;
use crate::collector::ProgressError;
use crate::keys::{KeyProblem, Readers};
use crate::load::{Lane, Shed};
use crate::protocol::Protocol;
use crate::receipt::{NoReceipt, ReceiptToken};

/// How much of a path or a receipt a message repeats, in bytes.
const MAX_SHOWN_BYTES: usize = 80;
/// After how many seconds a batch that was not stored may be sent again.
const RETRY_SECONDS: &str = "1";

/// The answer to a batch of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchAnswer {
    accepted: usize,
    /// Always null: copies are recognised when the record lands, after the answer.
    duplicates: Option<u64>,
    rejected: Vec<Rejected>,
    receipt: Option<String>,
    /// What Segment's clients look for.
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    /// What PostHog's clients look for: 1 for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u8>,
}

impl BatchAnswer {
    /// Some events are stored.
    pub fn stored(accepted: usize, rejected: Vec<Rejected>, receipt: &ReceiptToken) -> Self {
        let receipt = Some(receipt.to_string());
        Self { accepted, duplicates: None, rejected, receipt, success: None, status: None }
    }

    /// No event is good; the reasons are stored.
    pub fn refused(rejected: Vec<Rejected>, receipt: &ReceiptToken) -> Self {
        Self::stored(0, rejected, receipt)
    }

    /// No event is good, and nothing is stored.
    pub fn none(rejected: Vec<Rejected>) -> Self {
        Self { accepted: 0, duplicates: None, rejected, receipt: None, success: None, status: None }
    }

    /// How many events are stored, and those that are not.
    pub fn outcome(&self) -> (usize, &[Rejected]) {
        (self.accepted, &self.rejected)
    }

    /// The same in the words of a protocol.
    pub fn in_words_of(self, protocol: Protocol) -> Self {
        let good = self.accepted > 0;
        match protocol {
            Protocol::Native => self,
            Protocol::Segment(_) => Self { success: Some(good), ..self },
            Protocol::PostHog => Self { status: Some(good.into()), ..self },
        }
    }

    fn whole_body(code: &'static str, field: &str, message: String) -> Self {
        Self::none(vec![Rejected::new(0, Rejection { code, field: field.to_owned(), message })])
    }
}

impl IntoResponse for BatchAnswer {
    fn into_response(self) -> Response {
        let status = if self.accepted > 0 { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        (status, Json(self)).into_response()
    }
}

/// The answer to a question about a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceiptAnswer {
    receipt: String,
    status: ReceiptStatus,
    /// The first version of the table that is known to hold the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum ReceiptStatus {
    Stored,
    Queryable,
    Rejected,
}

impl ReceiptAnswer {
    /// Queryable from `version` on; stored, if there is none.
    pub fn new(receipt: &ReceiptToken, version: Option<u64>) -> Self {
        let status = if version.is_some() { ReceiptStatus::Queryable } else { ReceiptStatus::Stored };
        Self { receipt: receipt.to_string(), status, version }
    }

    /// Nothing of it will ever be queryable.
    pub fn rejected(receipt: &ReceiptToken) -> Self {
        Self { receipt: receipt.to_string(), status: ReceiptStatus::Rejected, version: None }
    }
}

impl IntoResponse for ReceiptAnswer {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// The answer to a question about the collector's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HealthAnswer {
    status: &'static str,
}

impl HealthAnswer {
    /// The process answers.
    pub const LIVE: Self = Self { status: "live" };
    /// The log takes appends.
    pub const READY: Self = Self { status: "ready" };
}

impl IntoResponse for HealthAnswer {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// Why a request is not answered with what it asks for.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nothing of the body can be taken.
    #[error(transparent)]
    Body(#[from] BodyProblem),
    /// The request may not write.
    #[error(transparent)]
    Key(#[from] KeyProblem),
    /// The log did not take the record.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record could not be written.
    #[error("a record cannot be written as JSON: {0}")]
    Frame(#[from] serde_json::Error),
    /// How far the log has come into the table is not known.
    #[error(transparent)]
    Progress(#[from] ProgressError),
    /// Too much is under way.
    #[error(transparent)]
    Shed(#[from] Shed),
    /// The log does not take events.
    #[error("the event log takes no events at present; it is asked again, and this answer changes as soon as it does")]
    NotReady,
    /// The settings could not be read yet, so nobody can be let in.
    #[error("the collector cannot read its settings yet; nothing was stored, send the same batch again")]
    NoSettings,
    /// There is no such receipt.
    #[error("`{found}` is {problem}")]
    Receipt {
        /// What was asked for.
        found: String,
        /// What is wrong with it.
        problem: NoReceipt,
    },
    /// There is no such path.
    #[error("there is nothing at `{path}`; send events to POST /v1/events")]
    NoPath {
        /// What was asked for.
        path: String,
    },
    /// The request does not say under which name it found the collector.
    #[error("the request has no `Host` that could be given to a client")]
    NoHost,
    /// The path is there, but not for this method.
    #[error("{method} is not possible here; use one of: {allowed}")]
    NoMethod {
        /// What was asked for.
        method: Method,
        /// What is possible, as the `Allow` header lists it.
        allowed: &'static str,
    },
}

impl From<AcceptError> for Failure {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Json(error) => Self::Frame(error),
            AcceptError::TooLarge { bytes } => Self::Log(LogError::TooLarge { bytes, limit: MAX_RECORD_BYTES }),
        }
    }
}

impl Failure {
    /// A text of a URL that names no receipt.
    pub fn receipt(found: String, problem: NoReceipt) -> Self {
        Self::Receipt { found: shortened(found, MAX_SHOWN_BYTES), problem }
    }

    /// A path where nothing is.
    pub fn no_path(path: &str) -> Self {
        Self::NoPath { path: shortened(path.to_owned(), MAX_SHOWN_BYTES) }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Body(problem) => body_problem(&problem),
            Self::Key(problem) => key_problem(&problem),
            Self::Log(problem) => log_problem(&problem),
            Self::Shed(shed) => shed_answer(&shed),
            Self::Frame(_) => internal(&self.to_string()),
            Self::Progress(problem) => {
                tracing::warn!(error = %problem, "a receipt was not answered");
                unavailable("the lake does not answer; ask for the receipt again".to_owned())
            }
            Self::NotReady | Self::NoSettings => unavailable(self.to_string()),
            Self::Receipt { .. } => error(StatusCode::NOT_FOUND, "unknown_receipt", self.to_string(), None),
            Self::NoPath { .. } => error(StatusCode::NOT_FOUND, "not_found", self.to_string(), None),
            Self::NoHost => error(StatusCode::BAD_REQUEST, "no_host", self.to_string(), None),
            Self::NoMethod { allowed, .. } => {
                let header = (ALLOW, HeaderValue::from_static(allowed));
                error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", self.to_string(), Some(header))
            }
        }
    }
}

fn key_problem(problem: &KeyProblem) -> Response {
    let answer = |status, header| error(status, problem.code(), problem.to_string(), header);
    match problem {
        KeyProblem::Unknown | KeyProblem::Missing | KeyProblem::Unreadable { .. } | KeyProblem::Disabled => {
            let realm = HeaderValue::from_static("Basic realm=\"weir\"");
            answer(StatusCode::UNAUTHORIZED, Some((WWW_AUTHENTICATE, realm)))
        }
        KeyProblem::OriginNotAllowed { .. } => {
            (Extension(Readers::Nobody), answer(StatusCode::FORBIDDEN, None)).into_response()
        }
        KeyProblem::OverRate { retry_after_s, .. } => {
            answer(StatusCode::TOO_MANY_REQUESTS, Some((RETRY_AFTER, HeaderValue::from(*retry_after_s))))
        }
    }
}

fn body_problem(problem: &BodyProblem) -> Response {
    let answer = Json(BatchAnswer::whole_body(problem.code(), problem.field(), problem.to_string()));
    match problem {
        BodyProblem::TooManyBytes | BodyProblem::TooManyEvents { .. } => {
            (StatusCode::PAYLOAD_TOO_LARGE, answer).into_response()
        }
        BodyProblem::Encoded { .. } => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, [(ACCEPT_ENCODING, "gzip, identity")], answer).into_response()
        }
        // The rest of it may still come: the connection is of no more use.
        BodyProblem::TooSlow { .. } => (StatusCode::REQUEST_TIMEOUT, [(CONNECTION, "close")], answer).into_response(),
        _ => (StatusCode::BAD_REQUEST, answer).into_response(),
    }
}

/// Bulk has a status of its own: a supervisor that goes by 503 must not take a collector away because an import waits.
fn shed_answer(shed: &Shed) -> Response {
    let status = match shed.lane {
        Lane::Live => StatusCode::SERVICE_UNAVAILABLE,
        Lane::Bulk => StatusCode::TOO_MANY_REQUESTS,
    };
    error(status, shed.code(), shed.to_string(), Some((RETRY_AFTER, HeaderValue::from(shed.retry_after_s))))
}

/// What the log says may name files and machines; that is for the operator, not for the sender.
fn log_problem(problem: &LogError) -> Response {
    match problem {
        LogError::Unavailable(_) => {
            tracing::warn!(error = %problem, "a batch was not stored");
            unavailable("the event log is not available; nothing was stored, send the same batch again".to_owned())
        }
        LogError::TooLarge { bytes, limit } => {
            let message = format!(
                "the batch makes a record of {bytes} bytes, more than the event log's limit of {limit}; nothing was stored, send the events in smaller batches"
            );
            (StatusCode::PAYLOAD_TOO_LARGE, Json(BatchAnswer::whole_body("too_large", "", message))).into_response()
        }
        LogError::Corrupt(_) | LogError::NoShard(_) => internal(&problem.to_string()),
    }
}

fn unavailable(message: String) -> Response {
    error(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        message,
        Some((RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS))),
    )
}

fn internal(detail: &str) -> Response {
    tracing::error!(error = detail, "a batch failed");
    let message = "the collector failed, and its own log says why; whether the events are stored is not known, so send \
                   them again with the event_id they had";
    error(StatusCode::INTERNAL_SERVER_ERROR, "internal", message.to_owned(), None)
}

fn error(
    status: StatusCode,
    code: &'static str,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
) -> Response {
    #[derive(Serialize)]
    struct ErrorAnswer {
        error: ErrorBody,
    }
    #[derive(Serialize)]
    struct ErrorBody {
        code: &'static str,
        message: String,
    }
    let answer = (status, Json(ErrorAnswer { error: ErrorBody { code, message } }));
    match header {
        Some(header) => ([header], answer).into_response(),
        None => answer.into_response(),
    }
}
