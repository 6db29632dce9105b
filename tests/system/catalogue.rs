//! Events with their properties: over the command line and HTTP, before and after a compaction, with a plan and without.

use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::cli::{weir, weir_with_input};
use weir_tests::server::Server;

use super::ask::{catalogue, event, event_with, sql};

/// 2025-06-02T09:00:00Z.
const MONDAY: i64 = 1_748_854_800_000;
const DAY_MS: i64 = 86_400_000;

#[track_caller]
fn one(lake: &str, name: &str) -> Value {
    weir(&["events", name, "--lake", lake, "--format", "json"]).ok().json()
}

/// Without what tells one version from another.
fn of_any_version(mut document: Value) -> Value {
    document.as_object_mut().unwrap().remove("version");
    document
}

/// A property of an event in full.
#[track_caller]
fn property<'d>(document: &'d Value, name: &str) -> &'d Value {
    let properties = document["properties"].as_array().unwrap();
    properties.iter().find(|p| p["property"] == name).unwrap_or_else(|| panic!("no `{name}` in {document}"))
}

#[test]
fn what_was_imported_is_in_the_catalogue_and_a_compaction_changes_nothing() {
    let scratch = Scratch::new();
    let lake = scratch.lake();
    for part in 0..3 {
        let lines = (0..40_i64).map(|n| {
            let number = part * 40 + n;
            // Over a hundred days, so that files of several ranges come out.
            let (time_ms, tab) = (MONDAY + number * DAY_MS, ["new", "all"][usize::from(number % 4 == 0)]);
            let wage = if number % 10 == 0 { json!("협의") } else { json!(number) };
            let properties = json!({"tab": tab, "wage": wage, "cart": {"total": null}, "n": number.to_string()});
            let mut event = event_with(if number % 3 == 0 { "view" } else { "보기" }, "u1", time_ms, &properties);
            event["event_id"] = json!(format!("e{number}"));
            event["context"] = json!({"os": {"name": "ios"}});
            event.to_string() + "\n"
        });
        weir_with_input(&["import", "-", "--lake", &lake], lines.collect::<String>().as_bytes()).ok();
    }
    let view = one(&lake, "view");
    assert_eq!((&view["event"], &view["count"]), (&json!("view"), &json!(40)));
    assert_eq!(view["first_seen"], "2025-06-02T09:00:00.000Z");
    assert_eq!(view["days_utc"].as_array().unwrap().len(), 40);
    assert_eq!(view["days_utc"][1], json!({"day": "2025-06-05", "count": 1}));
    assert_eq!(view["sources"], json!([{"source": "dev", "count": 40}]));
    let names: Vec<_> =
        view["properties"].as_array().unwrap().iter().map(|p| p["property"].as_str().unwrap()).collect();
    assert_eq!(names, ["cart", "cart.total", "context.os", "context.os.name", "n", "tab", "wage"]);
    let expected = json!({"property": "tab", "present": 40, "types": {"string": 40}, "unlisted_at_most": 0, "too_long": 0,
        "values": [{"value": "new", "count": 30, "at_most": 30}, {"value": "all", "count": 10, "at_most": 10}]});
    assert_eq!(*property(&view, "tab"), expected);
    assert_eq!(property(&view, "wage")["types"], json!({"string": 4, "number": 36}));
    assert_eq!((&property(&view, "wage")["min"], &property(&view, "wage")["max"]), (&json!(3), &json!(117)));
    assert_eq!(
        (&property(&view, "cart.total")["present"], &property(&view, "cart")["present"]),
        (&json!(0), &json!(40))
    );
    // What is counted there is what questions count.
    let counted = "SELECT count(*) AS n FROM events WHERE event = 'view' AND property(properties, 'wage') IS NOT NULL";
    assert_eq!(sql(&lake, counted), [json!({"n": property(&view, "wage")["present"]})]);
    let list = weir(&["events", "--lake", &lake, "--format", "json"]).ok().json();
    assert_eq!(catalogue(&list), [("보기".to_owned(), 80), ("view".to_owned(), 40)].into());

    weir(&["compact", "--lake", &lake]).ok();
    assert_eq!(of_any_version(one(&lake, "view")), of_any_version(view.clone()), "rows went to several files");
    let again = event_with("view", "u9", MONDAY, &json!({"tab": "all"})).to_string();
    weir_with_input(&["import", "-", "--lake", &lake], again.as_bytes()).ok();
    let before = one(&lake, "view");
    assert_eq!(before["count"], 41);
    weir(&["compact", "--lake", &lake]).ok();
    assert_eq!(of_any_version(one(&lake, "view")), of_any_version(before), "files became one");
    assert_eq!(weir(&["events", "--lake", &lake, "--format", "json"]).ok().json()[1]["count"], 41);
}

