use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use twox_hash::XxHash3_128;

use super::*;

fn ids(range: Range<u64>) -> Vec<u128> {
    let mut ids: Vec<u128> = range.map(|n| XxHash3_128::oneshot(&n.to_le_bytes())).collect();
    ids.sort_unstable();
    ids
}

async fn written(store: &Store, id: &str, ids: &[u128]) -> SegmentMeta {
    let mut writer = SegmentWriter::new(store, id.to_owned(), ids.len() as u64);
    for part in ids.chunks(1000) {
        writer.push(part).await.unwrap();
    }
    writer.finish(7).await.unwrap().0
}

async fn looked_up(store: &Store, meta: &SegmentMeta, ids: &[u128]) -> Result<Vec<bool>, Trouble> {
    let sketch = meta.sketch(store).await?;
    let mut wanted = Vec::new();
    for (event, id) in ids.iter().enumerate() {
        sketch.ranks(*id, |rank| wanted.push(Wanted { rank, id: *id, event }));
    }
    wanted.sort_unstable();
    let mut is_there = vec![false; ids.len()];
    found(store, &[(meta.clone(), wanted)]).await?.into_iter().for_each(|event| is_there[event] = true);
    Ok(is_there)
}

async fn all_of(store: &Store, meta: &SegmentMeta) -> Vec<u128> {
    let mut cursor = Cursor { meta, ids: Vec::new(), at: 0, next_block: 0 };
    let mut all = Vec::new();
    while cursor.refill(store).await.unwrap() {
        all.extend_from_slice(&cursor.ids);
    }
    all
}

#[tokio::test]
async fn ids_of_a_segment_are_found_and_no_others() {
    let store = Store::in_memory();
    for size in [1, 254, 255, 256, 510, 200_000] {
        let there = ids(0..size);
        let meta = written(&store, &format!("s{size}"), &there).await;
        assert_eq!((meta.ids, meta.last_received_ms), (size, 7));
        assert_eq!(store.read(&names::ids_segment(&meta.id)).await.unwrap().unwrap().len() as u64, meta.bytes);
        assert_eq!(looked_up(&store, &meta, &there).await.unwrap(), vec![true; there.len()]);
        assert_eq!(looked_up(&store, &meta, &ids(1 << 40..(1 << 40) + 20_000)).await.unwrap(), vec![false; 20_000]);
        assert_eq!(all_of(&store, &meta).await, there);
    }
}

#[tokio::test]
async fn a_merge_has_every_id_once() {
    let store = Store::in_memory();
    let mut inputs = Vec::new();
    for (number, range) in [0..150_000, 100_000..180_000, 70_000..70_001, 400_000..400_300].into_iter().enumerate() {
        inputs.push(written(&store, &format!("in{number}"), &ids(range)).await);
    }
    let (merged, _) = merge(&store, "out".to_owned(), &inputs).await.unwrap();
    let mut expected = ids(0..180_000);
    expected.extend(ids(400_000..400_300));
    expected.sort_unstable();
    assert_eq!(merged.ids, expected.len() as u64);
    assert_eq!(all_of(&store, &merged).await, expected);
    assert!(looked_up(&store, &merged, &expected).await.unwrap().into_iter().all(|found| found));
}

#[tokio::test]
async fn a_byte_that_is_wrong_anywhere_is_noticed() {
    let store = Store::in_memory();
    let there = ids(0..600);
    let meta = written(&store, "s", &there).await;
    let name = names::ids_segment(&meta.id);
    let whole = store.read(&name).await.unwrap().unwrap();
    let put = async |bytes: Vec<u8>| store.objects().put(&name, PutPayload::from(bytes)).await.unwrap();
    for at in (0..whole.len()).step_by(61) {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 0x10;
        put(bytes).await;
        let error = looked_up(&store, &meta, &there).await.unwrap_err();
        assert!(matches!(error, Trouble::Segment { .. }), "byte {at}: {error}");
    }
    put(whole[..whole.len() - 1].to_vec()).await;
    assert!(matches!(looked_up(&store, &meta, &there).await.unwrap_err(), Trouble::Segment { .. }), "cut off");
    store.delete(&name).await.unwrap();
    assert!(matches!(looked_up(&store, &meta, &there).await.unwrap_err(), Trouble::Segment { .. }), "gone");
    // A whole segment in the place of another.
    let other = written(&store, "other", &there).await;
    let bytes = store.read(&names::ids_segment(&other.id)).await.unwrap().unwrap();
    put(bytes.to_vec()).await;
    assert!(matches!(looked_up(&store, &meta, &there).await.unwrap_err(), Trouble::Segment { .. }), "another's");
}

#[tokio::test]
async fn segments_on_disk_stay_as_they_are() {
    let store = Store::in_memory();
    let meta = written(&store, "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e", &ids(0..300)).await;
    let bytes = store.read(&Path::from(format!("ids/{}.ids", meta.id))).await.unwrap().unwrap();
    let hash = format!("{:032x}", XxHash3_128::oneshot(&bytes));
    assert_eq!((bytes.len(), hash.as_str()), (8904, "d9b9abcdd8c88968a92577a7f4148344"));
}

#[test]
fn reads_are_few_and_small() {
    let wanted = |blocks: &[u64]| -> Vec<Wanted> {
        blocks.iter().map(|block| Wanted { rank: block * BLOCK_IDS + 3, id: 0, event: 0 }).collect()
    };
    assert_eq!(ranges_of(&wanted(&[0, 0, 1, 5, 9, 14])), [0..10, 14..15]);
    let far = wanted(&[0, 127, 128, 255, 256, 9000]);
    let lengths: Vec<usize> = spans(&far).iter().map(|span| span.len()).collect();
    assert_eq!(lengths, [2, 2, 1, 1]);
    assert!(spans(&[]).is_empty());
}
