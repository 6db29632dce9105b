use std::collections::BTreeMap;

use super::*;

/// An event with properties of so many texts each.
fn catalogue(properties: usize, values: usize) -> LakeCatalogue {
    let listed: Vec<Value> = (0..values).map(|n| json!([format!("v{n}"), values - n])).collect();
    let entry = json!({"k": [1_000_000, 0, 0, 0, 0, 0], "v": {"v": listed}});
    let properties: BTreeMap<String, Value> = (0..properties).map(|n| (format!("p{n}"), entry.clone())).collect();
    let event = json!({"n": 9, "t": [0, 1], "r": [2, 3], "d": {"0": 9}, "s": {"dev": 9}, "p": properties});
    let catalogue = serde_json::from_value(json!({"events": {"view": event}})).unwrap();
    LakeCatalogue { version: 1, complete_to_ms: None, catalogue: Arc::new(catalogue), planned: None }
}

#[test]
fn an_answer_is_bounded_and_says_so() {
    let few = catalogue(20, 100).event("view").unwrap();
    assert!(few.properties.iter().all(|property| property.values.len() == 100 && property.unlisted_at_most == 0));
    let many = catalogue(1_000, 100).event("view").unwrap();
    assert!(many.properties.iter().all(|property| property.values.len() == 10 && property.unlisted_at_most == 90));
}

#[test]
fn days_are_those_of_the_lake() {
    let catalogue = catalogue(1, 1);
    assert_eq!(
        (catalogue.last_day(), day(0), day(20_454)),
        (Some(0), "1970-01-01".to_owned(), "2026-01-01".to_owned())
    );
    assert_eq!((catalogue.last_days("view", 3), catalogue.last_days("other", 3)), (vec![0, 0, 9], vec![]));
}

#[test]
fn whole_numbers_have_no_fraction() {
    let shown = [5.0, -0.5, 9e15, 1e300].map(|double| number(double).unwrap().to_string());
    assert_eq!(shown, ["5", "-0.5", "9000000000000000", "1e+300"]);
}
