//! Bodies that come in pieces, late, or without an end.

use futures::stream::{self, StreamExt};
use weir_core::ports::CountingIds;

use super::*;
use crate::load::{Amount, Lane, Load, LoadSettings};

fn permit(body_time: Duration) -> Permit {
    let most = Amount { bytes: LoadSettings::FEWEST_BYTES, requests: 8 };
    Load::new(LoadSettings { most, body_time, ..LoadSettings::default() })
        .admit(Lane::Live, None, false, &CountingIds::default())
        .unwrap()
}

fn pieces(pieces: Vec<Vec<u8>>) -> Body {
    Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>)))
}

async fn received(mut body: Body, permit: &mut Permit) -> Result<Bytes, Failure> {
    receive(&mut body, None, permit, &CountingIds::default()).await
}

#[tokio::test]
async fn pieces_come_together_in_order() {
    let whole: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    for size in [1_000, 65_536, 99_999, 300_000] {
        let mut permit = permit(Duration::from_secs(30));
        let body = pieces(whole.chunks(size).map(<[u8]>::to_vec).collect());
        assert_eq!(received(body, &mut permit).await.unwrap(), whole);
        assert!((300_000..=600_000).contains(&permit.bytes()), "{}", permit.bytes());
    }
    let mut permit = permit(Duration::from_secs(30));
    assert_eq!(received(Body::empty(), &mut permit).await.unwrap(), Bytes::new());
    assert_eq!(received(pieces(vec![vec![], vec![1], vec![], vec![2]]), &mut permit).await.unwrap(), [1, 2].as_slice());
}

#[tokio::test]
async fn the_largest_body_fits_and_one_byte_more_does_not() {
    for (more, fits) in [(0, true), (1, false)] {
        let mut permit = permit(Duration::from_secs(30));
        let body = received(
            pieces(vec![vec![0; MAX_BODY_BYTES / 2]; 2].into_iter().chain([vec![0; more]]).collect()),
            &mut permit,
        );
        match body.await {
            Ok(body) => assert!(fits && body.len() == MAX_BODY_BYTES),
            Err(failure) => assert!(!fits && matches!(failure, Failure::Body(BodyProblem::TooManyBytes))),
        }
        assert!(permit.bytes() <= MAX_BODY_BYTES as u64);
    }
}

#[tokio::test]
async fn a_body_that_does_not_end_is_given_up() {
    let first = stream::iter([Ok::<_, std::io::Error>(vec![b'{'])]);
    let body = Body::from_stream(first.chain(stream::pending()));
    let failure = received(body, &mut permit(Duration::from_millis(20))).await.unwrap_err();
    assert!(matches!(failure, Failure::Body(BodyProblem::TooSlow { .. })), "{failure}");
}

#[tokio::test]
async fn a_body_that_breaks_off_says_so() {
    let broken = stream::iter([Ok(vec![b'{']), Err(std::io::Error::other("reset"))]);
    let failure = received(Body::from_stream(broken), &mut permit(Duration::from_secs(30))).await.unwrap_err();
    assert!(matches!(failure, Failure::Body(BodyProblem::Unread { .. })), "{failure}");
}

#[tokio::test]
async fn only_so_many_refused_bodies_are_read_at_once() {
    let discards = Discards::default();
    let mut read = pieces(vec![vec![0; 10]; 3]);
    discards.discard(&mut read).await;
    assert!(next(&mut read).await.is_none(), "it is read to its end");
    let held: Vec<_> = (0..MAX_DISCARDS).map(|_| discards.0.try_acquire().unwrap()).collect();
    let mut left = pieces(vec![vec![0; 10]; 3]);
    discards.discard(&mut left).await;
    assert_eq!(next(&mut left).await.unwrap().unwrap().len(), 10, "it is not read");
    drop(held);
    let mut endless = Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0; 1 << 20])));
    discards.discard(&mut endless).await;
}

#[test]
fn an_announced_length_is_read_from_its_header() {
    for (value, length) in [("12", Some(12)), ("-1", None), ("x", None), ("", None)] {
        let headers = [(CONTENT_LENGTH, value.parse().unwrap())].into_iter().collect();
        assert_eq!(announced(&headers), length, "{value}");
    }
    assert_eq!(announced(&HeaderMap::new()), None);
}
