//! Eight bytes at once: quick questions about text, in plain integers.
//!
//! ```text
//! first_special(b"say \"hi\"")  ->  Some(4)     the first byte that JSON writes in another way inside a text
//! first_special(b"hello")       ->  None
//! ```
//!
//! A byte's high bit is set where the byte is below a limit; what a subtraction borrows from the bytes behind the first one
//! that is found does not matter to who asks for the first, or whether there is one.

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

fn below(bytes: u64, limit: u8) -> u64 {
    bytes.wrapping_sub(ONES * u64::from(limit)) & !bytes & HIGHS
}

/// Quotes, backslashes and control characters. The first and the last are one question: with bit 1 turned over, a quote is
/// the byte behind the control characters, and these stay among themselves.
fn special(bytes: u64) -> u64 {
    below(bytes ^ (ONES * 2), b' ' + 1) | below(bytes ^ (ONES * u64::from(b'\\')), 1)
}

fn control(bytes: u64) -> u64 {
    below(bytes, b' ')
}

/// Where the first quote, backslash or control character is.
#[inline]
pub fn first_special(text: &[u8]) -> Option<usize> {
    let (eights, rest) = text.as_chunks::<8>();
    for (number, eight) in eights.iter().enumerate() {
        let found = special(u64::from_le_bytes(*eight));
        if found != 0 {
            return Some(number * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
    Some(eights.len() * 8 + at)
}

/// Whether there is a control character.
#[inline]
pub(super) fn has_control(text: &[u8]) -> bool {
    let (eights, rest) = text.as_chunks::<8>();
    let found = eights.iter().fold(0, |found, eight| found | control(u64::from_le_bytes(*eight)));
    found != 0 || rest.iter().any(|byte| *byte < b' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_byte_is_told_apart_at_every_place() {
        for byte in 0..=255_u8 {
            let is_control = byte < b' ';
            let is_special = is_control || matches!(byte, b'"' | b'\\');
            for at in 0..20 {
                let mut text = [b'~'; 20];
                text[at] = byte;
                assert_eq!(first_special(&text), is_special.then_some(at), "{byte} at {at}");
                assert_eq!(has_control(&text), is_control, "{byte} at {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_first_is_found_among_any_others(text in "[ -~\u{0}-\u{ff}]{0,40}") {
            let naive = text.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '));
            prop_assert_eq!(first_special(text.as_bytes()), naive);
            prop_assert_eq!(has_control(text.as_bytes()), text.bytes().any(|byte| byte < b' '));
        }
    }
}
