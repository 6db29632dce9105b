//! `weir dev` and `weir serve`, on any free port, with what it says kept for the case that a test fails.

use std::io::{BufRead, BufReader};
use std::process::{ChildStderr, Command};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::cli::{Process, command, read_all};
use crate::http::Http;
use crate::lambda::peak_kib;

/// A server that is not ready by then never will be.
const START: Duration = Duration::from_secs(30);
/// A server that is asked to end has so long.
const END: Duration = Duration::from_secs(20);

/// A server that was started, and may not be ready yet. Dropped, it is killed.
#[derive(Debug)]
pub struct Starting {
    process: Process,
    said: Arc<Mutex<String>>,
    address: Receiver<String>,
    listener: Option<JoinHandle<()>>,
}

/// A server that is ready. Dropped, it is killed.
#[derive(Debug)]
pub struct Server {
    starting: Starting,
    address: String,
    http: Http,
}

impl Starting {
    /// Starts a server over a lake, with more arguments.
    pub fn new(lake: &str, more: &[&str]) -> Self {
        Self::of(command(&[&["dev", "--lake", lake, "--port", "0"], more].concat()))
    }

    /// Starts a server that answers alone, with variables of the environment and more arguments.
    pub fn answering(lake: &str, environment: &[(&str, &str)], more: &[&str]) -> Self {
        let mut command = command(&[&["serve", "--lake", lake, "--port", "0"], more].concat());
        command.envs(environment.iter().copied());
        Self::of(command)
    }

    fn of(command: Command) -> Self {
        let mut process = Process::spawn(command);
        let stderr = process.0.stderr.take().expect("standard error is a pipe");
        // It prints no result, and must never wait for somebody who reads one.
        read_all(process.0.stdout.take().expect("standard output is a pipe"));
        let said = Arc::<Mutex<String>>::default();
        let (sender, address) = mpsc::channel();
        let listener = thread::spawn({
            let said = Arc::clone(&said);
            move || listen(stderr, &said, &sender)
        });
        Self { process, said, address, listener: Some(listener) }
    }

    /// Waits until it is ready.
    #[track_caller]
    pub fn ready(self) -> Server {
        match self.address.recv_timeout(START) {
            Ok(address) => {
                let http = Http::new(&format!("http://{address}"));
                Server { starting: self, address, http }
            }
            Err(_) => panic!("the server does not become ready; it said:\n{}", self.said()),
        }
    }

    /// Ends it at once.
    pub fn kill(mut self) {
        self.process.kill();
    }

    /// What it has said so far.
    fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Keeps what the server says, and tells its address when it comes by.
fn listen(stderr: ChildStderr, said: &Mutex<String>, address: &mpsc::Sender<String>) {
    for line in BufReader::new(stderr).lines() {
        let Ok(line) = line else { return };
        if let Some((_, after)) = line.split_once("ready at http://") {
            let end = after.find(|c: char| c.is_whitespace()).unwrap_or(after.len());
            // Nobody waits where the server is killed before it is ready.
            let _ = address.send(after[..end].to_owned());
        }
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push_str(&line);
        said.push('\n');
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.process.kill();
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        if thread::panicking() {
            eprintln!("the server said:\n{}", self.said());
        }
    }
}

impl Server {
    /// Starts a server over a lake and waits until it is ready.
    #[track_caller]
    pub fn start(lake: &str) -> Self {
        Starting::new(lake, &[]).ready()
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Requests to it.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        self.starting.said()
    }

    /// The id of its process.
    pub fn process(&self) -> u32 {
        self.starting.process.0.id()
    }

    /// The most memory that it had resident, in MiB; 0 where the system does not tell.
    pub fn peak_mib(&self) -> u64 {
        peak_kib(self.starting.process.0.id()) / 1024
    }

    /// Ends it at once, as a loss of power does.
    pub fn kill(self) {
        self.starting.kill();
    }

    /// Asks it to end, waits until it has, and asserts that it ended well.
    #[track_caller]
    pub fn stop(mut self) {
        self.starting.process.terminate();
        let status = self.starting.process.wait(END);
        let code = status.and_then(|status| status.code());
        assert_eq!(code, Some(0), "the server does not end well; it said:\n{}", self.said());
    }
}
