//! Clients as they are: they wait as long as they are told, send the same again when they hear nothing, lose patience, and
//! leave in the middle of a sentence.

use std::net::SocketAddr;
use std::ops::Add;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use weir_load::body::Request;
use weir_load::connection::Connection;
use weir_tests::dice::Dice;

/// Who hears nothing for so long sends again.
const PATIENCE: Duration = Duration::from_secs(2);
/// Who has tried so often goes on with what comes next.
const TRIES: usize = 6;
/// And some give up at once.
const IMPATIENT_PERCENT: usize = 30;
/// Numbers of one client's events: 32 bits.
const CLIENT_SHIFT: u32 = 32;

/// What a client knows of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Never sent whole: it must not be there.
    Cut,
    /// Sent, and no good answer came: it may be there.
    Doubtful,
    /// Answered with 200: it must be there.
    Acknowledged,
}

/// What one client sent.
#[derive(Debug)]
pub struct Sent {
    /// Of each of its events.
    pub fates: Vec<Fate>,
    /// Its requests.
    pub counts: Counts,
}

/// Requests by what became of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// All, each try counted.
    pub requests: u64,
    /// Answered with 200.
    pub accepted: u64,
    /// Answered with 503.
    pub refused: u64,
    /// Answered with 500.
    pub failed: u64,
    /// Sent whole, and not answered in time, or not waited for.
    pub unanswered: u64,
    /// Not sent whole.
    pub cut: u64,
    /// Tries after the first.
    pub repeated: u64,
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            accepted: self.accepted + other.accepted,
            refused: self.refused + other.refused,
            failed: self.failed + other.failed,
            unanswered: self.unanswered + other.unanswered,
            cut: self.cut + other.cut,
            repeated: self.repeated + other.repeated,
        }
    }
}

/// The client, and the place among its events, of an event's number.
pub fn place_of(number: u64) -> (usize, usize) {
    ((number >> CLIENT_SHIFT) as usize, (number & u64::from(u32::MAX)) as usize)
}

/// Sends until the time is over, one request after the other.
pub async fn send(address: SocketAddr, client: u64, end: Instant) -> Sent {
    let mut dice = Dice::new(100 + client);
    let mut connection = open(address).await;
    let mut sent = Sent { fates: Vec::new(), counts: Counts::default() };
    let sizes = [1, 1, 2, 5].map(|events| Request::new(&address.to_string(), events));
    while Instant::now() < end {
        let mut request = dice.pick(&sizes).clone();
        let first = sent.fates.len();
        sent.fates.resize(first + request.events(), Fate::Cut);
        request.number(client << CLIENT_SHIFT | first as u64);
        for attempt in 0..TRIES {
            sent.counts.requests += 1;
            sent.counts.repeated += u64::from(attempt > 0);
            let fate = one_try(&mut connection, address, &request, &mut dice, &mut sent.counts).await;
            // What was doubtful does not become less so by a try that was cut off.
            sent.fates[first..].iter_mut().for_each(|known| *known = if fate == Fate::Cut { *known } else { fate });
            if fate == Fate::Acknowledged || dice.chance(IMPATIENT_PERCENT) {
                break;
            }
        }
    }
    sent
}

async fn one_try(
    connection: &mut Connection,
    address: SocketAddr,
    request: &Request,
    dice: &mut Dice,
    counts: &mut Counts,
) -> Fate {
    match dice.below(1_000) {
        0..5 => {
            counts.cut += 1;
            let bytes = request.bytes();
            let left = std::mem::replace(connection, open(address).await);
            // A server that has gone away first is as good.
            let _ = left.send_and_leave(&bytes[..1 + dice.below(bytes.len() - 1)]).await;
            return Fate::Cut;
        }
        5..8 => {
            counts.unanswered += 1;
            let left = std::mem::replace(connection, open(address).await);
            let _ = left.send_and_leave(request.bytes()).await;
            return Fate::Doubtful;
        }
        _ => {}
    }
    let answer = timeout(PATIENCE, connection.exchange(request.bytes())).await;
    let Ok(Ok(answer)) = answer else {
        counts.unanswered += 1;
        *connection = open(address).await;
        return Fate::Doubtful;
    };
    match answer.status {
        200 => {
            counts.accepted += 1;
            assert_eq!(answer.accepted(), request.events() as u64, "all of its events are good");
            return Fate::Acknowledged;
        }
        503 => {
            counts.refused += 1;
            sleep(Duration::from_secs(answer.retry_after_s.expect("a 503 says when to come back"))).await;
        }
        500 => counts.failed += 1,
        other => panic!("answered with {other}: {}", String::from_utf8_lossy(answer.body)),
    }
    Fate::Doubtful
}

async fn open(address: SocketAddr) -> Connection {
    Connection::open(address).await.expect("the collector takes connections")
}
