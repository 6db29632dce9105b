//! Checks against a lake: when they run, what is kept, and who is called.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use serde_json::json;
use weir_core::ports::{CountingIds, ManualClock};
use weir_lake::Table;

use super::*;
use crate::saved::{Body, Saving};

const NOW: i64 = 1_767_225_600_000;
const DAY: i64 = 86_400_000;

struct World {
    clock: Arc<ManualClock>,
    engine: Engine,
    ids: CountingIds,
}

async fn world() -> World {
    let store = Store::in_memory();
    let clock = Arc::new(ManualClock::new(NOW));
    Table::open_or_create(&store, "id", 0).await.unwrap();
    World { engine: Engine::new(store, Arc::clone(&clock) as _), clock, ids: CountingIds::default() }
}

impl World {
    fn checks(&self, hosts: &[&str]) -> Checks {
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        Checks::new(self.engine.clone(), Webhooks::to(hosts).without_pauses())
    }

    async fn save(&self, name: &str, check: Option<Value>) -> String {
        // Nobody did anything: a count is 0, and of a share there is none.
        let mut report =
            json!({"name": name, "spec": {"kind": "funnel", "steps": [{"event": "view"}, {"event": "buy"}]}});
        if let Some(check) = check {
            report["check"] = check;
        }
        let body = Body::parse(SavedKind::Reports, &report, NOW).unwrap();
        let saving = Saving { by: None, now_ms: NOW };
        self.engine.library().create(SavedKind::Reports, body, &self.ids, saving).await.unwrap().id.clone()
    }

    async fn results_kept(&self, report: &str) -> usize {
        self.engine.store().list(&names::checks(report), None).await.unwrap().len()
    }
}

/// Takes requests, answers with these statuses one after the other, and gives back what it was sent.
fn listen(statuses: Vec<u16>) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for status in statuses {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let place = if status == 302 { "Location: http://127.0.0.1:1/\r\n" } else { "" };
            write!(stream, "HTTP/1.1 {status} X\r\n{place}Content-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            // Nobody may be waiting any more.
            let _ = tell.send(serde_json::from_slice(&body).unwrap());
        }
    });
    (host, told)
}

