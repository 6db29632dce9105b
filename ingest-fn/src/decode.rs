//! A request body, from the bytes on the wire to the bytes of a text.
//!
//! What counts is what the body is, not what its headers say: clients send gzip as a form, with or without
//! `Content-Encoding`, and proxies unpack a body and leave the header. So a body that begins as gzip does is unpacked, and
//! the header is only read for encodings that weir does not know.

use std::borrow::Cow;
use std::io::Read;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use flate2::bufread::MultiGzDecoder;

use crate::body::{BodyProblem, MAX_BODY_BYTES};

const GZIP_MAGIC: &[u8] = b"\x1f\x8b";
/// How large a body gets at once while it is unpacked, whatever it says about itself.
const FIRST_BYTES: usize = 64 * 1024;

/// Refuses a body in an encoding that cannot be unpacked.
///
/// # Errors
/// [`BodyProblem::Encoded`].
pub fn known_encoding(headers: &HeaderMap) -> Result<(), BodyProblem> {
    let mut packed = 0;
    for value in headers.get_all(CONTENT_ENCODING) {
        let text = String::from_utf8_lossy(value.as_bytes());
        for coding in text.split(',').map(str::trim) {
            match coding.to_ascii_lowercase().as_str() {
                "" | "identity" => {}
                "gzip" | "x-gzip" if packed == 0 => packed = 1,
                _ => return Err(BodyProblem::Encoded { found: text.into_owned() }),
            }
        }
    }
    Ok(())
}

/// Unpacks a body that is gzip, and gives back any other as it is.
///
/// # Errors
/// [`BodyProblem::TooManyBytes`] as soon as [`MAX_BODY_BYTES`] are exceeded, however large the rest would get;
/// [`BodyProblem::NotGzip`] for a body that begins as gzip and goes on as something else.
pub fn unpacked(body: &[u8]) -> Result<Cow<'_, [u8]>, BodyProblem> {
    if !body.starts_with(GZIP_MAGIC) {
        return Ok(Cow::Borrowed(body));
    }
    let mut text = Vec::with_capacity(FIRST_BYTES);
    let mut unpacking = MultiGzDecoder::new(body).take(MAX_BODY_BYTES as u64 + 1);
    let read = unpacking.read_to_end(&mut text);
    if text.len() > MAX_BODY_BYTES {
        return Err(BodyProblem::TooManyBytes);
    }
    read.map_err(|error| BodyProblem::NotGzip { message: error.to_string() })?;
    Ok(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packing = GzEncoder::new(Vec::new(), Compression::best());
        packing.write_all(text).unwrap();
        packing.finish().unwrap()
    }

    fn encoding(values: &[&str]) -> Result<(), BodyProblem> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_ENCODING, value.parse().unwrap());
        }
        known_encoding(&headers)
    }

    #[test]
    fn gzip_is_known_by_its_first_bytes() {
        assert_eq!(unpacked(b"{}").unwrap(), b"{}".as_slice());
        assert_eq!(unpacked(b"").unwrap(), b"".as_slice());
        assert_eq!(unpacked(&gzip(b"{\"a\":1}")).unwrap(), b"{\"a\":1}".as_slice());
        let members = [gzip(b"{\"a\":"), gzip(b"1}")].concat();
        assert_eq!(unpacked(&members).unwrap(), b"{\"a\":1}".as_slice());
    }

    #[test]
    fn the_limit_is_that_of_the_text() {
        assert_eq!(unpacked(&gzip(&vec![b' '; MAX_BODY_BYTES])).unwrap().len(), MAX_BODY_BYTES);
        let bomb = gzip(&vec![b' '; MAX_BODY_BYTES * 20]);
        assert!(bomb.len() < 200_000, "{}", bomb.len());
        assert_eq!(unpacked(&bomb).unwrap_err(), BodyProblem::TooManyBytes);
        // What comes after the limit is not looked at, even if it is no gzip.
        let cut = &bomb[..bomb.len() / 2];
        assert_eq!(unpacked(cut).unwrap_err(), BodyProblem::TooManyBytes);
    }

    #[test]
    fn broken_gzip_is_told_apart() {
        let whole = gzip(b"{\"event\":\"a\",\"user_id\":\"u\"}");
        for end in 2..whole.len() {
            assert!(matches!(unpacked(&whole[..end]).unwrap_err(), BodyProblem::NotGzip { .. }), "{end}");
        }
        let mut changed = whole;
        let last = changed.len() - 6;
        changed[last] ^= 1; // The checksum.
        assert!(matches!(unpacked(&changed).unwrap_err(), BodyProblem::NotGzip { .. }));
    }

    #[test]
    fn one_gzip_is_the_only_encoding() {
        for values in [&[][..], &[""], &["identity"], &["gzip"], &["GZIP"], &["x-gzip"], &["identity, gzip"]] {
            assert_eq!(encoding(values), Ok(()), "{values:?}");
        }
        for values in [&["br"][..], &["deflate"], &["gzip, gzip"], &["gzip", "gzip"], &["gzip", "br"], &["zstd"]] {
            assert!(matches!(encoding(values), Err(BodyProblem::Encoded { .. })), "{values:?}");
        }
    }
}
