//! Both forms of a property tell the same, whatever the text.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::Float64Type;
use futures::TryStreamExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use weir_core::answer::group_key;
use weir_core::event::{Event, EventId};
use weir_core::property::lookup;

use super::*;
use crate::paged::Paged;
use crate::reader::{self, Apart, Batches, Read};
use crate::rows::EventRows;
use crate::schema::{BUCKETS, PROPERTIES, TIME, columns, delta_schema};
use crate::snapshot::Level;
use crate::writer::{DataFileWriter, Packing};
use crate::{DataFile, LakeError, Store, TableName};

fn column(property: &str, kind: ColumnKind) -> TypedColumn {
    TypedColumn { property: property.to_owned(), kind }
}

fn tab_price_new() -> Vec<TypedColumn> {
    vec![column("tab", ColumnKind::Text), column("price", ColumnKind::Number), column("new", ColumnKind::Flag)]
}

/// The value of a column, as JSON.
fn value_of(kind: ColumnKind, values: &ArrayRef, row: usize) -> Option<Value> {
    values.is_valid(row).then(|| match kind {
        ColumnKind::Text => values.as_string_view().value(row).into(),
        ColumnKind::Number => Value::Number(number_of(values.as_primitive::<Float64Type>().value(row)).unwrap()),
        ColumnKind::Flag => values.as_boolean().value(row).into(),
    })
}

/// Splits one text: its typed values, the rest, and which properties are said to be elsewhere.
fn split_one(text: &str) -> (Vec<Option<Value>>, String, Vec<u64>) {
    let columns = tab_price_new();
    let mut splitter = Splitter::new(columns.clone());
    let split = splitter.split(&StringViewArray::from(vec![text]), &[]);
    let values = columns.iter().zip(&split.columns).map(|(c, values)| value_of(c.kind, values, 0)).collect();
    (values, split.rest.value(0).to_owned(), splitter.notes().iter().map(|note| note.elsewhere).collect())
}

