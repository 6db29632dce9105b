//! A Kinesis on this machine: the npm package `kinesis-local`, started on a free port, and streams in it.
//!
//! It speaks Kinesis's own protocol, with sequence numbers, resharding and closed shards as they are there. It stores some 500
//! records a second, and it never throttles: [`kinesis_faults`](crate::kinesis_faults) does that.
//!
//! ```no_run
//! # async fn example() {
//! use weir_tests::kinesis::Kinesis;
//!
//! let kinesis = Kinesis::start().await;
//! kinesis.stream("events", 2).await; // there, and active
//! assert_eq!(kinesis.admin().list_shards().stream_name("events").send().await.unwrap().shards().len(), 2);
//! # }
//! ```

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::StreamStatus;
use tokio::sync::{Mutex, MutexGuard};

use crate::aws::config;
use crate::cli::{Process, read_all};
use crate::wait_for;

/// From where cargo runs tests, which is their package.
const FOLDER: &str = "aws/node_modules/kinesis-local";
/// It takes about a second.
const START: Duration = Duration::from_secs(60);
/// Streams are made and split in a moment here.
const CHANGE: &str = "50ms";

/// One at a time: it takes up to 1 GB, and two of them make each other slow.
static TURN: Mutex<()> = Mutex::const_new(());

/// A running Kinesis. Dropped, it is killed; it also ends by itself when the test program does.
#[derive(Debug)]
pub struct Kinesis {
    address: String,
    admin: Client,
    _process: Process,
    _turn: MutexGuard<'static, ()>,
}

impl Kinesis {
    /// Starts one when the one before is gone, and waits until it listens.
    pub async fn start() -> Self {
        let turn = TURN.lock().await;
        assert!(
            Path::new(FOLDER).join("main.js").is_file(),
            "there is no `tests/{FOLDER}`: run `make test`, which installs it, or `make setup-aws`"
        );
        let mut command = Command::new("node");
        command.args(["--require", "../../loopback.cjs", "main.js"]).current_dir(FOLDER);
        command.env("KINESIS_MOCK_PLAIN_PORT", "1").env("KINESIS_MOCK_TLS_PORT", "2").env("LOG_LEVEL", "ERROR");
        for change in ["CREATE_STREAM", "SPLIT_SHARD", "MERGE_SHARDS"] {
            command.env(format!("{change}_DURATION"), CHANGE);
        }
        // Its end of standard input tells it when this program is gone.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::spawn(command);
        read_all(process.0.stderr.take().expect("standard error is a pipe"));
        let stdout = process.0.stdout.take().expect("standard output is a pipe");
        let (sender, address) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(address) = line.strip_prefix("listening at http://") {
                    // Nobody waits where the test has failed meanwhile.
                    let _ = sender.send(address.to_owned());
                }
            }
        });
        let address = tokio::task::spawn_blocking(move || wait_for(START, || address.try_recv().ok())).await;
        let address = address.expect("it is waited for").expect("kinesis-local listens");
        let admin = Client::new(&config(&format!("http://{}", address)).await);
        Self { address, admin, _process: process, _turn: turn }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A client that has nothing between itself and Kinesis.
    pub fn admin(&self) -> &Client {
        &self.admin
    }

    /// Makes a stream and waits until it is active.
    pub async fn stream(&self, name: &str, shards: i32) {
        let made = self.admin.create_stream().stream_name(name).shard_count(shards).send().await;
        made.unwrap_or_else(|error| panic!("making the stream `{name}`: {error:?}"));
        self.wait_until_active(name).await;
    }

    /// Waits until a change of a stream is done.
    pub async fn wait_until_active(&self, name: &str) {
        let wait = async {
            loop {
                let told = self.admin.describe_stream_summary().stream_name(name).send().await;
                let told = told.unwrap_or_else(|error| panic!("asking for the stream `{name}`: {error:?}"));
                let is_active = |summary: &aws_sdk_kinesis::types::StreamDescriptionSummary| {
                    *summary.stream_status() == StreamStatus::Active
                };
                if told.stream_description_summary().is_some_and(is_active) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(START, wait).await.unwrap_or_else(|_| panic!("`{name}` does not become active"));
    }
}
