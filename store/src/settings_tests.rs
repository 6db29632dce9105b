use serde_json::json;

use super::*;
use crate::store::IfMissing;

#[tokio::test(flavor = "multi_thread")]
async fn memory_conforms() {
    conformance::settings(&Store::in_memory()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let lake = dir.path().join("lake");
    let store = Store::open(lake.to_str().unwrap(), IfMissing::Create).await.unwrap();
    conformance::settings(&store).await;
}

async fn put(store: &Store, number: u64, document: &str) {
    assert!(store.create(&names::settings(number), Bytes::from(document.to_owned())).await.unwrap());
}

#[tokio::test]
async fn the_bytes_of_a_document() {
    let store = Store::in_memory();
    let set = |settings: &mut Settings| settings.set("keys", &json!([{"key": "wk_1"}]));
    Settings::update(&store, set).await.unwrap();
    let bytes = store.read(&names::settings(1)).await.unwrap().unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&bytes), @r#"
    {
      "weir_settings": 1,
      "keys": [
        {
          "key": "wk_1"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn fields_of_a_newer_weir_stay() {
    let store = Store::in_memory();
    put(&store, 7, r#"{"plans":{"x":[1,2.5,null]},"weir_settings":1,"keys":[]}"#).await;
    Settings::update(&store, |settings| settings.set("keys", &["k"])).await.unwrap();
    let bytes = store.read(&names::settings(8)).await.unwrap().unwrap();
    let found: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(found, json!({"weir_settings": 1, "plans": {"x": [1, 2.5, null]}, "keys": ["k"]}));
}

#[tokio::test]
async fn a_newer_format_is_left_alone_and_says_so() {
    let store = Store::in_memory();
    put(&store, 1, r#"{"weir_settings":2,"keys":{}}"#).await;
    let error = Settings::update(&store, |settings| settings.set("keys", &["k"])).await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { .. }), "{error}");
    assert_eq!(error.to_string(), "the lake needs settings format 2, which this weir does not know; upgrade weir");
    assert_eq!(store.read(&names::settings(2)).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_no_settings_document_is_named_with_a_way_out() {
    for (document, says) in [
        ("", "it is not JSON"),
        ("[]", "it is not JSON"),
        ("{}", "it has no field `weir_settings`"),
        (r#"{"weir_settings":"1"}"#, "is no format"),
        (r#"{"weir_settings":0}"#, "is no format"),
    ] {
        let store = Store::in_memory();
        put(&store, 3, document).await;
        let message = Settings::newest(&store).await.unwrap_err().to_string();
        assert!(message.contains(says) && message.contains("settings/00000000000000000003.json"), "{message}");
        assert!(message.contains("remove it"), "{message}");
    }
    let store = Store::in_memory();
    put(&store, 1, r#"{"weir_settings":1,"keys":3}"#).await;
    let message = Settings::newest(&store).await.unwrap().get::<Vec<u64>>("keys").unwrap_err().to_string();
    assert!(message.contains("`keys`: invalid type"), "{message}");
}

#[tokio::test]
async fn a_broken_document_that_was_followed_by_a_good_one_is_passed_over() {
    let store = Store::in_memory();
    put(&store, 1, r#"{"weir_settings":1}"#).await;
    let first = Settings::newest(&store).await.unwrap();
    put(&store, 2, "{").await;
    assert!(first.newer(&store).await.is_err());
    put(&store, 3, r#"{"weir_settings":1,"n":3}"#).await;
    assert_eq!(first.newer(&store).await.unwrap().unwrap().number(), 3);
    assert_eq!(Settings::newest(&store).await.unwrap().get::<u64>("n").unwrap(), Some(3));
}

#[tokio::test]
async fn a_change_that_is_refused_writes_nothing() {
    let store = Store::in_memory();
    let refused = Settings::update(&store, |settings| {
        settings.set("keys", &["k"])?;
        Err::<(), _>(StoreError::NotJson("no".to_owned()))
    });
    assert!(refused.await.is_err());
    assert_eq!(Settings::newest(&store).await.unwrap().number(), 0);
}