#[test]
fn what_has_a_column_leaves_the_text() {
    let (values, rest, elsewhere) = split_one(r#"{"tab":"a","tags":[{"tab":1}],"price":5.50,"new":true}"#);
    assert_eq!(values, [Some(json!("a")), Some(json!(5.5)), Some(json!(true))]);
    assert_eq!((rest.as_str(), elsewhere), (r#"{"tags":[{"tab":1}]}"#, vec![0, 0, 0]));
    let (values, rest, _) = split_one(r#" { "tab" : "q\"\u00e9" , "price":-0 } "#);
    assert_eq!((values[0].clone(), rest.as_str()), (Some(json!("q\"é")), "{}"));
    assert_eq!(split_one("{}").1, "{}");
}

#[test]
fn what_is_no_value_of_a_column_stays() {
    for (text, expected) in [
        // Other types, and none.
        (r#"{"tab":5,"price":"5","new":"true"}"#, [1, 1, 1]),
        (r#"{"tab":null,"price":null,"new":null}"#, [0, 0, 0]),
        (r#"{"tab":{"a":1},"price":[5],"new":{}}"#, [1, 1, 1]),
        // Numbers that a double would change, or does not have, and half a surrogate pair.
        (r#"{"price":9007199254740993,"tab":"\ud800"}"#, [1, 1, 0]),
        (r#"{"price":1e999}"#, [0, 1, 0]),
        // What could be read in two ways.
        (r#"{"price":5,"tab":"a","price":6}"#, [1, 1, 1]),
        (r#"{"t\u0061b":"a","price":6}"#, [1, 1, 1]),
        // No object.
        ("[1]", [1, 1, 1]),
        (r#"{"price":5"#, [1, 1, 1]),
        (r#"{"price":5} x"#, [1, 1, 1]),
    ] {
        let (values, rest, elsewhere) = split_one(text);
        assert_eq!((values, rest.as_str(), elsewhere.as_slice()), (vec![None, None, None], text, &expected[..]));
    }
}

#[test]
fn rows_without_properties_have_none() {
    let mut splitter = Splitter::new(tab_price_new());
    let split = splitter.split(&StringViewArray::from(vec![None, Some(r#"{"tab":"x"}"#), None]), &[]);
    assert_eq!(split.rest.iter().collect::<Vec<_>>(), [None, Some("{}"), None]);
    let columns = tab_price_new();
    let columns: Vec<_> = columns.iter().zip(&split.columns).collect();
    assert_eq!(join(&split.rest, &columns).iter().collect::<Vec<_>>(), [None, Some(r#"{"tab":"x"}"#), None]);
}

#[test]
fn a_file_of_before_does_not_say_of_which_kind_the_rest_is() {
    let note: ColumnNote = serde_json::from_str(r#"{"property":"price","kind":"number","elsewhere":3}"#).unwrap();
    assert!(note.is_elsewhere(true) && note.is_elsewhere(false));
    let split = |text: &str| {
        let mut splitter = Splitter::new(tab_price_new());
        splitter.split(&[Some(text)].into_iter().collect(), &[]);
        splitter.notes().iter().map(|note| (note.elsewhere, note.of_kind.unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(split(r#"{"tab":1,"price":"5","new":"true"}"#), [(1, 0), (1, 0), (1, 0)]);
    assert_eq!(split(r#"{"tab":null,"price":9007199254740993,"new":[true]}"#), [(0, 0), (1, 1), (1, 0)]);
    assert_eq!(split(r#"{"t\u0061b":"x"}"#), [(1, 1), (1, 1), (1, 1)]);
    assert_eq!(split(r#"{"tab":"\ud800"}"#), [(1, 1), (0, 0), (0, 0)]);
}

#[test]
fn a_schema_names_its_typed_columns() {
    let schema = delta_schema(&columns());
    assert_eq!(of_schema(&schema).unwrap(), []);
    let two = extended(&schema, &tab_price_new()[..2]).unwrap();
    assert_eq!(of_schema(&two).unwrap(), tab_price_new()[..2]);
    let three = extended(&two, &tab_price_new()[2..]).unwrap();
    assert_eq!(of_schema(&three).unwrap(), tab_price_new());
    // As an engine leaves it that keeps no metadata of columns.
    let mut plain: Value = serde_json::from_str(&three).unwrap();
    plain["fields"].as_array_mut().unwrap().iter_mut().for_each(|field| field["metadata"] = json!({}));
    assert_eq!(of_schema(&plain.to_string()).unwrap(), tab_price_new());
    let fields: Value = serde_json::from_str(&three).unwrap();
    let last = fields["fields"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["name"], &last["type"], &last["nullable"]), (&json!("p_new"), &json!("boolean"), &json!(true)));
    assert!(of_schema("no schema").is_err());
}

#[test]
fn columns_only_become_more_and_never_change() {
    let have = tab_price_new();
    assert_eq!(missing(&have, &have), Ok(Vec::new()));
    assert_eq!(missing(&have, &[column("size", ColumnKind::Text)]).unwrap().len(), 1);
    let why = |wanted: TypedColumn| missing(&have, &[wanted]).unwrap_err().1;
    assert_eq!(why(column("tab", ColumnKind::Number)), "it has `p_tab` as a string");
    assert_eq!(why(column("Tab", ColumnKind::Text)), "it has `p_tab` as a string");
    let many: Vec<_> = (0..MOST_COLUMNS).map(|i| column(&format!("c{i}"), ColumnKind::Flag)).collect();
    assert_eq!(missing(&[], &many).unwrap().len(), MOST_COLUMNS);
    assert!(missing(&have, &many).unwrap_err().1.contains("which is the most"));
}

#[test]
fn ids_and_names_that_engines_stumble_on_have_no_column() {
    for name in ["user_id", "previousId", "a.b", "a b", "", "a\"", "$set", "ключ-1"] {
        assert!(!may_have_column(name), "{name}");
    }
    for name in ["tab", "is_new", "가격", "Price2"] {
        assert!(may_have_column(name), "{name}");
    }
}

/// Many columns, so that some share a slot.
fn many_columns() -> Vec<TypedColumn> {
    let more = (0..MOST_COLUMNS - 3).map(|i| column(&format!("k{i}"), ColumnKind::Number));
    tab_price_new().into_iter().chain(more).collect()
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(vec!["tab", "price", "new"]).prop_map(str::to_owned),
        2 => (0..40_u8).prop_map(|i| format!("k{i}")),
        2 => proptest::sample::select(vec!["Tab", "tags", "cart", "tab.x", "t\\u0061b", "", "p\\\"q", "가"]).prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let texts = vec![
        r#""""#,
        r#""new""#,
        r#""a longer text than a view holds""#,
        r#""q\"\\\n""#,
        r#""\ud800""#,
        r#""가\u00e9""#,
    ];
    let others = vec![
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-0.0",
        "1.0",
        "78.50",
        "1e3",
        "1E-2",
        "-17",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "18446744073709551615",
        "1e308",
        "1e999",
        "1e-400",
        "[]",
        "{}",
        r#"[1,"tab",{"tab":"}"}]"#,
        r#"{"tab":{"price":5},"x":"]"}"#,
    ];
    proptest::sample::select([texts, others].concat()).prop_map(str::to_owned)
}

fn object() -> impl Strategy<Value = Option<String>> {
    let space = proptest::sample::select(vec!["", "", "", " ", "\n\t"]);
    let members = proptest::collection::vec((key(), value(), space), 0..7);
    let object = members.prop_map(|members| {
        let members: Vec<_> = members.iter().map(|(k, v, s)| format!("{s}\"{k}\"{s}:{s}{v}{s}")).collect();
        format!("{{{}}}", members.join(","))
    });
    proptest::option::weighted(0.9, object)
}

fn paths() -> Vec<String> {
    let some = ["tab", "price", "new", "tags", "cart", "tab.x", "tab.price", "cart.tab", "Tab", "tags.1", "가"];
    some.into_iter().map(str::to_owned).chain((0..40).map(|i| format!("k{i}"))).collect()
}

/// As questions tell values apart: 1 and 1.0 are one number.
fn told(value: Option<&Value>) -> String {
    match value {
        Some(Value::Number(number)) if number.as_f64() == Some(0.0) => "0".to_owned(),
        Some(Value::Number(number)) if number.is_f64() => format!("{:?}", number.as_f64()),
        Some(Value::Number(_)) => {
            let exact = group_key(value);
            match exact.parse::<i64>() {
                Ok(whole) if whole.unsigned_abs() < 1 << 53 => format!("{:?}", Some(whole as f64)),
                _ => exact,
            }
        }
        value => group_key(value),
    }
}

fn is_of(kind: ColumnKind, value: &Value) -> bool {
    match kind {
        ColumnKind::Text => value.is_string(),
        ColumnKind::Number => value.is_number(),
        ColumnKind::Flag => value.is_boolean(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn both_forms_tell_the_same(texts in proptest::collection::vec(object(), 1..6)) {
        let columns = many_columns();
        let mut splitter = Splitter::new(columns.clone());
        let whole: StringViewArray = texts.iter().map(Option::as_deref).collect();
        let split = splitter.split(&whole, &[]);
        let notes = splitter.notes();
        let given: Vec<_> = columns.iter().zip(&split.columns).collect();
        let joined = join(&split.rest, &given);
        for row in 0..whole.len() {
            prop_assert_eq!(whole.is_valid(row), split.rest.is_valid(row));
            prop_assert_eq!(whole.is_valid(row), joined.is_valid(row));
            for path in paths() {
                let of = |texts: &StringViewArray| {
                    texts.is_valid(row).then(|| lookup(texts.value(row), &path)).flatten()
                };
                let (expected, rest) = (of(&whole), of(&split.rest));
                let at = columns.iter().position(|column| column.property == path);
                let typed = at.and_then(|at| value_of(columns[at].kind, &split.columns[at], row));
                // Never in both.
                prop_assert!(typed.is_none() || rest.is_none(), "{} in {:?}", path, texts);
                if let Some(at) = at && !notes[at].is_elsewhere(false) {
                    prop_assert_eq!(&rest, &None);
                }
                if let Some(at) = at && !notes[at].is_elsewhere(true) {
                    prop_assert!(!rest.as_ref().is_some_and(|rest| is_of(columns[at].kind, rest)), "{:?}", rest);
                }
                let found = typed.or(rest);
                prop_assert_eq!(told(found.as_ref()), told(expected.as_ref()), "{} in {:?}", path, texts);
                prop_assert_eq!(told(of(&joined).as_ref()), told(expected.as_ref()), "{} in {:?}", path, joined);
            }
        }
        // Once more changes nothing, with the columns given; and nothing more is elsewhere.
        let mut again = Splitter::new(columns.clone());
        let arrays: Vec<Option<&ArrayRef>> = split.columns.iter().map(Some).collect();
        let twice = again.split(&split.rest, &arrays);
        prop_assert_eq!(&twice.rest, &split.rest);
        prop_assert_eq!(&twice.columns, &split.columns);
        prop_assert_eq!(again.notes(), splitter.notes());
        // The joined text splits into the same.
        let third = Splitter::new(columns).split(&joined, &[]);
        prop_assert_eq!(&third.columns, &split.columns);
    }
}

/// Three events in a file with the columns of [`tab_price_new`].
async fn file_of_three(store: &Store) -> DataFile {
    let texts = [r#"{"tab":"new","price":5,"x":1}"#, r#"{"price":"5","tab":"old"}"#, r#"{"new":true}"#];
    let mut rows = EventRows::default();
    for (place, text) in (0_u64..).zip(texts) {
        let event = Event {
            event: Cow::Borrowed("view"),
            user_id: Some(Cow::Borrowed("u")),
            anonymous_id: None,
            time_ms: 1_767_225_600_000 + i64::try_from(place).unwrap(),
            event_id: None,
            session_id: None,
            properties: Some(text),
            context: None,
            received_ms: 1_767_225_700_000,
            place,
        };
        rows.push("app", &event, &EventId::Text(format!("{place}").into()));
    }
    let batch = rows.freeze().sorted(&[true; 3]).unwrap();
    let (name, level) = ("compacted/2026-01-01/a.parquet".to_owned(), Level::Compacted(1));
    let typed = tab_price_new();
    let mut writer = DataFileWriter::packed(store, TableName::Events, name, level, Packing::Merged, &typed).unwrap();
    writer.write(&batch).await.unwrap();
    writer.finish().await.unwrap()
}

fn read<'a>(columns: &'a [&'a str]) -> Read<'a> {
    Read { columns, buckets: 0..BUCKETS, batch_rows: 100 }
}

/// The rows of a small file.
async fn rows_of(batches: impl Future<Output = Result<Batches, LakeError>>) -> RecordBatch {
    let batches: Vec<RecordBatch> = batches.await.unwrap().try_collect().await.unwrap();
    batches.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_file_gives_properties_whole_or_apart() {
    let store = Store::in_memory();
    let (typed, file) = (tab_price_new(), file_of_three(&store).await);
    let whole = rows_of(reader::open(&store, 1, &file, &read(&[TIME, PROPERTIES]))).await;
    let given: Vec<_> = whole.column(1).as_string_view().iter().flatten().collect();
    assert_eq!(given, [r#"{"tab":"new","price":5,"x":1}"#, r#"{"tab":"old","price":"5"}"#, r#"{"new":true}"#]);

    // The text is read only where a file has some of the columns in it, or lacks them.
    let asked = [typed[0].clone(), column("size", ColumnKind::Text)];
    for (columns, text) in [(&asked[..1], false), (&typed[1..2], true), (&asked[1..], true)] {
        let apart = Some(Apart { columns, known: &typed, text_for_these: true, of_kind: &[] });
        let rows = rows_of(reader::open_apart(&store, 1, &file, &read(&[TIME, PROPERTIES]), apart)).await;
        assert_eq!(rows.column(1).null_count() == 0, text, "{columns:?}");
        assert_eq!((rows.num_columns(), rows.schema().field(2).name()), (3, &columns[0].name()));
    }

    // Where only numbers are asked for, the one text among the prices is as if missing.
    for (of_kind, text) in [(&typed[1..2], false), (&typed[..1], true)] {
        let apart = Some(Apart { columns: &typed[1..2], known: &typed, text_for_these: true, of_kind });
        let rows = rows_of(reader::open_apart(&store, 1, &file, &read(&[TIME, PROPERTIES]), apart)).await;
        assert_eq!(rows.column(1).null_count() == 0, text, "{of_kind:?}");
    }

    // Merged once more, with columns that the file does not have: nothing is lost.
    let wide: Vec<_> = typed.iter().chain(&asked[1..]).cloned().collect();
    let paged = Paged::open(&store, 1, &file, 1).await.unwrap();
    let rows = rows_of(async { Ok(paged.stream(&wide)) }).await;
    let name = "compacted/2026-01-01/b.parquet".to_owned();
    let wider: Vec<_> = wide.iter().cloned().chain([column("x", ColumnKind::Number)]).collect();
    let level = Level::Compacted(1);
    let mut writer = DataFileWriter::packed(&store, TableName::Events, name, level, Packing::Merged, &wider).unwrap();
    writer.write(&rows).await.unwrap();
    let file = writer.finish().await.unwrap();
    let again = rows_of(reader::open(&store, 1, &file, &read(&[TIME, PROPERTIES]))).await;
    let given: Vec<_> = again.column(1).as_string_view().iter().flatten().collect();
    assert_eq!(given, [r#"{"tab":"new","price":5,"x":1}"#, r#"{"tab":"old","price":"5"}"#, r#"{"new":true}"#]);
}

#[tokio::test]
async fn what_the_log_does_not_name_as_the_file_has_it_is_in_the_text() {
    let store = Store::in_memory();
    let (typed, file) = (tab_price_new(), file_of_three(&store).await);
    let (tab, price) = (typed[..1].to_vec(), [column("price", ColumnKind::Text)]);
    for (columns, known) in [(&tab[..], &tab[..]), (&tab, &[]), (&price, &price), (&[], &[])] {
        let apart = Some(Apart { columns, known, text_for_these: false, of_kind: &[] });
        let rows = rows_of(reader::open_apart(&store, 1, &file, &read(&[TIME, PROPERTIES]), apart)).await;
        let text = |row| serde_json::from_str::<Value>(rows.column(1).as_string_view().value(row)).unwrap();
        let (first, last) = (text(0), text(2));
        assert_eq!((&first["price"], &first["x"], &last["new"]), (&json!(5), &json!(1), &json!(true)), "{columns:?}");
        assert_eq!(first.get("tab").is_some(), *columns != tab, "{columns:?}");
        assert!(*columns != price || rows.column(2).null_count() == 3);
    }
    let apart = Some(Apart { columns: &price, known: &price, text_for_these: true, of_kind: &[] });
    let rows = rows_of(reader::open_apart(&store, 1, &file, &read(&[TIME, PROPERTIES]), apart)).await;
    assert!(rows.column(1).as_string_view().value(0).contains(r#""price":5"#));
}
