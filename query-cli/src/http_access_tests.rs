//! Who may ask what: every route, by everybody; sessions, their end, and requests that somebody else made up.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method};
use cookie::Key;
use serde_json::{Value, json};
use tower::ServiceExt;
use weir_core::ports::{Clock, CountingIds, ManualClock};
use weir_lake::{Settings, Store, StoreError, Table};

use super::access::{ACCESS, Needs};
use super::{Accounts, Api, Auth, AwsCaller, By, Identity, Known, QueryLimits, Sealed, reading_router};
use crate::engine::Engine;
use crate::tokens::{Role, TOKENS, Token, TokenText, tokens_of};

const NOW: i64 = 1_767_225_600_000;
const HOUR: i64 = 3_600_000;

/// A server of a lake with a token for each role, which is the name of the role.
struct Site {
    app: Router,
    store: Store,
    clock: Arc<ManualClock>,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    json: Value,
}

impl Answer {
    fn code(&self) -> &str {
        self.json["error"]["code"].as_str().unwrap_or_default()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The cookie as a browser sends it back.
    fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
    }
}

impl Site {
    async fn new(is_secure: bool) -> Self {
        let store = Store::in_memory();
        Table::open_or_create(&store, "id", 0).await.unwrap();
        let token = |role: Role| Token::new(role.as_str(), role, &TokenText::sent(role.as_str()), NOW);
        let tokens = [Role::Viewer, Role::Editor, Role::Admin].map(token);
        Settings::update(&store, |settings| settings.set(TOKENS, &tokens)).await.unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let app = app(&store, &clock, Key::from(&[7; 64]), is_secure).await;
        Self { app, store, clock }
    }

    async fn ask(&self, request: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        ask(&self.app, request, headers, body).await
    }

    fn wait_until(&self, now_ms: i64) {
        self.clock.advance(now_ms - self.clock.now_ms());
    }

    async fn log_in(&self, token: &str) -> Answer {
        self.ask("POST /api/login", &[], &json!({"token": token}).to_string()).await
    }

    async fn session(&self, headers: &[(&str, &str)]) -> Value {
        self.ask("GET /api/session", headers, "").await.json
    }

    async fn disable(&self, name: &str) {
        let disable = |settings: &mut Settings| -> Result<(), StoreError> {
            let mut tokens = tokens_of(settings)?;
            tokens.iter_mut().filter(|token| token.name == name).for_each(|token| token.disabled_at = Some(NOW));
            settings.set(TOKENS, &tokens)
        };
        Settings::update(&self.store, disable).await.unwrap();
    }
}

async fn app(store: &Store, clock: &Arc<ManualClock>, key: Key, is_secure: bool) -> Router {
    let api = api(store, clock, key, is_secure).await;
    reading_router(api, metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle())
}

async fn api(store: &Store, clock: &Arc<ManualClock>, key: Key, is_secure: bool) -> Api {
    let settings = Settings::newest(store).await.unwrap();
    let known = Arc::new(Known::new(store.clone(), clock.clone()).with_settings(settings).unwrap());
    let accounts = Accounts::new(Arc::clone(&known), Sealed::new(key, is_secure));
    let engine = Engine::new(store.clone(), clock.clone());
    let api = Api::new(engine, Arc::new(CountingIds::default()), "/data/demo");
    api.with_known(known).with_auth(Auth::Accounts(Arc::new(accounts)))
}

async fn ask(app: &Router, request: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let (method, path) = request.split_once(' ').unwrap();
    let request = Request::builder().method(method).uri(path).header("host", "weir.example");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    Answer { status, headers, json: serde_json::from_slice(&bytes).unwrap_or_default() }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test]
