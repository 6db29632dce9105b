//! One client's connection: HTTP/1.1, kept alive, one request at a time.
//!
//! ```text
//! let answer = connection.exchange(request.bytes()).await?;   answer.status == 200, answer.accepted() == 20
//! ```

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// More headers than any answer has.
const MAX_HEADERS: usize = 32;

/// A connection to a server.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

/// What a server answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// What `Retry-After` says, in seconds.
    pub retry_after_s: Option<u64>,
    /// The body.
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// How many events a batch's answer says are accepted; 0 where it says nothing of it.
    pub fn accepted(&self) -> u64 {
        let digits = self.body.strip_prefix(b"{\"accepted\":").unwrap_or_default();
        digits.iter().take_while(|b| b.is_ascii_digit()).fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
    }
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// What the system says.
    pub async fn open(address: SocketAddr) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::with_capacity(4096) })
    }

    /// Sends a request and reads its answer, which has a `Content-Length`.
    ///
    /// # Errors
    /// What the system says; [`ErrorKind::InvalidData`] for an answer that is no HTTP. The connection is of no use then.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, Error> {
        self.stream.write_all(request).await?;
        self.read.clear();
        let head = loop {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if let Some(head) = head_of(&self.read)? {
                break head;
            }
        };
        let end = head.bytes + head.body_bytes;
        while self.read.len() < end {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Answer { status: head.status, retry_after_s: head.retry_after_s, body: &self.read[head.bytes..end] })
    }

    /// Sends the beginning of a request and goes away.
    ///
    /// # Errors
    /// What the system says.
    pub async fn send_and_leave(mut self, beginning: &[u8]) -> Result<(), Error> {
        self.stream.write_all(beginning).await
    }
}

/// What is before an answer's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    bytes: usize,
    status: u16,
    retry_after_s: Option<u64>,
    body_bytes: usize,
}

/// `None` while the head is not all there.
fn head_of(read: &[u8]) -> Result<Option<Head>, Error> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(read).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    let httparse::Status::Complete(bytes) = parsed else { return Ok(None) };
    let number = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()?.parse::<u64>().ok()
    };
    let length = number("content-length").and_then(|length| usize::try_from(length).ok());
    let body_bytes = length.ok_or_else(|| Error::new(ErrorKind::InvalidData, "an answer without a length"))?;
    let status = response.code.unwrap_or_default();
    Ok(Some(Head { bytes, status, retry_after_s: number("retry-after"), body_bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_all_there() {
        let answer = b"HTTP/1.1 503 x\r\nRetry-After: 2\r\ncontent-length: 5\r\n\r\nhello";
        let bytes = answer.len() - 5;
        assert_eq!(head_of(&answer[..bytes - 1]).unwrap(), None);
        let head = Head { bytes, status: 503, retry_after_s: Some(2), body_bytes: 5 };
        assert_eq!(head_of(answer).unwrap(), Some(head));
        assert!(head_of(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(head_of(b"nonsense\r\n\r\n").is_err());
    }

    #[test]
    fn accepted_events_are_counted() {
        let accepted = |body: &[u8]| Answer { status: 200, retry_after_s: None, body }.accepted();
        assert_eq!(accepted(b"{\"accepted\":120,\"duplicates\":null}"), 120);
        assert_eq!(accepted(b"{\"error\":{}}"), 0);
        assert_eq!(accepted(b""), 0);
    }
}
