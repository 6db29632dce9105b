//! A stand-in for AWS: moto, a real server in a process of its own, on a free port of this machine.
//!
//! It knows buckets and objects with their conditions, pages and parts, and forgets all of it when it ends. One serves a whole
//! test program; each test takes a bucket of its own.
//!
//! ```no_run
//! let bucket = weir_tests::moto::Moto::shared().bucket("numbers");
//! # let _ = bucket;
//! ```

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use weir_store::aws::SdkConfig;

use crate::aws::{REGION, config, environment};
use crate::cli::Process;
use crate::http::Http;
use crate::wait_for;

/// It starts in less than a second, and on a busy machine in a few.
const START: Duration = Duration::from_secs(60);

/// A running moto. It ends when this value is dropped, or with the test program, whichever comes first.
#[derive(Debug)]
pub struct Moto {
    url: String,
    /// It ends when this is closed, as it is by whatever end of this process.
    _stdin: Option<ChildStdin>,
    _process: Process,
}

impl Moto {
    /// The one of this test program.
    pub fn shared() -> &'static Self {
        static MOTO: OnceLock<Moto> = OnceLock::new();
        MOTO.get_or_init(Self::start)
    }

    /// Starts one, and waits until it answers.
    pub fn start() -> Self {
        let mut command = Command::new(python());
        // Relative to the package, where cargo runs its tests.
        command.arg("aws/server.py").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn(command);
        let stdin = process.0.stdin.take();
        let mut line = String::new();
        let stdout = process.0.stdout.take().expect("standard output is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("moto prints its port");
        let port: u16 = line.trim().parse().unwrap_or_else(|_| panic!("moto prints `{line}` instead of its port"));
        let url = format!("http://127.0.0.1:{port}");
        let answers = || (Http::new(&url).get("/moto-api/").status == 200).then_some(());
        wait_for(START, answers).unwrap_or_else(|| panic!("moto does not answer at {url}"));
        Self { url, _stdin: stdin, _process: process }
    }

    /// Where it answers, for `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes a bucket, and gives its name back.
    pub fn bucket(&self, name: &str) -> String {
        let made = ureq::put(format!("{}/{name}", self.url)).send(format!(
            "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
        ));
        made.unwrap_or_else(|error| panic!("the bucket `{name}` is not made: {error}"));
        name.to_owned()
    }

    /// A configuration that leads to it.
    pub async fn config(&self) -> SdkConfig {
        config(&self.url).await
    }

    /// The environment of a program that is to find it.
    pub fn environment(&self) -> [(&'static str, &str); 5] {
        environment(&self.url)
    }
}

/// The Python that has moto.
fn python() -> PathBuf {
    let in_target = || Some(PathBuf::from(std::env::var_os("CARGO_TARGET_DIR")?).join("moto-python/bin/python"));
    let found =
        std::env::var_os("WEIR_MOTO_PYTHON").map(PathBuf::from).or_else(in_target).filter(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "moto is not installed: run `make test-rust`, or `make setup-aws` and name the Python with WEIR_MOTO_PYTHON"
        )
    })
}
