//! Lambda, as far as a function can tell: a Runtime API of the tests' own around a compiled program, and a front that makes
//! HTTP requests into events, as a function URL or an HTTP API does.
//!
//! ```text
//! test ──HTTP──▶ front ──event──▶ ┌ environment: queue ◀──next────── process ┐
//!      ◀─────────      ◀──────────┤              answers ◀─response─         │  one request at a time
//!                                 └──────────────────────────────────────────┘
//! ```
//!
//! What is done as Lambda does it, after AWS's documentation of the Runtime API, function URLs and HTTP APIs (payload 2.0):
//! an environment is one process that takes one event at a time; it is started for the first event that finds no free one, up
//! to a bound; a process that ends while it has an event, or runs past the deadline (and is killed then), fails that event
//! with a 502 or 504; the next event starts a new process. What Lambda does between events, freezing the process, is left out.
//!
//! - [`api`] is the Runtime API of one environment.
//! - [`event`] makes events of requests, and answers of responses.
//! - [`source`] is an event source mapping between a stream and a function that takes its records.

pub mod api;
pub mod event;
pub mod source;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::cli::{Process, read_all};
use api::{Api, Outcome};
use event::Door;

/// A process that has not asked for its first event by then never will.
const START: Duration = Duration::from_secs(20);
/// The largest request that Lambda takes, in bytes.
const MOST_BYTES: usize = 6 * 1024 * 1024;

/// What a function is: a program and its settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The compiled program.
    pub program: PathBuf,
    /// Its environment variables, beside those of Lambda itself.
    pub variables: Vec<(String, String)>,
    /// How long one event may take.
    pub timeout: Duration,
    /// The most processes at once.
    pub concurrency: usize,
    /// What stands before it.
    pub door: Door,
}

impl Config {
    /// A program behind a function URL, one event at a time, 10 seconds each.
    pub fn new(program: &Path, variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let timeout = Duration::from_secs(10);
        Self { program: program.to_owned(), variables, timeout, concurrency: 1, door: Door::FunctionUrl }
    }
}

/// A function that answers HTTP. Its processes end when it is dropped.
pub struct Function {
    shared: Arc<Shared>,
    address: String,
    /// Last: what runs on it goes first.
    runtime: Option<Runtime>,
}

struct Shared {
    config: Config,
    idle: Mutex<VecDeque<Environment>>,
    places: Semaphore,
    history: Mutex<History>,
}

/// What was seen of the processes.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// From the start of each process to its first question for an event.
    pub starts: Vec<Duration>,
    /// The most memory that any process had resident, in KiB.
    pub peak_kib: u64,
    /// What the processes wrote: standard output and standard error of those that have ended.
    pub said: String,
}