async fn every_route_lets_in_who_may_and_nobody_else() {
    let site = Site::new(false).await;
    let asked = |method: &Method, route: &str| format!("{method} {}", route.replace("{id}", "x"));
    let mut refused = 0;
    for (method, route, needs) in ACCESS {
        let request = asked(method, route);
        let nobody = site.ask(&request, &[], "").await;
        let is_open = *needs == Needs::Nothing;
        assert_eq!(nobody.code() == "unauthorized", !is_open, "{request}: {}", nobody.json);
        assert_eq!(nobody.status == 401, !is_open, "{request}");
        for role in [Role::Viewer, Role::Editor, Role::Admin] {
            let answer = site.ask(&request, &[("authorization", &bearer(role.as_str()))], "").await;
            let may = match needs {
                Needs::Nothing => true,
                Needs::Role(needed) => role >= *needed,
                // The token of an embed opens it, and nobody's role does.
                Needs::Embed => {
                    assert_eq!(answer.code(), "unauthorized", "{request} by {role}");
                    continue;
                }
            };
            assert_eq!(answer.status != 403, may, "{request} by {role}: {}", answer.json);
            assert!(answer.status != 401 && answer.status != 500, "{request} by {role}: {}", answer.json);
            if !may {
                refused += 1;
                let Needs::Role(needed) = needs else { panic!("{request}") };
                let expected = format!("this needs the role {needed}, and you have {role}");
                assert_eq!((answer.code(), answer.json["error"]["message"].as_str()), ("wrong_role", Some(&*expected)));
            }
            // It is a route, and not only a line of the table.
            let has_provider = !route.starts_with("/api/login/openid");
            assert!(
                answer.code() != "method_not_allowed" && (answer.code() != "not_found" || !has_provider),
                "{request}: {}",
                answer.json
            );
        }
    }
    assert!(refused >= 10, "{refused}");
}

