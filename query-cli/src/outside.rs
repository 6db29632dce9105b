//! A deployment looked at from outside: an event goes in over HTTP, its receipt is followed, and it is asked for in the lake.
//!
//! ```text
//! health ▸ key ▸ POST /v1/events ▸ receipt: stored … queryable ▸ the event in the lake ▸ the page
//! ```
//!
//! It stops at the first part that fails, and says which one that is. The event is called `weir_doctor`, of the user
//! `weir-doctor`, and stays in the lake like any other.

use std::time::Duration;

use ingest_fn::keys::State;
use ingest_fn::settings_watch::keys_of;
use serde_json::{Value, json};
use tokio::time::Instant;
use ureq::Agent;
use url::Url;
use weir_core::event::uuid_text;
use weir_core::ports::{Clock, Ids};
use weir_core::spec::DateRange;
use weir_lake::Settings;
use weir_lake::examine::{Finding, Severity};

use crate::engine::user::TimelineQuestion;
use crate::engine::{Engine, EngineError};

/// One request takes at most so long.
const TIMEOUT: Duration = Duration::from_secs(20);
/// From one look at the receipt to the next.
const PAUSE: Duration = Duration::from_millis(500);
/// The event that is sent, and whose it is.
const EVENT: &str = "weir_doctor";
const USER: &str = "weir-doctor";

/// What to look at.
#[derive(Debug, Clone)]
pub struct Outside {
    /// The address of the collector.
    pub collector: Url,
    /// The key to send with; `None`: one that the lake has.
    pub key: Option<String>,
    /// The address of the page, where that is looked at too.
    pub page: Option<Url>,
    /// How long the event may take until it can be asked for.
    pub patience: Duration,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What went well, in words.
    pub facts: Vec<String>,
}

impl Outside {
    /// Looks at a deployment whose lake this engine reads.
    ///
    /// # Errors
    /// What is wrong with the lake or its settings.
    pub async fn look(&self, engine: &Engine, clock: &dyn Clock, ids: &dyn Ids) -> Result<Seen, EngineError> {
        let mut seen = Seen::default();
        if let Err(finding) = self.follow(engine, clock, ids, &mut seen.facts).await? {
            seen.findings.push(finding);
        }
        if let Some(page) = &self.page {
            match look_at_page(page).await {
                Ok(fact) => seen.facts.push(fact),
                Err(finding) => seen.findings.push(finding),
            }
        }
        Ok(seen)
    }

    /// An event on its way. The outer error is the lake's, the inner one what is found to be wrong.
    async fn follow(
        &self,
        engine: &Engine,
        clock: &dyn Clock,
        ids: &dyn Ids,
        facts: &mut Vec<String>,
    ) -> Result<Result<(), Finding>, EngineError> {
        if let Err(finding) = self.is_ready().await {
            return Ok(Err(finding));
        }
        let settings = Settings::newest(engine.store()).await.map_err(weir_lake::LakeError::from)?;
        let now_ms = clock.now_ms();
        let key = match &self.key {
            Some(key) => key.clone(),
            None => {
                let keys = keys_of(&settings).map_err(weir_lake::LakeError::from)?;
                let usable = keys.iter().find(|key| key.state(now_ms) != State::Disabled && key.origins.is_empty());
                match usable {
                    Some(key) => key.key.as_str().to_owned(),
                    None => return Ok(Err(no_key())),
                }
            }
        };
        let event_id = uuid_text(&ids.next_id());
        let sent = Instant::now();
        let receipt = match self.send(&key, &event_id).await {
            Ok(receipt) => receipt,
            Err(finding) => return Ok(Err(finding)),
        };
        facts.push(format!("the collector took an event in {} ms", sent.elapsed().as_millis()));
        if let Err(finding) = self.wait_for(&receipt).await {
            return Ok(Err(finding));
        }
        facts.push(format!("it was in the lake {:.1} s after it was sent", sent.elapsed().as_secs_f64()));
        let question = TimelineQuestion {
            id: USER.to_owned(),
            range: DateRange { from_ms: Some(now_ms - 3_600_000), to_ms: None },
            events: vec![EVENT.to_owned()],
            limit: 100,
            newest_first: true,
        };
        let timeline = engine.timeline(&question).await?;
        if timeline.events.iter().any(|event| event.event_id == event_id) {
            facts.push("a question about this lake finds it".to_owned());
            return Ok(Ok(()));
        }
        Ok(Err(finding(
            "other_lake",
            self.collector.as_str(),
            format!("the receipt says that event {event_id} can be asked for, and this lake does not have it"),
            "the collector writes to another lake than the one that is asked",
            format!("compare WEIR_LAKE of the collector with {}", engine.store().url()),
        )))
    }

