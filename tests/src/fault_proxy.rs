//! A proxy in front of an HTTP server that fails in chosen places: before the request was carried out, after it, or in the
//! middle of the answer.
//!
//! ```no_run
//! use weir_tests::fault_proxy::{Fault, Proxy};
//! let proxy = Proxy::start("http://127.0.0.1:5000");
//! proxy.next("PUT", "_delta_log", Fault::LoseAnswer);   // the commit is made, and nobody hears of it
//! ```
//!
//! A connection carries one request, so that what a client does after a failure is a request of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::dice::Dice;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is dropped before the server sees it.
    LoseRequest,
    /// It is on its way so long that the client gives it up. The server carries it out when the same comes again, and before that.
    Delay,
    /// The server carries it out, and its answer is dropped.
    LoseAnswer,
    /// The server carries it out, and half of its answer comes.
    CutAnswer,
    /// The server carries it out, and the answer is replaced by this status and code.
    AnswerWith(u16, &'static str),
    /// The server does not see it, and the answer is this status and code.
    Refuse(u16, &'static str),
}

#[derive(Debug)]
struct Rule {
    method: &'static str,
    target: String,
    fault: Fault,
    times: usize,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    /// Chance, and how many of a hundred requests fail by it.
    storm: Option<(Dice, usize)>,
    /// How many have.
    failed: usize,
    seen: Vec<String>,
    /// What is on its way.
    delayed: Vec<Request>,
}

#[derive(Debug)]
struct Request {
    /// Method, path and query.
    first: String,
    fields: String,
    body: Vec<u8>,
}

/// A proxy that runs until the test program ends.
#[derive(Debug, Clone)]
pub struct Proxy {
    url: String,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// Starts one in front of `http://host:port`.
    pub fn start(server: &str) -> Self {
        let server = server.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port of this machine is free");
        let url = format!("http://{}", listener.local_addr().expect("a listener has an address"));
        let state = Arc::<Mutex<State>>::default();
        let proxy = Self { url, state: Arc::clone(&state) };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (server, state) = (server.clone(), Arc::clone(&state));
                // A connection that breaks is what this is for.
                thread::spawn(move || drop(pass(client, &server, &state)));
            }
        });
        proxy
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets the next request of a method fail whose path and query have `target` in them.
    pub fn next(&self, method: &'static str, target: &str, fault: Fault) {
        self.times(1, method, target, fault);
    }

    /// Lets the next so many requests fail.
    pub fn times(&self, times: usize, method: &'static str, target: &str, fault: Fault) {
        self.lock().rules.push(Rule { method, target: target.to_owned(), fault, times });
    }

    /// From now on so many of a hundred requests fail, each in one way or another; by a seed, so that it repeats itself.
    pub fn storm(&self, per_hundred: usize, seed: u64) {
        self.lock().storm = Some((Dice::new(seed), per_hundred));
    }

    /// How many requests have failed in a storm.
    pub fn failed(&self) -> usize {
        self.lock().failed
    }

    /// Faults that have not happened yet.
    pub fn left(&self) -> usize {
        self.lock().rules.iter().map(|rule| rule.times).sum()
    }

    /// The head of the last request of a method whose path and query have `target` in them, in lower case.
    pub fn head(&self, method: &str, target: &str) -> Option<String> {
        self.lock().seen.iter().rfind(|head| is_for(head, method, target)).map(|head| head.to_ascii_lowercase())
    }

    /// How many requests of a method came whose path and query have `target` in them.
    pub fn seen(&self, method: &str, target: &str) -> usize {
        self.lock().seen.iter().filter(|head| is_for(head, method, target)).count()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a request is of a method and for a target, by its first line.
fn is_for(head: &str, method: &str, target: &str) -> bool {
    let mut words = head.split(' ');
    words.next() == Some(method) && words.next().is_some_and(|found| found.contains(target))
}

impl State {
    /// The fault of a request, by its head.
    fn fault(&mut self, head: &str) -> Option<Fault> {
        self.seen.push(head.to_owned());
        let rule = self.rules.iter_mut().find(|rule| rule.times > 0 && is_for(head, rule.method, &rule.target));
        if let Some(rule) = rule {
            rule.times -= 1;
            return Some(rule.fault);
        }
        let (dice, per_hundred) = self.storm.as_mut().filter(|(_, per_hundred)| *per_hundred > 0)?;
        if !dice.chance(*per_hundred) {
            return None;
        }
        self.failed += 1;
        let faults = [
            Fault::LoseRequest,
            Fault::LoseAnswer,
            Fault::CutAnswer,
            Fault::AnswerWith(500, "InternalError"),
            Fault::Refuse(503, "SlowDown"),
        ];
        Some(*dice.pick(&faults))
    }

    /// The same request, if it was delayed until now.
    fn arrived(&mut self, request: &Request) -> Option<Request> {
        let place = self.delayed.iter().position(|delayed| delayed.first == request.first)?;
        Some(self.delayed.remove(place))
    }
}

fn pass(mut client: TcpStream, server: &str, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let (first, fields) = text.split_once("\r\n").unwrap_or_default();
    let field = |name: &str| {
        let of_name = |line: &&str| line.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name));
        fields.lines().find(of_name).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    if field("expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = vec![0; field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body)?;

    let request = Request { first: first.to_owned(), fields: fields.to_owned(), body };
    let (fault, arrived) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.fault(&text), state.arrived(&request))
    };
    if let Some(arrived) = arrived {
        ask(server, &arrived)?;
    }
    let answer = match fault {
        Some(Fault::LoseRequest) => Vec::new(),
        Some(Fault::Delay) => {
            state.lock().unwrap_or_else(PoisonError::into_inner).delayed.push(request);
            Vec::new()
        }
        Some(Fault::Refuse(status, code)) => refusal(status, code),
        _ => {
            let answer = ask(server, &request)?;
            match fault {
                Some(Fault::LoseAnswer) => Vec::new(),
                Some(Fault::CutAnswer) => cut(answer),
                Some(Fault::AnswerWith(status, code)) => refusal(status, code),
                _ => answer,
            }
        }
    };
    client.write_all(&answer)?;
    client.shutdown(Shutdown::Both)
}

/// The whole answer of the server to a request.
fn ask(server: &str, request: &Request) -> std::io::Result<Vec<u8>> {
    let Request { first, fields, body } = request;
    let mut head = format!("{first}\r\nconnection: close\r\n");
    let passed = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        !line.is_empty() && !["connection", "expect"].contains(&name.as_str())
    };
    for line in fields.lines().filter(passed) {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    let mut server = TcpStream::connect(server)?;
    server.write_all(head.as_bytes())?;
    server.write_all(body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

/// The head of an answer, and half of its body.
fn cut(answer: Vec<u8>) -> Vec<u8> {
    let body = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    let half = body + (answer.len() - body) / 2;
    answer[..half].to_vec()
}

fn refusal(status: u16, code: &str) -> Vec<u8> {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>as the test wants it</Message></Error>");
    let head = format!("HTTP/1.1 {status} As Told\r\ncontent-type: application/xml\r\ncontent-length: {}", body.len());
    format!("{head}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}