#[test]
fn an_event_that_is_not_there_is_a_failure_that_names_a_near_one() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    server.http().land(&[event("view_job", "u1", MONDAY)]);
    let events = |name| weir(&["events", name, "--lake", &scratch.lake()]);
    events("veiw_job").exits(1).says("no event `veiw_job`").says("did you mean `view_job`?");
    events("something").exits(1).says("`weir events` lists");
    let answer = server.http().get("/api/catalogue?event=veiw_job").with_status(404).json();
    assert_eq!(answer["error"]["code"], "no_event");
    assert!(answer["error"]["message"].as_str().unwrap().contains("did you mean `view_job`?"), "{answer}");
    let answer = server.http().get("/api/catalogue?evnt=view_job").with_status(400).json();
    assert_eq!(answer["error"]["code"], "invalid_parameters");
}

#[test]
fn the_catalogue_is_served_and_follows_events_and_the_plan() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let http = server.http();
    http.land(&[event_with("결제 / pay", "u1", MONDAY, &json!({"amount": 5.5})), event("view", "u1", MONDAY)]);
    let answer = http.get("/api/catalogue").with_status(200);
    let list = answer.json();
    assert_eq!((&list["count"], &list["other"]), (&json!(2), &json!(0)));
    assert!(list["version"].as_u64().unwrap() > 0 && list["complete_to"].is_string(), "{list}");
    assert_eq!(list["events"][0].get("planned"), None, "without a plan nothing is said of it");
    assert_eq!(list["users"]["refused_links"], 0, "{list}");
    let kiosk =
        |user: &str| json!({"event": "identify", "anonymous_id": "kiosk", "user_id": user, "timestamp": MONDAY});
    http.land(&[kiosk("ana"), kiosk("ben")]);
    let users = http.get("/api/catalogue").with_status(200).json()["users"].take();
    assert_eq!((&users["linked_ids"], &users["refused_links"]), (&json!(1), &json!(1)), "{users}");
    assert_eq!((&users["refused"][0]["to"], &users["refused"][0]["stays"]), (&json!("ben"), &json!("ana")), "{users}");
    let pay = http.get("/api/catalogue?event=%EA%B2%B0%EC%A0%9C%20%2F%20pay").with_status(200).json();
    assert_eq!(pay["properties"][0]["max"], 5.5);
    assert_eq!(of_any_version(pay), of_any_version(one(&scratch.lake(), "결제 / pay")));

    let answer = http.get("/api/catalogue").with_status(200);
    let tag = answer.header("etag").to_owned();
    let ask = |tag: &str| {
        let request = format!(
            "GET /api/catalogue HTTP/1.1\r\nhost: localhost\r\nif-none-match: {tag}\r\nconnection: close\r\n\r\n"
        );
        weir_tests::http::raw(server.address(), &request)
    };
    assert!(ask(&tag).starts_with("HTTP/1.1 304"), "{}", ask(&tag));
    assert!(ask("\"other\"").starts_with("HTTP/1.1 200"));
    http.land(&[event("view", "u2", MONDAY)]);
    assert!(ask(&tag).starts_with("HTTP/1.1 200"), "there is more now");

    let plan = scratch.file("plan.json", json!({"weir_plan": 1, "events": {"view": {"properties": {}}}}).to_string());
    let tag = http.get("/api/catalogue").with_status(200).header("etag").to_owned();
    weir(&["plan", "set", &plan, "--lake", &scratch.lake()]).ok();
    assert!(ask(&tag).starts_with("HTTP/1.1 200"), "there is a plan now");
    let list = http.get("/api/catalogue").with_status(200).json();
    let planned: Vec<_> = list["events"].as_array().unwrap().iter().map(|e| (&e["event"], &e["planned"])).collect();
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(planned, [(&json!("identify"), &no), (&json!("view"), &yes), (&json!("결제 / pay"), &no)]);
    weir(&["events", "--lake", &scratch.lake()]).ok().says("of 3 names");
}
