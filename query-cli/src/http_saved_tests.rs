//! What people keep, over HTTP: every answer of the three resources.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use serde_json::{Value, json};
use tower::ServiceExt;
use weir_core::ports::{CountingIds, ManualClock};
use weir_lake::names::{self, SavedKind};
use weir_lake::{Store, Table};

use super::state::Api;
use super::{Identity, reading_router};
use crate::engine::Engine;
use crate::tokens::Role;

const NOW: i64 = 1_767_225_600_000;

/// The API over a lake, asked one request after the other.
struct Client {
    app: Router,
    store: Store,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    json: Value,
}

impl Client {
    async fn new() -> Self {
        let store = Store::in_memory();
        Table::open_or_create(&store, "id", 0).await.unwrap();
        let engine = Engine::new(store.clone(), Arc::new(ManualClock::new(NOW)));
        let figures = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        let app = reading_router(Api::new(engine, Arc::new(CountingIds::default()), "s3://bucket/demo"), figures);
        Self { app, store }
    }

    async fn ask(&self, request: &str, if_match: Option<&str>, body: Value) -> Answer {
        let (method, path) = request.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(path);
        let request = if_match.iter().fold(request, |request, tag| request.header("if-match", *tag));
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.app.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Answer { status, headers, json: serde_json::from_slice(&bytes).unwrap_or_default() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), None, Value::Null).await
    }
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

fn funnel() -> Value {
    json!({"kind": "funnel", "steps": [{"event": "view"}]})
}

#[tokio::test]
async fn a_report_is_kept_changed_removed_and_brought_back() {
    let client = Client::new().await;
    assert_eq!(client.get("/api/reports").await.json, json!({"reports": []}));
    let report = json!({"name": "Buyers", "folder": "growth", "spec": funnel()});
    let created = client.ask("POST /api/reports", None, report.clone()).await;
    let id = created.json["id"].as_str().unwrap().to_owned();
    let place = format!("/api/reports/{id}");
    let whole = json!({"format": 1, "id": id, "revision": 1, "name": "Buyers", "folder": "growth", "description": "",
        "spec": funnel(), "saved_at": "2026-01-01T00:00:00.000Z", "saved_by": null, "removed": false});
    assert_eq!((created.status, &created.json), (201, &whole));
    assert_eq!((header(&created, "etag"), header(&created, "location")), ("\"1\"", place.as_str()));
    let got = client.get(&place).await;
    assert_eq!((got.status, header(&got, "etag"), &got.json), (200, "\"1\"", &whole));

    let mut second = report.clone();
    second["name"] = json!("Who buys");
    let put = client.ask(&format!("PUT {place}"), Some("\"1\""), second.clone()).await;
    assert_eq!((put.status, header(&put, "etag"), &put.json["name"]), (200, "\"2\"", &json!("Who buys")));
    let late = client.ask(&format!("PUT {place}"), Some("\"1\""), report.clone()).await;
    assert_eq!((late.status, &late.json["error"]["code"], &late.json["current"]), (412, &json!("changed"), &put.json));
    let blind = client.ask(&format!("PUT {place}"), None, report.clone()).await;
    assert_eq!((blind.status, &blind.json["error"]["code"]), (428, &json!("precondition_required")));
    let listed = client.get("/api/reports").await.json;
    let short = json!({"id": id, "name": "Who buys", "folder": "growth", "description": "", "kind": "funnel", "revision": 2,
        "saved_at": "2026-01-01T00:00:00.000Z", "saved_by": null});
    assert_eq!(listed, json!({"reports": [short]}));
    assert_eq!(client.get(&format!("{place}?revision=1")).await.json, whole);

    assert_eq!(client.ask(&format!("DELETE {place}"), None, Value::Null).await.status, 428);
    assert_eq!(client.ask(&format!("DELETE {place}"), Some("\"1\""), Value::Null).await.status, 412);
    assert_eq!(client.ask(&format!("DELETE {place}"), Some("\"2\""), Value::Null).await.status, 204);
    assert_eq!(client.get("/api/reports").await.json, json!({"reports": []}));
    assert_eq!(client.get("/api/reports?removed=true").await.json["reports"][0]["revision"], 3);
    assert_eq!(client.get(&place).await.json["removed"], true);
    let back = client.ask(&format!("PUT {place}"), Some("W/\"3\""), second).await;
    assert_eq!((back.status, &back.json["revision"], &back.json["removed"]), (200, &json!(4), &json!(false)));
    let history = client.get(&format!("{place}/history")).await.json;
    let told: Vec<_> =
        history["revisions"].as_array().unwrap().iter().map(|r| (&r["revision"], &r["name"], &r["removed"])).collect();
    let revision = |number: u64, name: &str, removed: bool| (json!(number), json!(name), json!(removed));
    let expected = [
        revision(4, "Who buys", false),
        revision(3, "Who buys", true),
        revision(2, "Who buys", false),
        revision(1, "Buyers", false),
    ];
    assert_eq!(told, expected.iter().map(|(number, name, removed)| (number, name, removed)).collect::<Vec<_>>());
}

