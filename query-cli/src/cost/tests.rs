//! The estimate, against prices that are reckoned by hand.

use super::*;

fn load(events_per_second: f64) -> Load {
    Load {
        events_per_second,
        events_per_request: 10.0,
        bytes: 330.0,
        retention_days: 90.0,
        peak: 3.0,
        questions_per_day: 0.0,
        question_days: 30.0,
    }
}

fn cost(load: &Load, deployment: &Deployment) -> Cost {
    estimate(load, deployment, &Prices::read(None).unwrap(), &Measured::read().unwrap())
}

fn part(cost: &Cost, name: &str) -> f64 {
    cost.parts.iter().find(|part| part.part == name).map_or(0.0, |part| part.month)
}

/// The bar is ten cents, and it is missed by what a year of events and people's questions cost; with what AWS gives each month it is met.
#[test]
fn a_million_events_cost_about_ten_cents_at_a_hundred_a_second() {
    let asked = Load { bytes: 400.0, retention_days: 365.0, questions_per_day: 100.0, ..load(100.0) };
    let of = |deployment: Deployment| cost(&asked, &deployment).per_million_events.unwrap();
    let all = of(Deployment::default());
    assert!((0.11..0.12).contains(&all), "{all}");
    let free = of(Deployment { free_tier: true, ..Deployment::default() });
    assert!((0.085..0.10).contains(&free), "{free}");
    let idle = cost(&asked, &Deployment::default()).idle_month;
    assert!((13.0..15.0).contains(&idle), "{idle}");
}

#[test]
fn the_stream_is_charged_by_shard_and_by_record() {
    // 730 hours of 1.5 cents, and 26.28 million records of less than 25 KB.
    let month = part(&cost(&load(100.0), &Deployment::default()), "stream");
    assert!((month - (730.0 * 0.015 + 26.28 * 0.014)).abs() < 1e-6, "{month}");
    let long = Deployment { stream_hours: 168.0, ..Deployment::default() };
    assert!((part(&cost(&load(0.0), &long), "stream") - 730.0 * 0.035).abs() < 1e-6);
    let many = Load { events_per_request: 1.0, ..load(1_500.0) };
    assert_eq!(cost(&many, &Deployment::default()).shards, Some(5), "4,500 records in the busiest second");
    let demand = Deployment { on_demand: true, ..Deployment::default() };
    assert!((part(&cost(&load(0.0), &demand), "stream") - 29.2).abs() < 1e-6);
    assert_eq!(cost(&load(1.0), &demand).shards, None);
}

#[test]
fn more_costs_more_and_no_part_is_free_of_sense() {
    let deployment = Deployment::default();
    let mut before = 0.0;
    for events in [0.0, 0.1, 1.0, 10.0, 100.0, 1_000.0, 100_000.0] {
        let cost = cost(&load(events), &deployment);
        assert!(cost.month > before && cost.month.is_finite(), "{events}: {}", cost.month);
        assert!(cost.parts.iter().all(|part| part.month > 0.0 && part.month.is_finite()), "{:?}", cost.parts);
        assert!((cost.parts.iter().map(|part| part.month).sum::<f64>() - cost.month).abs() < 1e-9);
        assert!(cost.idle_month <= cost.month + 1e-9);
        before = cost.month;
    }
    let base = cost(&load(100.0), &deployment).month;
    for dearer in [
        cost(&load(100.0), &Deployment { edge: Edge::Cloudfront, ..deployment }),
        cost(&load(100.0), &Deployment { edge: Edge::HttpApi, ..deployment }),
        cost(&load(100.0), &Deployment { window_seconds: 1.0, ..deployment }),
        cost(&Load { events_per_request: 1.0, ..load(100.0) }, &deployment),
        cost(&Load { retention_days: 800.0, ..load(100.0) }, &deployment),
        cost(&Load { questions_per_day: 500.0, ..load(100.0) }, &deployment),
    ] {
        assert!(dearer.month > base, "{:?}", dearer.parts);
    }
    for cheaper in [
        cost(&load(100.0), &Deployment { architecture: Architecture::Arm, ..deployment }),
        cost(&load(100.0), &Deployment { free_tier: true, ..deployment }),
        cost(&load(100.0), &Deployment { alarms: 0.0, ..deployment }),
    ] {
        assert!(cheaper.month < base, "{:?}", cheaper.parts);
    }
    assert_eq!(cost(&load(0.0), &deployment).per_million_events, None);
}

#[test]
fn nothing_is_paid_back_by_a_free_tier() {
    let free = Deployment { free_tier: true, ..Deployment::default() };
    for events in [0.0, 0.01, 1.0, 50.0] {
        assert!(cost(&load(events), &free).parts.iter().all(|part| part.month > 0.0));
    }
    // A shard is never free, and a secret is not.
    let idle = cost(&load(0.0), &free);
    assert!(idle.month >= 10.95 + 0.4, "{}", idle.month);
}

#[test]
fn prices_of_a_file_are_read_as_they_are() {
    let text = include_str!("../../data/prices.json").replace("\"shard_hour\": 0.015", "\"shard_hour\": 1.0");
    let prices = Prices::read(Some(&text)).unwrap();
    let cost = estimate(&load(0.0), &Deployment::default(), &prices, &Measured::read().unwrap());
    assert!(part(&cost, "stream") > 700.0);
    assert!(Prices::read(Some(&text.replace("shard_hour", "shard_our"))).is_err());
}
