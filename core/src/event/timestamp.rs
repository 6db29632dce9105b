//! The `timestamp` and `sent_at` of an event: RFC 3339 text or whole milliseconds, and nothing that has to be guessed.

use chrono::{DateTime, NaiveDate};

use crate::time::{DAY_MS, rfc3339};

/// 2000-01-01T00:00:00Z: nothing that weir measures happened before.
const EARLIEST_MS: i64 = 946_684_800_000;
/// 2100-01-01T00:00:00Z in seconds. A number between the year 2000 and this, read as seconds, is plainly seconds.
const LATEST_PLAIN_SECONDS: i64 = 4_102_444_800;
/// Clocks may differ by so much before the difference counts as skew.
const SKEW_TOLERANCE_MS: i64 = 5 * 60 * 1000;

/// A problem with a time: its code and what to say about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TimeProblem {
    pub code: &'static str,
    pub message: String,
}

fn problem(code: &'static str, message: String) -> TimeProblem {
    TimeProblem { code, message }
}

/// Reads the decoded text of a JSON string.
pub(super) fn from_text(text: &str) -> Result<i64, TimeProblem> {
    if let Some(time) = from_usual_text(text.as_bytes()) {
        return Ok(time);
    }
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Ok(time.timestamp_millis()),
        Err(_) if DateTime::parse_from_rfc3339(&format!("{text}Z")).is_ok() => Err(problem(
            "timestamp_invalid",
            format!("`{text}` has no offset from UTC; write `{text}Z`, or an offset such as +09:00"),
        )),
        Err(_) => Err(problem(
            "timestamp_invalid",
            format!(
                "`{}` is not an RFC 3339 time such as 2026-01-31T09:00:00Z, nor whole milliseconds since 1970",
                super::parse::excerpt(text)
            ),
        )),
    }
}

/// Reads what nearly every client sends, `2026-01-31T09:00:00.000Z`, with or without the milliseconds, in a tenth of the
/// time that the general way takes. `None` for everything else, valid or not.
fn from_usual_text(text: &[u8]) -> Option<i64> {
    let (seconds, millis) = match text.len() {
        20 => (text.strip_suffix(b"Z")?, 0),
        24 if text[19] == b'.' => (&text[..19], digits(text[20..].strip_suffix(b"Z")?)?),
        _ => return None,
    };
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2] = *seconds else {
        return None;
    };
    let date = NaiveDate::from_ymd_opt(digits(&[y1, y2, y3, y4])? as i32, digits(&[m1, m2])?, digits(&[d1, d2])?)?;
    let time = date.and_hms_milli_opt(digits(&[h1, h2])?, digits(&[n1, n2])?, digits(&[s1, s2])?, millis)?;
    Some(time.and_utc().timestamp_millis())
}

/// Up to nine decimal digits.
fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}

/// Reads the text of a JSON number.
pub(super) fn from_number(text: &str) -> Result<i64, TimeProblem> {
    let Ok(number) = text.parse::<i64>() else {
        return Err(problem(
            "timestamp_invalid",
            format!("{text} is not a whole number of milliseconds since 1970; round it, or send an RFC 3339 string"),
        ));
    };
    if (EARLIEST_MS / 1000..LATEST_PLAIN_SECONDS).contains(&number) {
        return Err(problem(
            "timestamp_in_seconds",
            format!("{number} looks like seconds since 1970; send milliseconds: {number}000"),
        ));
    }
    Ok(number)
}

