//! Reports over HTTP and on the command line, of one lake; properties across events.

use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::cli::{weir, weir_with_input};
use weir_tests::server::Server;

use super::ask::{event, event_with};

/// 2025-06-02T09:00:00Z.
const MONDAY: i64 = 1_748_854_800_000;

fn lake(scratch: &Scratch) -> String {
    let lake = scratch.lake();
    let events = [
        event_with("view", "ana", MONDAY, &json!({"plan": "pro", "tab": "new"})),
        event_with("view", "bob", MONDAY, &json!({"plan": "free", "tab": "new"})),
        event_with("buy", "ana", MONDAY + 60_000, &json!({"plan": "pro", "price": 3})),
        event("leave", "bob", MONDAY + 60_000),
    ];
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    weir_with_input(&["import", "-", "--lake", &lake], lines.as_bytes()).ok();
    lake
}

#[test]
fn a_report_of_the_command_line_is_one_of_the_page() {
    let scratch = Scratch::new();
    let lake = lake(&scratch);
    let reports = |args: &[&str]| weir(&[&["reports"], args, &["--lake", &lake]].concat());
    let spec = scratch.file("buyers.json", r#"{"kind":"funnel","steps":[{"event":"view"},{"event":"buy"}]}"#);
    let saved =
        reports(&["save", "--name", "Buyers", "--folder", "growth", "--spec", &spec, "--format", "json"]).ok().json();
    let id = saved["id"].as_str().unwrap();
    assert_eq!((&saved["kind"], &saved["revision"]), (&json!("funnel"), &json!(1)));

    let server = Server::start(&lake);
    let http = server.http();
    let listed = http.get("/api/reports").with_status(200).json();
    assert_eq!(listed["reports"][0]["name"], "Buyers");
    let mut whole = http.get(&format!("/api/reports/{id}")).with_status(200).json();
    whole["description"] = json!("who buys");
    let path = format!("/api/reports/{id}");
    let put = http.request("PUT", &path, &[("if-match", "\"1\"")], whole.to_string().as_bytes()).with_status(200);
    assert_eq!(put.header("etag"), "\"2\"");

    // As its own command prints it, and found by name, id and the beginning of that.
    let asked = weir(&["funnel", "--spec", &spec, "--lake", &lake, "--quiet"]).ok().stdout;
    for name in ["Buyers", id, &id[..30]] {
        assert_eq!(reports(&["run", name, "--quiet"]).ok().stdout, asked, "{name}");
    }
    reports(&["save", "--id", id, "--revision", "1", "--name", "Mine"])
        .exits(1)
        .says("is at revision 2 now, and not at 1");
    reports(&["save", "--id", id, "--name", "Mine"]).exits(2).says("--revision N; it is at 2 now");
    reports(&["save", "--id", id, "--revision", "2", "--name", "Mine"]).ok();
    let mine = http.get(&path).with_status(200).json();
    assert_eq!(
        (&mine["name"], &mine["folder"], &mine["description"]),
        (&json!("Mine"), &json!("growth"), &json!("who buys"))
    );
    let history = reports(&["history", "Mine", "--format", "json"]).ok().json();
    assert_eq!(history.as_array().unwrap().len(), 3);
    reports(&["remove", "Mine"]).ok().says(&format!("weir reports save --id {id} --revision 4"));
    reports(&["run", "Mine"]).exits(1).says("there is no report `Mine`");
    assert_eq!(reports(&["list", "--removed", "--format", "json"]).ok().json()[0]["id"], id);
    reports(&["save", "--id", id, "--revision", "4"]).ok();
    assert_eq!(http.get(&path).json()["removed"], false);
    server.stop();
}

#[test]
fn what_cannot_be_saved_is_said_under_the_names_of_options() {
    let scratch = Scratch::new();
    let lake = lake(&scratch);
    let save = |args: &[&str]| weir(&[&["reports", "save"], args, &["--lake", &lake]].concat());
    let spec = scratch.file("wrong.json", r#"{"kind":"funnel","steps":[]}"#);
    save(&["--spec", &spec]).exits(2).says("no name given");
    save(&["--name", "a"]).exits(2).says("no question given");
    save(&["--name", " ", "--folder", "/", "--spec", &spec])
        .exits(2)
        .says("--name: found an empty text")
        .says("--folder: found `/`")
        .says("steps: found 0 steps");
    let broken = scratch.file("broken.json", "{");
    save(&["--name", "a", "--spec", &broken]).exits(2).says(&format!("{broken}: not valid JSON"));
    let none = scratch.arg("none");
    weir(&["reports", "list", "--lake", &none]).exits(1).says("there is no lake");
}

#[test]
fn a_report_is_a_cohort_of_other_questions() {
    let scratch = Scratch::new();
    let lake = lake(&scratch);
    let server = Server::start(&lake);
    let funnel = json!({"kind": "funnel", "steps": [{"event": "view"}, {"event": "buy"}]});
    let body = json!({"name": "Buyers", "spec": funnel}).to_string();
    let id = server.http().request("POST", "/api/reports", &[], body.as_bytes()).with_status(201).json()["id"].clone();
    let count = |cohort: Value| {
        let spec = json!({"kind": "funnel", "steps": [{"event": "view"}], "cohort": cohort});
        server.http().query(&spec)["steps"][0]["count"].as_u64().unwrap()
    };
    assert_eq!(count(json!([])), 2);
    assert_eq!(count(json!([{"report": id}])), 1, "ana bought");
    assert_eq!(count(json!([{"report": id, "step": 1}])), 2);
    let spec = json!({"kind": "funnel", "steps": [{"event": "view"}], "cohort": {"report": id}}).to_string();
    let file = scratch.file("spec.json", &spec);
    let asked = weir(&["funnel", "--spec", &file, "--lake", &lake, "--format", "json"]).ok().json();
    assert_eq!(asked["steps"][0]["count"], 1);
    let why = weir(&["explain-user", "bob", "--spec", &file, "--lake", &lake, "--format", "json"]).ok().json();
    assert_eq!((&why["counted"], &why["outside_cohorts"]), (&json!(false), &json!([1])));
}

#[test]
fn properties_are_those_of_all_events_or_of_some() {
    let scratch = Scratch::new();
    let server = Server::start(&lake(&scratch));
    let http = server.http();
    let all = http.get("/api/properties").with_status(200);
    let plan = json!({"property": "plan", "types": {"string": 3}, "events": 2, "present": 3});
    let tab = json!({"property": "tab", "types": {"string": 2}, "events": 1, "present": 2});
    let price = json!({"property": "price", "types": {"number": 1}, "events": 1, "present": 1});
    assert_eq!(all.json()["properties"], json!([plan, tab, price]));
    let again = http.request("GET", "/api/properties", &[("if-none-match", all.header("etag"))], b"");
    assert_eq!(again.status, 304);
    let some = http.get("/api/properties?event=buy&event=leave").with_status(200).json();
    let names: Vec<_> =
        some["properties"].as_array().unwrap().iter().map(|p| p["property"].as_str().unwrap()).collect();
    assert_eq!(names, ["plan", "price"]);
    let one = http.get("/api/properties?property=plan").with_status(200).json();
    let values = json!([{"value": "pro", "count": 2, "at_most": 2}, {"value": "free", "count": 1, "at_most": 1}]);
    assert_eq!((&one["properties"][0]["values"], &one["properties"][0]["events"]), (&values, &json!(2)));
    http.get("/api/properties?event=byu").with_status(404);
}

#[test]
fn a_document_that_is_damaged_is_found_by_the_doctor_and_keeps_no_other_back() {
    let scratch = Scratch::new();
    let lake = lake(&scratch);
    let server = Server::start(&lake);
    let http = server.http();
    let body = |name: &str| json!({"name": name, "spec": {"kind": "funnel", "steps": [{"event": "view"}]}}).to_string();
    let create = |name: &str| {
        let created = http.request("POST", "/api/reports", &[], body(name).as_bytes()).with_status(201).json();
        created["id"].as_str().unwrap().to_owned()
    };
    let (whole, broken) = (create("whole"), create("broken"));
    weir(&["doctor", "--lake", &lake]).ok();
    let file = format!("saved/reports/{broken}/{:020}.json", 2);
    std::fs::write(scratch.path("lake").join(&file), "{").unwrap();
    let listed = http.get("/api/reports").with_status(200).json();
    assert_eq!((listed["reports"].as_array().unwrap().len(), &listed["reports"][0]["id"]), (1, &json!(whole)));
    assert_eq!(http.get(&format!("/api/reports/{broken}")).with_status(500).json()["error"]["code"], "damaged");
    let found = weir(&["doctor", "--lake", &lake, "--format", "json"]).exits(1);
    assert!(found.stdout.contains("saved_unreadable") && found.stdout.contains(&file), "{}", found.stdout);
    // As the doctor says: without that file the revision before counts.
    std::fs::remove_file(scratch.path("lake").join(&file)).unwrap();
    weir(&["doctor", "--lake", &lake]).ok();
    assert_eq!(http.get(&format!("/api/reports/{broken}")).with_status(200).json()["revision"], 1);
    server.stop();
}
