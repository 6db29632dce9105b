//! Functions against what was published of them, against other programs, and against their own meaning.

use proptest::prelude::*;

use super::*;

const Z: f64 = 1.959_963_984_540_053_6;

fn sample(converted: u64, users: u64) -> Sample {
    Sample { users, converted }
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{found} is not {expected}");
}

fn rounded(interval: Option<Interval>) -> Option<(String, String)> {
    // A minus before nothing is rounding.
    interval.map(|Interval { low, high }| (format!("{:.4}", low + 0.0), format!("{high:.4}")))
}

#[test]
fn quantiles_and_probabilities_of_the_normal_distribution() {
    // R: qnorm(c(0.95, 0.975, 0.995, 0.9995))
    for (confidence, z) in
        [(0.9, 1.644_853_626_951_471_5), (0.95, Z), (0.99, 2.575_829_303_548_9), (0.999, 3.290_526_731_491_925)]
    {
        close(two_sided_z(confidence), z);
        close(two_sided_p(z), 1.0 - confidence);
    }
    assert_eq!((two_sided_p(0.0), two_sided_p(50.0)), (1.0, 0.0));
}

#[test]
fn wilson_is_what_newcombe_published() {
    // Newcombe 1998, Statistics in Medicine 17: 857-872, table I, method 3.
    for (converted, users, low, high) in [
        (81, 263, "0.2553", "0.3662"),
        (15, 148, "0.0624", "0.1605"),
        (0, 20, "0.0000", "0.1611"),
        (1, 29, "0.0061", "0.1718"),
        (20, 20, "0.8389", "1.0000"),
    ] {
        let interval = rounded(wilson(sample(converted, users), Z));
        assert_eq!(interval, Some((low.to_owned(), high.to_owned())), "{converted} of {users}");
    }
    assert_eq!(wilson(sample(0, 0), Z), None);
}

#[test]
fn differences_are_what_newcombe_published() {
    // Newcombe 1998, Statistics in Medicine 17: 873-890, table II, method 10.
    for (a, m, b, n, low, high) in [
        (56, 70, 48, 80, "0.0524", "0.3339"),
        (9, 10, 3, 10, "0.1705", "0.8090"),
        (6, 7, 2, 7, "0.0582", "0.8062"),
        (5, 56, 0, 29, "-0.0381", "0.1926"),
        (0, 10, 0, 20, "-0.1611", "0.2775"),
        (0, 10, 0, 10, "-0.2775", "0.2775"),
        (10, 10, 0, 20, "0.6791", "1.0000"),
        (10, 10, 0, 10, "0.6075", "1.0000"),
    ] {
        let interval = rounded(difference(sample(b, n), sample(a, m), Z));
        assert_eq!(interval, Some((low.to_owned(), high.to_owned())), "{a}/{m} - {b}/{n}");
    }
    assert_eq!(difference(sample(0, 0), sample(1, 2), Z), None);
}

#[test]
fn the_lift_of_aspirin() {
    // Heart attacks of the Physicians' Health Study: 189 of 11,034 with a placebo, 104 of 11,037 with aspirin (as in Agresti,
    // Categorical Data Analysis): a relative risk of 1.82, from 1.43 to 2.31.
    let (found, interval) = lift(sample(104, 11_037), sample(189, 11_034), Z).unwrap();
    close(found, 0.817_801_794_453_507_4);
    close(interval.unwrap().low, 0.433_030_903_050_563);
    close(interval.unwrap().high, 1.305_884_232_422_445_6);
    // Nothing is no ratio, and has no logarithm.
    assert_eq!(lift(sample(0, 10), sample(5, 10), Z), None);
    assert_eq!(lift(sample(5, 10), sample(0, 10), Z), Some((-1.0, None)));
    assert_eq!(lift(sample(5, 10), sample(0, 0), Z), None);
}

