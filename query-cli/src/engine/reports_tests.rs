//! A cohort that is a saved report is the funnel of that report, wherever it is asked.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use weir_core::spec::parse_value;
use weir_lake::names::SavedKind;

use super::*;
use crate::saved::{Body, Library, Saving};

const SAVING: Saving<'static> = Saving { by: None, now_ms: NOW };

fn report(name: &str, spec: &Value) -> Body {
    Body::parse(SavedKind::Reports, &json!({"name": name, "spec": spec}), NOW).unwrap()
}

async fn save(library: &Library, name: &str, spec: &Value, ids: &CountingIds) -> String {
    library.create(SavedKind::Reports, report(name, spec), ids, SAVING).await.unwrap().id.clone()
}

fn engine_of(store: &Store) -> Engine {
    Engine::new(store.clone(), Arc::new(ManualClock::new(NOW)))
}

fn read(question: &Value) -> Spec {
    parse_value(question, NOW).unwrap_or_else(|e| panic!("{question}: {e}"))
}

/// An answer without what it took.
async fn answered(engine: &Engine, question: &Value) -> Value {
    let answer = engine.answer(&read(question)).await.unwrap_or_else(|e| panic!("{question}: {e}"));
    let mut value = serde_json::to_value(answer).unwrap();
    value.as_object_mut().unwrap().remove("scanned");
    value
}

async fn refused(engine: &Engine, question: &Value) -> String {
    engine.answer(&read(question)).await.unwrap_err().to_string()
}

