//! A reader of JSON text that was found to be well-formed when it came in: it only looks for where things are.
//!
//! ```text
//! {"tab":"new","cart":{"sum":5}}
//!   key   text   key    key number       each is a slice of the text
//! ```
//!
//! Text of a file that others have written may be anything: then the answer is `None`, or nonsense, but it ends.

use weir_core::event::eight::first_special;

/// A place in a text.
#[derive(Clone, Copy)]
pub(crate) struct Json<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A string between its quotes, and whether it has escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawText<'a> {
    pub bytes: &'a [u8],
    pub is_escaped: bool,
}

impl<'a> Json<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0 }
    }

    /// How far it has got, in bytes.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The next byte that is no white space.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Takes a byte if it is the next one.
    #[inline]
    pub fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Takes what follows a member of an object: whether another one comes.
    #[inline]
    pub fn goes_on(&mut self) -> Option<bool> {
        let goes_on = match self.peek()? {
            b',' => true,
            b'}' => false,
            _ => return None,
        };
        self.at += 1;
        Some(goes_on)
    }

    /// Takes a key if it is the next one, and its colon.
    #[inline]
    pub fn take_key(&mut self, key: &[u8]) -> bool {
        if self.peek() != Some(b'"') {
            return false;
        }
        let end = self.at + 1 + key.len();
        let is_next = self.bytes.get(end) == Some(&b'"')
            && self.bytes.get(self.at + 1..end).is_some_and(|found| is_same(found, key));
        if is_next {
            let start = self.at;
            self.at = end + 1;
            if self.take(b':') {
                return true;
            }
            self.at = start;
        }
        false
    }

    /// Takes a string.
    #[inline]
    pub fn string(&mut self) -> Option<RawText<'a>> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at + 1;
        let (mut at, mut is_escaped) = (start, false);
        loop {
            at += first_special(self.bytes.get(at..)?)?;
            match self.bytes.get(at)? {
                b'"' => break,
                b'\\' => {
                    is_escaped = true;
                    at += 2;
                }
                _ => return None,
            }
        }
        self.at = at + 1;
        Some(RawText { bytes: self.bytes.get(start..at)?, is_escaped })
    }

    /// Takes a number, `true`, `false` or `null`: what lies before the next bracket, comma or white space.
    #[inline]
    pub fn scalar(&mut self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.at..)?;
        // What numbers and words have: letters, digits, signs and the point.
        let is_end = |byte: &u8| !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'+' | b'-');
        let length = rest.iter().position(is_end).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length)
    }

    /// Takes a list or an object as a whole.
    pub fn nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }
}

/// A string with its escapes decoded; `None` if it holds half a surrogate pair.
pub(crate) fn decode(text: RawText<'_>) -> Option<String> {
    let inner = std::str::from_utf8(text.bytes).ok()?;
    serde_json::from_str(&format!("\"{inner}\"")).ok()
}

/// The number of a text; `None` if it is none that a double can hold.
#[inline]
pub(crate) fn number(text: &[u8]) -> Option<f64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if matches!(digits.len(), 1..=15) {
        let add = |whole: u64, digit: &u8| digit.is_ascii_digit().then(|| whole * 10 + u64::from(digit - b'0'));
        if let Some(whole) = digits.iter().try_fold(0, add) {
            let whole = whole as f64;
            return Some(if digits.len() < text.len() { -whole } else { whole });
        }
    }
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

/// Whether two short texts are the same, without a call: their first and their last bytes, which may overlap.
#[inline]
pub(crate) fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if a.len() > 16 {
        return a == b;
    }
    if let (Some(first), Some(last)) = (a.first_chunk::<8>(), a.last_chunk::<8>()) {
        return b.first_chunk() == Some(first) && b.last_chunk() == Some(last);
    }
    if let (Some(first), Some(last)) = (a.first_chunk::<4>(), a.last_chunk::<4>()) {
        return b.first_chunk() == Some(first) && b.last_chunk() == Some(last);
    }
    a.iter().zip(b).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_found_where_they_are() {
        let mut json = Json::new(r#" { "a\"b" : "x\u0041" , "c":[1,{"d":"]"}], "e" : -12.5e3 }"#);
        assert!(json.take(b'{') && !json.take_key(b"c"));
        let key = json.string().unwrap();
        assert_eq!((key.bytes, key.is_escaped, decode(key).unwrap().as_str()), (&br#"a\"b"#[..], true, "a\"b"));
        assert!(json.take(b':'));
        assert_eq!(decode(json.string().unwrap()).unwrap(), "xA");
        assert!(json.take(b',') && json.take_key(b"c") && json.nested().is_some());
        assert!(json.take(b',') && json.take_key(b"e") && json.peek() == Some(b'-'));
        assert_eq!(json.scalar().and_then(number), Some(-12_500.0));
        assert!(json.take(b'}') && json.peek().is_none());
    }

    #[test]
    fn numbers_are_those_of_the_general_reader() {
        for text in [
            "0",
            "-0",
            "7",
            "999999999999999",
            "1234567890123456789",
            "1e3",
            "-2.50",
            "1e-400",
            "1.7976931348623157e308",
        ] {
            assert_eq!(number(text.as_bytes()), serde_json::from_str(text).ok(), "{text}");
        }
        for text in ["1e999", "", "-", "x", "inf", "nan"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_ends() {
        for text in ["{", "\"abc", "[1,2", "\"\\", "]", ""] {
            let (mut string, mut nested) = (Json::new(text), Json::new(text));
            assert!(string.string().is_none() && nested.nested().is_none(), "{text}");
        }
        assert_eq!(decode(RawText { bytes: br"\ud800", is_escaped: true }), None);
    }

    #[test]
    fn every_byte_of_a_text_counts() {
        for length in 0..40 {
            let text: Vec<u8> = (0..length).collect();
            assert!(is_same(&text, &text.clone()) && !is_same(&text, &[text.as_slice(), b"x"].concat()));
            for at in 0..text.len() {
                let mut other = text.clone();
                other[at] ^= 0x80;
                assert!(!is_same(&text, &other), "{at} of {length}");
            }
        }
    }
}
