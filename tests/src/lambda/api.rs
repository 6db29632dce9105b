//! The Runtime API of one environment
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use crate::now_ms;

/// How often it is looked whether the process still runs.
const LOOK: Duration = Duration::from_millis(5);

/// How a function says that its answer comes in parts.
const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";
/// The most bytes of such an answer.
const MOST_STREAMED: usize = 200 << 20;

/// What became of an event.
#[derive(Debug)]
pub enum Outcome {
    /// The function's answer.
    Answered(Value),
    /// The function says that it failed.
    Failed(Value),
    /// The process ended, and said nothing.
    Ended,
    /// The deadline passed.
    TooLate,
}

#[allow(missing_debug_implementations, reason = "there is nothing to see in it")]
/// An environment's side of the Runtime API.
pub struct Api {
    address: String,
    state: Arc<ApiState>,
    answers: mpsc::UnboundedReceiver<Said>,
    server: JoinHandle<()>,
    events: u64,
}

struct ApiState {
    waiting: Mutex<Option<Event>>,
    came: Notify,
    first_question: Mutex<Option<Instant>>,
    said: mpsc::UnboundedSender<Said>,
}

struct Event {
    id: String,
    deadline_ms: i64,
    json: Value,
}

/// What the process said, about which event.
enum Said {
    Answer(String, Value),
    Error(String, Value),
    /// That it cannot start.
    InitError(Value),
}

impl Api {
    /// Opens one on a free port.
    pub async fn open() -> Self {
        let (said, answers) = mpsc::unbounded_channel();
        let state = Arc::new(ApiState {
            waiting: Mutex::default(),
            came: Notify::new(),
            first_question: Mutex::default(),
            said,
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(take_answer))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(take_error))
            .route("/2018-06-01/runtime/init/error", post(take_init_error))
            .with_state(Arc::clone(&state));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a listener has an address").to_string();
        let server = tokio::spawn(async move {
            // It runs until it is aborted.
            let _ = axum::serve(listener, routes).await;
        });
        Self { address, state, answers, server, events: 0 }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits until the process asks for its first event, and tells when that was.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn first_question(
        &mut self,
        most: Duration,
        mut is_running: impl FnMut() -> bool,
    ) -> Result<Instant, String> {
        let started = Instant::now();
        loop {
            if let Some(at) = *self.state.first_question.lock().unwrap_or_else(PoisonError::into_inner) {
                return Ok(at);
            }
            if let Ok(Said::InitError(problem)) = self.answers.try_recv() {
                return Err(format!("the function cannot start: {problem}"));
            }
            if !is_running() || started.elapsed() > most {
                return Err("the process does not ask for an event".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Hands the process an event, and waits for what it makes of it.
    pub async fn invoke(&mut self, json: Value, timeout: Duration, mut is_running: impl FnMut() -> bool) -> Outcome {
        self.events += 1;
        let id = format!("00000000-0000-4000-8000-{:012x}", self.events);
        let deadline_ms = now_ms() + timeout.as_millis() as i64;
        let event = Event { id: id.clone(), deadline_ms, json };
        *self.state.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
        self.state.came.notify_one();
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            tokio::select! {
                said = self.answers.recv() => match said {
                    Some(Said::Answer(about, answer)) if about == id => return Outcome::Answered(answer),
                    Some(Said::Error(about, problem)) if about == id => return Outcome::Failed(problem),
                    // About an event that was given up.
                    Some(_) => {}
                    None => return Outcome::Ended,
                },
                () = tokio::time::sleep_until(deadline) => return Outcome::TooLate,
                () = tokio::time::sleep(LOOK) => if !is_running() { return Outcome::Ended },
            }
        }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(state): State<Arc<ApiState>>) -> Response {
    state.first_question.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    loop {
        let event = state.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Event { id, deadline_ms, json }) = event {
            let headers = [
                ("lambda-runtime-aws-request-id", id),
                ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
                (
                    "lambda-runtime-invoked-function-arn",
                    "arn:aws:lambda:us-east-1:123456789012:function:weir-ingest".to_owned(),
                ),
                ("content-type", "application/json".to_owned()),
            ];
            return (headers, json.to_string()).into_response();
        }
        state.came.notified().await;
    }
}

async fn take_answer(
    State(state): State<Arc<ApiState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> StatusCode {
    let is_streamed = headers.get(RESPONSE_MODE).is_some_and(|mode| mode == "streaming");
    // What breaks off in the middle is no answer.
    let Ok(body) = to_bytes(body, MOST_STREAMED).await else { return StatusCode::BAD_REQUEST };
    take(&state, Said::Answer(id, if is_streamed { streamed(&body) } else { json_of(&body) }))
}

/// An answer whose status and headers come first, then eight zeros, then the body; as one that came at once.
fn streamed(bytes: &[u8]) -> Value {
    let between = bytes.windows(8).position(|window| window == [0; 8]);
    let between = between.unwrap_or_else(|| panic!("no eight zeros in an answer of {} bytes", bytes.len()));
    let mut answer = json_of(&bytes[..between]);
    answer["body"] = Value::from(STANDARD.encode(&bytes[between + 8..]));
    answer["isBase64Encoded"] = Value::from(true);
    answer
}

async fn take_error(State(state): State<Arc<ApiState>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    take(&state, Said::Error(id, json_of(&body)))
}

async fn take_init_error(State(state): State<Arc<ApiState>>, body: Bytes) -> StatusCode {
    take(&state, Said::InitError(json_of(&body)))
}

fn take(state: &ApiState, said: Said) -> StatusCode {
    // Nobody listens any more where the environment has been given up.
    let _ = state.said.send(said);
    StatusCode::ACCEPTED
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(body)))
}
