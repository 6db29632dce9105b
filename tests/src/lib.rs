//! What the tests of the whole system share: the real program, started, asked and ended as people and supervisors do
//! it.
//!
//! Nothing here knows how weir works inside. The program is the one that `WEIR_BIN` names, else the `weir` beside the
//! test programs' own folder, where cargo puts it.
//!
//! - [`aws`]: how the stand-ins for AWS are found.
//! - [`cli`]: one command, from arguments to exit code and output.
//! - [`terminal`]: a terminal, for what asks for one.
//! - [`server`]: `weir dev` and `weir serve`, with their end in all weathers.
//! - [`http`]: requests to it.
//! - [`lambda`]: functions, started and asked as Lambda does it.
//! - [`moto`]: a stand-in for AWS; [`fault_proxy`]: a network in front of it that fails.
//! - [`dice`]: chance that repeats itself.
//! - [`kinesis`]: a stream on this machine; [`kinesis_faults`]: its bad days.
//!
//! Every process is ended by its id when its owner is dropped, also by a panic.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails by a panic, and real processes run in real time"
)]

pub mod aws;
pub mod cli;
pub mod dice;
pub mod fault_proxy;
pub mod http;
pub mod kinesis;
pub mod kinesis_faults;
pub mod lambda;
pub mod moto;
pub mod server;
pub mod terminal;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

/// The program under test.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let beside = || {
            let test = std::env::current_exe().expect("a running program has a path");
            // target/debug/deps/system-… -> target/debug/weir
            test.parent().and_then(Path::parent).map(|dir| dir.join("weir")).expect("a test program lies in a folder")
        };
        let path = std::env::var_os("WEIR_BIN").map_or_else(beside, PathBuf::from);
        assert!(
            path.is_file(),
            "there is no program `{}`: run `make test`, which builds it first, or name one with WEIR_BIN",
            path.display()
        );
        path
    })
}

/// A folder of its own for a test, with a lake in it; both go when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    dir: TempDir,
}

impl Scratch {
    /// An empty folder. The lake is not made yet.
    #[allow(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        Self { dir: tempfile::Builder::new().prefix("weir-test-").tempdir().expect("a temporary folder") }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A path in the folder, as an argument.
    pub fn arg(&self, name: &str) -> String {
        self.path(name).to_str().expect("temporary folders have plain names").to_owned()
    }

    /// The lake, as an argument.
    pub fn lake(&self) -> String {
        self.arg("lake")
    }

    /// Writes a file, and gives its path as an argument.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), content).expect("a temporary folder takes files");
        self.arg(name)
    }

    /// All files of the lake's table whose name ends in `.parquet`, in the order of their names.
    pub fn data_files(&self) -> Vec<PathBuf> {
        fn visit(dir: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(dir).expect("a folder of the lake") {
                let path = entry.expect("an entry of the lake").path();
                if path.is_dir() {
                    visit(&path, found);
                } else if path.extension().is_some_and(|extension| extension == "parquet") {
                    found.push(path);
                }
            }
        }
        let mut found = Vec::new();
        visit(&self.path("lake"), &mut found);
        found.sort();
        found
    }
}

/// Waits until `done` gives something, and looks again every few milliseconds. `None` when `most` has passed.
pub fn wait_for<T>(most: Duration, mut done: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = done() {
            return Some(found);
        }
        if started.elapsed() > most {
            return None;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// The present, in milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    i64::try_from(since.as_millis()).expect("the clock is set")
}

/// An instant from its RFC 3339 text, in milliseconds since 1970.
pub fn instant_ms(text: &str) -> i64 {
    let instant = chrono::DateTime::parse_from_rfc3339(text);
    instant.unwrap_or_else(|error| panic!("`{text}` is no instant: {error}")).timestamp_millis()
}
