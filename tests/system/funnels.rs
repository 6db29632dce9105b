//! Funnels whose numbers are worked out by hand.

use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::server::Server;

use super::ask::{counts, event, event_with, figures, funnel, funnel_of, groups, with};

/// 2025-06-02T09:00:00Z.
const START: i64 = 1_748_854_800_000;
const MINUTE: i64 = 60_000;

/// Ten users who view (v), put into the cart (c) and buy (b), one who only buys; minutes behind 09:00. The window is an
/// hour. What the rules make of each:
///
/// ```text
/// user         events                              depth  v→c  c→b  whole
/// exact        v 0, c 20, b 60                       3     20   40    60   the window is inclusive
/// plain        v 0, c 10, b 30                       3     10   20    30
/// late         v 0, c 10, b 60 and 1 ms              2     10              the cart is as far as it goes
/// restart      v 0, v 30, c 40, b 80                 3     10   40    50   only from the second view
/// looker       v 0                                   1
/// backwards    c 0, v 5, b 10                        1                     the cart came before the view
/// undecided    v 0, c 5, c 15, b 20                  3      5   15    20   the earliest of the middle steps
/// twice        v 0, c 50, v 70, c 75                 2     50              the attempt that ends first is chosen
/// again        v 0, c 30, b 31, v 40, c 41, b 45     3     30    1    31   the same
/// device       v 0, c 0 (the same ms), b 6           3      0    6     6   events of one ms have no order
/// buyer        b 0                                   –
/// ```
fn fixture() -> Vec<Value> {
    let plans: &[(&str, &[(&str, i64)])] = &[
        ("exact", &[("view", 0), ("cart", 20), ("buy", 60)]),
        ("plain", &[("view", 0), ("cart", 10), ("buy", 30)]),
        ("late", &[("view", 0), ("cart", 10)]),
        ("restart", &[("view", 0), ("view", 30), ("cart", 40), ("buy", 80)]),
        ("looker", &[("view", 0)]),
        ("backwards", &[("cart", 0), ("view", 5), ("buy", 10)]),
        ("undecided", &[("view", 0), ("cart", 5), ("cart", 15), ("buy", 20)]),
        ("twice", &[("view", 0), ("cart", 50), ("view", 70), ("cart", 75)]),
        ("again", &[("view", 0), ("cart", 30), ("buy", 31), ("view", 40), ("cart", 41), ("buy", 45)]),
        ("buyer", &[("buy", 0)]),
    ];
    let mut events: Vec<Value> = Vec::new();
    for (user, plan) in plans {
        let plan = plan.iter();
        events.extend(
            plan.map(|(name, minute)| {
                event_with(name, user, START + minute * MINUTE, &properties(user, name, *minute))
            }),
        );
    }
    events.push(event("buy", "late", START + 60 * MINUTE + 1));
    // The cart arrives before the view.
    for (name, minute) in [("cart", 0), ("view", 0), ("buy", 6)] {
        let (time_ms, properties) = (START + minute * MINUTE, properties("device", name, minute));
        events.push(json!({"event": name, "anonymous_id": "device", "timestamp": time_ms, "properties": properties}));
    }
    // The order of arrival decides nothing but ties.
    events.reverse();
    let (view, cart) = (events.iter().position(is_of("view")), events.iter().position(is_of("cart")));
    events.swap(view.unwrap(), cart.unwrap());
    events
}

fn is_of(name: &str) -> impl Fn(&Value) -> bool {
    move |event| event["anonymous_id"] == "device" && event["event"] == name
}

/// The plan of the user on views, and the item on carts.
fn properties(user: &str, name: &str, minute: i64) -> Value {
    let plan = match user {
        "exact" | "plain" | "late" | "restart" => json!("pro"),
        "looker" | "backwards" | "undecided" => json!("free"),
        "twice" => json!(1),
        "again" => json!("1"),
        _ => Value::Null,
    };
    let item = match (user, minute) {
        ("exact" | "plain", _) | ("undecided", 5) | ("again", 30) => json!("a"),
        ("late" | "restart", _) | ("undecided", 15) | ("again", 41) => json!("b"),
        ("twice", _) => json!("c"),
        ("device", _) => json!(true),
        _ => Value::Null,
    };
    match name {
        "view" => json!({"plan": plan}),
        "cart" => json!({"item": item}),
        _ => json!({}),
    }
}

fn start(scratch: &Scratch) -> Server {
    let server = Server::start(&scratch.lake());
    server.http().land(&fixture());
    server
}

