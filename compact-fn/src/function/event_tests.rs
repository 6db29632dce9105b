use serde_json::{Value, json};

use super::*;

const ARN: &str = "arn:aws:kinesis:eu-central-1:123456789012:stream/events";

fn record(shard: &str, number: u64, data: Value) -> Value {
    json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0", "partitionKey": "p", "sequenceNumber": number.to_string(), "data": data,
            "approximateArrivalTimestamp": 1767225600.5 + number as f64
        },
        "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": format!("{shard}:{number}"),
        "eventName": "aws:kinesis:record", "invokeIdentityArn": "arn:aws:iam::1:role/r", "awsRegion": "eu-central-1",
        "eventSourceARN": ARN
    })
}

fn read_it(event: &str) -> Result<Asked<'_>, EventError> {
    read(event, "events", |arn| arn == ARN)
}

/// A shard, its records with their data, and when the last of them came.
type Batch = (String, Vec<(String, String)>, Option<i64>);

fn batches_of(event: &Value) -> Vec<Batch> {
    let text = event.to_string();
    let Asked::Land(batches) = read_it(&text).unwrap() else { panic!("{text}") };
    let records = |batch: &ShardBatch<'_>| {
        batch.records.iter().map(|record| (record.sequence.to_string(), record.data.to_string())).collect()
    };
    batches.iter().map(|batch| (batch.shard.0.clone(), records(batch), batch.last_arrival_ms)).collect()
}

#[test]
fn records_come_by_shard_in_their_order_each_once() {
    let event = json!({"Records": [
        record("shardId-1", 10, json!("eA==")), record("shardId-0", 7, json!("Yg==")),
        record("shardId-1", 9, json!("Yw==")), record("shardId-1", 10, json!("eA==")),
    ]});
    let text = |text: &str| text.to_owned();
    let expected = [
        (text("shardId-0"), vec![(text("7"), text("Yg=="))], Some(1_767_225_607_500)),
        (text("shardId-1"), vec![(text("9"), text("Yw==")), (text("10"), text("eA=="))], Some(1_767_225_610_500)),
    ];
    assert_eq!(batches_of(&event), expected);
    assert_eq!(batches_of(&json!({"Records": []})), []);
}

#[test]
fn data_that_is_none_is_left_for_landing_to_name() {
    for (data, kept) in [(json!(7), "7"), (Value::Null, ""), (json!(["a"]), "[\"a\"]"), (json!("a/b"), "a/b")] {
        let event = json!({"Records": [record("s", 1, data), record("s", 2, json!("eA=="))]});
        let [(_, records, _)] = batches_of(&event).try_into().unwrap();
        assert_eq!((records.len(), records[0].1.as_str(), records[1].1.as_str()), (2, kept, "eA=="));
    }
}

#[test]
fn schedules_and_names_ask_for_tasks() {
    let tasks = |event: &str| match read_it(event).unwrap() {
        Asked::Do(tasks) => tasks,
        other => panic!("{other:?}"),
    };
    let scheduled = json!({
        "version": "0", "id": "5", "detail-type": "Scheduled Event", "source": "aws.events", "account": "1",
        "time": "2026-01-31T09:00:00Z", "region": "eu-central-1", "resources": [], "detail": {}
    });
    assert_eq!(tasks(&scheduled.to_string()), Task::ALL);
    assert_eq!(tasks(r#"{"weir":"maintain"}"#), Task::ALL);
    for task in Task::ALL {
        assert_eq!(tasks(&json!({"weir": task.name()}).to_string()), [task]);
    }
}

#[test]
fn anything_else_is_named() {
    let sqs = json!({"Records": [{"eventSource": "aws:sqs", "eventSourceARN": "a", "body": "secret"}]}).to_string();
    let mut no_id = record("s", 1, json!(""));
    no_id.as_object_mut().unwrap().remove("eventID");
    let mut no_number = record("s", 1, json!(""));
    no_number["kinesis"]["sequenceNumber"] = json!("LATEST");
    let mut elsewhere = record("s", 1, json!(""));
    elsewhere["eventSourceARN"] = json!("arn:aws:kinesis:eu-central-1:123456789012:stream/other");
    let batch = |record: Value| json!({"Records": [record]}).to_string();
    for (event, says) in [
        (sqs.as_str(), "records of `aws:sqs`"),
        (&batch(no_id), "record 0 of the event cannot be placed: it has no eventID"),
        (&batch(no_number), "its sequenceNumber is not a number"),
        (&batch(elsewhere), "stream/other`, this function lands the stream `events`"),
        (r#"{"weir":"vacuum"}"#, "asks for `vacuum`; expected maintain, land-overflow, complete, upkeep or compact"),
        (r#"{"detail-type":"EC2 Instance State-change Notification"}"#, "an event of type `EC2 Instance"),
        (r#"{"version":"2.0","body":"secret"}"#, "an object with the fields body, version"),
        ("{}", "an object without fields"),
        ("[1]", "no object"),
        (r#"{"Records":"secret"}"#, "but records of another shape (line 1, column 8)"),
        (r#"{"weir":7,"key":"secret"}"#, "an object with the fields key, weir"),
    ] {
        let error = read_it(event).unwrap_err().to_string();
        assert!(error.contains(says), "`{error}` does not say `{says}`");
        assert!(!error.contains("secret"), "{error}");
    }
}