/// A question of each kind, without cohorts.
fn questions() -> [Value; 7] {
    let view = json!({"event": "view"});
    [
        json!({"kind": "funnel", "steps": [view, {"event": "submit"}], "window": "2h", "compare": "previous", "last": "1d"}),
        json!({"kind": "trends", "series": [{"event": "view", "measure": "users"}, view]}),
        json!({"kind": "retention", "start": view, "return": {"event": "*"}, "interval": "hour", "periods": 3}),
        json!({"kind": "lifecycle", "interval": "day"}),
        json!({"kind": "paths", "start": view}),
        json!({"kind": "sessions"}),
        json!({"kind": "experiment", "steps": [view, {"event": "submit"}], "variant": "context.platform", "control": "ios"}),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_as_cohort_answers_as_its_funnel_inline() {
    let (store, all) = lake(4, 150, 11).await;
    let (engine, ids) = (engine_of(&store), CountingIds::default());
    let funnel = json!({"steps": [{"event": "view"}, {"event": "apply"}], "window": "3h"});
    let mut whole = funnel.clone();
    // What it compares, lists and breaks down is not who is in it.
    for (name, value) in [
        ("kind", json!("funnel")),
        ("interval", json!("day")),
        ("breakdown", json!("city")),
        ("users", json!({"step": 1})),
    ] {
        whole[name] = value;
    }
    let id = save(engine.library(), "Buyers", &whole, &ids).await;
    let mut told_apart = 0;
    for place in
        [json!({}), json!({"step": 1}), json!({"step": 2, "state": "dropped"}), json!({"step": 2, "state": "open"})]
    {
        let with = |name: &str, value: Value| {
            let mut cohort = place.clone();
            cohort[name] = value;
            cohort
        };
        for mut question in questions() {
            let without = answered(&engine, &question).await;
            question["cohort"] = json!([with("funnel", funnel.clone()), {"event": "other", "at_most": 40}]);
            let inline = answered(&engine, &question).await;
            question["cohort"] = json!([with("report", json!(id)), {"event": "other", "at_most": 40}]);
            assert_eq!(answered(&engine, &question).await, inline, "{question}");
            told_apart += u32::from(inline != without);
            let (spec, estimate) = (read(&question), engine.estimate(&read(&question)).await.unwrap());
            assert!(estimate.rows >= 2 * all.len() as u64, "the cohort is read too: {estimate:?}");
            assert!(engine.plan_text(&spec).await.unwrap().matches("MergeScanExec").count() >= 2);
        }
    }
    assert!(told_apart > 10, "the cohorts hardly change an answer: {told_apart}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_explanation_of_a_user_and_sql_know_reports_too() {
    let (store, all) = lake(3, 150, 5).await;
    let (engine, ids) = (engine_of(&store), CountingIds::default());
    let inner = json!({"kind": "funnel", "steps": [{"event": "other"}], "where": [{"property": "price", "op": ">=", "value": 4}]});
    let inner = save(engine.library(), "Inner", &inner, &ids).await;
    let outer = json!({"kind": "funnel", "steps": [{"event": "view"}, {"event": "apply"}], "window": "1h",
        "cohort": {"report": inner}});
    let id = save(engine.library(), "Outer", &outer, &ids).await;
    let question = json!({"kind": "funnel", "steps": [{"event": "view"}], "cohort": [{"report": id, "step": 2}]});
    let spec = read(&question).into_funnel().unwrap();

    let answer = engine.funnel(&spec).await.unwrap();
    let users: BTreeSet<&str> = all.iter().map(|sent| sent.user.as_str()).collect();
    let (mut counted, mut outside) = (0, 0);
    for user in users {
        let why = engine.explain(user, &spec).await.unwrap();
        outside += u64::from(!why.outside_cohorts.is_empty());
        counted += u64::from(why.outside_cohorts.is_empty() && !why.explanation.attempts.is_empty());
    }
    assert_eq!(counted, answer.steps[0].count);
    assert!(counted > 0 && outside > 0, "{counted} in, {outside} out");

    let statement = format!("SELECT count(*) AS n FROM funnel_users('{question}')");
    let rows = engine.sql(&statement, SqlLimits::default()).await.unwrap();
    let batches: Vec<_> = rows.batches.try_collect().await.unwrap();
    let number = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
    assert!(number.contains(&format!("| {} ", counted)), "{number}");
    let unknown = statement.replace(&id, "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e");
    let error = engine.sql(&unknown, SqlLimits::default()).await.unwrap_err().to_string();
    assert!(error.starts_with("cohort[0].report: the lake has no report"), "{error}");
}

#[tokio::test]
async fn the_newest_revision_counts() {
    let (store, _) = lake(1, 150, 3).await;
    let (engine, ids) = (engine_of(&store), CountingIds::default());
    let of = |event: &str| json!({"kind": "funnel", "steps": [{"event": event}]});
    let id = save(engine.library(), "R", &of("nothing of the kind"), &ids).await;
    let question = json!({"kind": "funnel", "steps": [{"event": "view"}], "cohort": {"report": id}});
    assert_eq!(answered(&engine, &question).await["steps"][0]["count"], 0);
    // Somebody else saves it.
    let other = Library::new(store);
    other.update(SavedKind::Reports, (&id, 1), report("R", &of("view")), SAVING).await.unwrap();
    assert!(answered(&engine, &question).await["steps"][0]["count"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn what_is_no_cohort_says_why() {
    let store = lake(1, 10, 3).await.0;
    let (engine, ids) = (engine_of(&store), CountingIds::default());
    let library = engine.library().clone();
    let step = json!([{"event": "view"}]);
    let funnel = json!({"kind": "funnel", "steps": step});
    let asks = |cohort: Value| json!({"kind": "trends", "series": [{"event": "view"}], "cohort": cohort});
    let trends = save(&library, "Daily", &json!({"kind": "trends", "series": [{"event": "a"}]}), &ids).await;
    let bound = save(&library, "Old", &json!({"kind": "funnel", "steps": step, "version": 1}), &ids).await;
    let gone = save(&library, "Gone", &funnel, &ids).await;
    library.remove(SavedKind::Reports, (&gone, 1), SAVING).await.unwrap();
    let short = save(&library, "Short", &funnel, &ids).await;

    let unknown = "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e";
    let cases = [
        (json!({"report": unknown}), format!("cohort.report: the lake has no report `{unknown}`; `weir reports list` shows those that it has")),
        (json!([{"event": "a"}, {"report": "../x"}]), "cohort[1].report: the lake has no report `../x`; `weir reports list` shows those that it has".to_owned()),
        (json!([{"report": trends}]), "cohort[0].report: report `Daily` asks for trends; expected a funnel".to_owned()),
        (json!([{"report": bound}]), "cohort[0].report: report `Old` is bound to version 1 of the lake; expected one that is not".to_owned()),
        (json!([{"report": gone}]), r#"cohort[0].report: report `Gone` was removed; save it again, or write its funnel here, as {"funnel": {…}}"#.to_owned()),
        (json!([{"report": short, "step": 2}]), "cohort[0].step: found the number 2; report `Short` has 1".to_owned()),
    ];
    for (cohort, says) in cases {
        assert_eq!(refused(&engine, &asks(cohort)).await, says);
    }
}

#[tokio::test]
async fn reports_about_themselves_are_refused() {
    let store = lake(1, 10, 3).await.0;
    let (engine, ids) = (engine_of(&store), CountingIds::default());
    let library = engine.library().clone();
    let funnel = |cohort: Value| json!({"kind": "funnel", "steps": [{"event": "view"}], "cohort": cohort});
    let a = save(&library, "A", &funnel(json!([])), &ids).await;
    let b = save(&library, "B", &funnel(json!([{"report": a}])), &ids).await;
    let c = save(&library, "C", &funnel(json!([{"report": b}, {"report": a}])), &ids).await;
    let question = funnel(json!([{"event": "view"}, {"report": c}]));
    answered(&engine, &question).await;

    library.update(SavedKind::Reports, (&a, 1), report("A", &funnel(json!([{"report": c}]))), SAVING).await.unwrap();
    assert_eq!(refused(&engine, &question).await, "cohort[1].report: report `C` is about its own users: C → B → A → C");
    let explained = engine.explain("user-1", &read(&question).into_funnel().unwrap()).await.unwrap_err();
    assert!(explained.to_string().starts_with("cohort[1].report: report `C` is about"), "{explained}");
    // Neither a circle nor an end in sight: each names the one before eight times.
    let mut last = save(&library, "0", &funnel(json!([])), &ids).await;
    for name in ["1", "2"] {
        last = save(&library, name, &funnel(json!(vec![json!({"report": last}); 8])), &ids).await;
    }
    let many = refused(&engine, &funnel(json!([{"report": last}]))).await;
    assert_eq!(many, "cohort[0].report: leads to more than 32 reports; expected fewer");
}
