//! Rows in every format: nulls, wide letters, lists, times, no rows at all, and more rows than a layout looks at.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryViewArray, DictionaryArray, Float64Array, Int64Array, ListArray, StringViewArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Int32Type, Schema};
use futures::stream;
use insta::assert_snapshot;

use super::*;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn mixed() -> RecordBatch {
    let tags = [Some(vec![Some(1), None]), None, Some(vec![])];
    let times = TimestampMicrosecondArray::from(vec![Some(1_767_225_600_120_000), None, Some(0)]).with_timezone("UTC");
    let events: DictionaryArray<Int32Type> = vec![Some("view"), Some("구매"), None].into_iter().collect();
    batch(vec![
        ("event", Arc::new(events)),
        ("n", Arc::new(Int64Array::from(vec![Some(12_345), Some(-7), None]))),
        ("share", Arc::new(Float64Array::from(vec![Some(0.5), Some(f64::NAN), None]))),
        ("time", Arc::new(times)),
        ("text", Arc::new(StringViewArray::from(vec![Some("a,\"b\"\n|"), Some(""), None]))),
        ("id", Arc::new(BinaryViewArray::from_iter([Some(&[1_u8, 255][..]), None, Some(&[])]))),
        ("tags", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(tags))),
    ])
}

async fn print(schema: SchemaRef, batches: Vec<RecordBatch>, format: Format) -> (String, u64) {
    let mut bytes = Vec::new();
    let printed = print_at_most(u64::MAX, &schema, batches, format, &mut bytes).await;
    assert_eq!(printed.hidden, 0);
    (String::from_utf8(bytes).unwrap(), printed.rows)
}

async fn print_at_most(
    most: u64,
    schema: &SchemaRef,
    batches: Vec<RecordBatch>,
    format: Format,
    bytes: &mut Vec<u8>,
) -> Printed {
    let printer = Printer::new(Results::over(bytes), schema, format, most).unwrap();
    printer.print(stream::iter(batches.into_iter().map(Ok::<_, Failure>))).await.unwrap()
}

