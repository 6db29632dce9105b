//! Counts of texts that are too many to be listed stay within the errors that are said.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::table::ValueTable;
use super::*;

fn counted(texts: &[u8], most: usize) -> (TopValues, BTreeMap<String, u64>) {
    let (mut table, mut truth) = (ValueTable::default(), BTreeMap::new());
    for text in texts {
        let text = format!("text-{text}");
        table.add(text.as_bytes(), 1, most);
        *truth.entry(text).or_default() += 1;
    }
    (table.finish(), truth)
}

fn holds(values: &TopValues, truth: &BTreeMap<String, u64>) -> Result<(), TestCaseError> {
    for (text, count) in truth {
        match values.listed().iter().find(|value| value.value == *text) {
            Some(value) => prop_assert!(value.count <= *count && *count <= value.at_most(), "{text} {count} {value:?}"),
            None => prop_assert!(*count <= values.unlisted(), "{text} {count} {}", values.unlisted()),
        }
    }
    prop_assert!(values.listed().iter().all(|value| truth.contains_key(&value.value)));
    Ok(())
}

proptest! {
    #[test]
    fn counts_lie_within_their_errors(
        files in prop::collection::vec(prop::collection::vec(0..30_u8, 0..200), 1..5),
        most in 2..20_usize,
        keep in 1..20_usize,
    ) {
        let (mut all, mut truth) = (TopValues::default(), BTreeMap::new());
        for file in &files {
            let (mut values, of_file) = counted(file, most);
            holds(&values, &of_file)?;
            values.keep(keep);
            holds(&values, &of_file)?;
            all.merge(Some(&values), 0, keep);
            of_file.into_iter().for_each(|(text, count)| *truth.entry(text).or_default() += count);
            holds(&all, &truth)?;
        }
    }

    #[test]
    fn few_texts_are_exact(texts in prop::collection::vec(0..20_u8, 0..300)) {
        let (values, truth) = counted(&texts, 20);
        prop_assert_eq!(values.unlisted(), 0);
        let listed: BTreeMap<String, u64> = values.listed().iter().map(|value| (value.value.clone(), value.count)).collect();
        prop_assert_eq!(listed, truth);
    }
}

#[test]
fn a_frequent_text_is_found_among_very_many() {
    let mut table = ValueTable::default();
    for number in 0..100_000_u32 {
        table.add(format!("id-{number}").as_bytes(), 1, 100);
        if number % 10 == 0 {
            table.add(b"frequent", 1, 100);
        }
    }
    let mut values = table.finish();
    values.keep(50);
    let first = &values.listed()[0];
    assert_eq!(first.value, "frequent");
    assert!(first.count <= 10_000 && first.at_most() >= 10_000, "{first:?}");
    assert!(values.unlisted() < 5_000 && values.listed().len() == EXAMPLES, "{}", values.unlisted());
}

#[test]
fn values_have_a_short_form() {
    let values = TopValues::new(
        vec![TopValue { value: "b".into(), count: 1, error: 2 }, TopValue { value: "a".into(), count: 3, error: 0 }],
        2,
        0,
    );
    let json = serde_json::to_string(&values).unwrap();
    assert_eq!(json, r#"{"v":[["a",3],["b",1,2]],"u":2}"#);
    assert_eq!(serde_json::from_str::<TopValues>(&json).unwrap(), values);
    assert!(serde_json::from_str::<TopValues>(r#"{"v":[["a"]]}"#).is_err());
}