#[test]
fn counts_shares_and_times_are_those_worked_out_by_hand() {
    let scratch = Scratch::new();
    let server = start(&scratch);
    let report = server.http().query(&with(funnel_of(&["view", "cart", "buy"]), json!({"window": "1h"})));
    assert_eq!(report["kind"], "funnel");
    // All but the buyer; without looker and backwards; without late and twice.
    assert_eq!(counts(&report), [10, 8, 6]);
    assert_eq!(figures(&report, "step"), [1, 2, 3]);
    assert_eq!(figures(&report, "label"), ["view", "cart", "buy"]);
    assert_eq!(figures(&report, "from_first"), [1.0, 0.8, 0.6]);
    assert_eq!(figures(&report, "from_previous"), [1.0, 0.8, 0.75]);
    assert_eq!(figures(&report, "in_window"), [0, 0, 0]);
    // v→c: 0 5 10 10 10 20 30 50. The median lies between the 4th and the 5th: 10. The 90th percentile has the rank
    // 0.9 · 7 = 6.3, counted from 0: 30 + 0.3 · 20 = 36.
    // c→b: 1 6 15 20 40 40. Median (15 + 20) / 2 = 17.5; rank 0.9 · 5 = 4.5 lies between 40 and 40.
    assert_eq!(figures(&report, "median_ms"), [Value::Null, json!(10 * MINUTE), json!(1_050_000)]);
    assert_eq!(figures(&report, "p90_ms"), [Value::Null, json!(36 * MINUTE), json!(40 * MINUTE)]);
    // The whole: 6 20 30 31 50 60. Median 30.5, mean 197 / 6.
    let conversion = &report["conversion_ms"];
    assert_eq!(conversion["n"], 6);
    assert_eq!(conversion["median"], 1_830_000.0);
    assert_eq!(conversion["mean"], 1_970_000.0);
    let whole = [6, 20, 30, 31, 50, 60].map(|minutes| minutes * MINUTE);
    let mut counted = 0;
    for bin in conversion["histogram"].as_array().unwrap() {
        let (from, to) = (bin["from"].as_i64().unwrap(), bin["to"].as_i64().unwrap());
        let inside = whole.iter().filter(|time| (from..to).contains(*time)).count();
        assert_eq!(bin["count"], inside, "{bin}");
        counted += inside;
    }
    assert_eq!(counted, 6, "{conversion}");
}

#[test]
fn a_smaller_or_larger_window_changes_who_gets_through() {
    let scratch = Scratch::new();
    let server = start(&scratch);
    let ask = |window: &str| {
        counts(&server.http().query(&with(funnel_of(&["view", "cart", "buy"]), json!({"window": window}))))
    };
    assert_eq!(ask("3600001ms"), [10, 8, 7], "a millisecond more lets `late` through");
    // plain needs 30, undecided 20, device 6, and again 5 from its second view; twice has a cart 5 after its second.
    assert_eq!(ask("30m"), [10, 8, 4]);
    // Carts within 5 minutes: undecided 5, twice 5, device 0, again 1. Bought within 5 minutes of the view: again.
    assert_eq!(ask("5m"), [10, 4, 1]);
}

#[test]
fn labels_alternatives_and_any_event() {
    let scratch = Scratch::new();
    let server = start(&scratch);
    let cart = json!({"event": "cart", "where": [{"property": "item", "op": "=", "value": "b"}]});
    let steps = json!([
        {"event": "view"},
        {"any": [cart, {"event": "buy"}], "label": "담기 또는 구매"},
        {"event": "*"}
    ]);
    let report = server.http().query(&json!({"kind": "funnel", "window": "1h", "steps": steps}));
    // Step 2: exact by its buy, plain by its buy, late by its cart, restart, backwards by its buy, undecided, again by
    // its buy or its cart b, device by its buy; not looker, and twice has item c. Step 3: behind the cart comes the buy
    // of restart (within an hour of the second view), undecided, again; nothing behind a last buy; of late only after
    // the window.
    assert_eq!(counts(&report), [10, 8, 3]);
    assert_eq!(report["steps"][1]["label"], "담기 또는 구매");
    let options =
        ["--step", "view", "--step", "cart where item = b | buy as 담기 또는 구매", "--step", "*", "--window", "1h"];
    assert_eq!(funnel(&scratch.lake(), &options)["steps"], report["steps"]);
}

#[test]
fn one_event_fills_one_step() {
    let scratch = Scratch::new();
    let server = start(&scratch);
    let report = server.http().query(&with(funnel_of(&["view", "view"]), json!({"window": "2h"})));
    // restart, twice and again view twice.
    assert_eq!(counts(&report), [10, 3]);
    // 30, 70 and 40 minutes.
    assert_eq!(report["steps"][1]["median_ms"], json!(40 * MINUTE));
}

