//! What the shorthand means, how it fails, and that it never panics.

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{parse_cohort, parse_conditions, parse_exclude, parse_series, parse_step};
use crate::spec::parse_value;

#[test]
fn a_step_is_its_json_form() {
    for (text, expected) in [
        ("view_item", json!({"event": "view_item"})),
        ("  Order Completed  ", json!({"event": "Order Completed"})),
        ("*", json!({"event": "*"})),
        ("\"a | b where c\"", json!({"event": "a | b where c"})),
        ("'it''s as is' AS x", json!({"event": "it's as is", "label": "x"})),
        (
            "Order Completed where total >= 10",
            json!({"event": "Order Completed", "where": [{"property": "total", "op": ">=", "value": 10}]}),
        ),
        (
            "add_to_cart | add_to_wishlist as wants it",
            json!({"any": [{"event": "add_to_cart"}, {"event": "add_to_wishlist"}], "label": "wants it"}),
        ),
        (
            "a WHERE x=1 AND y exists|b where z Not In [1, 'b, c', true] as \"l | 1\"",
            json!({"any": [
                {"event": "a", "where": [{"property": "x", "op": "=", "value": 1}, {"property": "y", "op": "exists"}]},
                {"event": "b", "where": [{"property": "z", "op": "not in", "value": [1, "b, c", true]}]},
            ], "label": "l | 1"}),
        ),
        (
            "구매 where 나라 = 대한 민국 as 샀다",
            json!({
                "event": "구매",
                "where": [{"property": "나라", "op": "=", "value": "대한 민국"}],
                "label": "샀다",
            }),
        ),
        (
            "a where x in (good as new, b) as c",
            json!({
                "event": "a",
                "where": [{"property": "x", "op": "in", "value": ["good as new", "b"]}],
                "label": "c",
            }),
        ),
        ("asset where_x", json!({"event": "asset where_x"})),
    ] {
        assert_eq!(parse_step(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn a_condition_is_its_json_form() {
    let condition = |property: &str, op: &str, value: Value| json!({"property": property, "op": op, "value": value});
    for (text, expected) in [
        ("a == b", condition("a", "=", json!("b"))),
        ("a!=1.50", condition("a", "!=", json!(1.5))),
        ("a<-5", condition("a", "<", json!(-5))),
        ("a = 18446744073709551615", condition("a", "=", json!(u64::MAX))),
        ("a = 007", condition("a", "=", json!("007"))),
        ("a = \"1\"", condition("a", "=", json!("1"))),
        ("a = true", condition("a", "=", json!(true))),
        ("a = truest blue", condition("a", "=", json!("truest blue"))),
        ("a = good as new", condition("a", "=", json!("good as new"))),
        ("a = brand new", condition("a", "=", json!("brand new"))),
        ("a = sandy", condition("a", "=", json!("sandy"))),
        ("a in(1,x y)", condition("a", "in", json!([1, "x y"]))),
        ("a in (salt and pepper)", condition("a", "in", json!(["salt and pepper"]))),
        ("a not   contains x", condition("a", "not contains", json!("x"))),
        ("sku starts with 12", condition("sku", "starts with", json!("12"))),
        ("sku ENDS WITH '12'", condition("sku", "ends with", json!("12"))),
        (r"sku matches '^\d+|x$'", condition("sku", "matches", json!(r"^\d+|x$"))),
        (r#"sku matches "^\\d""#, condition("sku", "matches", json!(r"^\d"))),
        ("'cart total' = 1", condition("cart total", "=", json!(1))),
        ("context.platform=ios", condition("context.platform", "=", json!("ios"))),
        ("in in (in)", condition("in", "in", json!(["in"]))),
        ("a = \"\"", condition("a", "=", json!(""))),
        ("a not exists", json!({"property": "a", "op": "not exists"})),
    ] {
        assert_eq!(parse_conditions(text).unwrap(), [expected], "{text}");
    }
}

#[test]
fn an_exclusion_is_its_json_form() {
    for (text, expected) in [
        ("remove", json!({"event": "remove"})),
        ("remove between 1 and 3", json!({"event": "remove", "from": 1, "to": 3})),
        ("in between BETWEEN 2  AND 3 ", json!({"event": "in between BETWEEN 2  AND 3"})),
        ("between 1 and 3", json!({"event": "between 1 and 3"})),
        (
            "a where x = 1 and y exists | b between 1 AND 2",
            json!({"any": [
                {"event": "a", "where": [{"property": "x", "op": "=", "value": 1}, {"property": "y", "op": "exists"}]},
                {"event": "b"},
            ], "from": 1, "to": 2}),
        ),
        ("\"x between 1 and 2\"", json!({"event": "x between 1 and 2"})),
    ] {
        assert_eq!(parse_exclude(text).unwrap(), expected, "{text}");
    }
    assert_snapshot!(parse_exclude("a as b between 1 and 2").unwrap_err(), @r"
    an exclusion has no label; leave `as …` out
      a as b between 1 and 2
      ^
    for example: remove_from_cart between 1 and 3
    ");
}

fn step_error(text: &str) -> String {
    parse_step(text).unwrap_err().to_string()
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn an_error_points_to_its_place() {
    assert_snapshot!(step_error("view_item where price 100"), @r#"
    `100` after `price`; expected an operator: =, !=, <, <=, >, >=, in, not in, contains, not contains, starts with, ends with, matches, exists or not exists
      view_item where price 100
                            ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error("상품 where 가격 => 5"), @r#"
    `=>` after `가격`; expected an operator: =, !=, <, <=, >, >=, in, not in, contains, not contains, starts with, ends with, matches, exists or not exists
      상품 where 가격 => 5
                      ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error(""), @r#"
    the text ends here; expected the name of an event, or `*` for any event

      ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error("a | "), @r#"
    the text ends here; expected the name of an event, or `*` for any event
      a |
          ^
    for example: add_to_cart | add_to_wishlist as wants it
    "#);
    assert_snapshot!(step_error("a where"), @r#"
    the text ends here; expected the name of a property
      a where
             ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error("a where x = "), @r#"
    the text ends here; expected a value: a number, true, false or a text
      a where x =
                  ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error("a where x in KR"), @r#"
    found `KR`; expected a list after `in`, such as (KR, JP)
      a where x in KR
                   ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error("a where x in (KR, )"), @r#"
    found `)`; expected a value: a number, true, false or a text
      a where x in (KR, )
                        ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error("a where x in ('KR' 'JP')"), @r#"
    found `'JP')`; expected `,` or `)`
      a where x in ('KR' 'JP')
                         ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error("a where x = 'KR"), @r#"
    the quote is not closed; expected another `'`
      a where x = 'KR
                  ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error(r#"a where x matches "\d""#), @r#"
    not a text as JSON writes it: in "…" a backslash is \\; or write '…'
      a where x matches "\d"
                        ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error("a where x = null"), @r#"
    no property equals null; expected `exists` or `not exists`, or "null" in quotes for the text
      a where x = null
                  ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error("a where t = salt and pepper"), @r#"
    nothing after `pepper`; expected an operator: =, !=, <, <=, >, >=, in, not in, contains, not contains, starts with, ends with, matches, exists or not exists; quote a value that holds `and`
      a where t = salt and pepper
                                 ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error("a where x exists 5"), @r#"
    found `5`; expected `and`, `|`, `as` or the end
      a where x exists 5
                       ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error("'a' b"), @r#"
    found `b`; expected `where`, `|`, `as` or the end
      'a' b
          ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error("a as 'b' c"), @r#"
    found `c`; expected the end
      a as 'b' c
               ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error("a as "), @r#"
    the text ends here; expected a label
      a as
           ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(step_error("a as b | c"), @r#"
    the label comes last; quote a label that holds `|`
      a as b | c
             ^
    for example: Order Completed where total >= 10 and country in (KR, JP) as bought
    "#);
    assert_snapshot!(parse_conditions("a = b | c").unwrap_err(), @r#"
    found `|`; expected `and` or the end; quote a value that holds `|`
      a = b | c
            ^
    for example: title = "salt | pepper"
    "#);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_panic(
        text in "([a-z*é구 |=<>!()\\[\\],\"'\\\\]|where|and|as|in|not|exists| ){0,20}",
    ) {
        for error in [parse_step(&text).err(), parse_exclude(&text).err(), parse_conditions(&text).err()].into_iter().flatten() {
            prop_assert!(text.is_char_boundary(error.at));
            prop_assert!(error.to_string().contains('^'));
        }
    }

    #[test]
    fn quoted_parts_come_back_as_they_were(
        event in any::<String>(), property in any::<String>(), value in any::<String>(), eighths in any::<i32>(),
        label in any::<String>(), single in any::<bool>(),
    ) {
        let quote = |text: &str| match single {
            true => format!("'{}'", text.replace('\'', "''")),
            false => json!(text).to_string(),
        };
        let number = json!(f64::from(eighths) / 8.0);
        let text = format!(
            "{} where {} = {} and n <= {} | * where p in ({}, 1) as {}",
            quote(&event), quote(&property), quote(&value), number, quote(&value), quote(&label),
        );
        prop_assert_eq!(parse_step(&text).unwrap(), json!({
            "any": [
                {"event": event, "where": [
                    {"property": property, "op": "=", "value": value},
                    {"property": "n", "op": "<=", "value": number},
                ]},
                {"event": "*", "where": [{"property": "p", "op": "in", "value": [value, 1]}]},
            ],
            "label": label,
        }));
    }
}

#[test]
fn what_is_read_can_be_asked() {
    let steps = ["* where x not exists", "a b | c where d matches '^x' and e not in (1, two) as f"];
    let steps: Vec<Value> = steps.iter().map(|step| parse_step(step).unwrap()).collect();
    parse_value(&json!({"kind": "funnel", "steps": steps}), 0).unwrap();
}

#[test]
fn a_series_has_its_measure_before_a_colon() {
    for (text, expected) in [
        ("purchase", json!({"event": "purchase"})),
        (
            "users: view | see as seen",
            json!({"any": [{"event": "view"}, {"event": "see"}], "label": "seen", "measure": "users"}),
        ),
        (
            "sum of cart.total: purchase where n > 1",
            json!({"event": "purchase", "where": [{"property": "n", "op": ">", "value": 1}], "measure": "sum", "property": "cart.total"}),
        ),
        ("p90 of load time : view", json!({"event": "view", "measure": "p90", "property": "load time"})),
        // What stands before the colon is no measure.
        ("app: opened", json!({"event": "app: opened"})),
        ("sum: purchase", json!({"event": "purchase", "measure": "sum"})),
        ("'users: x'", json!({"event": "users: x"})),
    ] {
        assert_eq!(parse_series(text), Ok(expected), "{text}");
    }
    let error = parse_series("users: view where").unwrap_err();
    assert_eq!((error.at, error.text.as_str()), (17, "users: view where"));
}

#[test]
fn a_cohort_has_how_often_and_when_at_its_end() {
    for (text, expected) in [
        ("purchase", json!({"event": "purchase"})),
        ("purchase never", json!({"event": "purchase", "at_most": 0})),
        ("purchase at least 3", json!({"event": "purchase", "at_least": 3})),
        (
            "a | b at least 2 at most 4 last 30d",
            json!({"any": [{"event": "a"}, {"event": "b"}], "at_least": 2, "at_most": 4, "last": "30d"}),
        ),
        (
            "purchase where price > 10 AT MOST 1",
            json!({"event": "purchase", "where": [{"property": "price", "op": ">", "value": 10}], "at_most": 1}),
        ),
        ("never", json!({"event": "never"})),
        ("at least 3", json!({"event": "at least 3"})),
        ("seen at last", json!({"event": "seen at last"})),
    ] {
        assert_eq!(parse_cohort(text), Ok(expected), "{text}");
    }
    assert!(parse_cohort("a as b at least 3").unwrap_err().to_string().starts_with("a cohort has no label"));
}