#[test]
fn tests_give_what_r_gives() {
    let tested = |(a, m): (u64, u64), (b, n): (u64, u64)| {
        let Tested { p, method } = test(sample(b, n), sample(a, m)).unwrap();
        (p, method)
    };
    // prop.test(c(25, 15), c(50, 50), correct = FALSE)
    let (p, method) = tested((25, 50), (15, 50));
    close(p, 0.041_226_833_337_163_71);
    assert_eq!(method, Method::Z);
    // fisher.test: Fisher's tea, the convictions of Fisher 1935, and others.
    for (a, b, expected) in [
        ((3, 4), (1, 4), 0.485_714_285_714_285_7),
        ((2, 12), (15, 18), 0.000_536_724_119_143_435_8),
        ((0, 10), (4, 12), 0.096_377_306_903_622_69),
        ((1, 1000), (9, 1200), 0.026_348_660_887_440_895),
        ((5, 5), (0, 5), 0.007_936_507_936_507_936),
        ((7, 100), (0, 3000), 2.952_350_348_381_591_6e-11),
    ] {
        close(fisher(sample(b.0, b.1), sample(a.0, a.1)), expected);
    }
    // The choice is by the least expected cell: 10 of 100 and 0 of 100 expect 5 each, one less does not.
    assert_eq!(tested((10, 100), (0, 100)).1, Method::Z);
    assert_eq!(tested((9, 100), (0, 100)).1, Method::Fisher);
    assert_eq!(tested((91, 100), (100, 100)).1, Method::Fisher);
    assert_eq!(tested((0, 100), (0, 100)), (1.0, Method::Fisher));
    assert_eq!(tested((7, 7), (9, 9)), (1.0, Method::Fisher));
    assert_eq!(test(sample(0, 0), sample(1, 5)), None);
}

#[test]
fn the_exact_test_of_large_tables_is_quick_and_near_the_other() {
    // A few expected of hundreds of millions, on either side of the likeliest table.
    let (control, variant) = (sample(60_000, 900_000_000), sample(12, 70_000));
    let Tested { p, method } = test(control, variant).unwrap();
    assert_eq!(method, Method::Fisher);
    assert!((0.0..0.01).contains(&p), "{p}");
    let (control, variant) = (sample(100_300, 1_000_000), sample(100_000, 1_000_000));
    let (exact, near) = (fisher(control, variant), pooled_z(control, variant));
    assert!((exact - near).abs() < 0.002, "{exact} {near}");
}

#[test]
fn holm_raises_p_values() {
    // R: p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm"), p.adjust(c(0.04, 0.001, 0.5), "holm")
    let raised = holm(&[0.01, 0.02, 0.03, 0.04].map(Some));
    assert_eq!(raised, [0.04, 0.06, 0.06, 0.06].map(Some));
    assert_eq!(holm(&[Some(0.04), None, Some(0.001), Some(0.5)]), [Some(0.08), None, Some(0.003), Some(0.5)]);
    assert_eq!(holm(&[Some(0.7), Some(0.6)]), [Some(1.0), Some(1.0)]);
    assert!(holm(&[]).is_empty());
}

#[test]
fn a_detectable_difference_is_that_of_power_prop_test() {
    // R: power.prop.test(p1 = 0.1, p2 = 0.12, power = 0.8) asks for 3840.8 users of each, (0.5, 0.75) for 57.7, (0.01, 0.012) for
    // 42692.8.
    for (converted, users, expected, within) in
        [(384, 3840, 0.02, 1e-3), (29, 58, 0.25, 5e-3), (427, 42_693, 0.002, 1e-3)]
    {
        let found = detectable(sample(converted, users), users, 0.05).unwrap();
        assert!((found / expected - 1.0).abs() < within, "{found} {expected}");
    }
    // Nothing converted: still there is something to find. All converted: there is nothing above.
    assert!(detectable(sample(0, 1000), 1000, 0.05).unwrap() > 0.0);
    assert_eq!(detectable(sample(1000, 1000), 1000, 0.05), None);
    assert_eq!((detectable(sample(1, 2), 2, 0.05), detectable(sample(0, 0), 5, 0.05)), (None, None));
    assert_eq!(detectable(sample(1, 5), 0, 0.05), None);
}