    async fn is_ready(&self) -> Result<(), Finding> {
        let (status, body) = self.ask("GET", "health/ready", None, None).await?;
        if status == 200 {
            return Ok(());
        }
        let (means, remedy) = match status {
            403 => (
                "AWS lets nobody through to the collector, or not this caller",
                "let the function URL be called by everybody (auth type NONE), or by CloudFront where that stands before it",
            ),
            404 => ("something else answers there", "give the address of the collector, without a path"),
            _ => (
                "the stream does not take records, or the lake's settings cannot be read: events are refused or go to the overflow",
                "read the log of the collector, which names what failed; see that its role may write to the stream (kinesis:PutRecords) \
                 and read the settings (s3:GetObject, s3:ListBucket)",
            ),
        };
        Err(finding(
            "collector_not_ready",
            self.collector.as_str(),
            format!("it answers {status}: {body}"),
            means,
            remedy,
        ))
    }

    async fn send(&self, key: &str, event_id: &str) -> Result<String, Finding> {
        let event = json!({"event": EVENT, "user_id": USER, "event_id": event_id});
        let (status, body) = self.ask("POST", "v1/events", Some(key), Some(event)).await?;
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        if let (200, Some(receipt)) = (status, answer["receipt"].as_str()) {
            return Ok(receipt.to_owned());
        }
        let (means, remedy) = match status {
            401 => (
                "the collector does not know the key that the lake has: it reads the settings of another lake, or cannot read them",
                "compare WEIR_LAKE of the collector with the lake that is asked; a new key is known within ten seconds",
            ),
            403 => ("the key may not be used so", "name another with --key"),
            413 => ("something before the collector refuses bodies", "look at the limits of what stands before it"),
            429 | 503 => (
                "too much is under way, or neither stream nor overflow take records",
                "look at the alarms of throttling; let the stream have more shards, or the function more concurrency",
            ),
            _ => ("events are not taken", "read the log of the collector, which names what failed"),
        };
        Err(finding("event_refused", self.collector.as_str(), format!("it answers {status}: {body}"), means, remedy))
    }

    /// Until the event can be asked for.
    async fn wait_for(&self, receipt: &str) -> Result<(), Finding> {
        let until = Instant::now() + self.patience;
        loop {
            let (status, body) = self.ask("GET", &format!("v1/receipts/{receipt}"), None, None).await?;
            let answer: Value = serde_json::from_str(&body).unwrap_or_default();
            match answer["status"].as_str() {
                Some("queryable") => return Ok(()),
                Some("stored") if Instant::now() < until => tokio::time::sleep(PAUSE).await,
                Some("stored") => {
                    return Err(finding(
                        "event_does_not_land",
                        receipt,
                        format!("it is stored, and not in the lake after {} s", self.patience.as_secs()),
                        "landing does not run, fails, or is far behind: events wait in the stream, and are lost when it forgets them",
                        "see that the event source mapping is enabled, and the age of its iterator; read the log of the landing function, \
                         which names what failed; see that its role may read the stream (kinesis:GetRecords) and write the lake (s3:PutObject)",
                    ));
                }
                _ => {
                    return Err(finding(
                        "receipt_unknown",
                        receipt,
                        format!("it answers {status}: {body}"),
                        "nobody can tell where the event is",
                        "read the log of the collector; see that its role may read the lake (s3:GetObject, s3:ListBucket)",
                    ));
                }
            }
        }
    }