#[tokio::test]
async fn dashboards_and_annotations_have_the_same_rules() {
    let client = Client::new().await;
    let dashboard = json!({"name": "Monday", "tiles": [{"report": "r"}, {"text": "look"}], "last": "30d"});
    let created = client.ask("POST /api/dashboards", None, dashboard).await;
    assert_eq!((created.status, &created.json["tiles"][1]["text"]), (201, &json!("look")));
    assert_eq!(client.get("/api/dashboards").await.json["dashboards"][0]["name"], "Monday");
    for (date, text) in [("2026-02-01", "later"), ("2026-01-05", "prices went up")] {
        let created = client.ask("POST /api/annotations", None, json!({"date": date, "text": text})).await;
        assert_eq!((created.status, &created.json["date"]), (201, &json!(date)));
    }
    let listed = client.get("/api/annotations").await.json;
    let dates: Vec<_> = listed["annotations"].as_array().unwrap().iter().map(|a| a["date"].as_str().unwrap()).collect();
    assert_eq!(dates, ["2026-01-05", "2026-02-01"]);
    let id = listed["annotations"][0]["id"].as_str().unwrap();
    let history = client.get(&format!("/api/annotations/{id}/history")).await.json;
    assert_eq!(
        (&history["revisions"][0]["text"], &history["revisions"][0]["revision"]),
        (&json!("prices went up"), &json!(1))
    );
    assert_eq!(client.get(&format!("/api/dashboards/{id}")).await.json["error"]["code"], "no_dashboard");
}

