//! Rates, intervals and tests of two numbers: how many users, and how many of them converted.
//!
//! Each function follows a published formula, which its documentation names. What cannot be said of the numbers is `None`. The only
//! special functions are the error function (for the normal distribution) and the incomplete gamma function (for chi-square), which
//! come from the crate `statrs`.
//!
//! All of them take it for granted that each user converts or not independently of all others, and that users were dealt out to
//! variants by chance.

use serde::Serialize;
use statrs::function::erf::{erfc, erfc_inv};
use statrs::function::gamma::checked_gamma_ur;

use super::POWER;

/// The least expected number of users in a cell for which a test by an approximate distribution is trusted (Cochran 1954).
const LEAST_EXPECTED: f64 = 5.0;

/// Two tables are equally likely where they differ by no more than rounding: the tolerance that R's `fisher.test` has.
const EQUALLY_LIKELY: f64 = 1.0 + 1e-7;

/// Users of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    /// All of them.
    pub users: u64,
    /// Those who converted: not more.
    pub converted: u64,
}

impl Sample {
    /// The share that converted; `None` of nobody.
    pub fn rate(self) -> Option<f64> {
        (self.users > 0).then(|| self.converted as f64 / self.users as f64)
    }

    fn and(self, other: Self) -> Self {
        Self { users: self.users + other.users, converted: self.converted + other.converted }
    }
}

/// Two ends, both inside.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// How a p-value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The two-proportion z test with a pooled rate.
    Z,
    /// Fisher's exact test.
    Fisher,
}

/// The outcome of a test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tested {
    /// How probable a difference as large as this one, or larger, is if there is none.
    pub p: f64,
    /// How it was found.
    pub method: Method,
}

/// The z within which a standard normal figure lies with this probability: 1.96 for 0.95.
pub fn two_sided_z(confidence: f64) -> f64 {
    std::f64::consts::SQRT_2 * erfc_inv(1.0 - confidence)
}

/// The probability that a standard normal figure lies as far from 0 as `z`, or further.
fn two_sided_p(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2).min(1.0)
}

/// Wilson's score interval of a rate (Wilson 1927; without continuity correction).
pub fn wilson(sample: Sample, z: f64) -> Option<Interval> {
    let rate = sample.rate()?;
    let (n, z2) = (sample.users as f64, z * z);
    let middle = (rate + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = z / (1.0 + z2 / n) * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n)).sqrt();
    // At its ends the formula is 0 and 1, but for rounding.
    let low = if sample.converted == 0 { 0.0 } else { (middle - half).clamp(0.0, rate) };
    let high = if sample.converted == sample.users { 1.0 } else { (middle + half).clamp(rate, 1.0) };
    Some(Interval { low, high })
}

/// The interval of the rate of `variant` minus that of `control`, made of their two score intervals (Newcombe 1998, method 10).
pub fn difference(control: Sample, variant: Sample, z: f64) -> Option<Interval> {
    let (p, q) = (variant.rate()?, control.rate()?);
    let (of_p, of_q) = (wilson(variant, z)?, wilson(control, z)?);
    let difference = p - q;
    Some(Interval {
        low: difference - (p - of_p.low).hypot(of_q.high - q),
        high: difference + (of_p.high - p).hypot(q - of_q.low),
    })
}

/// By what share of the control's rate the variant's is greater, and the interval of that: symmetric around the logarithm of the ratio
/// of rates, whose variance is that of the delta method (Katz and others 1978). There is no ratio to nothing, and no logarithm of it.
pub fn lift(control: Sample, variant: Sample, z: f64) -> Option<(f64, Option<Interval>)> {
    let (p, q) = (variant.rate()?, control.rate().filter(|rate| *rate > 0.0)?);
    let ratio = p / q;
    if variant.converted == 0 {
        return Some((ratio - 1.0, None));
    }
    let part = |sample: Sample| 1.0 / sample.converted as f64 - 1.0 / sample.users as f64;
    let reach = (z * (part(variant) + part(control)).sqrt()).exp();
    Some((ratio - 1.0, Some(Interval { low: ratio / reach - 1.0, high: ratio * reach - 1.0 })))
}

/// Whether two rates differ, two-sided: by the z test, or by Fisher's exact test where fewer than five users are expected in any cell of
/// the table. `None` where a variant has nobody.
pub fn test(control: Sample, variant: Sample) -> Option<Tested> {
    let all = control.and(variant);
    let least = all.converted.min(all.users - all.converted) as f64;
    let smaller = control.users.min(variant.users);
    if smaller == 0 {
        return None;
    }
    if least * smaller as f64 / (all.users as f64) < LEAST_EXPECTED {
        return Some(Tested { p: fisher(control, variant), method: Method::Fisher });
    }
    Some(Tested { p: pooled_z(control, variant), method: Method::Z })
}

/// The two-proportion z test: the standard error is that of one rate for both, which is what is tested (without continuity
/// correction; its square is Pearson's chi-square). Both have users, and not all or none of them converted.
fn pooled_z(control: Sample, variant: Sample) -> f64 {
    let all = control.and(variant);
    let rate = all.converted as f64 / all.users as f64;
    let error = (rate * (1.0 - rate) * (1.0 / control.users as f64 + 1.0 / variant.users as f64)).sqrt();
    let (p, q) = (variant.converted as f64 / variant.users as f64, control.converted as f64 / control.users as f64);
    two_sided_p((p - q) / error)
}