#[tokio::test]
async fn rows_beyond_the_limit_are_counted_and_said() {
    let numbers = |from: i64, to: i64| batch(vec![("n", Arc::new(Int64Array::from_iter_values(from..to)) as ArrayRef)]);
    let schema = numbers(0, 1).schema();
    for (format, expected) in [
        (Format::Table, "n\n─\n0\n1\n2\n…and 12,345 more rows\n"),
        (Format::Csv, "n\n0\n1\n2\n"),
        (Format::Ndjson, "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n"),
        (Format::Json, "[{\"n\":0},\n {\"n\":1},\n {\"n\":2}]\n"),
        (Format::Markdown, "| n |\n| ---: |\n| 0 |\n| 1 |\n| 2 |\n"),
    ] {
        let mut bytes = Vec::new();
        let batches = vec![numbers(0, 2), numbers(2, 12_000), numbers(12_000, 12_348)];
        let printed = print_at_most(3, &schema, batches, format, &mut bytes).await;
        assert_eq!(printed, Printed { rows: 3, hidden: 12_345 });
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
}

#[tokio::test]
async fn rows_in_every_format() {
    let batches = vec![mixed(), mixed().slice(0, 1)];
    let schema = mixed().schema();
    let show = async |format| print(Arc::clone(&schema), batches.clone(), format).await.0;
    assert_snapshot!(show(Format::Table).await, @r#"
    event      n  share  time                      text      id    tags
    ─────  ─────  ─────  ────────────────────────  ────────  ────  ─────────
    view   12345    0.5  2026-01-01T00:00:00.120Z  a,"b"\n|  01ff  [1, null]
    구매      -7    NaN  null                                null  null
    null    null   null  1970-01-01T00:00:00Z      null            []
    view   12345    0.5  2026-01-01T00:00:00.120Z  a,"b"\n|  01ff  [1, null]
    "#);
    assert_snapshot!(show(Format::Json).await, @r#"
    [{"event":"view","n":12345,"share":0.5,"time":"2026-01-01T00:00:00.120Z","text":"a,\"b\"\n|","id":"01ff","tags":[1,null]},
     {"event":"구매","n":-7,"share":null,"time":null,"text":"","id":null,"tags":null},
     {"event":null,"n":null,"share":null,"time":"1970-01-01T00:00:00Z","text":null,"id":"","tags":[]},
     {"event":"view","n":12345,"share":0.5,"time":"2026-01-01T00:00:00.120Z","text":"a,\"b\"\n|","id":"01ff","tags":[1,null]}]
    "#);
    assert_snapshot!(show(Format::Ndjson).await, @r#"
    {"event":"view","n":12345,"share":0.5,"time":"2026-01-01T00:00:00.120Z","text":"a,\"b\"\n|","id":"01ff","tags":[1,null]}
    {"event":"구매","n":-7,"share":null,"time":null,"text":"","id":null,"tags":null}
    {"event":null,"n":null,"share":null,"time":"1970-01-01T00:00:00Z","text":null,"id":"","tags":[]}
    {"event":"view","n":12345,"share":0.5,"time":"2026-01-01T00:00:00.120Z","text":"a,\"b\"\n|","id":"01ff","tags":[1,null]}
    "#);
    assert_snapshot!(show(Format::Csv).await, @r#"
    event,n,share,time,text,id,tags
    view,12345,0.5,2026-01-01T00:00:00.120Z,"a,""b""
    |",01ff,"[1, null]"
    구매,-7,NaN,,"",,
    ,,,1970-01-01T00:00:00Z,,"",[]
    view,12345,0.5,2026-01-01T00:00:00.120Z,"a,""b""
    |",01ff,"[1, null]"
    "#);
    assert_snapshot!(show(Format::Markdown).await, @r#"
    | event | n | share | time | text | id | tags |
    | --- | ---: | ---: | --- | --- | --- | --- |
    | view | 12345 | 0.5 | 2026-01-01T00:00:00.120Z | a,"b"\\n\| | 01ff | [1, null] |
    | 구매 | -7 | NaN | null |  | null | null |
    | null | null | null | 1970-01-01T00:00:00Z | null |  | [] |
    | view | 12345 | 0.5 | 2026-01-01T00:00:00.120Z | a,"b"\\n\| | 01ff | [1, null] |
    "#);
    let json: serde_json::Value = serde_json::from_str(&show(Format::Json).await).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn no_rows_are_a_result_too() {
    let schema =
        Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8, true)]));
    for (format, expected) in [
        (Format::Table, "a  b\n─  ─\n"),
        (Format::Json, "[]\n"),
        (Format::Ndjson, ""),
        (Format::Csv, "a,b\n"),
        (Format::Markdown, "| a | b |\n| ---: | --- |\n"),
    ] {
        // A stream may have empty batches, or none.
        let empty = RecordBatch::new_empty(schema.clone());
        assert_eq!(print(schema.clone(), Vec::new(), format).await, (expected.to_owned(), 0), "{format:?}");
        assert_eq!(print(schema.clone(), vec![empty], format).await, (expected.to_owned(), 0), "{format:?}");
    }
}

#[tokio::test]
async fn a_long_table_is_laid_out_by_its_first_rows() {
    let numbers = |from: i64, to: i64| batch(vec![("n", Arc::new(Int64Array::from_iter_values(from..to)) as ArrayRef)]);
    let batches = vec![numbers(0, 900), numbers(900, 1_000), numbers(1_000_000, 1_000_010)];
    let (text, rows) = print(batches[0].schema(), batches, Format::Table).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((rows, lines.len()), (1_010, 1_012));
    assert_eq!((lines[0], lines[2], lines[1_001], lines[1_011]), ("  n", "  0", "999", "1000009"));
}

#[tokio::test]
async fn a_query_that_fails_at_once_prints_nothing() {
    for format in [Format::Table, Format::Json, Format::Csv, Format::Markdown] {
        let mut bytes = Vec::new();
        let printer = Printer::new(Results::over(&mut bytes), &mixed().schema(), format, u64::MAX).unwrap();
        let failure = printer.print(stream::iter([Err(Failure::failed("damaged"))])).await.unwrap_err();
        assert_eq!((failure.message.as_str(), bytes.len()), ("damaged", 0));
    }
}