#[test]
fn splits_are_held_against_chi_square() {
    // R: chisq.test(c(5150, 4850)), p = 0.0027; of three variants, 3 degrees of freedom less one: exp(-x / 2).
    close(split(&[5150, 4850], &[0.5, 0.5]).unwrap(), two_sided_p(3.0));
    let statistic = (10.0_f64.powi(2) + 5.0_f64.powi(2) * 2.0) / 100.0;
    close(split(&[110, 95, 95], &[1.0 / 3.0; 3]).unwrap(), (-statistic / 2.0).exp());
    // R: pchisq(7.814727903251179, 3, lower.tail = FALSE) = 0.05; here by the test of four variants.
    let of_three = |x: f64| checked_gamma_ur(1.5, x / 2.0).unwrap();
    close(of_three(7.814_727_903_251_179), 0.05);
    assert_eq!(split(&[900, 100], &[0.9, 0.1]), Some(1.0));
    assert_eq!((split(&[9, 0], &[0.5, 0.5]), split(&[10], &[1.0]), split(&[], &[])), (None, None, None));
}

/// The probability of each number of conversions.
fn binomial(users: u64, rate: f64) -> Vec<f64> {
    let mut probabilities = vec![(1.0 - rate).powi(users as i32)];
    for x in 0..users {
        let next = probabilities[x as usize] * (users - x) as f64 / (x + 1) as f64 * rate / (1.0 - rate);
        probabilities.push(next);
    }
    probabilities
}

/// The probability of the experiments of which something is true.
fn probability((m, q): (u64, f64), (n, p): (u64, f64), is_so: impl Fn(Sample, Sample) -> bool) -> f64 {
    let (of_control, of_variant) = (binomial(m, q), binomial(n, p));
    let mut whole = 0.0;
    for (b, of_b) in of_control.iter().enumerate() {
        for (a, of_a) in of_variant.iter().enumerate() {
            if is_so(sample(b as u64, m), sample(a as u64, n)) {
                whole += of_a * of_b;
            }
        }
    }
    whole
}

#[test]
fn intervals_hold_what_they_promise_over_all_experiments() {
    let inside = |interval: Interval, truth: f64| interval.low <= truth && truth <= interval.high;
    let mut sums = (0.0, 0.0);
    let cases =
        [(40, 0.1, 60, 0.2), (80, 0.5, 80, 0.5), (100, 0.05, 100, 0.05), (30, 0.3, 90, 0.15), (120, 0.9, 50, 0.8)];
    for (m, q, n, p) in cases {
        let of_difference =
            probability((m, q), (n, p), |control, variant| inside(difference(control, variant, Z).unwrap(), p - q));
        let of_rate = probability((m, q), (n, p), |_, variant| inside(wilson(variant, Z).unwrap(), p));
        assert!((0.93..0.99).contains(&of_difference), "{m} {q} {n} {p}: {of_difference}");
        assert!((0.92..0.99).contains(&of_rate), "{n} {p}: {of_rate}");
        sums = (sums.0 + of_difference, sums.1 + of_rate);
    }
    let mean = |sum: f64| sum / cases.len() as f64;
    assert!((mean(sums.0) - 0.95).abs() < 0.015 && (mean(sums.1) - 0.95).abs() < 0.015, "{sums:?}");
}

#[test]
fn the_interval_of_a_lift_holds_what_it_promises_where_there_are_many_conversions() {
    let coverage = probability((300, 0.3), (200, 0.36), |control, variant| {
        let interval = lift(control, variant, Z).and_then(|(_, interval)| interval);
        interval.is_some_and(|interval| interval.low <= 0.2 && 0.2 <= interval.high)
    });
    assert!((coverage - 0.95).abs() < 0.006, "{coverage}");
}

#[test]
fn without_a_difference_one_is_found_as_often_as_was_said_and_not_more() {
    let found = |control: Sample, variant: Sample| test(control, variant).is_some_and(|tested| tested.p < 0.05);
    for (m, n, rate, most) in [
        (100, 100, 0.3, 0.057),
        (150, 70, 0.12, 0.06),
        (60, 60, 0.5, 0.058),
        (50, 50, 0.04, 0.05),
        (40, 200, 0.02, 0.05),
    ] {
        let alarms = probability((m, rate), (n, rate), found);
        assert!(alarms <= most, "{m} {n} {rate}: {alarms}");
    }
    // Fisher's test keeps to it exactly, whatever the sizes.
    for (m, n, rate) in [(20, 20, 0.3), (10, 40, 0.5), (60, 60, 0.1)] {
        let alarms = probability((m, rate), (n, rate), |control, variant| fisher(control, variant) <= 0.05);
        assert!(alarms <= 0.05 + 1e-12, "{m} {n} {rate}: {alarms}");
    }
}