/// How often it was called: what comes in the same moment is waited for.
fn calls(told: &Receiver<Value>) -> usize {
    std::iter::from_fn(|| told.recv_timeout(Duration::from_millis(500)).ok()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_runs_once_in_each_span_and_its_result_is_kept() {
    let world = world().await;
    let checks = world.checks(&[]);
    let id = world.save("Buyers", Some(json!({"measure": "count", "below": 1}))).await;
    world.save("Unchecked", None).await;
    let waiting = checks.results().await.unwrap();
    assert_eq!(
        waiting.iter().map(|result| (result.name.as_str(), result.state)).collect::<Vec<_>>(),
        [("Buyers", CheckState::Waiting)]
    );
    for _ in 0..3 {
        checks.run_due().await.unwrap();
    }
    assert_eq!(world.results_kept(&id).await, 1, "once a day");
    let result = checks.results().await.unwrap().remove(0);
    assert_eq!((result.state, result.value), (CheckState::Failing, Some(0.0)));
    assert_eq!(result.message, "the count of the last step is 0, below 1");
    world.clock.advance(DAY);
    checks.run_due().await.unwrap();
    assert_eq!(world.results_kept(&id).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_servers_one_keeps_the_result_and_calls() {
    let world = world().await;
    let (host, told) = listen(vec![200; 8]);
    let webhook = format!("http://{host}/hook");
    let id = world.save("Buyers", Some(json!({"measure": "count", "below": 1, "webhook": webhook}))).await;
    let servers: Vec<_> = (0..6)
        .map(|_| {
            let checks = world.checks(&[&host]);
            tokio::spawn(async move { checks.run_due().await.unwrap() })
        })
        .collect();
    for server in servers {
        server.await.unwrap();
    }
    assert_eq!(world.results_kept(&id).await, 1);
    assert_eq!(calls(&told), 1, "one call");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_of_changes_and_of_nothing_else() {
    let world = world().await;
    let (host, told) = listen(vec![200; 4]);
    let webhook = format!("http://{host}/hook");
    let checks = world.checks(&[&host]);
    let id = world.save("Buyers", Some(json!({"measure": "count", "below": 1, "webhook": webhook}))).await;
    let first = checks.run(&id).await.unwrap();
    assert_eq!(first.webhook, Some(WebhookState::Sent));
    let news = told.recv().unwrap();
    assert_eq!(
        (&news["state"], &news["previous"], &news["report"]["name"]),
        (&json!("failing"), &Value::Null, &json!("Buyers"))
    );
    world.clock.advance(1);
    assert_eq!(checks.run(&id).await.unwrap().webhook, None, "still failing is no news");
    // The bounds change, and it holds again.
    let report = json!({
        "name": "Buyers", "spec": {"kind": "funnel", "steps": [{"event": "view"}]},
        "check": {"measure": "count", "above": 5, "webhook": webhook}
    });
    let body = Body::parse(SavedKind::Reports, &report, NOW).unwrap();
    let saving = Saving { by: None, now_ms: NOW };
    world.engine.library().update(SavedKind::Reports, (&id, 1), body, saving).await.unwrap();
    world.clock.advance(1);
    assert_eq!(checks.run(&id).await.unwrap().webhook, Some(WebhookState::Sent));
    let news = told.recv().unwrap();
    assert_eq!((&news["state"], &news["previous"]), (&json!("ok"), &json!("failing")));
    // What became of the call is kept with the result.
    assert_eq!(checks.results().await.unwrap()[0].webhook, Some(WebhookState::Sent));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_stumbles_is_tried_again_and_a_redirect_is_not_followed() {
    let world = world().await;
    for (statuses, expected) in [
        (vec![500, 503, 200], WebhookState::Sent),
        (vec![500, 500, 500], WebhookState::Failed),
        (vec![302, 302, 302], WebhookState::Failed),
    ] {
        let tries = statuses.len();
        let (host, told) = listen(statuses);
        let webhook = format!("http://{host}/hook");
        let id = world.save("Buyers", Some(json!({"measure": "count", "below": 1, "webhook": webhook}))).await;
        assert_eq!(world.checks(&[&host]).run(&id).await.unwrap().webhook, Some(expected));
        assert_eq!(calls(&told), tries);
        let other = world.save("Other", Some(json!({"measure": "count", "below": 1, "webhook": webhook}))).await;
        assert_eq!(world.checks(&["hooks.example"]).run(&other).await.unwrap().webhook, Some(WebhookState::NotAllowed));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_value_or_cannot_be_asked_says_so() {
    let world = world().await;
    let checks = world.checks(&[]);
    let id = world.save("Share", Some(json!({"measure": "conversion", "below": 0.5}))).await;
    let result = checks.run(&id).await.unwrap();
    assert_eq!((result.state, result.value, result.webhook), (CheckState::None, None, None));
    assert_eq!(result.message, "there is no value of conversion");
    let report = json!({
        "name": "Of a report that is gone",
        "spec": {"kind": "funnel", "steps": [{"event": "a"}], "cohort": {"report": "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e"}},
        "check": {"measure": "count", "below": 1}
    });
    let body = Body::parse(SavedKind::Reports, &report, NOW).unwrap();
    let saving = Saving { by: None, now_ms: NOW };
    let gone = world.engine.library().create(SavedKind::Reports, body, &world.ids, saving).await.unwrap().id.clone();
    let result = checks.run(&gone).await.unwrap();
    assert_eq!(result.state, CheckState::Error);
    assert!(result.message.contains("cohort.report"), "{}", result.message);
    let saving = Saving { by: None, now_ms: NOW };
    world.engine.library().remove(SavedKind::Reports, (&id, 1), saving).await.unwrap();
    assert!(matches!(checks.run(&id).await, Err(CheckError::NoCheck(_))), "it is removed");
    let unchecked = world.save("Unchecked", None).await;
    assert!(matches!(checks.run(&unchecked).await, Err(CheckError::NoCheck(_))));
    assert!(matches!(checks.run("nothing").await, Err(CheckError::Saved(SavedError::NotThere { .. }))));
}

#[tokio::test(flavor = "multi_thread")]
async fn old_results_go() {
    let world = world().await;
    let checks = world.checks(&[]);
    let id = world.save("Buyers", Some(json!({"measure": "count", "below": 1, "every": "10m"}))).await;
    for _ in 0..MOST_KEPT + 5 {
        world.clock.advance(600_000);
        checks.run_due().await.unwrap();
    }
    assert_eq!(world.results_kept(&id).await, MOST_KEPT);
}
