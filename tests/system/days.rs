//! What a day is, what is still open, and which tests a property passes.

use serde_json::{Value, json};
use weir_tests::server::Server;
use weir_tests::{Scratch, instant_ms, now_ms};

use super::ask::{counts, event, event_with, figures, funnel, funnel_of, with};

const HOUR: i64 = 3_600_000;

/// Users who view at these instants, named after them.
fn views(instants: &[&str]) -> Vec<Value> {
    instants.iter().map(|instant| event("view", instant, instant_ms(instant))).collect()
}

#[test]
fn a_day_is_as_long_as_its_zone_makes_it() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    server.http().land(&views(&[
        // 9 March 2025 in New York has 23 hours, from 05:00 to 04:00 of the next day.
        "2025-03-09T04:59:59.999Z",
        "2025-03-09T05:00:00Z",
        "2025-03-09T12:00:00Z",
        "2025-03-10T03:59:59.999Z",
        "2025-03-10T04:00:00Z",
        // 2 November 2025 has 25 hours, from 04:00 to 05:00 of the next day.
        "2025-11-02T03:59:59.999Z",
        "2025-11-02T04:00:00Z",
        "2025-11-03T04:59:59.999Z",
        "2025-11-03T05:00:00Z",
    ]));
    let ask = |zone: &str, from: &str, to: &str| {
        let fields = json!({"timezone": zone, "from": from, "to": to});
        counts(&server.http().query(&with(funnel_of(&["view"]), fields)))[0]
    };
    let new_york = "America/New_York";
    assert_eq!(ask(new_york, "2025-03-09", "2025-03-09"), 3, "the last date belongs to the range");
    assert_eq!(ask(new_york, "2025-03-08", "2025-03-09"), 4);
    assert_eq!(ask(new_york, "2025-03-10", "2025-03-10"), 1);
    assert_eq!(ask(new_york, "2025-11-02", "2025-11-02"), 2);
    assert_eq!(ask(new_york, "2025-11-03", "2025-11-30"), 1);
    assert_eq!(ask("UTC", "2025-03-09", "2025-03-09"), 3);
    // In Seoul 10 March begins at 15:00 of the 9th.
    assert_eq!(ask("Asia/Seoul", "2025-03-09", "2025-03-09"), 3);
    assert_eq!(ask("Asia/Seoul", "2025-03-10", "2025-03-10"), 2);
    // The end of a range of instants does not belong to it.
    assert_eq!(ask("UTC", "2025-03-09T05:00:00Z", "2025-03-10T04:00:00Z"), 3);
    assert_eq!(ask("UTC", "2025-03-09T00:00:00-05:00", "2025-03-09T05:00:00Z"), 0);
    assert_eq!(ask("Asia/Seoul", "2025-11-02T04:00:00Z", "2025-11-03T04:59:59.999Z"), 1);
    let options = ["--step", "view", "--from", "2025-03-09", "--to", "2025-03-09", "--timezone", new_york];
    assert_eq!(counts(&funnel(&scratch.lake(), &options)), [3]);
}

#[test]
fn the_range_bounds_the_first_step_only() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let at = instant_ms;
    server.http().land(&[
        event("view", "in", at("2025-03-09T23:59:59.999Z")),
        event("buy", "in", at("2025-03-12T23:59:59.999Z")),
        event("view", "too slow", at("2025-03-09T23:59:59.998Z")),
        event("buy", "too slow", at("2025-03-12T23:59:59.999Z")),
        event("view", "before", at("2025-03-08T23:59:59.999Z")),
        event("buy", "before", at("2025-03-09T00:00:00Z")),
        event("view", "again", at("2025-03-08T12:00:00Z")),
        event("view", "again", at("2025-03-09T00:00:00Z")),
        event("buy", "again", at("2025-03-10T00:00:00Z")),
    ]);
    let spec = with(funnel_of(&["view", "buy"]), json!({"from": "2025-03-09", "to": "2025-03-09", "window": "3d"}));
    let report = server.http().query(&spec);
    assert_eq!(counts(&report), [3, 2], "in, too slow and again; of these in and again");
    // 72 hours and 24 hours.
    assert_eq!(report["steps"][1]["median_ms"], json!(48 * HOUR));
    let last = with(funnel_of(&["view", "buy"]), json!({"last": "3650d"}));
    assert_eq!(counts(&server.http().query(&last)), [4, 4]);
    let recent = with(funnel_of(&["view", "buy"]), json!({"last": "7d"}));
    assert_eq!(counts(&server.http().query(&recent)), [0, 0]);
}

