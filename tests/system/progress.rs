//! How far a question is, over HTTP; and that nobody works for who has gone.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::cli::weir_with_input;
use weir_tests::server::Server;

use super::ask::{counts, funnel_of};

const USERS: usize = 200_000;

/// A lake with an event of each user, and a question that takes a while: the longer the texts, the longer.
pub fn slow(scratch: &Scratch, users: usize, words: usize) -> Value {
    let line = |user: usize| {
        let order = format!("{}order {user}, which nobody else has", "or ".repeat(words));
        let event = json!({"event": "a", "user_id": format!("u{user}"), "timestamp": 1_748_854_800_000_u64 + user as u64,
            "properties": {"order": order}});
        format!("{event}\n")
    };
    let lines: String = (0..users).map(line).collect();
    weir_with_input(&["import", "-", "--lake", &scratch.lake()], lines.as_bytes()).ok();
    let test = |number: usize| json!({"event": "*", "where": [{"property": "order", "op": "matches", "value": format!("(.*o.*r.*){{6}}{number}$")}]});
    json!({"kind": "funnel", "steps": [{"any": (0..20).map(|number| test(users + number)).collect::<Vec<_>>()}]})
}

/// Asks for lines, and leaves the connection open.
pub fn asks(server: &Server, headers: &[(&str, &str)], spec: &Value) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let (body, host) = (spec.to_string(), server.address());
    let head = format!("POST /api/query HTTP/1.1\r\nhost: {host}\r\naccept: application/x-ndjson\r\nconnection: close");
    let head = headers.iter().fold(head, |head, (name, value)| format!("{head}\r\n{name}: {value}"));
    let length = body.len();
    stream
        .write_all(
            format!("{head}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").as_bytes(),
        )
        .unwrap();
    stream
}

/// CPU that a process has used, in ticks of the kernel.
fn cpu_ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn a_slow_question_says_how_far_it_is_and_ends_when_its_asker_goes() {
    let scratch = Scratch::new();
    let spec = slow(&scratch, USERS, 0);
    let server = Server::start(&scratch.lake());
    let started = Instant::now();
    let expected = server.http().query(&spec);
    let whole = started.elapsed();
    assert_eq!(counts(&expected), [0]);

    let answer =
        server.http().request("POST", "/api/query", &[("accept", "application/x-ndjson")], spec.to_string().as_bytes());
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-ndjson"));
    let lines: Vec<Value> = answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, progress) = lines.split_last().unwrap();
    assert_eq!(last["answer"]["steps"], expected["steps"]);
    assert!(!progress.is_empty(), "{whole:?} is long enough for a line");
    let rows: Vec<u64> = progress.iter().map(|line| line["progress"]["rows"].as_u64().unwrap()).collect();
    assert!(rows.is_sorted() && rows.iter().all(|rows| *rows <= USERS as u64), "{rows:?}");
    assert!(progress.iter().all(|line| line["progress"]["of"] == USERS), "{progress:?}");
    assert!(progress.len() as u128 <= whole.as_millis() / 100 + 5, "{} lines in {whole:?}", progress.len());

    // The first line, and away.
    let mut asker = BufReader::new(asks(&server, &[], &spec));
    let mut line = String::new();
    while !line.contains("progress") {
        line.clear();
        assert!(asker.read_line(&mut line).unwrap() > 0, "the answer ends without progress");
    }
    drop(asker);
    thread::sleep(Duration::from_millis(700));
    let (before, pause) = (cpu_ticks(server.process()), Duration::from_millis(500));
    thread::sleep(pause);
    let used = cpu_ticks(server.process()) - before;
    // A tick is 10 ms: half of one core is far more than a server that waits, and less than a question that goes on.
    assert!(used < 25, "{used} ticks of CPU within {pause:?} after the asker has gone; the whole takes {whole:?}");
    server.stop();
}

#[test]
fn what_is_wrong_is_a_plain_answer_whoever_wants_lines() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.lake());
    let ask = |spec: &Value| {
        server.http().request("POST", "/api/query", &[("accept", "application/x-ndjson")], spec.to_string().as_bytes())
    };
    let wrong = ask(&json!({"kind": "funnel", "steps": []}));
    assert_eq!((wrong.status, wrong.json()["error"]["problems"][0]["field"].as_str()), (400, Some("steps")));
    let gone = ask(&json!({"kind": "funnel", "steps": [{"event": "a"}], "cohort": {"report": "gone"}}));
    assert_eq!((gone.status, gone.json()["error"]["problems"][0]["field"].as_str()), (400, Some("cohort.report")));
    let quick = ask(&funnel_of(&["a"]));
    assert_eq!((quick.status, quick.body.lines().count()), (200, 1));
    let line: Value = serde_json::from_str(&quick.body).unwrap();
    assert_eq!(line["answer"]["kind"], "funnel");
    let mut whole = String::new();
    asks(&server, &[], &funnel_of(&["a"])).read_to_string(&mut whole).unwrap();
    assert!(whole.contains("transfer-encoding: chunked") && whole.contains("cache-control: no-store"), "{whole}");
}
