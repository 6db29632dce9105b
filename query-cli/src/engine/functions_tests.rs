//! Questions in the arguments of table functions, and what is said of those that cannot be understood.

use datafusion::logical_expr::{col, lit};

use super::*;

fn ask(texts: &[&str]) -> Result<FunnelSpec> {
    let arguments: Vec<Expr> = texts.iter().map(|text| lit(*text)).collect();
    question(FUNNEL, &arguments, 0)
}

fn refused(texts: &[&str]) -> String {
    problems(ask(texts).unwrap_err())
}

fn problems(error: DataFusionError) -> String {
    let DataFusionError::External(source) = error else { panic!("{error}") };
    source.downcast::<SpecError>().unwrap().to_string()
}

#[test]
fn all_forms_are_one_question() {
    let document = r#"{"kind": "funnel", "steps": [{"event": "view"}, {"event": "buy", "where": [
        {"property": "price", "op": ">", "value": 1}], "label": "bought"}], "window": "1d"}"#;
    let whole = format!("{:?}", ask(&[document]).unwrap());
    let steps = ["view", "buy where price > 1 as bought"];
    assert_eq!(format!("{:?}", ask(&[steps[0], steps[1], r#"{"window": "1d"}"#]).unwrap()), whole);
    assert_eq!(format!("{:?}", ask(&[steps[0], steps[1], r#" {"kind": "funnel", "window": "1d"}"#]).unwrap()), whole);
    assert_ne!(format!("{:?}", ask(&steps).unwrap()), whole);
}

#[test]
fn a_wrong_question_names_the_field_and_the_nearest_one() {
    assert_eq!(
        refused(&[r#"{"kind": "funnel", "steps": [{"event": "a"}], "widnow": "1d"}"#]),
        "widnow: unknown field `widnow`; did you mean `window`?"
    );
    assert_eq!(refused(&["a", r#"{"widnow": "1d"}"#]), "widnow: unknown field `widnow`; did you mean `window`?");
    assert!(refused(&["a", r#"{"kind": "funel"}"#]).starts_with("kind: "));
    assert!(refused(&["a", r#"{"steps": []}"#]).starts_with("steps: given twice"));
    assert!(refused(&["a", r#"{"window": 1d}"#]).starts_with("argument 2: not JSON"));
    assert!(refused(&["a", "b where price >>> 3"]).starts_with("step 2: `>>>` after `price`"));
    assert!(refused(&["a", "b where price matches '('"]).starts_with("step 2, where[0].value: "));
    assert!(refused(&["{\"kind\": "]).starts_with("funnel(): "));
    assert!(refused(&[]).starts_with("funnel(): no steps given"));
    let column = question(FUNNEL_USERS, &[lit("a"), col("event")], 0).unwrap_err();
    assert!(problems(column).starts_with("funnel_users(), argument 2: found `event`; expected a text"));
}

#[test]
fn the_columns_are_those_of_the_question() {
    let columns = |texts: &[&str]| {
        let schema = step_schema(&ask(texts).unwrap());
        schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>().join(" ")
    };
    const STEPS: &str = "step label count from_first from_previous median_ms p90_ms in_window";
    assert_eq!(columns(&["a", "b"]), STEPS);
    assert_eq!(columns(&["a", r#"{"breakdown": "x"}"#]), format!("group value {STEPS}"));
    assert_eq!(columns(&["a", r#"{"interval": "day", "last": "7d"}"#]), format!("group value {STEPS}"));
    assert_eq!(columns(&["a", r#"{"compare": "previous", "last": "7d"}"#]), format!("period {STEPS}"));
    let optional = r#"{"kind": "funnel", "steps": [{"event": "a"}, {"event": "b", "optional": true}, {"event": "c"}]}"#;
    assert_eq!(columns(&[optional]), format!("{STEPS} taken"));
}