#[test]
fn a_breakdown_puts_each_user_into_one_group() {
    let scratch = Scratch::new();
    let server = start(&scratch);
    let spec =
        |breakdown: Value| with(funnel_of(&["view", "cart", "buy"]), json!({"window": "1h", "breakdown": breakdown}));
    let all = groups(&server.http().query(&spec(json!("plan"))));
    let expected =
        [("\"pro\"", [4, 4, 3]), ("\"free\"", [3, 1, 1]), ("1", [1, 1, 0]), ("\"1\"", [1, 1, 1]), ("null", [1, 1, 1])];
    assert_eq!(all, expected.map(|(value, counts)| (value.to_owned(), counts.to_vec())).into());

    let limited = server.http().query(&spec(json!({"property": "plan", "limit": 2})));
    let expected = [("\"pro\"", [4, 4, 3]), ("\"free\"", [3, 1, 1]), ("other", [3, 3, 2])];
    assert_eq!(groups(&limited), expected.map(|(value, counts)| (value.to_owned(), counts.to_vec())).into());
    // The times of the others are those of all of them together: c→b is 1 for again and 6 for device.
    let other = limited["breakdown"].as_array().unwrap().iter().find(|group| group["other"] == true).unwrap();
    assert_eq!(other["steps"][2]["median_ms"], json!(210_000));
    assert_eq!(other["conversion_ms"]["n"], 2);

    // At step 2, by the item in the cart; who never got there is asked at their view, which has no item. Of undecided
    // and again the cart of the chosen attempt counts, the first.
    let report = server.http().query(&spec(json!({"property": "item", "step": 2})));
    let expected =
        [("\"a\"", [4, 4, 4]), ("\"b\"", [2, 2, 1]), ("\"c\"", [1, 1, 0]), ("true", [1, 1, 1]), ("null", [2, 0, 0])];
    assert_eq!(groups(&report), expected.map(|(value, counts)| (value.to_owned(), counts.to_vec())).into());
    let options = [
        "--step",
        "view",
        "--step",
        "cart",
        "--step",
        "buy",
        "--window",
        "1h",
        "--breakdown",
        "item",
        "--breakdown-step",
        "2",
    ];
    assert_eq!(funnel(&scratch.lake(), &options)["breakdown"], report["breakdown"]);
}

#[test]
fn ties_are_what_the_question_says() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    // `against` pays and views in one millisecond, in that order of arrival; `along` the other way round; `apart` has a
    // millisecond between. Of `chain` four events of one millisecond arrive as buy, view, cart, view.
    let events = [
        event("buy", "against", START),
        event("view", "against", START),
        event("view", "along", START),
        event("buy", "along", START),
        event("view", "apart", START),
        event("buy", "apart", START + 1),
        event("buy", "chain", START),
        event("view", "chain", START),
        event("cart", "chain", START),
        event("view", "chain", START),
    ];
    server.http().land(&events);
    let ask = |steps: &[&str], ties: &str| counts(&server.http().query(&with(funnel_of(steps), json!({"ties": ties}))));
    assert_eq!(ask(&["view", "buy"], "lenient"), [4, 4]);
    assert_eq!(ask(&["view", "buy"], "arrival"), [4, 2], "along and apart");
    assert_eq!(ask(&["view", "buy"], "strict"), [4, 1], "apart");
    assert_eq!(ask(&["view", "cart", "view", "buy"], "lenient"), [4, 1, 1, 1]);
    assert_eq!(ask(&["view", "cart", "view", "buy"], "arrival"), [4, 1, 1, 0]);
    assert_eq!(ask(&["view", "view", "view"], "lenient"), [4, 1, 0], "an event fills one step only");
    let by_option = funnel(&scratch.lake(), &["--step", "view", "--step", "buy", "--ties", "arrival"]);
    assert_eq!(counts(&by_option), [4, 2]);
}

#[test]
fn arrival_goes_by_requests_and_not_by_files() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    server.http().land(&[event("view", "along", START), event("buy", "against", START)]);
    server.http().land(&[event("buy", "along", START), event("view", "against", START)]);
    let spec = with(funnel_of(&["view", "buy"]), json!({"ties": "arrival"}));
    assert_eq!(counts(&server.http().query(&spec)), [2, 1]);
    weir_tests::cli::weir(&["compact", "--lake", &scratch.lake()]).ok();
    assert_eq!(counts(&server.http().query(&spec)), [2, 1]);
}
