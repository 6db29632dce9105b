//! One command of the program, from its arguments to its exit code and what it printed.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::{binary, wait_for};

/// A command that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process that does not outlive this value.
#[derive(Debug)]
pub struct Process(pub Child);

impl Process {
    /// Starts a command.
    pub fn spawn(mut command: Command) -> Self {
        let child = command.spawn();
        Self(child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}")))
    }

    /// Waits for its end; `None` if that takes longer than `most`.
    pub fn wait(&mut self, most: Duration) -> Option<ExitStatus> {
        wait_for(most, || self.0.try_wait().expect("a child can be waited for"))
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// Ends it at once, as a loss of power does (SIGKILL). True if it was still running.
    pub fn kill(&mut self) -> bool {
        let was_running = self.is_running();
        // It may end by itself at this very moment.
        let _ = self.0.kill();
        let _ = self.0.wait();
        was_running
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        let status = Command::new("kill").arg("-TERM").arg(self.0.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "process {} takes no signal", self.0.id());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program with some arguments, and without what the environment says to it.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(args)
        .env_remove("WEIR_LAKE")
        .env_remove("WEIR_SESSION_KEY")
        .env_remove("RUST_LOG")
        .env_remove("RUST_BACKTRACE");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; -1 where a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    command: String,
}

impl Ran {
    /// Asserts that it succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        let Self { stdout, stderr, command, .. } = &self;
        let stdout: String = stdout.chars().take(2_000).collect();
        assert_eq!(self.code, code, "exit code of {command}\nstdout: {stdout}\nstderr: {stderr}");
        self
    }

    /// Asserts that standard error has a text.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{} does not say `{text}` but:\n{}", self.command, self.stderr);
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!("{} prints no JSON document: {error}\n{}", self.command, self.stdout),
        }
    }
}

/// Runs the program to its end.
pub fn weir(args: &[&str]) -> Ran {
    weir_with_input(args, b"")
}

/// As [`weir()`], with a standard input.
pub fn weir_with_input(args: &[&str], input: &[u8]) -> Ran {
    run(command(args), args, input)
}

/// As [`weir()`], with variables of the environment.
pub fn weir_in(environment: &[(&str, &str)], args: &[&str]) -> Ran {
    let mut command = command(args);
    command.envs(environment.iter().copied());
    run(command, args, b"")
}

fn run(mut command: Command, args: &[&str], input: &[u8]) -> Ran {
    command.stdin(Stdio::piped());
    let shown = format!("weir {}", args.join(" "));
    let mut process = Process::spawn(command);
    let stdout = read_all(process.0.stdout.take().expect("standard output is a pipe"));
    let stderr = read_all(process.0.stderr.take().expect("standard error is a pipe"));
    let mut stdin = process.0.stdin.take().expect("standard input is a pipe");
    thread::scope(|scope| {
        scope.spawn(move || {
            // A command may end without reading all of it.
            let _ = stdin.write_all(input);
        });
        let status = process.wait(PATIENCE);
        process.kill();
        let text = |reader: JoinHandle<Vec<u8>>| {
            String::from_utf8_lossy(&reader.join().expect("reading a pipe does not panic")).into_owned()
        };
        let (stdout, stderr) = (text(stdout), text(stderr));
        let Some(status) = status else { panic!("{shown} did not end within {PATIENCE:?}\nstderr: {stderr}") };
        Ran { code: status.code().unwrap_or(-1), stdout, stderr, command: shown }
    })
}

/// Reads a pipe to its end, in a thread of its own, so that the other side never waits.
pub fn read_all(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came until the pipe broke is what there is.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}