#[test]
fn a_detectable_difference_is_found_in_four_of_five_experiments() {
    let control = sample(60, 300);
    let more = detectable(control, 300, 0.05).unwrap();
    let found = |control: Sample, variant: Sample| test(control, variant).is_some_and(|tested| tested.p < 0.05);
    let power = probability((300, 0.2), (300, 0.2 + more), found);
    assert!((power - 0.8).abs() < 0.015, "{power}");
}

/// A table from a seed: two sizes and what converted of each.
fn tables() -> impl Strategy<Value = (Sample, Sample)> {
    let one = || (1..5000_u64).prop_flat_map(|users| (0..=users).prop_map(move |converted| sample(converted, users)));
    (one(), one())
}

proptest! {
    #[test]
    fn intervals_have_their_figure_inside_and_mirror_each_other((a, b) in tables()) {
        let (p, q) = (a.rate().unwrap(), b.rate().unwrap());
        let rate = wilson(a, Z).unwrap();
        prop_assert!(0.0 <= rate.low && rate.low <= p && p <= rate.high && rate.high <= 1.0);
        let there = difference(b, a, Z).unwrap();
        let back = difference(a, b, Z).unwrap();
        prop_assert!(-1.0 - 1e-12 <= there.low && there.low <= p - q && p - q <= there.high && there.high <= 1.0 + 1e-12);
        prop_assert!((there.low + back.high).abs() < 1e-12 && (there.high + back.low).abs() < 1e-12);
        if let (Some((there, Some(of_there))), Some((back, Some(of_back)))) = (lift(b, a, Z), lift(a, b, Z)) {
            prop_assert!(of_there.low <= there && there <= of_there.high);
            prop_assert!(((1.0 + there) * (1.0 + back) - 1.0).abs() < 1e-9);
            prop_assert!(((1.0 + of_there.low) * (1.0 + of_back.high) - 1.0).abs() < 1e-9);
        }
        // More confidence is wider, and never narrower.
        let wider = difference(b, a, two_sided_z(0.99)).unwrap();
        prop_assert!(wider.low <= there.low && there.high <= wider.high);
    }

    #[test]
    fn tests_do_not_depend_on_which_is_the_control_nor_on_what_a_success_is((a, b) in tables()) {
        let (there, back) = (test(b, a).unwrap(), test(a, b).unwrap());
        prop_assert_eq!(there.method, back.method);
        prop_assert!((0.0..=1.0).contains(&there.p));
        prop_assert!((there.p - back.p).abs() <= 1e-9 * there.p.max(1e-300));
        let failures = |of: Sample| sample(of.users - of.converted, of.users);
        let turned = test(failures(b), failures(a)).unwrap();
        prop_assert!((there.p - turned.p).abs() <= 1e-9 * there.p.max(1e-300), "{:?} {:?}", there, turned);
    }

    #[test]
    fn the_exact_test_is_the_sum_over_all_tables(a in 0..=20_u64, m in 20..=30_u64, b in 0..=20_u64, n in 20..=30_u64) {
        let choose = |of: u64, some: u64| (0..some).fold(1_u128, |product, at| product * u128::from(of - at) / u128::from(at + 1));
        let table = |x: u64| choose(m, x) * choose(n, a + b - x);
        let tables: Vec<u128> = ((a + b).saturating_sub(n)..=(a + b).min(m)).map(table).collect();
        let unlikely: u128 = tables.iter().filter(|one| **one <= table(a)).sum();
        let expected = unlikely as f64 / tables.iter().sum::<u128>() as f64;
        prop_assert!((fisher(sample(b, n), sample(a, m)) - expected).abs() < 1e-12);
    }

    #[test]
    fn raised_p_values_keep_their_order(p_values in prop::collection::vec(0.0..=1.0_f64, 0..8)) {
        let raised: Vec<f64> = holm(&p_values.iter().copied().map(Some).collect::<Vec<_>>()).into_iter().flatten().collect();
        for (a, raised_a) in p_values.iter().zip(&raised) {
            prop_assert!(raised_a >= a && *raised_a <= (a * p_values.len() as f64).min(1.0) + 1e-12);
            for (b, raised_b) in p_values.iter().zip(&raised) {
                prop_assert!(a > b || raised_a <= raised_b);
            }
        }
    }
}
