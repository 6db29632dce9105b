//! What a stream does on a good day, and what no trying again mends.

use std::time::{Duration, Instant};

use bytes::Bytes;
use ingest_fn::kinesis::KinesisSettings;
use uuid::Uuid;
use weir_core::event::envelope::unpack;
use weir_core::ports::{EventLog, LogError, RandomIds, SequenceNumber, ShardId, conformance};

use crate::rig::{Rig, STREAM, everything, patient};

#[tokio::test(flavor = "multi_thread")]
async fn the_kinesis_log_conforms() {
    let rig = Rig::new(2, 1).await;
    conformance::event_log(|| rig.log()).await;
    let seen = rig.proxy.seen();
    assert!(seen.largest_call > 5, "concurrent appends were gathered: {}", seen.largest_call);
}

/// Bytes that no packing makes smaller.
fn noise(len: usize) -> Vec<u8> {
    (0..len / 16 + 1).flat_map(|_| Uuid::new_v4().into_bytes()).take(len).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_may_be_as_large_as_the_stream_takes_and_no_larger() {
    let rig = Rig::new(1, 2).await;
    let log = rig.log().await;
    // The partition key has 16 bytes.
    let largest = Bytes::from(noise((1 << 20) - 16));
    log.append(largest.clone()).await.unwrap();
    let larger = Bytes::from(noise((1 << 20) - 15));
    let refused = log.append(larger).await.unwrap_err();
    assert!(matches!(refused, LogError::TooLarge { bytes: 1_048_561, limit: 1_048_560 }), "{refused:?}");
    // Kinesis here counts the data alone, and agrees about that.
    let lax = KinesisSettings { max_record_bytes: 2 << 20, append_deadline: Duration::from_secs(2), ..patient() };
    let refused = rig.log_with(lax).await.append(noise((1 << 20) + 1).into()).await.unwrap_err();
    assert!(matches!(refused, LogError::Unavailable(_)), "{refused:?}");
    // What packs well may be larger.
    let text = Bytes::from("{\"place\":0,\"event\":\"view_job\"}\n".repeat(100_000));
    let place = log.append(text.clone()).await.unwrap();
    let found = everything(&log).await.remove(&place.shard).unwrap();
    assert!(found.iter().map(|record| &record.payload).eq([&largest, &text]), "{} records", found.len());

    // In the stream it is packed; nobody but the log knew it.
    let admin = rig.kinesis.admin();
    let iterator = admin.get_shard_iterator().stream_name(STREAM).shard_id(&place.shard.0);
    let iterator = iterator.shard_iterator_type("AFTER_SEQUENCE_NUMBER".into());
    let iterator = iterator.starting_sequence_number(found[0].sequence.as_str()).send().await.unwrap();
    let raw = admin.get_records().shard_iterator(iterator.shard_iterator.unwrap()).send().await.unwrap();
    let raw = raw.records()[0].data().as_ref();
    assert!(raw.len() < text.len() / 50, "{} bytes", raw.len());
    assert_eq!(unpack(raw).unwrap(), &text[..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_trying_again_does_not_mend_is_refused_at_once_with_what_to_do() {
    let rig = Rig::new(1, 3).await;
    let elsewhere = rig.log_with(KinesisSettings { stream: "nowhere".to_owned(), ..patient() }).await;
    let started = Instant::now();
    let refused = elsewhere.append("x".into()).await.unwrap_err().to_string();
    assert!(refused.contains("`nowhere`") && refused.contains("correct its name and region"), "{refused}");
    let shard = ShardId("shardId-000000000000".to_owned());
    for refused in [elsewhere.shards().await.err(), elsewhere.read(&shard, None, 1).await.err()] {
        assert!(matches!(&refused, Some(LogError::Unavailable(said)) if said.contains("`nowhere`")), "{refused:?}");
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());

    // A position of another stream is not taken for one of this.
    let log = rig.log().await;
    log.append("x".into()).await.unwrap();
    let foreign = SequenceNumber::parse("12345").unwrap();
    let refused = log.read(&shard, Some(&foreign), 1).await.unwrap_err();
    assert!(matches!(&refused, LogError::Corrupt(said) if said.contains("position 12345")), "{refused:?}");

    // Where nobody listens, an append ends in time.
    let nobody = weir_tests::aws::config("http://127.0.0.1:1").await;
    let settings = KinesisSettings { append_deadline: Duration::from_millis(400), ..patient() };
    let log = ingest_fn::kinesis::KinesisLog::new(&nobody, settings, std::sync::Arc::new(RandomIds));
    let started = Instant::now();
    let refused = log.append("x".into()).await.unwrap_err();
    assert!(matches!(&refused, LogError::Unavailable(said) if said.contains("did not take the record")), "{refused:?}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