    async fn ask(
        &self,
        method: &'static str,
        path: &str,
        key: Option<&str>,
        body: Option<Value>,
    ) -> Result<(u16, String), Finding> {
        let url = joined(&self.collector, path);
        let authorization = key.map(|key| format!("Bearer {key}"));
        let asked = ask(method, url, authorization, body).await;
        asked.map_err(|error| unreachable_at("collector_unreachable", &self.collector, &error))
    }
}

async fn look_at_page(page: &Url) -> Result<String, Finding> {
    let asked = ask("GET", joined(page, "api/session"), None, None).await;
    let (status, body) = asked.map_err(|error| unreachable_at("page_unreachable", page, &error))?;
    let answer: Value = serde_json::from_str(&body).unwrap_or_default();
    match (status, answer["auth"].as_str()) {
        (200, Some("none")) => Err(finding(
            "page_is_open",
            page.as_str(),
            "it asks nobody who they are".to_owned(),
            "whoever reaches the address reads all events, and may change what is saved",
            "let it ask: WEIR_AUTH, and a token, a provider of OpenID Connect, or IAM",
        )),
        (200, Some(auth)) => Ok(format!("the page answers, and asks who is there ({auth})")),
        // What IAM guards is not for this caller, who does not sign.
        (403, None) => Ok("the page is reached, and AWS asks who is there".to_owned()),
        _ => Err(finding(
            "page_fails",
            page.as_str(),
            format!("it answers {status}: {body}"),
            "nobody can ask on the page",
            "read the log of the query function, which names what failed; see that its role may read the lake",
        )),
    }
}

fn joined(base: &Url, path: &str) -> String {
    format!("{}/{path}", base.as_str().trim_end_matches('/'))
}

/// One request: its status, and what the answer says, at most a few lines of it.
async fn ask(
    method: &'static str,
    url: String,
    authorization: Option<String>,
    body: Option<Value>,
) -> Result<(u16, String), String> {
    let call = move || -> Result<(u16, String), ureq::Error> {
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")));
        let agent = Agent::from(config.build());
        let mut answer = match body {
            Some(body) if method == "POST" => {
                let call = agent.post(&url);
                let call = authorization.iter().fold(call, |call, value| call.header("authorization", value));
                call.send_json(body)?
            }
            _ => agent.get(&url).call()?,
        };
        let text = answer.body_mut().read_to_string()?;
        Ok((answer.status().as_u16(), text.chars().take(300).collect::<String>().trim().to_owned()))
    };
    let asked = tokio::task::spawn_blocking(call).await.map_err(|error| error.to_string())?;
    asked.map_err(|error| error.to_string())
}

fn no_key() -> Finding {
    finding(
        "no_key",
        "settings",
        "the lake has no write key that is in force and free of origins".to_owned(),
        "a collector elsewhere than `weir dev` takes nothing without one",
        "make one with `weir keys add --source doctor`, or name one with --key",
    )
}

fn unreachable_at(code: &'static str, url: &Url, error: &str) -> Finding {
    finding(
        code,
        url.as_str(),
        error.to_owned(),
        "nothing answers at the address",
        "compare it with the outputs of the deployment; see that names resolve and nothing between here and there refuses",
    )
}

fn finding(code: &'static str, object: &str, found: String, means: &str, remedy: impl Into<String>) -> Finding {
    let (object, means, remedy) = (object.to_owned(), means.to_owned(), remedy.into());
    Finding { severity: Severity::Error, code, object, found, means, remedy, mend: None }
}