#[tokio::test]
async fn reports_are_listed_by_folder_and_name() {
    let client = Client::new().await;
    for (folder, name) in [("b", "a"), ("a", "z"), ("", "m"), ("a", "b")] {
        let report = json!({"name": name, "folder": folder, "spec": funnel()});
        assert_eq!(client.ask("POST /api/reports", None, report).await.status, 201);
    }
    let listed = client.get("/api/reports").await.json;
    let order: Vec<String> = listed["reports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| format!("{}/{}", r["folder"].as_str().unwrap(), r["name"].as_str().unwrap()))
        .collect();
    assert_eq!(order, ["/m", "a/b", "a/z", "b/a"]);
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_with_all_its_problems() {
    let client = Client::new().await;
    let wrong = json!({"name": "", "spec": {"kind": "funnel", "steps": [{"event": ""}]}, "colour": 1});
    let refused = client.ask("POST /api/reports", None, wrong).await;
    assert_eq!((refused.status, &refused.json["error"]["code"]), (400, &json!("invalid_document")));
    let problems = refused.json["error"]["problems"].as_array().unwrap();
    let fields: Vec<_> = problems.iter().map(|problem| problem["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["colour", "name", "spec.steps[0].event"]);
    for (request, if_match, status, code) in [
        ("GET /api/reports/x", None, 404, "no_report"),
        ("GET /api/reports/%ff", None, 400, "invalid_parameters"),
        ("GET /api/reports/..%2f..%2fsettings", None, 404, "no_report"),
        ("GET /api/failed/%ff", None, 400, "invalid_parameters"),
        ("GET /api/reports?colour=1", None, 400, "invalid_parameters"),
        ("GET /api/reports/x?revision=soon", None, 400, "invalid_parameters"),
        ("GET /api/reports/x/history", None, 404, "no_report"),
        ("PATCH /api/reports/x", None, 405, "method_not_allowed"),
        ("DELETE /api/reports/x", Some("\"1\""), 404, "no_report"),
        ("DELETE /api/reports/x", Some("*"), 400, "invalid_parameters"),
        ("DELETE /api/reports/x", Some("\"0\""), 400, "invalid_parameters"),
        ("POST /api/annotations", None, 400, "invalid_document"),
    ] {
        let answer = client.ask(request, if_match, Value::Null).await;
        assert_eq!((answer.status, &answer.json["error"]["code"]), (status, &json!(code)), "{request}");
    }
}

#[tokio::test]
async fn what_a_newer_weir_saved_is_shown_and_left_alone() {
    let client = Client::new().await;
    let id = "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e";
    let newer = r#"{"format":2,"name":"New","cube":{}}"#;
    let path = names::saved_revision(SavedKind::Reports, id, 7);
    client.store.create(&path, newer.as_bytes().into()).await.unwrap();
    let got = client.get(&format!("/api/reports/{id}")).await;
    assert_eq!(
        (got.status, &got.json["newer"], &got.json["name"], &got.json["cube"]),
        (200, &json!(true), &json!("New"), &json!({}))
    );
    let listed = client.get("/api/reports").await;
    assert_eq!(
        (listed.status, &listed.json["reports"][0]["newer"], &listed.json["reports"][0]["kind"]),
        (200, &json!(true), &Value::Null)
    );
    let report = json!({"name": "n", "spec": funnel()});
    let refused = client.ask(&format!("PUT /api/reports/{id}"), Some("\"7\""), report).await;
    assert_eq!((refused.status, &refused.json["error"]["code"]), (409, &json!("newer_format")));
}

#[tokio::test]
async fn a_session_says_who_is_there() {
    let client = Client::new().await;
    let session = client.get("/api/session").await.json;
    let expected = json!({"version": env!("CARGO_PKG_VERSION"), "auth": "none", "name": null, "role": "admin", "user": null, "lake": "demo",
        "logins": {"token": false, "openid": null}});
    assert_eq!(session, expected);
    assert_eq!(Identity::ANYONE.role, Some(Role::Admin));
}

#[tokio::test]
async fn a_question_about_a_report_that_is_not_there_names_the_field() {
    let client = Client::new().await;
    let mut question = funnel();
    question["cohort"] = json!([{"report": "gone"}]);
    let refused = client.ask("POST /api/query", None, question).await;
    let problem = &refused.json["error"]["problems"][0];
    assert_eq!((refused.status, &problem["field"]), (400, &json!("cohort[0].report")));
    let mut question = funnel();
    question["cohort"] = json!({"report": "gone"});
    let refused = client.ask("POST /api/explain", None, json!({"user": "ana", "spec": question})).await;
    let problem = &refused.json["error"]["problems"][0];
    assert_eq!((refused.status, &problem["field"]), (400, &json!("spec.cohort.report")));
}

#[tokio::test]
async fn properties_of_no_events_are_none() {
    let client = Client::new().await;
    let none = client.get("/api/properties").await;
    assert_eq!(
        (none.status, header(&none, "etag"), &none.json),
        (200, "\"0\"", &json!({"version": 0, "properties": []}))
    );
    assert_eq!(client.get("/api/properties?event=view").await.json["error"]["code"], "no_event");
    assert_eq!(client.get("/api/properties?colour=1").await.json["error"]["code"], "invalid_parameters");
    assert_eq!(client.get("/api/properties?property=a&property=b").await.status, 400);
}
