//! The page, and who may read.

use serde_json::json;
use weir_tests::Scratch;
use weir_tests::http::raw;
use weir_tests::server::Server;

use super::ask::event;

/// What a page names in an attribute.
fn named<'p>(page: &'p str, attribute: &str) -> Vec<&'p str> {
    let parts = page.split(attribute).skip(1);
    parts.filter_map(|part| part.strip_prefix("=\"")?.split('"').next()).collect()
}

#[test]
fn the_page_is_served_with_all_it_names() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let page = server.http().get("/").with_status(200);
    assert!(page.header("content-type").starts_with("text/html"), "{:?}", page.headers);
    let scripts = named(&page.body, " src");
    assert!(!scripts.is_empty(), "no script in\n{}", page.body);
    for asset in scripts.into_iter().chain(named(&page.body, " href")) {
        assert!(!asset.contains("//"), "the page takes `{asset}` from elsewhere");
        let path = format!("/{}", asset.trim_start_matches("./").trim_start_matches('/'));
        let answer = server.http().get(&path).with_status(200);
        assert!(!answer.body.is_empty(), "{path} is empty");
        let kind = match path.rsplit('.').next() {
            Some("js") => "javascript",
            Some("css") => "text/css",
            Some("svg") => "image/svg+xml",
            _ => "",
        };
        assert!(answer.header("content-type").contains(kind), "{path} has {:?}", answer.headers);
    }
    server.http().get("/nowhere.html").with_status(404);
    server.http().get("/../Cargo.toml").with_status(404);
}

#[test]
fn a_browser_is_told_to_take_nothing_from_elsewhere() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    for path in ["/", "/api/events", "/nowhere", "/v1/receipts/x"] {
        let answer = server.http().get(path);
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[test]
fn a_page_of_another_name_may_send_and_not_read() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    server.http().land(&[event("view", "u1", 1_748_854_800_000)]);
    let ask = |host: &str, request: &str| {
        let (head, body) = request.split_once('|').unwrap_or((request, ""));
        let length = body.len();
        let text =
            format!("{head} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        let answer = raw(server.address(), &text);
        let status = answer.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
        (status.unwrap_or_else(|| panic!("no answer:\n{answer}")), answer)
    };
    let question = format!("POST /api/query|{}", json!({"kind": "funnel", "steps": [{"event": "view"}]}));
    for request in ["GET /api/events", question.as_str(), "GET /"] {
        for host in ["evil.example", "evil.example:8080", "localhost.evil.example"] {
            let (status, answer) = ask(host, request);
            assert_eq!(status, 421, "{request} under {host}");
            assert!(!answer.contains("view"), "{answer}");
        }
        for host in ["localhost", "127.0.0.1:8080", "[::1]:1"] {
            assert_eq!(ask(host, request).0, 200, "{request} under {host}");
        }
    }
    // Events may come from anywhere, through whatever name.
    assert_eq!(ask("collect.example", r#"POST /v1/events|{"event":"view","user_id":"u2"}"#).0, 200);
}

#[test]
fn a_bad_question_is_answered_with_all_its_problems() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let ask = |body: &str| server.http().post("/api/query", ("content-type", "application/json"), body.as_bytes());
    let spec =
        json!({"kind": "funnel", "widnow": "1d", "timezone": "Asia/Soul", "steps": [{"event": "a", "were": []}]});
    let answer = ask(&spec.to_string()).with_status(400).json();
    let problems = answer["error"]["problems"].as_array().unwrap_or_else(|| panic!("no problems in {answer}"));
    let said = |field: &str| {
        let problem = problems.iter().find(|problem| problem["field"] == field);
        problem.unwrap_or_else(|| panic!("nothing about {field} in {answer}"))["message"].as_str().unwrap().to_owned()
    };
    assert!(said("widnow").contains("window"));
    assert!(said("timezone").contains("Asia/Seoul"));
    assert!(said("steps[0].were").contains("where"));
    assert_eq!(problems.len(), 3, "{answer}");
    ask("{").with_status(400);
    ask("\u{1}").with_status(400);
    server.http().get("/api/nothing").with_status(404);
}
