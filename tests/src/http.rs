//! Requests over connections that stay open, each with a time limit.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;

use crate::wait_for;

/// An answer that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(30);
/// An event must be in the answers of queries by then.
pub const QUERYABLE_WITHIN: Duration = Duration::from_secs(5);

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Http {
    agent: Agent,
    base: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header names, in lower case, and their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("an answer with status {} is no JSON: {error}\n{}", self.status, self.body),
        }
    }

    /// Asserts the status.
    #[track_caller]
    pub fn with_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// A header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value)
    }
}

impl Http {
    /// Of a server at `base`, such as `http://127.0.0.1:8080`.
    pub fn new(base: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(PATIENCE))
            .timeout_global(Some(PATIENCE));
        Self { agent: config.build().into(), base: base.to_owned() }
    }

    /// Asks for a path.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        let response = self.agent.get(format!("{}{path}", self.base)).call();
        answer(response).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// Posts a body.
    ///
    /// # Errors
    /// Where no answer comes.
    pub fn try_post(&self, path: &str, kind: &str, body: &[u8]) -> Result<Answer, ureq::Error> {
        answer(self.agent.post(format!("{}{path}", self.base)).header("content-type", kind).send(body))
    }

    /// Posts a body, with a header if one is given.
    #[track_caller]
    pub fn post(&self, path: &str, (name, value): (&str, &str), body: &[u8]) -> Answer {
        let response = self.agent.post(format!("{}{path}", self.base)).header(name, value).send(body);
        answer(response).unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// Sends any request. A `GET` and a `DELETE` have no body.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let sent = match method {
            "GET" | "DELETE" => self.agent.run(request.body(()).expect("a request")),
            _ => self.agent.run(request.body(body).expect("a request")),
        };
        answer(sent).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Posts a body of events.
    #[track_caller]
    pub fn post_events(&self, body: impl AsRef<[u8]>) -> Answer {
        self.post("/v1/events", ("content-type", "application/json"), body.as_ref())
    }

    /// Sends events, asserts that all of them are taken, and gives the receipt.
    #[track_caller]
    pub fn send(&self, events: &[Value]) -> String {
        let answer = self.post_events(Value::from(events).to_string()).with_status(200).json();
        assert_eq!(answer["accepted"], events.len(), "{answer}");
        assert_eq!(answer["rejected"], serde_json::json!([]), "{answer}");
        receipt_of(&answer)
    }

    /// Sends events and waits until queries see them.
    #[track_caller]
    pub fn land(&self, events: &[Value]) {
        let receipt = self.send(events);
        self.wait_until_queryable(&receipt);
    }

    /// Waits until queries see the events of a receipt, and asserts that it did not take long. Gives the table version.
    #[track_caller]
    pub fn wait_until_queryable(&self, receipt: &str) -> u64 {
        let started = Instant::now();
        let version = wait_for(QUERYABLE_WITHIN, || {
            let answer = self.get(&format!("/v1/receipts/{receipt}")).with_status(200).json();
            match answer["status"].as_str() {
                Some("queryable") => Some(answer["version"].as_u64().expect("a version with `queryable`")),
                Some("stored") => None,
                _ => panic!("an unknown status: {answer}"),
            }
        });
        let waited = started.elapsed();
        version.unwrap_or_else(|| panic!("receipt {receipt} is not queryable after {waited:?}"))
    }

    /// Asks a question, and asserts that it is answered.
    #[track_caller]
    pub fn query(&self, spec: &Value) -> Value {
        let answer = self.post("/api/query", ("content-type", "application/json"), spec.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{spec}\n{}", answer.body);
        answer.json()
    }
}

/// The receipt of an answer to a batch.
#[track_caller]
pub fn receipt_of(answer: &Value) -> String {
    answer["receipt"].as_str().unwrap_or_else(|| panic!("no receipt in {answer}")).to_owned()
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, ureq::Error> {
    let mut response = response?;
    let headers = response.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let (status, headers) = (response.status().as_u16(), headers.collect());
    // Pages and their scripts may be larger than what is read by default.
    let body = response.body_mut().with_config().limit(256 * 1024 * 1024).lossy_utf8(true).read_to_string()?;
    Ok(Answer { status, headers, body })
}

/// Sends a request as it stands, for what a well-behaved client does not send. Gives the whole answer as text.
#[track_caller]
pub fn raw(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    stream.write_all(request.as_bytes()).expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the server answers and closes");
    String::from_utf8_lossy(&answer).into_owned()
}