#[test]
fn users_whose_window_is_open_are_not_lost_yet() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let now = now_ms();
    server.http().land(&[
        // Two hours are gone for the first; the second began again; the third has time; the fourth is through.
        event("view", "lost", now - 30 * HOUR),
        event("view", "again", now - 30 * HOUR),
        event("view", "again", now - HOUR),
        event("view", "open", now - HOUR),
        event("view", "through", now - 2 * HOUR),
        event("cart", "through", now - 2 * HOUR),
        event("buy", "through", now - HOUR),
        event("view", "half", now - 2 * HOUR),
        event("cart", "half", now - HOUR),
        // The cart of the first attempt is chosen, and a later attempt of the same depth is open all the same.
        event("view", "half again", now - 40 * HOUR),
        event("cart", "half again", now - 39 * HOUR),
        event("view", "half again", now - 2 * HOUR),
        event("cart", "half again", now - HOUR),
        event("view", "half lost", now - 40 * HOUR),
        event("cart", "half lost", now - 39 * HOUR),
    ]);
    let landed = now_ms();
    let report = server.http().query(&with(funnel_of(&["view", "cart", "buy"]), json!({"window": "1d"})));
    let complete_to = instant_ms(report["complete_to"].as_str().expect("events were received"));
    assert!((now..=landed).contains(&complete_to), "{complete_to} is not between {now} and {landed}");
    assert_eq!(counts(&report), [7, 4, 1]);
    // Behind step 1: again and open. Behind step 2: half and half again.
    assert_eq!(figures(&report, "in_window"), [0, 2, 2]);
    let long = server.http().query(&with(funnel_of(&["view", "cart", "buy"]), json!({"window": "2d"})));
    assert_eq!(figures(&long, "in_window"), [0, 3, 3]);
}

#[test]
fn a_lake_without_events_has_honest_zeros() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let report = server.http().query(&with(funnel_of(&["view", "buy"]), json!({"breakdown": "country"})));
    assert_eq!(counts(&report), [0, 0]);
    assert_eq!(figures(&report, "from_first"), [0.0, 0.0]);
    assert_eq!((&report["complete_to"], &report["breakdown"]), (&Value::Null, &json!([])));
    assert_eq!(report["conversion_ms"], json!({"n": 0, "median": null, "mean": null, "histogram": []}));
    assert_eq!(counts(&funnel(&scratch.lake(), &["--step", "view", "--step", "buy"])), [0, 0]);
}

/// Eight shoppers and what their one event says.
fn shoppers() -> Vec<Value> {
    let properties = [
        json!({"price": 100, "country": "KR", "tags": ["new", "sale"], "vip": true, "name": "Salt & Pepper"}),
        json!({"price": 99.5, "country": "JP", "vip": false, "name": "pepper"}),
        json!({"price": "100", "country": "KR"}),
        json!({"price": null, "country": "US", "cart": {"total": 5}}),
        Value::Null,
        json!({"price": 1e2, "country": "서울", "cart": {"total": 50}, "tags": []}),
        json!({"price": 250, "country": "kr", "vip": "true"}),
        json!({"price": -3, "tags": "new"}),
    ];
    let events = properties.iter().zip(1..).map(|(properties, n)| {
        let mut event = event_with("pay", &n.to_string(), 1_748_854_800_000 + n, properties);
        event["context"] = if n % 2 == 0 { json!({"platform": "ios", "os": {"version": "17.2"}}) } else { Value::Null };
        event
    });
    events.collect()
}

