use proptest::prelude::*;

use super::*;

/// Bytes that no packing makes smaller.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn problem(record: &[u8]) -> String {
    let error = unpack(record).unwrap_err();
    assert!(matches!(error, FrameError::Envelope { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn text_becomes_smaller_and_the_rest_stays_as_it_is() {
    let text = "{\"place\":0,\"event\":\"view_job\",\"user_id\":\"u1\"}\n".repeat(1000);
    let packed = pack(text.as_bytes());
    assert!(packed.starts_with(&MAGIC) && packed.len() < text.len() / 20, "{} bytes", packed.len());
    assert_eq!(unpack(&packed).unwrap(), text.as_bytes());
    for incompressible in [&b""[..], b"{}", &noise(100_000)] {
        assert_eq!(pack(incompressible), incompressible);
        assert!(matches!(unpack(incompressible), Ok(Cow::Borrowed(same)) if same == incompressible));
    }
}

#[test]
fn a_bomb_is_refused_and_a_record_at_the_limit_is_not() {
    let largest = vec![b' '; MAX_RECORD_BYTES];
    assert_eq!(unpack(&pack(&largest)).unwrap().len(), MAX_RECORD_BYTES);
    let said = problem(&pack(&vec![b' '; MAX_RECORD_BYTES + 1]));
    assert!(said.contains("16777217 bytes") && said.contains("at most 16777216 bytes"), "{said}");
    // A bomb that does not say how large it is, or that hides behind an honest beginning.
    let unsized_bomb = zstd::stream::encode_all(&*vec![b' '; MAX_RECORD_BYTES * 8], 1).unwrap();
    assert!(matches!(get_frame_content_size(&unsized_bomb), Ok(None)));
    problem(&unsized_bomb);
    let hidden = [pack(&vec![b'a'; 1000]), pack(&vec![b' '; MAX_RECORD_BYTES])].concat();
    problem(&hidden);
}

#[test]
fn damage_is_found_anywhere() {
    let packed = pack("{\"place\":0,\"event\":\"view_job\"}\n".repeat(40).as_bytes());
    for byte in 0..packed.len() {
        for bit in 0..8 {
            let mut damaged = packed.clone();
            damaged[byte] ^= 1 << bit;
            // A frame that no longer begins as one is text, which the frame's own header then refuses. A few bits of the
            // frame's header change how it is read and not what it gives.
            if let Ok(read) = unpack(&damaged) {
                assert!(byte < MAGIC.len() || read == unpack(&packed).unwrap(), "byte {byte}, bit {bit}");
            }
        }
    }
    for len in MAGIC.len()..packed.len() {
        problem(&packed[..len]);
    }
}

proptest! {
    #[test]
    fn what_is_packed_is_unpacked(
        head in prop::sample::select(vec![&b""[..], &MAGIC, b"{\"weir\":1", &MAGIC[..3]]),
        body in prop::collection::vec(any::<u8>(), 0..300),
        times in 1..40_usize,
    ) {
        let record = [head, &body.repeat(times)].concat();
        let packed = pack(&record);
        prop_assert!(packed.len() <= record.len() + 32);
        prop_assert_eq!(unpack(&packed).unwrap(), record);
    }

    #[test]
    fn unpacking_anything_ends_well(body in prop::collection::vec(any::<u8>(), 0..400)) {
        // Most of these are no frames; none may panic or give more than there is room for.
        if let Ok(unpacked) = unpack(&[&MAGIC, &*body].concat()) {
            prop_assert!(unpacked.len() <= MAX_RECORD_BYTES);
        }
    }
}