#[tokio::test]
async fn what_is_not_in_the_table_is_not_open() {
    let site = Site::new(false).await;
    let viewer = bearer("viewer");
    for request in ["GET /api/secret", "DELETE /api/query", "POST /api/session/x", "PATCH /api/reports"] {
        assert_eq!(site.ask(request, &[], "").await.code(), "unauthorized", "{request}");
        let told = site.ask(request, &[("authorization", &viewer)], "").await;
        assert!(told.status == 404 || told.status == 405, "{request}: {}", told.status);
    }
    let page = site.ask("GET /", &[], "").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html"));
    assert_eq!(site.ask("HEAD /api/reports", &[], "").await.status, 401);
    assert_eq!(site.ask("HEAD /api/reports", &[("authorization", &viewer)], "").await.status, 200);
    let listed = site.ask("GET /api/reports", &[("authorization", &viewer)], "").await;
    assert_eq!(listed.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_token_opens_a_session_that_lasts_twelve_hours() {
    let site = Site::new(true).await;
    let nobody = json!({"version": env!("CARGO_PKG_VERSION"), "auth": "token", "name": null, "role": null, "user": null, "lake": "demo", "logins": {"token": true, "openid": null}});
    assert_eq!(site.session(&[]).await, nobody);
    let entered = site.log_in(" editor\n").await;
    let mut editor = nobody.clone();
    (editor["name"], editor["role"]) = (json!("editor"), json!("editor"));
    assert_eq!((entered.status, &entered.json), (200, &editor));
    let (sent, cookie) = (entered.header("set-cookie").to_owned(), entered.cookie());
    for part in ["; HttpOnly", "; SameSite=Strict", "; Secure", "; Path=/", "; Max-Age=43200"] {
        assert!(sent.contains(part), "{sent}");
    }
    let hash = TokenText::sent("editor").sha256();
    assert!(
        cookie.starts_with("weir_session=") && !cookie.contains("editor") && !cookie.contains(&hash[..12]),
        "{cookie}"
    );
    assert!(!site_cookie_of(false).await.contains("Secure"));
    let plain = Site::new(false).await;
    let proxied = plain.ask("POST /api/login", &[("x-forwarded-proto", "https")], r#"{"token":"viewer"}"#).await;
    assert!(proxied.header("set-cookie").contains("; Secure"), "{}", proxied.header("set-cookie"));
    assert_eq!(site.session(&[("cookie", &format!("theme=dark; {cookie}"))]).await, editor);

    site.wait_until(NOW + 12 * HOUR - 1);
    assert_eq!(site.session(&[("cookie", &cookie)]).await["name"], "editor");
    site.wait_until(NOW + 12 * HOUR);
    assert_eq!(site.session(&[("cookie", &cookie)]).await, nobody);
    let over = site.ask("GET /api/reports", &[("cookie", &cookie)], "").await;
    assert!(over.json["error"]["message"].as_str().unwrap().contains("the session is over"), "{}", over.json);

    let left = site.ask("POST /api/logout", &[("origin", "https://weir.example"), ("cookie", &cookie)], "").await;
    assert!(left.status == 204 && left.header("set-cookie").contains("Max-Age=0"), "{}", left.header("set-cookie"));
}

async fn site_cookie_of(is_secure: bool) -> String {
    Site::new(is_secure).await.log_in("viewer").await.header("set-cookie").to_owned()
}

#[tokio::test]
async fn a_session_is_the_servers_own() {
    let site = Site::new(false).await;
    let cookie = site.log_in("admin").await.cookie();
    let mut forged = cookie.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    // Changed somewhere in the middle, too: the last digit may hold fewer bits.
    let middle = cookie.replacen(&cookie[40..44], "AAAA", 1);
    for cookie in [forged, middle, "weir_session=admin".to_owned(), "weir_session=".to_owned(), "admin".to_owned()] {
        assert_eq!(site.session(&[("cookie", &cookie)]).await["role"], Value::Null, "{cookie}");
    }
    // A server with the same key knows it, one with another does not.
    for (byte, role) in [(7_u8, json!("admin")), (8, Value::Null)] {
        let other = app(&site.store, &site.clock, Key::from(&[byte; 64]), false).await;
        assert_eq!(ask(&other, "GET /api/session", &[("cookie", &cookie)], "").await.json["role"], role);
    }
    // A header goes before a cookie.
    let both = [("cookie", cookie.as_str()), ("authorization", "Bearer viewer")];
    assert_eq!(site.session(&both).await["role"], "viewer");
    for wrong in ["Bearer nobody", "Basic admin", "admin", "Bearer "] {
        assert_eq!(
            site.session(&[("cookie", &cookie), ("authorization", wrong)]).await["role"],
            Value::Null,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_token_that_is_disabled_ends_its_sessions_within_seconds() {
    let site = Site::new(false).await;
    let (editor, admin) = (site.log_in("editor").await.cookie(), site.log_in("admin").await.cookie());
    site.disable("editor").await;
    site.wait_until(NOW + 2_000);
    assert_eq!(site.session(&[("cookie", &editor)]).await["role"], Value::Null);
    assert_eq!(site.session(&[("authorization", "Bearer editor")]).await["role"], Value::Null);
    assert_eq!(site.log_in("editor").await.code(), "wrong_token");
    assert_eq!(site.session(&[("cookie", &admin)]).await["role"], "admin");
    // One that is made now is known as soon.
    let text = TokenText::sent("new");
    let add = |settings: &mut Settings| -> Result<(), StoreError> {
        let mut tokens = tokens_of(settings)?;
        tokens.push(Token::new("new", Role::Viewer, &text, NOW));
        settings.set(TOKENS, &tokens)
    };
    Settings::update(&site.store, add).await.unwrap();
    site.wait_until(NOW + 4_000);
    assert_eq!(site.session(&[("authorization", "Bearer new")]).await["role"], "viewer");
    // Settings that cannot be read change nothing.
    let broken = weir_lake::names::settings(Settings::newest(&site.store).await.unwrap().number() + 1);
    site.store.create(&broken, bytes::Bytes::from_static(b"{")).await.unwrap();
    site.wait_until(NOW + 6_000);
    assert_eq!(site.session(&[("authorization", "Bearer new")]).await["role"], "viewer");
}

#[tokio::test]
async fn a_request_that_another_page_made_is_refused() {
    let site = Site::new(false).await;
    let cookie = site.log_in("editor").await.cookie();
    let report = json!({"name": "n", "spec": {"kind": "funnel", "steps": [{"event": "a"}]}}).to_string();
    let here = ("origin", "https://weir.example");
    let own = ("x-weir", "1");
    let with = |more: &[(&'static str, &'static str)]| {
        let (report, cookie, more) = (report.clone(), cookie.clone(), more.to_vec());
        let site = &site;
        async move {
            let headers: Vec<(&str, &str)> = more.iter().copied().chain([("cookie", cookie.as_str())]).collect();
            site.ask("POST /api/reports", &headers, &report).await
        }
    };
    for good in [
        &[here, own][..],
        &[("sec-fetch-site", "same-origin"), own],
        &[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:5173"), own],
    ] {
        assert_eq!(with(good).await.status, 201, "{good:?}");
    }
    for bad in [
        &[][..],
        &[own],
        &[here],
        &[here, ("x-weir", "0")],
        &[("origin", "https://evil.example"), own],
        &[("origin", "https://weir.example.evil.example"), own],
        &[("origin", "null"), own],
        &[("sec-fetch-site", "cross-site"), here, own],
        &[("sec-fetch-site", "same-site"), own],
        &[("sec-fetch-site", "none"), own],
    ] {
        let answer = with(bad).await;
        assert_eq!((answer.status, answer.code()), (403, "forged"), "{bad:?}");
    }
    // No page can send a token that it does not know, so a script needs nothing else.
    let token = [("authorization", "Bearer editor")];
    assert_eq!(site.ask("POST /api/reports", &token, &report).await.status, 201);
    let elsewhere = [("authorization", "Bearer editor"), ("origin", "https://evil.example")];
    assert_eq!(site.ask("POST /api/reports", &elsewhere, &report).await.code(), "forged");
    // Nor does it log anybody in as somebody else, or out.
    let login = json!({"token": "viewer"}).to_string();
    assert_eq!(site.ask("POST /api/login", &[("origin", "https://evil.example")], &login).await.code(), "forged");
    let out = [("sec-fetch-site", "cross-site"), ("cookie", cookie.as_str())];
    assert_eq!(site.ask("POST /api/logout", &out, "").await.code(), "forged");
    // To read is no forgery: no other page sees the answer.
    assert_eq!(site.ask("GET /api/reports", &[("cookie", &cookie)], "").await.status, 200);
}

#[tokio::test]
async fn where_nobody_logs_in_another_page_changes_nothing_either() {
    let site = Site::new(false).await;
    let engine = Engine::new(site.store.clone(), site.clock.clone());
    let figures = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
    let open = reading_router(Api::new(engine, Arc::new(CountingIds::default()), "/data/demo"), figures);
    let note = json!({"date": "2026-01-05", "text": "x"}).to_string();
    let send = |headers: Vec<(&'static str, &'static str)>| {
        let (open, note) = (open.clone(), note.clone());
        async move {
            let request =
                headers.iter().fold(Request::post("/api/annotations"), |r, (name, value)| r.header(*name, *value));
            open.oneshot(request.body(Body::from(note)).unwrap()).await.unwrap().status().as_u16()
        }
    };
    let host = ("host", "localhost:8080");
    assert_eq!(send(vec![host]).await, 201, "a script");
    assert_eq!(send(vec![host, ("origin", "http://localhost:8080")]).await, 201, "the page");
    assert_eq!(send(vec![host, ("origin", "https://evil.example")]).await, 403);
    assert_eq!(send(vec![("host", "evil.example"), ("origin", "http://evil.example")]).await, 421);
    let login = json!({"token": "admin"}).to_string();
    assert_eq!(ask(&open, "POST /api/login", &[], &login).await.status, 421, "the name is looked at first");
}

#[tokio::test]
async fn who_guesses_tokens_waits() {
    let site = Site::new(false).await;
    for _ in 0..4 {
        assert_eq!(site.log_in("wt_guess").await.code(), "wrong_token");
    }
    let waits = site.log_in("admin").await;
    assert_eq!((waits.status, waits.code()), (429, "too_many_logins"));
    let seconds: i64 = waits.header("retry-after").parse().unwrap();
    site.wait_until(NOW + seconds * 1_000);
    assert_eq!(site.log_in("admin").await.status, 200);
    let wrong = site.ask("POST /api/login", &[], r#"{"tokn":"wt_secret"}"#).await;
    assert!(wrong.status == 400 && !wrong.json.to_string().contains("secret"), "{}", wrong.json);
}

#[tokio::test]
async fn what_somebody_saves_has_their_name() {
    let site = Site::new(false).await;
    let note = json!({"date": "2026-01-05", "text": "x"}).to_string();
    let saved = site.ask("POST /api/annotations", &[("authorization", "Bearer editor")], &note).await;
    assert_eq!((saved.status, &saved.json["saved_by"]), (201, &json!("editor")));
}

#[tokio::test]
async fn who_finds_no_turn_is_told_when_to_come_again() {
    let site = Site::new(false).await;
    let one = NonZeroU32::MIN;
    let api = api(&site.store, &site.clock, Key::from(&[7; 64]), false).await;
    let api = api.with_limits(QueryLimits { at_once: one, seconds: one });
    let figures = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
    let app = reading_router(api.clone(), figures);
    let viewer = Identity::of(None, Role::Viewer, By::Token);
    let taken = api.turns.take(&viewer).await.unwrap();
    let funnel = r#"{"kind":"funnel","steps":[{"event":"a"}]}"#;
    let explain = format!(r#"{{"user":"ana","spec":{funnel}}}"#);
    let as_viewer = [("authorization", "Bearer viewer")];
    for (request, body) in [("POST /api/query", funnel), ("POST /api/explain", &explain), ("GET /api/user?id=ana", "")]
    {
        let busy = ask(&app, request, &as_viewer, body).await;
        assert_eq!((busy.status, busy.code(), busy.header("retry-after")), (429, "too_many_queries", "2"), "{request}");
        assert_eq!(ask(&app, request, &[("authorization", "Bearer admin")], body).await.status, 200, "{request}");
    }
    // A check that somebody runs is a question too.
    let check = async || ask(&app, "POST /api/checks/nothing", &[("authorization", "Bearer editor")], "").await.status;
    assert_eq!(check().await, 429);
    drop(taken);
    assert_eq!(check().await, 404);
    assert_eq!(ask(&app, "POST /api/query", &as_viewer, funnel).await.status, 200);
}

#[tokio::test]
async fn an_embed_opens_the_answer_of_one_report_and_nothing_else() {
    let site = Site::new(false).await;
    let editor = [("authorization", "Bearer editor")];
    let report = json!({"name": "n", "spec": {"kind": "funnel", "steps": [{"event": "a"}]}}).to_string();
    let saved = site.ask("POST /api/reports", &editor, &report).await;
    let id = saved.json["id"].as_str().unwrap().to_owned();
    let make = json!({"report": id, "name": "wiki"}).to_string();
    let made = site.ask("POST /api/embeds", &editor, &make).await;
    let token = made.json["token"].as_str().unwrap().to_owned();
    assert!(made.status == 201 && token.starts_with("we_"), "{}", made.json);
    assert_eq!(site.ask("POST /api/embeds", &editor, &make).await.code(), "exists");
    let nothing = json!({"report": "0190", "name": "x"}).to_string();
    assert_eq!(site.ask("POST /api/embeds", &editor, &nothing).await.code(), "no_report");
    for wrong in ["{}", r#"{"report":"a","name":""}"#, r#"{"report":"a","name":"b","x":1}"#] {
        assert_eq!(site.ask("POST /api/embeds", &editor, wrong).await.code(), "invalid_parameters", "{wrong}");
    }
    let listed = site.ask("GET /api/embeds", &editor, "").await.json;
    assert_eq!((&listed["embeds"][0]["created_by"], &listed["allowed"]), (&json!("editor"), &json!([])));
    assert!(!listed.to_string().contains(&token));

    // Who has made it need not wait for it.
    let bearer = bearer(&token);
    let embed = [("authorization", bearer.as_str())];
    let shown = site.ask("GET /api/embedded", &embed, "").await.json;
    assert_eq!((&shown["report"]["name"], &shown["report"]["question"]["kind"]), (&json!("n"), &json!("funnel")));
    let answer = site.ask("POST /api/embedded/query", &embed, "").await;
    assert_eq!((answer.status, &answer.json["steps"][0]["count"]), (200, &json!(0)));
    for (method, route, needs) in ACCESS {
        if matches!(needs, Needs::Role(_)) {
            let request = format!("{method} {}", route.replace("{id}", &id));
            assert_eq!(site.ask(&request, &embed, "").await.code(), "unauthorized", "{request}");
        }
    }
    assert_eq!(site.log_in(&token).await.code(), "wrong_token");
    let elsewhere = [("authorization", bearer.as_str()), ("origin", "https://evil.example")];
    assert_eq!(site.ask("POST /api/embedded/query", &elsewhere, "").await.code(), "forged");

    // It shows the report as it is now.
    let changed = report.replace("\"n\"", "\"m\"");
    let with_revision = [("authorization", "Bearer editor"), ("if-match", "\"1\"")];
    site.ask(&format!("PUT /api/reports/{id}"), &with_revision, &changed).await;
    assert_eq!(site.ask("GET /api/embedded", &embed, "").await.json["report"]["name"], "m");
    let with_revision = [("authorization", "Bearer editor"), ("if-match", "\"2\"")];
    site.ask(&format!("DELETE /api/reports/{id}"), &with_revision, "").await;
    assert_eq!(site.ask("GET /api/embedded", &embed, "").await.code(), "no_report");
    let off = site.ask("POST /api/embeds/wiki/disable", &editor, "").await;
    assert_eq!(off.json["state"], "disabled");
    assert_eq!(site.ask("POST /api/embeds/x/disable", &editor, "").await.code(), "no_embed");
    assert_eq!(site.ask("GET /api/embedded", &embed, "").await.status, 401);
}

#[tokio::test]
async fn the_sites_that_are_named_may_frame_it() {
    let site = Site::new(false).await;
    let policy = async |api: Api| {
        let figures = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        ask(&reading_router(api, figures), "GET /", &[], "").await.header("content-security-policy").to_owned()
    };
    let api = api(&site.store, &site.clock, Key::from(&[7; 64]), false).await;
    assert!(policy(api.clone()).await.ends_with("frame-ancestors 'none'"));
    let named = api.with_frame_ancestors(vec!["https://wiki.example".parse().unwrap()]);
    assert!(policy(named).await.ends_with("frame-ancestors https://wiki.example"));
}

#[tokio::test]
async fn whoever_aws_lets_through_has_one_role() {
    let site = Site::new(false).await;
    let api = api(&site.store, &site.clock, Key::from(&[7; 64]), false).await.with_auth(Auth::Iam(Role::Editor));
    let figures = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
    let app = reading_router(api, figures);
    let session = async |caller: Option<&str>| {
        let mut request = Request::builder().uri("/api/session").header("host", "x").body(Body::empty()).unwrap();
        request.extensions_mut().extend(
            caller
                .map(|name| {
                    let mut extensions = axum::http::Extensions::new();
                    extensions.insert(AwsCaller(name.to_owned()));
                    extensions
                })
                .unwrap_or_default(),
        );
        let response = app.clone().oneshot(request).await.unwrap();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let told: Value = serde_json::from_slice(&bytes).unwrap();
        (told["auth"].clone(), told["name"].clone(), told["role"].clone())
    };
    assert_eq!(session(Some("ana")).await, (json!("iam"), json!("ana"), json!("editor")));
    // An event without a caller did not come through IAM.
    assert_eq!(session(None).await, (json!("iam"), Value::Null, Value::Null));
}