/// One process and its Runtime API.
struct Environment {
    process: Process,
    api: Api,
    output: Vec<std::thread::JoinHandle<Vec<u8>>>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Function {
    /// Opens the front. The first process starts with the first request.
    pub fn new(config: Config) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let places = Semaphore::new(config.concurrency);
        let shared = Arc::new(Shared { config, idle: Mutex::default(), places, history: Mutex::default() });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("a listener has an address"));
        let front = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        runtime.spawn(async move { axum::serve(listener, front).await });
        Self { shared, address, runtime: Some(runtime) }
    }

    /// Where it answers: `http://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// Hands the function an event that is no HTTP request, when a place is free, and waits for what it makes of it.
    pub fn invoke(&self, event: Value) -> Outcome {
        self.invoke_until(event, None)
    }

    /// The same, and kills the process after so long, if it still has the event then.
    pub fn invoke_and_kill(&self, event: Value, after: Duration) -> Outcome {
        self.invoke_until(event, Some(after))
    }

    fn invoke_until(&self, event: Value, kill_after: Option<Duration>) -> Outcome {
        let runtime = self.runtime.as_ref().expect("it is there until the function is dropped");
        runtime.block_on(async {
            let _place = self.shared.places.acquire().await.expect("nobody closes it");
            self.shared.invoke(event, kill_after).await
        })
    }

    /// Ends all idle processes, and tells what was seen of all that have ended.
    pub fn end(&self) -> History {
        let idle = std::mem::take(&mut *lock(&self.shared.idle));
        idle.into_iter().for_each(|environment| self.shared.retire(environment));
        lock(&self.shared.history).clone()
    }

    /// Kills the idle processes, as Lambda does when it likes.
    pub fn kill_idle(&self) {
        drop(self.end());
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let history = self.end();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
        if std::thread::panicking() {
            eprintln!("the function said:\n{}", history.said);
        }
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MOST_BYTES).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let event = event::of_request(shared.config.door, &parts, &body);
    let Ok(_place) = shared.places.acquire().await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    match shared.invoke(event, None).await {
        Outcome::Answered(answer) => event::response_of(&answer),
        Outcome::Failed(problem) => (StatusCode::BAD_GATEWAY, problem.to_string()).into_response(),
        Outcome::Ended => (StatusCode::BAD_GATEWAY, "the process ended").into_response(),
        Outcome::TooLate => (StatusCode::GATEWAY_TIMEOUT, "the function took too long").into_response(),
    }
}

impl Shared {
    async fn invoke(&self, event: Value, kill_after: Option<Duration>) -> Outcome {
        let idle = lock(&self.idle).pop_front();
        let mut environment = match idle {
            Some(environment) => environment,
            None => match self.start().await {
                Ok(environment) => environment,
                Err(problem) => return Outcome::Failed(Value::from(problem)),
            },
        };
        let invocation = environment.api.invoke(event, self.config.timeout, || environment.process.is_running());
        let outcome = match kill_after {
            None => invocation.await,
            // What is retired is killed.
            Some(after) => tokio::time::timeout(after, invocation).await.unwrap_or(Outcome::Ended),
        };
        match outcome {
            Outcome::Answered(_) | Outcome::Failed(_) => {
                let peak = peak_kib(environment.process.0.id());
                let mut history = lock(&self.history);
                history.peak_kib = history.peak_kib.max(peak);
                drop(history);
                lock(&self.idle).push_back(environment);
            }
            Outcome::Ended | Outcome::TooLate => self.retire(environment),
        }
        outcome
    }

    async fn start(&self) -> Result<Environment, String> {
        let api = Api::open().await;
        let mut command = Command::new(&self.config.program);
        command.env_clear().envs(self.config.variables.iter().map(|(name, value)| (name, value)));
        command.envs([
            ("AWS_LAMBDA_RUNTIME_API", api.address()),
            ("AWS_LAMBDA_FUNCTION_NAME", "weir-ingest"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/weir-ingest"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "test"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut process = Process::spawn(command);
        let output = vec![
            read_all(process.0.stdout.take().expect("standard output is a pipe")),
            read_all(process.0.stderr.take().expect("standard error is a pipe")),
        ];
        let mut environment = Environment { process, api, output };
        let asked = environment.api.first_question(START, || environment.process.is_running()).await;
        match asked {
            Ok(at) => {
                lock(&self.history).starts.push(at - started);
                Ok(environment)
            }
            Err(problem) => {
                self.retire(environment);
                Err(problem)
            }
        }
    }

    /// Ends a process, and keeps what it said.
    fn retire(&self, mut environment: Environment) {
        let peak = peak_kib(environment.process.0.id());
        environment.process.kill();
        let said = environment.output.into_iter().filter_map(|output| output.join().ok());
        let mut history = lock(&self.history);
        history.peak_kib = history.peak_kib.max(peak);
        said.for_each(|said| history.said.push_str(&String::from_utf8_lossy(&said)));
    }
}

/// The most memory that a running process had resident, in KiB; 0 where it has ended, or the system does not tell.
pub(crate) fn peak_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
