//! Many connections at once, in a closed loop or an open one.
//!
//! ```text
//! closed   each connection: request, answer, request, answer, …           how much can it do?
//! open     request k leaves at start + k / rate, on a free connection     how long does each wait?
//! ```
//!
//! An open loop with too few connections would wait for answers, as a closed one does, and hide what it waits for. That
//! shows here, as latency: it counts from when a request should have left. Timers have a resolution of a millisecond, so a
//! latency may come out up to that much longer than it is.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::Error;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until};

use crate::body::Request;
use crate::connection::Connection;

/// Longer latencies count as this one: ten minutes, in microseconds.
const LONGEST_US: u64 = 600_000_000;

/// What to send.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// The server.
    pub address: SocketAddr,
    /// How many connections.
    pub connections: usize,
    /// Events of a request.
    pub events: usize,
    /// How long.
    pub time: Duration,
    /// Requests a second of an open loop; a closed loop, if there is none.
    pub rate: Option<f64>,
    /// The number of the first event: a run that begins where another ended sends no id twice.
    pub first: u64,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests without an answer.
    pub lost: u64,
    /// Events sent.
    pub sent: u64,
    /// Events that the answers say are accepted.
    pub accepted: u64,
    /// How long the answers took, in microseconds.
    pub latency_us: Histogram<u64>,
    /// How long the run took.
    pub elapsed: Duration,
}

impl Outcome {
    /// How many requests were answered.
    pub fn answered(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Requests a second that were answered.
    pub fn rate(&self) -> f64 {
        self.answered() as f64 / self.elapsed.as_secs_f64()
    }

    /// Counts a request, and its answer's status and accepted events, if one came.
    fn count(&mut self, events: usize, answer: Option<(u16, u64)>, took: Duration) {
        self.sent += events as u64;
        let Some((status, accepted)) = answer else {
            self.lost += 1;
            return;
        };
        *self.statuses.entry(status).or_default() += 1;
        self.accepted += accepted;
        self.latency_us.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Whether every request was answered with a 200.
    pub fn is_good(&self) -> bool {
        self.lost == 0 && self.statuses.keys().all(|status| *status == 200)
    }
}

/// Sends until the time is over, on the thread that calls.
///
/// # Errors
/// If connections cannot be made. A connection that breaks later is counted, and made again.
pub async fn drive(load: Load) -> Result<Outcome, Error> {
    let mut connections = Vec::with_capacity(load.connections);
    for _ in 0..load.connections {
        connections.push(Connection::open(load.address).await?);
    }
    let outcome = Outcome {
        statuses: BTreeMap::new(),
        lost: 0,
        sent: 0,
        accepted: 0,
        latency_us: Histogram::new_with_bounds(1, LONGEST_US, 3).map_err(Error::other)?,
        elapsed: Duration::ZERO,
    };
    let shared = Rc::new(Shared { load, start: Instant::now(), next: Cell::new(0), outcome: RefCell::new(outcome) });
    let local = LocalSet::new();
    let tasks: Vec<_> =
        connections.into_iter().map(|connection| local.spawn_local(one(Rc::clone(&shared), connection))).collect();
    local
        .run_until(async {
            for task in tasks {
                task.await.map_err(Error::other)??
            }
            Ok::<_, Error>(())
        })
        .await?;
    let mut outcome = shared.outcome.borrow().clone();
    outcome.elapsed = shared.start.elapsed();
    Ok(outcome)
}

struct Shared {
    load: Load,
    start: Instant,
    /// The number of the next request.
    next: Cell<u64>,
    outcome: RefCell<Outcome>,
}

/// The requests of one connection.
async fn one(shared: Rc<Shared>, mut connection: Connection) -> Result<(), Error> {
    let load = shared.load;
    let end = shared.start + load.time;
    let mut request = Request::new(&load.address.to_string(), load.events);
    loop {
        let number = shared.next.get();
        let due = load.rate.map(|rate| shared.start + Duration::from_secs_f64(number as f64 / rate));
        if due.unwrap_or_else(Instant::now) >= end {
            return Ok(());
        }
        shared.next.set(number + 1);
        request.number(load.first + number * load.events as u64);
        if let Some(due) = due {
            sleep_until(due).await;
        }
        let began = due.unwrap_or_else(Instant::now);
        let answered = connection.exchange(request.bytes()).await.map(|answer| (answer.status, answer.accepted()));
        let is_answered = answered.is_ok();
        shared.outcome.borrow_mut().count(load.events, answered.ok(), began.elapsed());
        if !is_answered {
            connection = Connection::open(load.address).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::sleep;

    use super::*;

    /// Answers every request after `pause`, on each of its connections.
    async fn slow_server(pause: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut buffer = vec![0; 65_536];
                    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                        sleep(pause).await;
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"accepted\":2}";
                        stream.write_all(answer).await.unwrap();
                    }
                });
            }
        });
        address
    }

    #[tokio::test]
    async fn an_open_loop_counts_the_wait_for_a_server_that_does_not_keep_up() {
        let address = slow_server(Duration::from_millis(50)).await;
        let time = Duration::from_millis(500);
        let load = Load { address, connections: 1, events: 2, time, rate: Some(100.0), first: 0 };
        let open = drive(load).await.unwrap();
        assert!(open.is_good());
        assert_eq!((open.answered(), open.sent, open.accepted), (50, 100, 100));
        // The last one was due after 490 ms, and left when 49 others had taken 50 ms each.
        assert!(open.latency_us.max() > 1_900_000, "{}", open.latency_us.max());
        let closed = drive(Load { rate: None, ..load }).await.unwrap();
        assert!(closed.latency_us.min() >= 49_000 && closed.answered() <= 10, "{closed:?}");
    }
}
