//! A proxy before Kinesis that does what Kinesis does on a bad day, by a seeded plan, and remembers what it saw.
//!
//! Of the calls of `PutRecords` it fails chosen entries in place, refuses some calls as throttled or broken, holds answers
//! back, and cuts connections before or after the call went through. The last is the ambiguous case: the records are stored,
//! and nobody was told. Other calls pass, but for those that [`Plan::throttled_reads`] refuses.
//!
//! ```no_run
//! # async fn example() {
//! use weir_tests::kinesis_faults::{FaultProxy, Plan};
//!
//! let proxy = FaultProxy::start("127.0.0.1:4567", 1).await;
//! proxy.follow(Plan { failing_entries: 30, reset_after: 5, ..Plan::default() });
//! # }
//! ```

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use ureq::Agent;

use crate::dice::Dice;

/// What happens to calls: for each kind, to how many of a hundred. The kinds exclude each other.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// `PutRecords` calls of which some entries fail, and the others are stored.
    pub failing_entries: usize,
    /// Calls that are refused as throttled (400).
    pub throttled: usize,
    /// Calls that fail inside (500).
    pub broken: usize,
    /// Calls that are made, and whose answer is held back for [`delay`](Self::delay).
    pub delayed: usize,
    /// How long.
    pub delay: Duration,
    /// Connections that are cut before the call is made.
    pub reset_before: usize,
    /// Connections that are cut when the call is made, before it is answered.
    pub reset_after: usize,
    /// Calls for reading that are refused as throttled.
    pub throttled_reads: usize,
    /// How many shards `ListShards` gives in one page.
    pub shards_of_a_page: Option<usize>,
}

/// What became of an entry of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Stored, and told so.
    Stored,
    /// Not stored, and told so.
    Failed,
    /// Not stored: the call was refused, or cut off before it was made.
    NotMade,
    /// Stored, and not told so, or not in time.
    Untold,
}

/// What the proxy saw.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// What became of each entry, by its data (in base64), in the order of the calls.
    pub entries: BTreeMap<String, Vec<Fate>>,
    /// `PutRecords` calls.
    pub calls: usize,
    /// The most entries of a call.
    pub largest_call: usize,
}

/// A running proxy. Dropped, it ends.
#[derive(Debug)]
pub struct FaultProxy {
    address: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    agent: Agent,
    plan: Mutex<Plan>,
    dice: Mutex<Dice>,
    seen: Mutex<Seen>,
}

/// One request, as far as it matters.
#[derive(Debug)]
struct Call {
    headers: Vec<(String, String)>,
    operation: String,
    body: Vec<u8>,
}

