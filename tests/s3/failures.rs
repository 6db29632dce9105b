//! Answers that are lost, connections that break, and what is said of a refusal.

use bytes::Bytes;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use tokio::io::AsyncWriteExt;
use weir_store::store::IfMissing;
use weir_store::{Overflow, Store, StoreError};
use weir_tests::fault_proxy::{Fault, Proxy};
use weir_tests::moto::Moto;

use super::{store as new_store, store_through};

/// A lake that is reached through a proxy, and directly.
async fn behind_a_proxy(bucket: &str) -> (Proxy, Store, Store) {
    let proxy = Proxy::start(Moto::shared().url());
    let direct = new_store(bucket).await;
    let store = store_through(proxy.url(), bucket).await;
    (proxy, store, direct)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_made_once_whatever_becomes_of_the_answer() {
    let (proxy, store, direct) = behind_a_proxy("doubt").await;
    let faults = [
        Fault::LoseAnswer,
        Fault::LoseRequest,
        Fault::AnswerWith(500, "InternalError"),
        Fault::Refuse(503, "SlowDown"),
        Fault::Refuse(409, "ConditionalRequestConflict"),
    ];
    for (number, first) in faults.into_iter().enumerate() {
        for (place, second) in faults.into_iter().enumerate() {
            let path = Path::from(format!("once/{number}-{place}"));
            proxy.next("PUT", path.as_ref(), first);
            // If the first one is made, it is found made, and there is no second one.
            let is_made = matches!(first, Fault::LoseAnswer | Fault::AnswerWith(..));
            if !is_made {
                proxy.next("PUT", path.as_ref(), second);
            }
            let what = format!("{first:?}, {second:?}");
            assert!(store.create(&path, Bytes::from_static(b"mine")).await.unwrap(), "{what}");
            assert_eq!(proxy.left(), 0, "{what}");
            assert_eq!(direct.read(&path).await.unwrap().unwrap().as_ref(), b"mine", "{what}");
            assert!(!store.create(&path, Bytes::from_static(b"other")).await.unwrap(), "{what}");
            assert!(!store.create(&path, Bytes::from_static(b"mine")).await.unwrap(), "made once only: {what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_arrives_after_it_was_given_up_is_known_again() {
    let (proxy, store, direct) = behind_a_proxy("late").await;
    let path = Path::from("late");
    // It is not there when it is looked for, and there when it is sent again.
    proxy.next("PUT", "late/lake/late", Fault::Delay);
    assert!(store.create(&path, Bytes::from_static(b"mine")).await.unwrap());
    assert_eq!((proxy.left(), proxy.seen("PUT", "late/lake/late")), (0, 2));
    assert_eq!(direct.read(&path).await.unwrap().unwrap().as_ref(), b"mine");
    assert!(!store.create(&path, Bytes::from_static(b"mine")).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_writer_is_there_already_whatever_becomes_of_the_answer() {
    let (proxy, store, direct) = behind_a_proxy("others").await;
    for (number, fault) in
        [Fault::LoseAnswer, Fault::LoseRequest, Fault::AnswerWith(500, "InternalError")].into_iter().enumerate()
    {
        let path = Path::from(format!("theirs/{number}"));
        assert!(direct.create(&path, Bytes::from_static(b"theirs")).await.unwrap());
        proxy.next("PUT", path.as_ref(), fault);
        assert!(!store.create(&path, Bytes::from_static(b"mine")).await.unwrap(), "{fault:?}");
        assert_eq!(proxy.left(), 0);
        assert_eq!(direct.read(&path).await.unwrap().unwrap().as_ref(), b"theirs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_writers_wins_on_a_network_that_fails() {
    let (proxy, store, direct) = behind_a_proxy("races").await;
    for round in 0..8 {
        let path = Path::from(format!("contested/{round}"));
        let faults = [Fault::LoseAnswer, Fault::LoseRequest, Fault::AnswerWith(503, "SlowDown"), Fault::LoseAnswer];
        for fault in faults.into_iter().cycle().skip(round).take(6) {
            proxy.next("PUT", path.as_ref(), fault);
        }
        let writers = (0..12_u8).map(|writer| {
            let (store, path) = (store.clone(), path.clone());
            tokio::spawn(async move { store.create(&path, Bytes::from(vec![writer])).await.unwrap().then_some(writer) })
        });
        let won: Vec<u8> = futures::future::join_all(writers).await.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(won.len(), 1, "round {round}: {won:?}");
        assert_eq!(direct.read(&path).await.unwrap().unwrap(), won, "round {round}");
    }
    assert_eq!(proxy.left(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_never_gets_through_ends_and_says_so() {
    let (proxy, store, direct) = behind_a_proxy("gives-up").await;
    let path = Path::from("never");
    proxy.times(1_000, "PUT", "never", Fault::LoseRequest);
    let message = store.create(&path, Bytes::from_static(b"x")).await.unwrap_err().to_string();
    assert!(message.contains("cannot write `s3://gives-up/lake/never`"), "{message}");
    assert!(message.contains("AWS_ENDPOINT_URL"), "{message}");
    assert_eq!(proxy.seen("PUT", "never"), 6, "a bounded number of times");

    // Nothing answers any more, also not whether the object is there.
    proxy.times(1_000, "GET", "never", Fault::LoseRequest);
    let message = store.create(&path, Bytes::from_static(b"x")).await.unwrap_err().to_string();
    assert!(message.contains("whether it was written is not known"), "{message}");
    assert!(!direct.has(&path).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_breaks_off_goes_on() {
    let (proxy, store, direct) = behind_a_proxy("breaks").await;
    let path = Path::from("object");
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    direct.create(&path, Bytes::from(content.clone())).await.unwrap();
    proxy.times(2, "GET", "object", Fault::CutAnswer);
    let before = proxy.seen("GET", "object");
    assert_eq!(store.read(&path).await.unwrap().unwrap(), content);
    assert_eq!((proxy.left(), proxy.seen("GET", "object") - before), (0, 3));

    proxy.times(1_000, "GET", "object", Fault::CutAnswer);
    let message = store.read(&path).await.unwrap_err().to_string();
    assert!(message.contains("cannot read `s3://breaks/lake/object`") && message.contains("try again"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_fail_are_sent_again() {
    let (proxy, store, direct) = behind_a_proxy("retries").await;
    let path = Path::from("folder/object");
    direct.create(&path, Bytes::from_static(b"x")).await.unwrap();
    proxy.times(2, "GET", "folder/object", Fault::Refuse(503, "SlowDown"));
    assert_eq!(store.read(&path).await.unwrap().unwrap().as_ref(), b"x");
    proxy.times(2, "GET", "list-type=2", Fault::LoseAnswer);
    assert_eq!(store.list(&Path::from("folder"), None).await.unwrap().len(), 1);
    proxy.times(2, "DELETE", "folder/object", Fault::LoseAnswer);
    store.delete(&path).await.unwrap();
    assert_eq!(proxy.left(), 0);
    assert!(!direct.has(&path).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_sent_again_and_an_upload_ends_once() {
    let (proxy, store, direct) = behind_a_proxy("upload-faults").await;
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    proxy.next("PUT", "partNumber=1", Fault::LoseAnswer);
    proxy.next("PUT", "partNumber=2", Fault::Refuse(500, "InternalError"));
    proxy.next("POST", "uploadId=", Fault::LoseAnswer);
    let mut writer = BufWriter::new(store.objects(), Path::from("large"));
    writer.write_all(&content).await.unwrap();
    writer.shutdown().await.unwrap();
    assert_eq!(proxy.left(), 0);
    assert_eq!(direct.read(&Path::from("large")).await.unwrap().unwrap(), content);
    // S3 itself, but no stand-in, refuses parts with checksums if the upload does not say so when it begins.
    let head = |method, target| proxy.head(method, target).unwrap();
    assert!(head("POST", "?uploads").contains("x-amz-checksum-algorithm: crc32"), "{}", head("POST", "?uploads"));
    assert!(head("PUT", "partNumber=2").contains("x-amz-checksum-crc32"), "{}", head("PUT", "partNumber=2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_the_overflow_may_be_put_again_after_a_failure() {
    let (proxy, store, direct) = behind_a_proxy("overflow-again").await;
    let overflow = Overflow::new(&store);
    proxy.next("PUT", "overflow/", Fault::LoseAnswer);
    proxy.times(3, "GET", "overflow/", Fault::LoseRequest);
    assert!(overflow.put(7, Bytes::from_static(b"record")).await.is_err(), "nobody knows whether it is there");
    overflow.put(7, Bytes::from_static(b"record")).await.unwrap();
    assert_eq!(Overflow::new(&direct).list(None, 10).await.unwrap().len(), 1);
}

async fn refusal(url: &str, endpoint: &str) -> String {
    let opened = Store::open_with(url, IfMissing::Fail, &weir_tests::aws::config(endpoint).await).await;
    opened.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_cannot_be_opened_says_what_to_do() {
    let moto = Moto::shared();
    let message = refusal("s3://no-such-bucket/lake", moto.url()).await;
    assert!(message.contains("`s3://no-such-bucket/lake`") && message.contains("NoSuchBucket"), "{message}");
    assert!(message.contains("make the bucket"), "{message}");

    moto.bucket("empty");
    let message = refusal("s3://empty/lake", moto.url()).await;
    assert!(message.contains("weir import FILE --lake s3://empty/lake"), "{message}");
    assert!(!message.contains("weir dev"), "which keeps its lakes in directories: {message}");

    let proxy = Proxy::start(moto.url());
    proxy.next("GET", "list-type=2", Fault::Refuse(403, "AccessDenied"));
    let message = refusal("s3://empty/lake", proxy.url()).await;
    assert!(message.contains("AccessDenied") && message.contains("allow s3:ListBucket"), "{message}");

    // A port that was free a moment ago.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let message = refusal("s3://empty/lake", &format!("http://{closed}")).await;
    assert!(message.contains("check the network, AWS_REGION and AWS_ENDPOINT_URL"), "{message}");

    let config = moto.config().await.into_builder().region(None).build();
    let error = Store::open_with("s3://empty/lake", IfMissing::Create, &config).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unreachable { problem, .. } if problem.contains("set AWS_REGION")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_names_bucket_key_code_and_remedy() {
    let (proxy, store, _) = behind_a_proxy("refusals").await;
    proxy.next("PUT", "secret", Fault::Refuse(403, "AccessDenied"));
    let message = store.create(&Path::from("secret"), Bytes::new()).await.unwrap_err().to_string();
    assert_eq!(
        message,
        "the store failed at `secret`: cannot write `s3://refusals/lake/secret`: AccessDenied (status 403), \
         as the test wants it; allow s3:PutObject to the credentials in use"
    );
    assert_eq!(proxy.seen("PUT", "secret"), 1, "what is refused is not tried again");
    proxy.next("GET", "secret", Fault::Refuse(403, "AccessDenied"));
    let message = store.read(&Path::from("secret")).await.unwrap_err().to_string();
    assert!(message.contains("allow s3:GetObject and s3:ListBucket"), "{message}");
    proxy.next("GET", "secret", Fault::Refuse(400, "ExpiredToken"));
    let message = store.read(&Path::from("secret")).await.unwrap_err().to_string();
    assert!(message.contains("get new credentials"), "{message}");
}
