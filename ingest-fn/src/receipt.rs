//! The text form of a place in the event log, as the answer to a batch gives it.
//!
//! `r1-` + shard + `-` + sequence number: `r1-file-0-123` is record 123 of shard `file-0`. Every byte of a shard's name
//! outside `A-Z a-z 0-9 . _ -` is `~` and two upper-case hexadecimal digits, so that a receipt goes into a URL unchanged.
//! For clients it is opaque; `r1` is the version of the form.
//!
//! `x1-` in place of `r1-` is the receipt of a record that holds no event: everything in that request was rejected, and the
//! record has the reasons. So the receipt itself says that nothing of it will ever be queryable, and the log need not be asked.

use std::fmt;
use std::str::FromStr;

use weir_core::ports::{LogPosition, SequenceNumber, ShardId};

const PREFIX: &str = "r1-";
const REJECTED_PREFIX: &str = "x1-";

/// Names one record of the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptToken {
    /// Where the record is.
    pub position: LogPosition,
    /// Whether it holds no event.
    pub is_rejected: bool,
}

/// A text that is no receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a receipt; a receipt is the text that the answer to a batch gives, such as r1-file-0-123")]
pub struct NoReceipt;

impl fmt::Display for ReceiptToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_rejected { REJECTED_PREFIX } else { PREFIX })?;
        let shard = &self.position.shard.0;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if shard.bytes().all(is_plain) {
            f.write_str(shard)?;
        } else {
            for byte in shard.bytes() {
                if is_plain(byte) { write!(f, "{}", char::from(byte))? } else { write!(f, "~{byte:02X}")? }
            }
        }
        f.write_str("-")?;
        f.write_str(self.position.sequence.as_str())
    }
}

impl FromStr for ReceiptToken {
    type Err = NoReceipt;

    fn from_str(text: &str) -> Result<Self, NoReceipt> {
        let (is_rejected, rest) = match text.strip_prefix(PREFIX) {
            Some(rest) => (false, rest),
            None => (true, text.strip_prefix(REJECTED_PREFIX).ok_or(NoReceipt)?),
        };
        let (shard, sequence) = rest.rsplit_once('-').ok_or(NoReceipt)?;
        let shard = unescaped(shard).filter(|shard| !shard.is_empty()).map(ShardId).ok_or(NoReceipt)?;
        let sequence = SequenceNumber::parse(sequence).ok_or(NoReceipt)?;
        let token = Self { position: LogPosition { shard, sequence }, is_rejected };
        // One record has one receipt: texts that only mean the same are none.
        if token.to_string() == text { Ok(token) } else { Err(NoReceipt) }
    }
}

fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('~');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(shard: &str, digits: &str) -> ReceiptToken {
        let sequence = SequenceNumber::parse(digits).unwrap();
        let position = LogPosition { shard: ShardId(shard.to_owned()), sequence };
        ReceiptToken { position, is_rejected: false }
    }

    #[test]
    fn a_receipt_is_read_back() {
        assert_eq!(token("file-0", "123").to_string(), "r1-file-0-123");
        assert_eq!(token("a/b c~", "5").to_string(), "r1-a~2Fb~20c~7E-5");
        let kinesis = "49545115243490985018280067714973144582180062593244200961";
        for (shard, digits) in
            [("file-0", "0"), ("shardId-000000000000", kinesis), ("-", "1"), ("가/%2F?#", "7"), ("~", "8"), ("..", "9")]
        {
            let text = token(shard, digits).to_string();
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-~".contains(&b)), "{text}");
            assert_eq!(text.parse(), Ok(token(shard, digits)), "{text}");
            let rejected = ReceiptToken { is_rejected: true, ..token(shard, digits) };
            assert_eq!(rejected.to_string(), text.replacen("r1-", "x1-", 1));
            assert_eq!(rejected.to_string().parse(), Ok(rejected));
        }
    }

    #[test]
    fn other_texts_are_no_receipts() {
        for text in [
            "",
            "r1",
            "r1-",
            "r1-5",
            "r1--5",
            "r1-file-0-",
            "r1-file-0-x",
            "r1-file-0--",
            "x1-file-0-05",
            "x1--5",
            "x2-file-0-5",
            "r2-file-0-5",
            "file-0-5",
            "r1-file-0-05",
            "r1-a~2fb-5",
            "r1-a~-5",
            "r1-a~2-5",
            "r1-a~zz-5",
            "r1-a~41-5",
            "r1-~FF-5",
            "r1-a b-5",
            "r1-a~2가-5",
            "r1-a~+F-5",
            " r1-file-0-5",
            "r1-file-0-5 ",
        ] {
            assert_eq!(text.parse::<ReceiptToken>(), Err(NoReceipt), "{text}");
        }
    }
}
