//! What is saved is there, nobody's save is lost, and what cannot be read keeps nothing else back.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use weir_core::ports::CountingIds;
use weir_lake::Store;
use weir_lake::names;

use super::*;

const KIND: SavedKind = SavedKind::Reports;
const ID: &str = "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e";

fn saving(now_ms: i64) -> Saving<'static> {
    Saving { by: Some("ana"), now_ms }
}

fn body(name: &str) -> Body {
    let spec = json!({"kind": "funnel", "steps": [{"event": "a"}]});
    Body::parse(KIND, &json!({"name": name, "spec": spec}), 0).unwrap()
}

fn names_of(documents: &[Arc<Document>]) -> Vec<(String, u64, bool)> {
    documents.iter().map(|document| (document.text("name"), document.revision, document.removed)).collect()
}

#[tokio::test]
async fn the_bytes_of_a_document() {
    let store = Store::in_memory();
    let library = Library::new(store.clone());
    let ids = CountingIds::default();
    let created = library.create(KIND, body("Buyers"), &ids, saving(1_767_225_600_000)).await.unwrap();
    let bytes = store.read(&names::saved_revision(KIND, &created.id, 1)).await.unwrap().unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&bytes), @r#"
    {
      "format": 1,
      "id": "00000000-0000-8000-8000-000000000000",
      "revision": 1,
      "name": "Buyers",
      "folder": "",
      "description": "",
      "spec": {
        "kind": "funnel",
        "steps": [
          {
            "event": "a"
          }
        ]
      },
      "saved_at": "2026-01-01T00:00:00.000Z",
      "saved_by": "ana",
      "removed": false
    }
    "#);
    let again = Library::new(store).get(KIND, &created.id).await.unwrap();
    assert_eq!(again, created, "what is read is what was written");
}

#[tokio::test]
async fn a_save_names_what_it_was_made_of() {
    let library = Library::new(Store::in_memory());
    let id = library.create(KIND, body("one"), &CountingIds::default(), saving(0)).await.unwrap().id.clone();
    library.update(KIND, (&id, 1), body("two"), saving(1)).await.unwrap();
    let late = library.update(KIND, (&id, 1), body("mine"), saving(2)).await.unwrap_err();
    let SavedError::Changed { expected, current, .. } = &late else { panic!("{late}") };
    assert_eq!((*expected, current.revision, current.text("name").as_str()), (1, 2, "two"));
    insta::assert_snapshot!(late.to_string().replace(&id, "ID"), @"report `ID` is at revision 2 now, and not at 1: somebody saved it meanwhile; look at what it is now, and save again with that revision");
    let early = library.update(KIND, (&id, 3), body("mine"), saving(2)).await.unwrap_err();
    assert!(matches!(early, SavedError::Changed { expected: 3, .. }), "{early}");
    let gone = library.remove(KIND, (&id, 1), saving(2)).await.unwrap_err();
    assert!(matches!(gone, SavedError::Changed { .. }), "{gone}");
    assert_eq!(names_of(&library.list(KIND).await.unwrap()), [("two".to_owned(), 2, false)]);
}

#[tokio::test]
async fn what_is_removed_has_its_history_and_comes_back() {
    let library = Library::new(Store::in_memory());
    let id = library.create(KIND, body("one"), &CountingIds::default(), saving(0)).await.unwrap().id.clone();
    let removed = library.remove(KIND, (&id, 1), saving(1)).await.unwrap();
    assert_eq!((removed.revision, removed.removed, removed.text("name").as_str()), (2, true, "one"));
    assert_eq!(library.remove(KIND, (&id, 2), saving(2)).await.unwrap(), removed, "once is enough");
    library.update(KIND, (&id, 2), body("one again"), saving(3)).await.unwrap();
    let history = library.history(KIND, &id).await.unwrap();
    let told: Vec<_> = history.iter().map(|d| (d.revision, d.removed, d.text("name"))).collect();
    let expected = [(3, false, "one again"), (2, true, "one"), (1, false, "one")];
    assert_eq!(told, expected.map(|(revision, removed, name)| (revision, removed, name.to_owned())));
    assert_eq!(library.revision(KIND, &id, 1).await.unwrap().text("name"), "one");
    let none = library.revision(KIND, &id, 9).await.unwrap_err().to_string();
    assert_eq!(none, format!("report `{id}` has no revision 9; its newest is 3"));
    for unknown in [ID, "x", ".."] {
        let error = library.get(KIND, unknown).await.unwrap_err().to_string();
        assert_eq!(error, format!("the lake has no report `{unknown}`; `weir reports list` shows those that it has"));
    }
}

async fn put(store: &Store, id: &str, revision: u64, document: &str) {
    let bytes = Bytes::from(document.to_owned());
    assert!(store.create(&names::saved_revision(KIND, id, revision), bytes).await.unwrap());
}

