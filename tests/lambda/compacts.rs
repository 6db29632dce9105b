//! The compactor's other sides: what it cannot read, what it does on a schedule, what it refuses, what it holds in memory.

use serde_json::{Value, json};
use weir_core::event::envelope;
use weir_core::event::frame::FrameWriter;
use weir_core::event::{Event, EventId};
use weir_tests::lambda::api::Outcome;
use weir_tests::lambda::source::Mapping;
use weir_tests::lambda::{Config, Function};

use crate::delivers::record;
use crate::site::{Site, compactor_program};

/// What a function has on Lambda, in KiB.
const MEMORY_KIB: u64 = 512 * 1024;

fn answered(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Answered(answer) => answer,
        other => panic!("the function does not answer: {other:?}"),
    }
}

#[test]
fn poison_of_every_kind_is_kept_and_holds_nothing_up() {
    let site = Site::new("poison");
    let good = record(0..60);
    let half = |bytes: &[u8]| bytes[..bytes.len() - 7].to_vec();
    let mut torn = FrameWriter::new("web", weir_tests::now_ms()).unwrap().finish();
    torn.extend_from_slice(b"{\"place\":0,\"event\":");
    let poison = [b"secret-zzyzx".to_vec(), Vec::from([0]), half(&good), torn, envelope::pack(b"{\"weir\":0}\n")];
    site.put(0, &good);
    for bytes in &poison {
        site.put(0, bytes);
    }
    site.put(0, &record(60..62));
    let compactor = site.compactor(1);
    let mut source = site.source(Mapping::default());
    assert_eq!(source.deliver(&compactor), 1, "one batch, once");
    assert_eq!(site.snapshot().rows(), 62);

    let kept = site.wait_for(site.store().list(&"unreadable".into(), None)).unwrap();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let text = site.wait_for(site.store().read(&kept[0])).unwrap().unwrap();
    let lines: Vec<Value> =
        text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect();
    assert_eq!(lines.len(), poison.len(), "{lines:?}");
    for line in &lines {
        assert!(!line["problems"][0].as_str().unwrap().is_empty() && line["sequence"].is_string(), "{line}");
    }
    // What Kinesis cannot hold, another source can send: a batch whose data is no base64.
    let shard = source.shards().remove(0);
    let mut event = source.event(&shard, 0..1);
    event["Records"][0]["kinesis"]["data"] = json!("?");
    let later = "9".repeat(60);
    event["Records"][0]["kinesis"]["sequenceNumber"] = json!(later);
    event["Records"][0]["eventID"] = json!(format!("{shard}:{later}"));
    assert_eq!(answered(compactor.invoke(event)), json!({"batchItemFailures": []}));
    assert_eq!(site.wait_for(site.store().list(&"unreadable".into(), None)).unwrap().len(), 2);

    let said = compactor.end().said;
    assert!(said.contains("weir_unreadable_total") && said.contains("is not base64"), "{said}");
    assert!(!said.contains("zzyzx"), "{said}");
}

#[test]
fn a_record_of_a_newer_weir_waits_and_what_is_before_it_lands() {
    let site = Site::new("newer");
    site.put(0, &record([0]));
    site.put(0, b"{\"weir\":9,\"received\":1,\"source\":\"web\"}\nwho knows\n");
    site.put(0, &record([1]));
    let compactor = site.compactor(1);
    let mut source = site.source(Mapping { retries: Some(3), ..Mapping::default() });
    assert_eq!(source.deliver(&compactor), 5, "a batch, its rest, and that three times more");
    assert_eq!(site.snapshot().rows(), 1);
    let [document] = source.given_up.as_slice() else { panic!("{:?}", source.given_up) };
    assert_eq!(document["KinesisBatchInfo"]["batchSize"], 2, "{document}");
    assert!(compactor.end().said.contains("frame version 9"));
}

#[test]
fn a_lake_that_fails_is_asked_again_from_the_first_record_that_is_not_landed() {
    let site = Site::new("fails");
    (0..6).for_each(|number| site.put(0, &record([number])));
    let compactor = site.compactor(1);
    let mut source = site.source(Mapping { batch: 2, ..Mapping::default() });
    let mut asked = 0;
    source.deliver_with(|event| {
        asked += 1;
        match asked {
            // The invocation fails as a whole: the process ends, then it answers too late.
            1 => Outcome::Ended,
            3 => Outcome::TooLate,
            _ => compactor.invoke(event),
        }
    });
    assert_eq!((site.snapshot().rows(), asked > 5), (6, true));
}