/// What the client's clock says, set right where it is plainly wrong, and checked.
///
/// `corrected = timestamp + (received − sent)` where the two clocks differ by more than five minutes.
pub(super) fn corrected(
    time_ms: i64,
    sent_ms: Option<i64>,
    received_ms: i64,
    corrects_skew: bool,
) -> Result<i64, TimeProblem> {
    let skew = sent_ms.filter(|_| corrects_skew).map_or(0, |sent| received_ms.saturating_sub(sent));
    let time = if skew.saturating_abs() > SKEW_TOLERANCE_MS { time_ms.saturating_add(skew) } else { time_ms };
    if time < EARLIEST_MS {
        return Err(problem("timestamp_too_old", format!("{} is before 2000-01-01", rfc3339(time))));
    }
    if time > received_ms.saturating_add(DAY_MS) {
        let unit = match time / received_ms.max(1) {
            500..=2_000 => "; it looks like microseconds, send milliseconds",
            500_000..=2_000_000 => "; it looks like nanoseconds, send milliseconds",
            _ if corrects_skew => "; check the client's clock, and send sent_at so that it can be corrected",
            _ => "; check the clock that wrote it",
        };
        return Err(problem(
            "timestamp_too_far_ahead",
            format!(
                "{} is more than 24 hours ahead of the time of receipt, {}{unit}",
                rfc3339(time),
                rfc3339(received_ms)
            ),
        ));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z

    #[test]
    fn text_needs_an_offset() {
        assert_eq!(from_text("2026-01-01T00:00:00Z").unwrap(), NOW);
        assert_eq!(from_text("2026-01-01T09:00:00.1239+09:00").unwrap(), NOW + 123);
        assert!(from_text("2026-01-01T00:00:00").unwrap_err().message.contains("2026-01-01T00:00:00Z"));
        for bad in ["", "yesterday", "2026-01-01", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "1767225600000"] {
            assert_eq!(from_text(bad).unwrap_err().code, "timestamp_invalid", "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_usual_form_is_read_as_the_general_way_reads_it(
            text in "([0-9]{4}|20[0-9]{2})-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.][0-9]{3})?[Zz]"
        ) {
            let general = DateTime::parse_from_rfc3339(&text).ok().map(|time| time.timestamp_millis());
            match from_usual_text(text.as_bytes()) {
                Some(time) => proptest::prop_assert_eq!(Some(time), general),
                // What is left to the general way is odd: no time, a leap second, a small `z`.
                None => proptest::prop_assert!(general.is_none() || text.contains(":60") || text.ends_with('z')),
            }
        }
    }

    #[test]
    fn seconds_are_not_guessed() {
        assert_eq!(from_number("1767225600000").unwrap(), NOW);
        assert_eq!(from_number("1767225600").unwrap_err().code, "timestamp_in_seconds");
        assert!(from_number("1767225600").unwrap_err().message.contains("1767225600000"));
        for bad in ["1767225600000.5", "1.767e12", "99999999999999999999"] {
            assert_eq!(from_number(bad).unwrap_err().code, "timestamp_invalid", "{bad}");
        }
    }

    #[test]
    fn skew_is_corrected_only_beyond_five_minutes() {
        let minute = 60_000;
        assert_eq!(corrected(NOW, Some(NOW), NOW + 5 * minute, true).unwrap(), NOW);
        assert_eq!(corrected(NOW, Some(NOW), NOW + 5 * minute + 1, true).unwrap(), NOW + 5 * minute + 1);
        let a_year_ahead = NOW + 365 * DAY_MS;
        assert_eq!(corrected(a_year_ahead - 10, Some(a_year_ahead), NOW, true).unwrap(), NOW - 10);
        assert_eq!(corrected(NOW, None, NOW + 60 * minute, true).unwrap(), NOW);
    }

    #[test]
    fn bounds_are_exact() {
        assert_eq!(corrected(NOW + DAY_MS, None, NOW, true).unwrap(), NOW + DAY_MS);
        assert_eq!(corrected(NOW + DAY_MS + 1, None, NOW, true).unwrap_err().code, "timestamp_too_far_ahead");
        assert_eq!(corrected(EARLIEST_MS, None, NOW, true).unwrap(), EARLIEST_MS);
        assert_eq!(corrected(EARLIEST_MS - 1, None, NOW, true).unwrap_err().code, "timestamp_too_old");
        assert!(corrected(NOW * 1000, None, NOW, true).unwrap_err().message.contains("microseconds"));
        assert_eq!(corrected(i64::MAX, Some(i64::MIN), NOW, true).unwrap_err().code, "timestamp_too_far_ahead");
    }
}