/// Fisher's exact test: of all tables with these margins, the probability of those that are no likelier than this one (Fisher 1935; the
/// two-sided form of Irwin). Probabilities are reckoned as multiples of the likeliest table's, so that nothing is lost to
/// logarithms, and for as many tables as there are: where fewer than five are expected in a cell, few matter.
fn fisher(control: Sample, variant: Sample) -> f64 {
    let all = control.and(variant);
    let (n, m, k) = (variant.users, control.users, all.converted);
    let (least, most) = (k.saturating_sub(m), k.min(n));
    // The table of x + 1 conversions of the variant, as a multiple of that of x.
    let next = |x: u64| {
        let (x, n, m, k) = (x as f64, n as f64, m as f64, k as f64);
        (n - x) * (k - x) / ((x + 1.0) * (m - k + x + 1.0))
    };
    let likeliest = ((u128::from(n + 1) * u128::from(k + 1)) / u128::from(n + m + 2)) as u64;
    let likeliest = likeliest.clamp(least, most);
    // Beyond what doubles can tell from nothing, tables have no part in any sum.
    let up = scan((likeliest..most).map(next));
    let down = scan((least..likeliest).rev().map(|x| 1.0 / next(x)));
    let observed = match variant.converted {
        x if x == likeliest => 1.0,
        x if x > likeliest => up.get((x - likeliest - 1) as usize).copied().unwrap_or(0.0),
        x => down.get((likeliest - x - 1) as usize).copied().unwrap_or(0.0),
    };
    let tables = || std::iter::once(1.0).chain(up.iter().copied()).chain(down.iter().copied());
    let whole: f64 = tables().sum();
    let as_unlikely: f64 = tables().filter(|table| *table <= observed * EQUALLY_LIKELY).sum();
    (as_unlikely / whole).min(1.0)
}

/// Products of the first factors, of the first two, and so on, until they are nothing.
fn scan(factors: impl Iterator<Item = f64>) -> Vec<f64> {
    let products = factors.scan(1.0, |product, factor| {
        *product *= factor;
        Some(*product)
    });
    products.take_while(|product| *product > 0.0).collect()
}

/// P-values of several tests, raised so that the chance of any false alarm is that of one test (Holm 1979).
pub fn holm(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> = p_values.iter().enumerate().filter_map(|(at, p)| p.map(|p| (at, p))).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let tests = order.len();
    let mut adjusted = vec![None; p_values.len()];
    let mut least: f64 = 0.0;
    for (rank, (at, p)) in order.into_iter().enumerate() {
        least = least.max((p * (tests - rank) as f64).min(1.0));
        adjusted[at] = Some(least);
    }
    adjusted
}

/// How much higher than the control's rate another has to be, as a share of 1, so that a two-sided test at the level `alpha` finds it
/// with a power of [`POWER`], given so many users of both (Fleiss, Levin and Paik 2003, without continuity correction; the
/// formula of R's `power.prop.test`). `None` where not even everybody would be enough.
pub fn detectable(control: Sample, users: u64, alpha: f64) -> Option<f64> {
    let q = control.rate().filter(|_| users > 0)?;
    let (m, n) = (control.users as f64, users as f64);
    // Of a standard normal figure, POWER lies below this.
    let of_power = two_sided_z(2.0 * POWER - 1.0);
    let of_level = two_sided_z(1.0 - alpha);
    let missing = |more: f64| {
        let p = q + more;
        let both = (n * p + m * q) / (n + m);
        let if_none = (both * (1.0 - both) * (1.0 / m + 1.0 / n)).sqrt();
        let if_so = (q * (1.0 - q) / m + (p * (1.0 - p)).max(0.0) / n).sqrt();
        of_level * if_none + of_power * if_so - more
    };
    let (mut below, mut above) = (0.0, 1.0 - q);
    if missing(above) > 0.0 || above <= 0.0 {
        return None;
    }
    // What is missing bends one way only, and is nothing at one place: halving finds it, to the last digit.
    for _ in 0..64 {
        let middle = 0.5 * (below + above);
        if missing(middle) > 0.0 { below = middle } else { above = middle }
    }
    Some(above)
}

/// How probable it is that chance alone deals out users as unevenly as this, or more, where these shares are meant: Pearson's chi-square
/// test (Pearson 1900), with one degree of freedom less than there are variants. `None` where fewer than five users are expected in
/// any of them.
pub fn split(users: &[u64], shares: &[f64]) -> Option<f64> {
    let all: u64 = users.iter().sum();
    let expected = || shares.iter().map(|share| share * all as f64);
    if users.len() < 2 || expected().any(|expected| expected < LEAST_EXPECTED) {
        return None;
    }
    let parts = users.iter().zip(expected()).map(|(users, expected)| (*users as f64 - expected).powi(2) / expected);
    let (statistic, freedom) = (parts.sum::<f64>(), (users.len() - 1) as f64);
    if statistic == 0.0 {
        return Some(1.0);
    }
    checked_gamma_ur(freedom / 2.0, statistic / 2.0).ok()
}

#[cfg(test)]
#[path = "statistics_tests.rs"]
mod tests;
