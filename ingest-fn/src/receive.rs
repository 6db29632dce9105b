//! Reading a body from a connection, within bounds of size, memory and time.
//!
//! ```text
//! frame by frame:  too large? 413    room? else 503 or 429    all of it in time? else 408
//! ```
//!
//! A body that is refused is read all the same, up to a bound, and nothing of it is kept: a server that answers and closes
//! while the client still sends takes its answer along, and the client would never hear of `Retry-After`.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use weir_core::ports::Ids;

use crate::answer::Failure;
use crate::body::{BodyProblem, MAX_BODY_BYTES};
use crate::load::Permit;

/// So many refused bodies are read at once; the others are not read.
pub(crate) const MAX_DISCARDS: usize = 64;
/// A refused body is read for so long.
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// The length that a request announces.
pub fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a body to its end. The permit makes room before there is anything to put into it.
///
/// # Errors
/// [`Failure::Body`] where the body is too large, too slow or breaks off; [`Failure::Shed`] where there is no room.
pub async fn receive(
    body: &mut Body,
    announced: Option<u64>,
    permit: &mut Permit,
    ids: &dyn Ids,
) -> Result<Bytes, Failure> {
    if announced.is_some_and(|bytes| bytes > MAX_BODY_BYTES as u64) {
        return Err(BodyProblem::TooManyBytes.into());
    }
    let most = permit.body_time();
    let late = || BodyProblem::TooSlow { seconds: most.as_secs() };
    tokio::select! {
        // Most bodies are there already, and need no timer.
        biased;
        read = all(body, announced, permit, ids) => read,
        () = async { sleep(most).await } => Err(late().into()),
    }
}

async fn all(body: &mut Body, announced: Option<u64>, permit: &mut Permit, ids: &dyn Ids) -> Result<Bytes, Failure> {
    // Most bodies are one frame, which needs no copy.
    let mut first = Bytes::new();
    let mut all = Vec::new();
    while let Some(frame) = next(body).await {
        let frame = frame.map_err(|error| BodyProblem::Unread { message: error.to_string() })?;
        let read = first.len() + all.len() + frame.len();
        if read > MAX_BODY_BYTES {
            return Err(BodyProblem::TooManyBytes.into());
        }
        permit.make_room(read, announced, ids)?;
        if first.is_empty() && all.is_empty() {
            first = frame;
            continue;
        }
        // The vector is never larger than what the permit has room for.
        let room = usize::try_from(permit.bytes()).unwrap_or(MAX_BODY_BYTES);
        all.reserve_exact(room.max(read) - all.len());
        all.extend_from_slice(&std::mem::take(&mut first));
        all.extend_from_slice(&frame);
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

/// The next bytes of a body; trailers are passed over.
async fn next(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await? {
            Ok(frame) => match frame.into_data() {
                Ok(data) => return Some(Ok(data)),
                Err(_) => continue,
            },
            Err(error) => return Some(Err(error)),
        }
    }
}

/// Reads refused bodies.
#[derive(Debug)]
pub struct Discards(Semaphore);

impl Default for Discards {
    fn default() -> Self {
        Self(Semaphore::new(MAX_DISCARDS))
    }
}

impl Discards {
    /// Reads what is left of a body and keeps nothing of it: up to the largest body, for a short time, and only where not too
    /// many others are read.
    pub async fn discard(&self, body: &mut Body) {
        let Ok(_permit) = self.0.try_acquire() else { return };
        let read = async {
            let mut left = MAX_BODY_BYTES;
            while let Some(Ok(frame)) = next(body).await {
                match left.checked_sub(frame.len()) {
                    Some(rest) => left = rest,
                    None => return,
                }
            }
        };
        // Who is slower than that has had the time to read the answer's beginning.
        let _ = timeout(DISCARD_TIME, read).await;
    }
}

#[cfg(test)]
#[path = "receive_tests.rs"]
mod tests;