#[tokio::test]
async fn what_a_newer_weir_saved_is_shown_and_left_alone() {
    let store = Store::in_memory();
    put(
        &store,
        ID,
        4,
        r#"{"format":2,"name":"New","spec":{"kind":"cube"},"saved_at":"2030-01-01T00:00:00.000Z","tags":[1]}"#,
    )
    .await;
    let library = Library::new(store.clone());
    library.create(KIND, body("ours"), &CountingIds::default(), saving(0)).await.unwrap();
    assert_eq!(library.list(KIND).await.unwrap().len(), 2, "it keeps nothing else back");
    let newer = library.get(KIND, ID).await.unwrap();
    let expected = json!({"format": 2, "id": ID, "revision": 4, "name": "New", "spec": {"kind": "cube"}, "tags": [1],
        "saved_at": "2030-01-01T00:00:00.000Z", "saved_by": null, "removed": false, "newer": true});
    assert_eq!(newer.to_json(), expected);
    let refused = library.update(KIND, (ID, 4), body("old"), saving(1)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("report `{ID}` was saved by a newer weir, in format 2; upgrade weir to save over it")
    );
    assert!(matches!(library.remove(KIND, (ID, 4), saving(1)).await, Err(SavedError::Newer { .. })));
    assert_eq!(store.read(&names::saved_revision(KIND, ID, 5)).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_damaged_is_named_and_keeps_nothing_else_back() {
    for (document, says) in [
        ("{", "it is no JSON object"),
        ("[]", "it is no JSON object"),
        ("{}", "it has no `format`"),
        (r#"{"format":0}"#, "it has no `format`"),
        (r#"{"format":1,"spec":{}}"#, "missing field `name`"),
    ] {
        let store = Store::in_memory();
        put(&store, ID, 1, document).await;
        let library = Library::new(store);
        library.create(KIND, body("ours"), &CountingIds::default(), saving(0)).await.unwrap();
        assert_eq!(names_of(&library.list(KIND).await.unwrap()), [("ours".to_owned(), 1, false)]);
        let message = library.get(KIND, ID).await.unwrap_err().to_string();
        assert!(message.contains(says) && message.contains(&format!("saved/reports/{ID}/")), "{message}");
    }
}

#[tokio::test]
async fn there_is_an_end_to_how_many_are_kept() {
    let library = Library::new(Store::in_memory());
    let ids = CountingIds::default();
    let note = Body::parse(SavedKind::Annotations, &json!({"date": "2026-01-05", "text": "x"}), 0).unwrap();
    // Written past the library, which would list them all before each.
    for number in 0..MAX_DOCUMENTS {
        let id = format!("0190f3a1-7c4e-7b7a-9d1e-{number:012x}");
        let document = Document::new(id.clone(), 1, note.clone(), None, 0);
        let path = names::saved_revision(SavedKind::Annotations, &id, 1);
        library.store().create(&path, document.bytes()).await.unwrap();
    }
    let full = library.create(SavedKind::Annotations, note.clone(), &ids, saving(0)).await.unwrap_err();
    assert_eq!(full.to_string(), "there are 10,000 annotations already; remove some first");
    let first = "0190f3a1-7c4e-7b7a-9d1e-000000000000";
    library.remove(SavedKind::Annotations, (first, 1), saving(0)).await.unwrap();
    library.create(SavedKind::Annotations, note, &ids, saving(0)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_save_at_once_one_is_first_and_the_others_are_told() {
    let store = Store::in_memory();
    let id = Library::new(store.clone())
        .create(KIND, body("0"), &CountingIds::default(), saving(0))
        .await
        .unwrap()
        .id
        .clone();
    for round in 1..=20_u64 {
        let saves: Vec<_> = (0..8)
            .map(|writer| {
                // Each with a library of its own, as in another process.
                let (library, id) = (Library::new(store.clone()), id.clone());
                let name = format!("{round}-{writer}");
                tokio::spawn(async move {
                    library
                        .update(KIND, (&id, round), body(&name), saving(0))
                        .await
                        .map(|document| document.text("name"))
                })
            })
            .collect();
        let mut won = Vec::new();
        for save in saves {
            match save.await.unwrap() {
                Ok(name) => won.push(name),
                Err(SavedError::Changed { current, .. }) => assert_eq!(current.revision, round + 1),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(won.len(), 1, "round {round}: {won:?}");
        assert_eq!(Library::new(store.clone()).get(KIND, &id).await.unwrap().text("name"), won[0]);
    }
}

/// What somebody does.
#[derive(Debug, Clone)]
enum Action {
    Create(u8),
    Update { which: usize, behind: u64, name: u8 },
    Remove { which: usize, behind: u64 },
    Look,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        any::<u8>().prop_map(Action::Create),
        (0..6_usize, 0..3_u64, any::<u8>()).prop_map(|(which, behind, name)| Action::Update { which, behind, name }),
        (0..6_usize, 0..2_u64).prop_map(|(which, behind)| Action::Remove { which, behind }),
        Just(Action::Look),
    ]
}

/// All revisions of each document, as `(name, removed)`: what a lake has to say.
type Model = BTreeMap<String, Vec<(String, bool)>>;

async fn perform(actions: Vec<Action>) {
    let store = Store::in_memory();
    // Two that know nothing of each other's saves but from the lake.
    let libraries = [Library::new(store.clone()), Library::new(store)];
    let (ids, mut model) = (CountingIds::default(), Model::new());
    let ids_of = |model: &Model| model.keys().cloned().collect::<Vec<_>>();
    for (at, action) in actions.into_iter().enumerate() {
        let library = &libraries[at % 2];
        match action {
            Action::Create(name) => {
                let created = library.create(KIND, body(&name.to_string()), &ids, saving(0)).await.unwrap();
                assert!(model.insert(created.id.clone(), vec![(name.to_string(), false)]).is_none());
            }
            Action::Update { which, behind, name } => {
                let Some(id) = ids_of(&model).get(which).cloned() else { continue };
                let revisions = model.get_mut(&id).unwrap();
                let expected = (revisions.len() as u64).saturating_sub(behind);
                let saved = library.update(KIND, (&id, expected), body(&name.to_string()), saving(0)).await;
                assert_eq!(saved.is_ok(), behind == 0, "{saved:?}");
                revisions.extend(saved.ok().map(|_| (name.to_string(), false)));
            }
            Action::Remove { which, behind } => {
                let Some(id) = ids_of(&model).get(which).cloned() else { continue };
                let revisions = model.get_mut(&id).unwrap();
                let expected = (revisions.len() as u64).saturating_sub(behind);
                let removed = library.remove(KIND, (&id, expected), saving(0)).await;
                assert_eq!(removed.is_ok(), behind == 0, "{removed:?}");
                let (name, is_removed) = revisions.last().unwrap().clone();
                if removed.is_ok() && !is_removed {
                    revisions.push((name, true));
                }
            }
            Action::Look => {
                let listed = names_of(&library.list(KIND).await.unwrap());
                let newest = model.values().map(|revisions| {
                    let (name, removed) = revisions.last().unwrap().clone();
                    (name, revisions.len() as u64, removed)
                });
                assert_eq!(listed, newest.collect::<Vec<_>>());
            }
        }
    }
    for (id, revisions) in &model {
        let history = libraries[0].history(KIND, id).await.unwrap();
        let told: Vec<_> = history.iter().rev().map(|document| (document.text("name"), document.removed)).collect();
        assert_eq!(&told, revisions, "{id}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_library_is_what_was_done_to_it(actions in proptest::collection::vec(action(), 0..40)) {
        tokio::runtime::Runtime::new().unwrap().block_on(perform(actions));
    }
}

#[test]
fn fields_of_a_document_are_those_of_its_kind() {
    let spec = json!({"kind": "funnel", "steps": [{"event": "a"}]});
    for (kind, fields) in [
        (KIND, json!({"name": "n", "folder": "f", "description": "d", "spec": spec})),
        (SavedKind::Dashboards, json!({"name": "n", "folder": "f", "description": "d", "tiles": []})),
        (SavedKind::Annotations, json!({"date": "2026-01-05", "text": "t"})),
    ] {
        let document = Document::new(ID.to_owned(), 1, Body::parse(kind, &fields, 0).unwrap(), None, 0);
        for (name, value) in fields.as_object().unwrap().iter().filter(|(name, _)| *name != "tiles") {
            assert_eq!((document.field(name), &document.to_json()[name]), (value.clone(), value), "{kind:?} {name}");
        }
        assert_eq!(document.field("colour"), Value::Null);
    }
}

#[tokio::test]
async fn what_is_large_is_read_again_and_not_remembered_for_ever() {
    let store = Store::in_memory();
    let library = Library::new(store.clone());
    let large: Vec<String> = (0..900).map(|n| format!("{n}{}", "x".repeat(1000))).collect();
    let spec =
        json!({"kind": "funnel", "steps": [{"event": "a"}], "where": [{"property": "p", "op": "in", "value": large}]});
    let ids = CountingIds::default();
    for number in 0..80 {
        let fields = json!({"name": number.to_string(), "spec": spec});
        library.create(KIND, Body::parse(KIND, &fields, 0).unwrap(), &ids, saving(0)).await.unwrap();
    }
    assert!(library.known_bytes() < 64 << 20, "{}", library.known_bytes());
    assert_eq!(library.list(KIND).await.unwrap().len(), 80);
}
