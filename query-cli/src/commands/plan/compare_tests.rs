use weir_core::plan::Kind;

use super::*;
use crate::output::Format;
use crate::render::render;

#[test]
fn differences_in_every_format() {
    let difference = |kind, property: Option<&str>, count, detail: &str| Difference {
        kind,
        event: "view_job".to_owned(),
        property: property.map(str::to_owned),
        count,
        detail: detail.to_owned(),
    };
    let found = Differences(vec![
        difference(Kind::TypeDrift, Some("tab"), 1_200, "planned string, seen integer (1,200)"),
        difference(Kind::EventNotSeen, None, 0, "owner: growth"),
    ]);
    let show = |format| render(&found, format, 80).unwrap();
    insta::assert_snapshot!(show(Format::Table), @"
    difference      event     property  count  detail
    ──────────────  ────────  ────────  ─────  ────────────────────────────────────
    type_drift      view_job  tab       1,200  planned string, seen integer (1,200)
    event_not_seen  view_job                0  owner: growth
    ");
    insta::assert_snapshot!(show(Format::Ndjson), @r#"
    {"kind":"type_drift","event":"view_job","property":"tab","count":1200,"detail":"planned string, seen integer (1,200)"}
    {"kind":"event_not_seen","event":"view_job","property":null,"count":0,"detail":"owner: growth"}
    "#);
    assert_eq!(render(&Differences(Vec::new()), Format::Table, 80).unwrap(), "");
}

#[test]
fn a_sample_has_some_of_every_name_spread_evenly() {
    let totals = BTreeMap::from([("often".to_owned(), 1_000), ("rare".to_owned(), 3)]);
    let mut sample = Sample::new(&totals, 100);
    let taken: Vec<usize> = (0..1_000).filter(|_| sample.takes("often")).collect();
    assert_eq!((taken.len(), taken[1], taken[99]), (100, 10, 990));
    assert_eq!((0..3).filter(|_| sample.takes("rare")).count(), 3);
    assert!(!sample.takes("another"));
    let mut all = Sample::new(&totals, u64::MAX);
    assert_eq!((0..1_000).filter(|_| all.takes("often")).count(), 1_000);
}

#[test]
fn what_a_draft_was_made_from_is_said() {
    assert_eq!(
        said_of_draft(1_500, 1_500, 1),
        "a draft of 1 event name, from all of 1,500 events; read it before you rely on it"
    );
    assert_eq!(
        said_of_draft(100, 1_500, 2),
        "a draft of 2 event names, from 100 of 1,500 events; --sample takes more of each name; read it before you rely on it"
    );
}
