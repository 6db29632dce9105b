//! Requests with events as an app sends them, made once and then only numbered.
//!
//! ```text
//! POST /v1/events HTTP/1.1 … [{"event":"job_viewed","event_id":"6d3f2a10-0000-8000-8000-00000000002a",…},…]
//!                                                                               ^^^^^^^^^^^^ the event's number
//! ```
//!
//! A request is bytes that can be sent at once. The next one is the same bytes with other numbers, so that making requests
//! takes next to nothing of the machine that is measured.

/// The event of which a request has many. The two marks are as long as what takes their place.
const EVENT: &str = concat!(
    r#"{"event":"job_viewed","user_id":"u-UUUUUUUU","event_id":"6d3f2a10-0000-8000-8000-IIIIIIIIIIII","#,
    r#""timestamp":"2026-01-15T09:30:12.345Z","session_id":"s-84021","properties":{"job_id":48213,"#,
    r#""title":"Engineer","salary":4200.5,"remote":false},"#,
    r#""context":{"locale":"de-DE","page":{"path":"/jobs/48213"}}}"#,
);
const ID_MARK: &str = "IIIIIIIIIIII";
const USER_MARK: &str = "UUUUUUUU";

/// One request of a number of events.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: Vec<u8>,
    body_at: usize,
    /// Where the digits of each event's id are, and those of its user.
    marks: Vec<(usize, usize)>,
}

impl Request {
    /// A request to `POST /v1/events` with so many events.
    pub fn new(host: &str, events: usize) -> Self {
        let body = format!("[{}]", vec![EVENT; events].join(","));
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let all = |mark: &str| body.match_indices(mark).map(|(at, _)| head.len() + at).collect::<Vec<_>>();
        let marks = all(ID_MARK).into_iter().zip(all(USER_MARK)).collect();
        let mut request = Self { body_at: head.len(), bytes: [head, body].concat().into_bytes(), marks };
        request.number(0);
        request
    }

    /// Gives the events the numbers from `first` on, which make their ids.
    pub fn number(&mut self, first: u64) {
        for (number, &(id, user)) in (first..).zip(&self.marks) {
            write_hex(&mut self.bytes[id..id + ID_MARK.len()], number);
            // Some thousand users, each with many events.
            write_hex(&mut self.bytes[user..user + USER_MARK.len()], number % 5_003);
        }
    }

    /// How many events it has.
    pub fn events(&self) -> usize {
        self.marks.len()
    }

    /// All of it, as it goes over the wire.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the server's handler gets.
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.body_at..]
    }
}

/// The last digits of a number.
fn write_hex(to: &mut [u8], mut number: u64) {
    for digit in to.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

/// The number of an event by the bytes of its id; `None` for an id that is not made here.
pub fn number_of(id: &[u8; 16]) -> Option<u64> {
    let (start, number) = id.split_at(10);
    let is_ours = *start == [0x6d, 0x3f, 0x2a, 0x10, 0, 0, 0x80, 0, 0x80, 0];
    is_ours.then(|| number.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use weir_core::event::{EventId, Receipt, parse};

    use super::*;

    #[test]
    fn events_are_of_a_usual_size_and_each_is_another() {
        assert!((250..=300).contains(&EVENT.len()), "{}", EVENT.len());
        let mut request = Request::new("localhost", 3);
        request.number(41);
        let text = std::str::from_utf8(request.body()).unwrap();
        let events: Vec<_> = text[1..text.len() - 1].split_inclusive("}}}").collect();
        assert_eq!(events.len(), 3);
        let receipt = Receipt { received_ms: 1_800_000_000_000, place: 0, correct_skew: true };
        for (number, json) in (41..).zip(events) {
            let event = parse(json.trim_start_matches(','), receipt).unwrap();
            let Some(EventId::Uuid(id)) = event.event_id else { panic!("{json}") };
            assert_eq!(number_of(&id), Some(number));
            assert_eq!(number_of(&[0; 16]), None);
            assert_eq!(event.user_id.unwrap(), format!("u-{number:08x}"));
        }
    }
}
