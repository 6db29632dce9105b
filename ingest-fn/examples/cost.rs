//! Prints what an event costs from candidate to record under several terms, and what user agents cost.
//!
//! ```text
//! cargo run --release -p ingest-fn --example cost
//! ```
#![allow(clippy::print_stdout, reason = "a program that prints figures")]
#![allow(clippy::disallowed_methods, reason = "a program has the real clock")]
#![allow(clippy::unwrap_used, reason = "a program that measures may end by a panic")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use ingest_fn::accept::accept;
use ingest_fn::enrich::{Agents, RequestFacts};
use ingest_fn::keys::{Readers, Source};
use ingest_fn::plan::PlanMode;
use ingest_fn::privacy::{Action, Rule, Rules, SECRET_BYTES};
use ingest_fn::protocol::Batch;
use ingest_fn::terms::Terms;
use weir_core::ports::CountingIds;

const EVENTS: usize = 200_000;
const CONTEXT: &str = r#"{"page":{"path":"/jobs/1","referrer":"","title":"A job","url":"https://shop.example/jobs/1"},"locale":"ko-KR","library":{"name":"analytics.js","version":"npm:next-1.84.3"},"timezone":"Asia/Seoul"}"#;

fn main() {
    let texts: Vec<&str> =
        include_str!("../testdata/user-agents.tsv").lines().filter_map(|l| l.rsplit('\t').next()).collect();
    let (before, begun, agents) = (resident(), Instant::now(), Agents::default());
    agents.read(texts[1]);
    println!("first agent: {:?}; resident {before} KB before, {} KB after", begun.elapsed(), resident());
    for what in ["agents read", "agents known"] {
        let begun = Instant::now();
        texts.iter().for_each(|text| drop(black_box(agents.read(text))));
        println!("{what}: {:?} each; resident {} KB", begun.elapsed() / texts.len() as u32, resident());
    }

    let facts = RequestFacts {
        agent: Some(texts[1].to_owned()),
        country: Some("KR".to_owned()),
        address: "203.0.113.9".parse().ok(),
    };
    let own_agent = CONTEXT.replacen('{', &format!("{{\"userAgent\":\"{}\",", texts[1]), 1);
    for events in [1, 20] {
        println!("{events} events a request, nanoseconds an event:");
        let none = RequestFacts::default();
        let plain = time(events, CONTEXT, || Terms::plain("web"));
        println!("  {plain:6}  as sent");
        let source = Source { name: "web".into(), readers: Readers::Anyone, store_ip: false, plan: PlanMode::Off };
        let under = |facts, rules: Arc<Rules>, context: &str| {
            time(events, context, || Terms::new(&source, Arc::clone(&rules), facts, &agents))
        };
        println!("  {:6}  nothing to add", under(&none, Arc::default(), CONTEXT));
        println!("  {:6}  browser and country added", under(&facts, Arc::default(), CONTEXT));
        println!("  {:6}  the same, of the event's own agent", under(&facts, Arc::default(), &own_agent));
        println!("  {:6}  one property dropped, nothing to add", under(&none, rule(Action::Drop), CONTEXT));
        println!("  {:6}  one property hashed, nothing to add", under(&none, rule(Action::Hash), CONTEXT));
    }
}

fn rule(action: Action) -> Arc<Rules> {
    let rule = Rule { property: "email".to_owned(), action, source: None, event: None, other: Default::default() };
    Arc::new(Rules::compile(&[rule], Some(&[7; SECRET_BYTES])).unwrap())
}

fn time<'t>(events: usize, context: &str, terms: impl Fn() -> Terms<'t>) -> u128 {
    let event = |n: usize| {
        format!(
            r#"{{"event":"view_job","user_id":"user-{n}","timestamp":1767225600000,"properties":{{"job":{n},"category":"design","price":9.5,"email":"a{n}@shop.example"}},"context":{context}}}"#
        )
    };
    let body = (0..events).map(event).collect::<Vec<_>>().join("\n");
    let ids = CountingIds::default();
    let run = || black_box(accept(Batch::native(body.as_bytes()).unwrap(), &terms(), 1_767_225_600_000, &ids).unwrap());
    assert_eq!(run().accepted, events);
    // The best of several, since other programs run as well.
    let round = || {
        let begun = Instant::now();
        (0..EVENTS / events / 5).for_each(|_| drop(run()));
        begun.elapsed().as_nanos() / (EVENTS as u128 / 5)
    };
    (0..5).map(|_| round()).min().unwrap_or_default()
}

/// Resident memory of this process, in KB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or_default()
}
