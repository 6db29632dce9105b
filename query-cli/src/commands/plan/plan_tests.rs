use weir_core::plan::parse;

use super::*;
use crate::output::Format;
use crate::render::render;

#[test]
fn what_set_changes_is_listed() {
    let before = json!({"weir_plan": 1, "events": {"a": {}, "b": {"owner": "x"}, "c": {}}});
    let after =
        json!({"weir_plan": 1, "additional_events": false, "events": {"a": {}, "b": {"owner": "y"}, "d": null}});
    let show = |before: Option<&Value>, after: &Value, format| {
        parse(after).unwrap();
        render(&Changes::between(before, after), format, 80).unwrap()
    };
    insta::assert_snapshot!(show(Some(&before), &after, Format::Table), @"
    change   event
    ───────  ──────────
    changed  (the plan)
    changed  b
    added    d
    removed  c
    ");
    insta::assert_snapshot!(show(None, &before, Format::Json), @r#"[{"change":"added","event":null},{"change":"added","event":"a"},{"change":"added","event":"b"},{"change":"added","event":"c"}]"#);
    assert_eq!(show(Some(&before), &before, Format::Table), "nothing changes\n");
    assert_eq!(show(Some(&before), &before, Format::Json), "[]\n");
    assert_eq!(show(Some(&before), &after, Format::Csv), "change,event\nchanged,\nchanged,b\nadded,d\nremoved,c\n");
}

#[tokio::test]
async fn set_says_which_keys_look_at_the_plan() {
    let store = Store::in_memory();
    let said = || async { who_checks(&Settings::newest(&store).await.unwrap()).unwrap() };
    assert_eq!(
        said().await,
        "no key holds its events against the plan yet; let one with `weir keys set KEY --plan warn`"
    );
    let key = |text: &str, plan: &str| json!({"key": text, "source": "a", "created_at": 1, "plan": plan});
    let mut off = key("wk_4", "enforce");
    off["disabled_at"] = json!(5);
    let keys = json!([key("wk_1", "warn"), key("wk_2", "enforce"), key("wk_3", "off"), off, key("wk_5", "warn")]);
    Settings::update(&store, |settings| settings.set("keys", &keys)).await.unwrap();
    assert_eq!(
        said().await,
        "events of 2 keys are flagged and events of 1 key are refused by it; a running collector knows within 5 s"
    );
}
