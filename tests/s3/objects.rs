//! What every store must do, and what is S3's own: pages, parts and ranges.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::io::AsyncWriteExt;
use weir_store::store::IfMissing;
use weir_store::{Store, overflow, saved, settings, store};
use weir_tests::moto::Moto;

use super::store as new_store;

#[tokio::test(flavor = "multi_thread")]
async fn the_conformance_suites_of_store_settings_overflow_and_saved_things() {
    store::conformance::store(&new_store("conforms-store").await).await;
    settings::conformance::settings(&new_store("conforms-settings").await).await;
    saved::conformance::saved(&new_store("conforms-saved").await).await;
    overflow::conformance::overflow(&new_store("conforms-overflow").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_may_be_a_whole_bucket_and_lakes_beside_each_other_see_only_their_own() {
    let moto = Moto::shared();
    let (bucket, config) = (moto.bucket("neighbours"), moto.config().await);
    let open = async |url: String| Store::open_with(&url, IfMissing::Create, &config).await.unwrap();
    let one = open(format!("s3://{bucket}/lake")).await;
    let two = open(format!("s3://{bucket}/lake-two/")).await;
    one.create(&Path::from("x"), Bytes::from_static(b"1")).await.unwrap();
    two.create(&Path::from("x"), Bytes::from_static(b"2")).await.unwrap();
    assert_eq!(one.list(&Path::default(), None).await.unwrap(), [Path::from("x")]);
    assert_eq!(one.read(&Path::from("x")).await.unwrap().unwrap().as_ref(), b"1");
    let whole = open(format!("s3://{bucket}")).await;
    assert_eq!(whole.list(&Path::default(), None).await.unwrap(), ["lake-two/x", "lake/x"].map(Path::from));
    store::conformance::store(&open(format!("s3://{}", moto.bucket("whole"))).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_go_on_behind_a_thousand_objects() {
    let store = new_store("pages").await;
    let name = |n: usize| Path::from(format!("many/{n:05}"));
    let puts = (0..1_100).map(|n| {
        let (objects, path) = (store.objects(), name(n));
        async move { objects.put(&path, PutPayload::from_static(b"x")).await.map(drop) }
    });
    futures::stream::iter(puts).buffer_unordered(16).try_collect::<()>().await.unwrap();
    store.create(&Path::from("many/folder/inside"), Bytes::new()).await.unwrap();

    let all = store.list(&Path::from("many"), None).await.unwrap();
    assert_eq!(all.len(), 1_101);
    assert_eq!((&all[0], &all[1_099]), (&name(0), &name(1_099)));
    let behind = store.list(&Path::from("many"), Some(&name(49))).await.unwrap();
    assert_eq!((behind.len(), &behind[0]), (1_051, &name(50)), "behind the offset, and without it");
    let first = store.list_first(&Path::from("many"), Some(&name(9)), 1_050).await.unwrap();
    assert_eq!((first.len(), &first[1_049].location), (1_050, &name(1_059)));
    let folder = store.objects().list_with_delimiter(Some(&Path::from("many"))).await.unwrap();
    assert_eq!((folder.objects.len(), folder.common_prefixes), (1_100, vec![Path::from("many/folder")]));

    let paths = futures::stream::iter(all.clone()).map(Ok).boxed();
    let deleted: Vec<Path> = store.objects().delete_stream(paths).try_collect().await.unwrap();
    assert_eq!(deleted, all);
    assert!(store.list(&Path::from("many"), None).await.unwrap().is_empty());
}

/// Bytes that show where they stand.
fn numbered(bytes: usize) -> Vec<u8> {
    (0..bytes.div_ceil(4)).flat_map(|n| u32::try_from(n).unwrap().to_le_bytes()).take(bytes).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_object_is_written_in_parts_and_read_in_ranges() {
    let store = new_store("parts").await;
    let path = Path::from("large.bin");
    let content = numbered(23 * 1024 * 1024 + 5);
    let mut writer = BufWriter::new(store.objects(), path.clone());
    for chunk in content.chunks(1_000_003) {
        writer.write_all(chunk).await.unwrap();
        assert!(!store.has(&path).await.unwrap(), "nobody sees it before it is complete");
    }
    writer.shutdown().await.unwrap();

    assert_eq!(store.read(&path).await.unwrap().unwrap(), content);
    let objects = store.objects();
    let head = objects.head(&path).await.unwrap();
    assert_eq!(head.size, content.len() as u64);
    assert!(head.e_tag.unwrap().contains("-3"), "three parts");
    let size = content.len();
    for (range, expected) in [
        (GetRange::Bounded(1_000..2_001), 1_000..2_001),
        (GetRange::Bounded(size as u64 - 3..size as u64 + 9), size - 3..size),
        (GetRange::Offset(size as u64 - 7), size - 7..size),
        (GetRange::Suffix(9), size - 9..size),
    ] {
        let options = GetOptions { range: Some(range.clone()), ..GetOptions::default() };
        let got = objects.get_opts(&path, options).await.unwrap();
        assert_eq!((got.range.start, got.range.end), (expected.start as u64, expected.end as u64), "{range}");
        assert_eq!(got.meta.size, size as u64);
        assert_eq!(got.bytes().await.unwrap(), content[expected], "{range}");
    }
    let ranges = [5..9, 20_000_000..20_000_100, 7..1_000_000];
    let got = objects.get_ranges(&path, &ranges).await.unwrap();
    for (range, got) in ranges.into_iter().zip(got) {
        assert_eq!(got, content[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]);
    }
    let behind = size as u64 + 1..size as u64 + 2;
    assert!(objects.get_range(&path, behind).await.unwrap_err().to_string().contains("large.bin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_given_up_leaves_nothing() {
    let store = new_store("aborts").await;
    let path = Path::from("never.bin");
    let mut upload = store.objects().put_multipart(&path).await.unwrap();
    upload.put_part(PutPayload::from(numbered(6 * 1024 * 1024))).await.unwrap();
    upload.abort().await.unwrap();
    assert!(!store.has(&path).await.unwrap());
    let mut empty = store.objects().put_multipart(&path).await.unwrap();
    empty.complete().await.unwrap();
    assert_eq!(store.read(&path).await.unwrap().unwrap().len(), 0, "an object without bytes is one");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_replaced_copied_and_known_by_their_etag() {
    let store = new_store("copies").await;
    let objects = store.objects();
    let (from, to) = (Path::from("a b+c/ü.json"), Path::from("to"));
    for content in ["1", "22"] {
        objects.put(&from, PutPayload::from(content)).await.unwrap();
    }
    objects.copy(&from, &to).await.unwrap();
    assert_eq!(store.read(&to).await.unwrap().unwrap().as_ref(), b"22");
    let missing = objects.copy(&Path::from("nothing"), &to).await.unwrap_err();
    assert!(matches!(missing, object_store::Error::NotFound { .. }), "{missing}");

    let e_tag = objects.head(&to).await.unwrap().e_tag;
    let unless = |e_tag: Option<String>| GetOptions { if_none_match: e_tag, ..GetOptions::default() };
    let same = objects.get_opts(&to, unless(e_tag.clone())).await.unwrap_err();
    assert!(matches!(same, object_store::Error::NotModified { .. }), "{same}");
    assert!(objects.get_opts(&to, unless(Some("\"other\"".to_owned()))).await.is_ok());
    let only_if = GetOptions { if_match: Some("\"other\"".to_owned()), ..GetOptions::default() };
    let other = objects.get_opts(&to, only_if).await.unwrap_err();
    assert!(matches!(other, object_store::Error::Precondition { .. }), "{other}");
}
