//! A terminal with a program in it, and somebody who types and looks.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::pty::{Winsize, openpty};

use crate::cli::Process;
use crate::wait_for;

/// Who looks longer than that sees nothing any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that has a terminal as its three streams.
#[derive(Debug)]
pub struct Terminal {
    process: Process,
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
    /// How much of the screen was looked at.
    seen: usize,
}

impl Terminal {
    /// Starts a program in a terminal of 40 lines and 120 columns.
    pub fn spawn(mut command: Command) -> Self {
        let size = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        let terminal = openpty(Some(&size), None).expect("the system has terminals");
        let stream = || Stdio::from(terminal.slave.try_clone().expect("a descriptor"));
        command.env("TERM", "xterm").stdin(stream()).stdout(stream()).stderr(stream());
        let process = Process::spawn(command);
        // The last one here, so that the screen ends with the program.
        drop(terminal.slave);
        let keyboard = File::from(terminal.master);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (mut output, shown) = (keyboard.try_clone().expect("a descriptor"), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // It ends with an error, as the program closes its side.
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                shown.lock().unwrap_or_else(PoisonError::into_inner).extend(&bytes[..length]);
            }
        });
        Self { process, keyboard, screen, seen: 0 }
    }

    /// Types; `\r` is the key of a line's end, `\x03` Ctrl-C, `\x04` Ctrl-D.
    pub fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("the terminal takes what is typed");
    }

    /// Waits until the screen shows a text behind what was looked at before, and looks on from there.
    #[track_caller]
    pub fn shows(&mut self, text: &str) {
        assert!(self.shows_within(PATIENCE, text), "the terminal does not show `{text}` but:\n{}", self.rest());
    }

    /// As [`shows`](Self::shows), for so long; whether it does.
    pub fn shows_within(&mut self, most: Duration, text: &str) -> bool {
        let found = wait_for(most, || {
            let screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
            let at = screen[self.seen..].windows(text.len()).position(|bytes| bytes == text.as_bytes())?;
            Some(self.seen + at + text.len())
        });
        self.seen = found.unwrap_or(self.seen);
        found.is_some()
    }

    /// What the screen shows behind what was looked at.
    pub fn rest(&self) -> String {
        let screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&screen[self.seen..]).into_owned()
    }

    /// What Ctrl-C does while the program does not read keys itself: an interrupt. Where tests run in the background, a program
    /// that does not care ignores it.
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Asks the program to end.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(signal).arg(self.process.0.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "the program takes no signal");
    }

    /// Waits for the program's end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        self.process
            .wait(PATIENCE)
            .unwrap_or_else(|| panic!("the program goes on; the terminal shows:\n{}", self.rest()))
    }
}