#[test]
fn a_schedule_lands_the_overflow_says_what_is_complete_and_merges() {
    let site = Site::new("schedule");
    let compactor = site.compactor(1);
    let mut source = site.source(Mapping { batch: 1, ..Mapping::default() });
    (0..10).for_each(|number| site.put(0, &record([number])));
    source.deliver(&compactor);
    assert_eq!(site.snapshot().files.len(), 10);
    let number = (u128::from(weir_tests::now_ms().unsigned_abs()) << 80) | 7;
    site.wait_for(weir_store::Overflow::new(site.store()).put(number, record([3, 99]).into())).unwrap();

    let scheduled = json!({
        "version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events",
        "time": "2026-01-31T09:00:00Z", "region": "eu-central-1", "resources": [], "detail": {}
    });
    let answer = answered(compactor.invoke(scheduled));
    assert_eq!(answer["land-overflow"], json!({"events": 1, "duplicates": 1}), "{answer}");
    assert!(answer["complete"].is_string() && answer["compact"]["files_in"] == 11, "{answer}");
    let snapshot = site.snapshot();
    assert_eq!((snapshot.rows(), snapshot.files.len()), (11, 1));
    assert!(snapshot.complete_to_ms.is_some());
    let again = answered(compactor.invoke(json!({"weir": "compact"})));
    assert_eq!(again["compact"]["merges"], 0, "{again}");
    assert!(compactor.end().said.contains("weir_merged_bytes_total"));
}

#[test]
fn a_task_that_fails_is_counted_by_name_and_the_others_are_done() {
    const REQUEST: &str = "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e";
    let site = Site::new("failing-tasks");
    let compactor = site.compactor_without_stream();
    site.wait_for(site.store().create(&weir_store::names::open_erasure(REQUEST), "{".into())).unwrap();
    let Outcome::Failed(problem) = compactor.invoke(json!({"weir": "maintain"})) else { panic!("it is well") };
    let message = problem["errorMessage"].as_str().unwrap();
    for part in ["complete: ", "upkeep: ", REQUEST] {
        assert!(message.contains(part), "{part} not in {message}");
    }
    assert!(!message.contains("compact: ") && !message.contains("land-overflow: "), "{message}");
    let said = compactor.end().said;
    for (metric, times) in [("complete", 1), ("upkeep", 1), ("landing", 0), ("compaction", 0)] {
        let counted = said.contains(&format!("\"weir_{metric}_failures_total\":1"));
        assert_eq!(usize::from(counted), times, "{metric} in {said}");
    }
}

#[test]
fn what_is_no_event_for_it_is_refused_by_name() {
    let site = Site::new("foreign");
    let compactor = site.compactor(1);
    site.put(0, &record([0]));
    let mut source = site.source(Mapping::default());
    source.read();
    let mut foreign = source.event(&source.shards()[0], 0..1);
    foreign["Records"][0]["eventSourceARN"] = json!("arn:aws:kinesis:eu-central-1:000000000000:stream/other");
    let sqs = json!({"Records": [{"eventSource": "aws:sqs", "body": "secret-zzyzx"}]});
    for (event, says) in [
        (foreign, "this function lands the stream `events`"),
        (sqs, "records of `aws:sqs`"),
        (json!({"weir": "vacuum"}), "asks for `vacuum`"),
        (json!("x"), "no object"),
    ] {
        let Outcome::Failed(problem) = compactor.invoke(event) else { panic!("it is taken") };
        assert!(problem["errorMessage"].as_str().unwrap().contains(says), "{problem}");
    }
    assert!(!compactor.end().said.contains("zzyzx"));
    let without = Function::new(Config::new(&compactor_program(), &[("WEIR_LOG", "loud")]));
    assert!(matches!(without.invoke(json!({})), Outcome::Failed(_)));
    let said = without.end().said;
    for part in ["WEIR_LAKE is not set", "WEIR_STREAM is not set", "WEIR_LOG is `loud`"] {
        assert!(said.contains(part), "{part} not in {said}");
    }
}

/// A record that is small as it travels: one event with a property of `bytes` of the same letter.
fn large(number: u64, bytes: usize) -> Vec<u8> {
    let properties = format!("{{\"p\":\"{}\"}}", "x".repeat(bytes));
    let received_ms = weir_tests::now_ms();
    let event = Event {
        event: "E".into(),
        user_id: Some("u".into()),
        anonymous_id: None,
        time_ms: received_ms,
        event_id: None,
        session_id: None,
        properties: Some(&properties),
        context: None,
        received_ms,
        place: 0,
    };
    let mut frame = FrameWriter::new("web", received_ms).unwrap();
    frame.push(&event, &EventId::Text(format!("large-{number}").into())).unwrap();
    envelope::pack(&frame.finish())
}

#[test]
fn a_small_batch_that_unpacks_to_much_fits_the_memory_of_a_function() {
    let site = Site::new("memory");
    let compactor = site.compactor(1);
    const RECORDS: u64 = 40;
    (0..RECORDS).for_each(|number| site.put(0, &large(number, 15 << 20)));
    // And the other extreme: as many events as fit a record.
    let many = |first: u64| record(first..first + 150_000);
    (0..4).for_each(|number| site.put(0, &many(1_000 + number * 150_000)));
    let mut source = site.source(Mapping { batch: 10_000, ..Mapping::default() });
    source.deliver(&compactor);
    assert_eq!(site.snapshot().rows(), RECORDS + 600_000);
    let peak = compactor.end().peak_kib;
    assert!(peak < MEMORY_KIB, "{peak} KiB");
    println!("600 MiB of text and 600,000 events in one batch: {} MiB at most", peak / 1024);
}