#[test]
fn every_operator_tells_the_same_users_apart_in_json_and_in_shorthand() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    server.http().land(&shoppers());
    // Property, operator, value; as shorthand; who passes.
    let tests = [
        (json!(["price", "=", 100]), "price = 100", "16"),
        (json!(["price", "=", "100"]), "price = \"100\"", "3"),
        (json!(["price", "!=", 100]), "price != 100", "234578"),
        (json!(["price", "in", [100, 250.0]]), "price in (100, 250.0)", "167"),
        (json!(["price", "not in", [100, 250]]), "price not in [100, 250]", "23458"),
        (json!(["price", "<", 100]), "price < 100", "28"),
        (json!(["price", "<=", 99.5]), "price <= 99.5", "28"),
        (json!(["price", ">", 99.5]), "price > 99.5", "167"),
        (json!(["price", ">=", -3]), "price >= -3", "12678"),
        (json!(["price", ">", "0"]), "price > '0'", "3"),
        (json!(["country", "<", "L"]), "country < L", "123"),
        (json!(["country", "=", "서울"]), "country = 서울", "6"),
        (json!(["country", "contains", "R"]), "country contains R", "13"),
        (json!(["country", "not contains", "R"]), "country not contains R", "245678"),
        (json!(["country", "starts with", "K"]), "country starts with K", "13"),
        (json!(["country", "ends with", "R"]), "country ends with R", "13"),
        (json!(["name", "matches", "(?i)^pepper|Pepper$"]), "name matches '(?i)^pepper|Pepper$'", "12"),
        (json!(["tags", "contains", "new"]), "tags contains new", "18"),
        (json!(["tags", "not contains", "new"]), "tags not contains new", "234567"),
        (json!(["tags", "exists"]), "tags exists", "168"),
        (json!(["price", "exists"]), "price exists", "123678"),
        (json!(["price", "not exists"]), "price not exists", "45"),
        (json!(["vip", "=", true]), "vip = true", "1"),
        (json!(["vip", "!=", true]), "vip != true", "2345678"),
        (json!(["vip", "=", "true"]), "vip = 'true'", "7"),
        (json!(["cart.total", ">=", 5]), "cart.total >= 5", "46"),
        (json!(["cart", "exists"]), "cart exists", "46"),
        (json!(["context.platform", "=", "ios"]), "context.platform = ios", "2468"),
        (json!(["context.os.version", "starts with", "17"]), "context.os.version starts with 17", "2468"),
        (json!(["platform", "exists"]), "platform exists", ""),
    ];
    for (condition, shorthand, expected) in &tests {
        let mut json = json!({"property": condition[0], "op": condition[1]});
        if let Some(value) = condition.get(2) {
            json["value"] = value.clone();
        }
        // By the user, so that it is seen who passes.
        for spec in [
            json!({"kind": "funnel", "steps": [{"event": "pay", "where": [json]}]}),
            json!({"kind": "funnel", "steps": [{"event": "*"}], "where": [json]}),
        ] {
            let count = server.http().query(&spec)["steps"][0]["count"].clone();
            assert_eq!(count, expected.len(), "{spec}");
        }
        let who = who_passes(&server, &json);
        assert_eq!(&who, expected, "{json}");
        let printed =
            weir_tests::cli::weir(&["funnel", "--step", &format!("pay where {shorthand}"), "--print-spec"]).ok();
        assert_eq!(printed.json()["steps"][0]["where"], json!([json]), "{shorthand}");
    }
    let both = funnel(
        &scratch.lake(),
        &["--step", "pay where price >= 100", "--where", "country = KR and tags contains sale"],
    );
    assert_eq!(counts(&both), [1]);
}

/// The numbers of the shoppers who pass a condition: each has a millisecond of their own.
fn who_passes(server: &Server, condition: &Value) -> String {
    let passes = |n: &i64| {
        let instant = |ms: i64| format!("2025-06-02T09:00:00.{ms:03}Z");
        let fields = json!({"from": instant(*n), "to": instant(*n + 1)});
        let spec = json!({"kind": "funnel", "steps": [{"event": "pay", "where": [condition]}]});
        counts(&server.http().query(&with(spec, fields)))[0] == 1
    };
    (1..=8).filter(passes).map(|n| n.to_string()).collect()
}