enum Answer {
    Is { status: u16, body: Vec<u8> },
    Late(Duration, Vec<u8>),
    Reset,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FaultProxy {
    /// Listens on a free port, and passes everything on to `upstream` until it is given a [`Plan`].
    pub async fn start(upstream: &str, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port").to_string();
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            agent,
            plan: Mutex::default(),
            dice: Mutex::new(Dice::new(seed)),
            seen: Mutex::default(),
        });
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                let mut connections = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    let shared = Arc::clone(&shared);
                    connections.spawn(async move {
                        // How a connection ends is the client's business.
                        let _ = shared.serve(stream).await;
                    });
                }
            }
        });
        Self { address, shared, task }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Does so from the next call on.
    pub fn follow(&self, plan: Plan) {
        *lock(&self.shared.plan) = plan;
    }

    /// What it saw so far.
    pub fn seen(&self) -> Seen {
        lock(&self.shared.seen).clone()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, stream: TcpStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        while let Some(call) = read_call(&mut stream).await? {
            let shared = Arc::clone(&self);
            let answer = tokio::task::spawn_blocking(move || shared.answer(&call)).await.map_err(io::Error::other)?;
            let (status, body) = match answer {
                Answer::Is { status, body } => (status, body),
                Answer::Late(delay, body) => {
                    tokio::time::sleep(delay).await;
                    (200, body)
                }
                Answer::Reset => return stream.into_inner().set_zero_linger(),
            };
            let head = format!(
                "HTTP/1.1 {status} as told\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(&[head.as_bytes(), &body].concat()).await?;
        }
        Ok(())
    }

    fn answer(&self, call: &Call) -> Answer {
        let plan = lock(&self.plan).clone();
        let roll = lock(&self.dice).below(100);
        if call.operation != "PutRecords" {
            let is_read = ["GetRecords", "GetShardIterator", "ListShards"].contains(&call.operation.as_str());
            if is_read && roll < plan.throttled_reads {
                return refusal(400, "ProvisionedThroughputExceededException");
            }
            let body = match plan.shards_of_a_page {
                Some(shards) if call.operation == "ListShards" => with_page_size(&call.body, shards),
                _ => call.body.clone(),
            };
            let (status, body) = self.forward(call, &body);
            return Answer::Is { status, body };
        }
        let Plan { failing_entries, throttled, broken, delayed, reset_before, reset_after, .. } = plan;
        let kinds = [failing_entries, throttled, broken, delayed, reset_before, reset_after];
        let mut below = 0;
        let kind = kinds.iter().position(|percent| {
            below += percent;
            roll < below
        });
        let request: Value = serde_json::from_slice(&call.body).expect("a PutRecords request is JSON");
        match kind {
            Some(0) => self.fail_entries(call, request),
            Some(1) => self.not_made(&request, refusal(400, "ProvisionedThroughputExceededException")),
            Some(2) => self.not_made(&request, refusal(500, "InternalFailure")),
            Some(4) => self.not_made(&request, Answer::Reset),
            untold @ (Some(3) | Some(5)) => {
                self.remember(&request, |_| Fate::Untold);
                let (_, body) = self.forward(call, &call.body);
                if untold == Some(3) { Answer::Late(plan.delay, body) } else { Answer::Reset }
            }
            _ => {
                let (status, body) = self.forward(call, &call.body);
                self.remember(&request, |_| if status == 200 { Fate::Stored } else { Fate::NotMade });
                Answer::Is { status, body }
            }
        }
    }

    /// Some entries fail, the others are passed on; the answers are put together in order.
    fn fail_entries(&self, call: &Call, mut request: Value) -> Answer {
        let entries = entries(&request).len();
        let fails: Vec<Option<&str>> = {
            let mut dice = lock(&self.dice);
            let always = dice.below(entries);
            let codes = ["ProvisionedThroughputExceededException", "InternalFailure"];
            (0..entries).map(|n| (n == always || dice.chance(40)).then(|| *dice.pick(&codes))).collect()
        };
        self.remember(&request, |n| if fails[n].is_some() { Fate::Failed } else { Fate::Stored });
        let mut kept = fails.iter().map(Option::is_none);
        if let Some(records) = request["Records"].as_array_mut() {
            records.retain(|_| kept.next() == Some(true));
        }
        let mut stored = if entries == fails.iter().flatten().count() {
            Vec::new().into_iter()
        } else {
            let (status, body) = self.forward(call, request.to_string().as_bytes());
            let answer: Value = serde_json::from_slice(&body).expect("an answer to PutRecords is JSON");
            assert_eq!((status, &answer["FailedRecordCount"]), (200, &json!(0)), "{answer}");
            answer["Records"].as_array().cloned().unwrap_or_default().into_iter()
        };
        let records: Vec<Value> = fails
            .iter()
            .map(|failed| match failed {
                Some(code) => json!({"ErrorCode": code, "ErrorMessage": "as told"}),
                None => stored.next().expect("an answer for each record"),
            })
            .collect();
        let failed = fails.iter().flatten().count();
        let body = json!({"FailedRecordCount": failed, "Records": records}).to_string().into_bytes();
        Answer::Is { status: 200, body }
    }

    fn not_made(&self, request: &Value, answer: Answer) -> Answer {
        self.remember(request, |_| Fate::NotMade);
        answer
    }

    fn remember(&self, request: &Value, fate: impl Fn(usize) -> Fate) {
        let mut seen = lock(&self.seen);
        seen.calls += 1;
        seen.largest_call = seen.largest_call.max(entries(request).len());
        for (n, entry) in entries(request).iter().enumerate() {
            let data = entry["Data"].as_str().expect("an entry has data").to_owned();
            seen.entries.entry(data).or_default().push(fate(n));
        }
    }

    fn forward(&self, call: &Call, body: &[u8]) -> (u16, Vec<u8>) {
        let mut request = self.agent.post(format!("http://{}/", self.upstream));
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let mut response = request.send(body).expect("Kinesis answers");
        let body = response.body_mut().with_config().limit(64 << 20).read_to_vec().expect("a whole answer");
        (response.status().as_u16(), body)
    }
}

fn entries(request: &Value) -> &[Value] {
    request["Records"].as_array().expect("PutRecords has records")
}

fn with_page_size(request: &[u8], shards: usize) -> Vec<u8> {
    let mut request: Value = serde_json::from_slice(request).expect("a request is JSON");
    request["MaxResults"] = shards.into();
    request.to_string().into_bytes()
}

fn refusal(status: u16, code: &str) -> Answer {
    Answer::Is { status, body: json!({"__type": code, "message": "as told"}).to_string().into_bytes() }
}

/// The next request of a connection; `None` at its end. Only what the AWS client sends: a length, and no chunks.
async fn read_call(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Call>> {
    let mut call = Call { headers: Vec::new(), operation: String::new(), body: Vec::new() };
    let mut length = 0;
    let mut is_first = true;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':').filter(|_| !is_first) {
            let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
            match name.as_str() {
                "content-length" => length = value.parse().map_err(io::Error::other)?,
                "x-amz-target" => {
                    call.operation = value.rsplit('.').next().unwrap_or_default().to_owned();
                    call.headers.push((name, value));
                }
                "content-type" | "authorization" | "x-amz-date" => call.headers.push((name, value)),
                _ => {}
            }
        }
        is_first = false;
    }
    call.body = vec![0; length];
    stream.read_exact(&mut call.body).await?;
    Ok(Some(call))
}
