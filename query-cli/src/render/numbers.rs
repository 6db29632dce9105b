//! Figures as people read them: never rounded into a lie, so `>99.9%` is not `100.0%` and one of many is not `0.0%`.

/// `12,345`
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 user`, `12,345 users`
pub fn counted(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A figure that need not be whole: `12,345`, `12.5`, `0.0042`. At most two digits behind the point, or two that count.
pub fn figure(number: f64) -> String {
    let size = number.abs();
    let digits = if number.fract() == 0.0 || size >= 100_000.0 {
        0
    } else if size >= 0.1 {
        2
    } else {
        // The first digit that is not zero, and one more.
        (1 - size.log10().floor() as i32).clamp(2, 12) as usize
    };
    let text = format!("{size:.digits$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = part.trim_end_matches('0');
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), count);
    let sign = if number < 0.0 && (whole != "0" || !part.is_empty()) { "−" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// A share of 1 as `41.5%`. Only nothing is `0.0%` and only everything is `100.0%`.
pub fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.0005 {
        "<0.1%".to_owned()
    } else if (0.9995..1.0).contains(&share) {
        ">99.9%".to_owned()
    } else {
        format!("{:.1}%", share * 100.0)
    }
}

/// `part` of `whole` as a share of 1; 0 where there is no whole.
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A duration in its two largest units: `850 ms`, `4.2 s`, `12 m 30 s`, `3 h 12 m`, `2 d 5 h`.
pub fn duration(ms: f64) -> String {
    let rounded = |unit_ms: f64| (ms / unit_ms).round() as u64;
    let (seconds, minutes, hours) = (rounded(1_000.0), rounded(60_000.0), rounded(3_600_000.0));
    // Rounding comes before choosing units, so that 59.9 minutes are one hour and not sixty minutes.
    if rounded(1.0) < 1_000 {
        format!("{} ms", rounded(1.0))
    } else if rounded(100.0) < 100 {
        format!("{:.1} s", ms / 1_000.0).replace(".0 ", " ")
    } else if seconds < 60 {
        format!("{seconds} s")
    } else if seconds < 3_600 {
        two_units(seconds, 60, "m", "s")
    } else if minutes < 24 * 60 {
        two_units(minutes, 60, "h", "m")
    } else {
        two_units(hours, 24, "d", "h")
    }
}

fn two_units(small: u64, of_large: u64, large_unit: &str, small_unit: &str) -> String {
    let large = count(small / of_large);
    match small % of_large {
        0 => format!("{large} {large_unit}"),
        rest => format!("{large} {large_unit} {rest} {small_unit}"),
    }
}

/// A size in powers of ten: `999 B`, `1.2 kB`, `34.5 MB`.
pub fn bytes(number: u64) -> String {
    if number < 1_000 {
        return format!("{number} B");
    }
    let mut size = number as f64 / 1_000.0;
    let mut units = ["kB", "MB", "GB", "TB", "PB"].into_iter().peekable();
    while let Some(unit) = units.next() {
        // 999.95 would be written as 1000.0.
        if size < 999.95 || units.peek().is_none() {
            return format!("{size:.1} {unit}");
        }
        size /= 1_000.0;
    }
    format!("{number} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1_000, 12_345, 1_234_567].map(count), ["0", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!([0, 1, 2].map(|n| counted(n, "user")), ["0 users", "1 user", "2 users"]);
    }

    #[test]
    fn figures_have_the_digits_that_count() {
        let figures = [0.0, 12_345.0, 12.5, 99.999, 0.25, 0.004_21, -3.15159, 1e-9, 123_456.7, -0.0, 1e20];
        let expected = [
            "0",
            "12,345",
            "12.5",
            "100",
            "0.25",
            "0.0042",
            "−3.15",
            "0.000000001",
            "123,457",
            "0",
            "100000000000000000000",
        ];
        assert_eq!(figures.map(figure), expected);
    }

    #[test]
    fn only_all_is_all_and_only_nothing_is_nothing() {
        let shares = [0.0, 0.000_1, 0.000_5, 0.415_4, 0.999_4, 0.999_5, 0.999_999, 1.0];
        assert_eq!(shares.map(percent), ["0.0%", "<0.1%", "0.1%", "41.5%", "99.9%", ">99.9%", ">99.9%", "100.0%"]);
    }

    #[test]
    fn durations_carry_into_the_next_unit() {
        for (ms, expected) in [
            (0.0, "0 ms"),
            (0.4, "0 ms"),
            (850.0, "850 ms"),
            (999.4, "999 ms"),
            (999.6, "1 s"),
            (1_000.0, "1 s"),
            (4_250.0, "4.2 s"),
            (9_949.0, "9.9 s"),
            (9_950.0, "10 s"),
            (59_499.0, "59 s"),
            (59_500.0, "1 m"),
            (61_000.0, "1 m 1 s"),
            (900_000.0, "15 m"),
            (3_599_400.0, "59 m 59 s"),
            (3_599_600.0, "1 h"),
            (11_520_000.0, "3 h 12 m"),
            (86_369_000.0, "23 h 59 m"),
            (86_370_000.0, "1 d"),
            (183_600_000.0, "2 d 3 h"),
            (315_360_000_000.0, "3,650 d"),
        ] {
            assert_eq!(duration(ms), expected, "{ms}");
        }
    }

    #[test]
    fn sizes_carry_into_the_next_unit() {
        let sizes = [0, 999, 1_000, 1_234, 999_949, 999_950, 34_500_000, 7_000_000_000_000, u64::MAX];
        let expected = ["0 B", "999 B", "1.0 kB", "1.2 kB", "999.9 kB", "1.0 MB", "34.5 MB", "7.0 TB", "18446.7 PB"];
        assert_eq!(sizes.map(bytes), expected);
    }
}
