//! A server as a process of its own, on a core of its own.
//!
//! ```text
//! let server = Server::start(path, Some(0), &["--peer"])?;    prints http://127.0.0.1:40123
//! server.cpu_seconds()?                                       1.27
//! ```

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Error, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// How many parts of a second Linux counts CPU time in, as programs see it (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;

/// A running server. It ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts a program that prints `http://ADDRESS` when it serves; pinned to `core`, if one is given.
    ///
    /// # Errors
    /// If it cannot be started, or says something else.
    pub fn start<S: AsRef<OsStr>>(program: &Path, core: Option<usize>, arguments: &[S]) -> Result<Self, Error> {
        let mut command = match core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(core.to_string()).arg(program);
                command
            }
            None => Command::new(program),
        };
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn()?;
        let address = read_address(&mut child);
        let address = address.inspect_err(|_| {
            // It is of no use, and may have ended already.
            let _ = child.kill().and_then(|()| child.wait());
        })?;
        Ok(Self { child, address })
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU seconds that the process used since it started, all threads together, in steps of 10 ms. `taskset` becomes the
    /// program that it starts, so the process is the server.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub fn cpu_seconds(&self) -> Result<f64, Error> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        ticks(&stat).map(|ticks| ticks as f64 / TICKS_A_SECOND).ok_or_else(|| ErrorKind::InvalidData.into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn read_address(child: &mut Child) -> Result<SocketAddr, Error> {
    let mut line = String::new();
    let stdout = child.stdout.take().ok_or(ErrorKind::BrokenPipe)?;
    BufReader::new(stdout).read_line(&mut line)?;
    let address = line.trim().strip_prefix("http://").and_then(|address| address.parse().ok());
    address.ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("the server says `{}`", line.trim())))
}

/// User and system time of `/proc/PID/stat`: fields 14 and 15. Field 2, the name, may hold spaces and parentheses.
fn ticks(stat: &str) -> Option<u64> {
    let behind_name = &stat[stat.rfind(')')? + 1..];
    let mut times = behind_name.split_whitespace().skip(11).map_while(|field| field.parse::<u64>().ok());
    Some(times.next()? + times.next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 95 0 0 0 30 12 0 0 20 0 1 0 100 4000 90";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a"), None);
    }
}
