//! What every [`Overflow`] has to do, as a function that panics with the rule that was broken.
//!
//! ```
//! use ingest_fn::overflow::{MemoryOverflow, conformance};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(
//! conformance::overflow(&MemoryOverflow::default())
//! # );
//! ```
#![allow(clippy::unwrap_used, clippy::panic, reason = "a suite tells its findings by panicking")]

use bytes::Bytes;

use super::Overflow;

/// The largest record that every overflow takes, in bytes: more than any record is once it is packed.
const LARGE: usize = 16 << 20;

/// Runs the contract against an overflow in which no numbers below 100, nor the greatest one, are used.
///
/// # Panics
/// If it breaks a rule.
pub async fn overflow(overflow: &dyn Overflow) {
    let record = Bytes::from_static(b"{\"weir\":1}\n\0\xFF");
    for number in [0, 1, 99, u128::MAX] {
        assert!(!is_waiting(overflow, number).await, "{number} is said to wait before it was put");
        put(overflow, number, record.clone()).await;
        assert!(is_waiting(overflow, number).await, "{number} was put, and is not said to wait");
        put(overflow, number, record.clone()).await;
    }
    assert!(!is_waiting(overflow, 2).await, "2 is said to wait, and was never put");

    let other = overflow.put(1, Bytes::from_static(b"another")).await;
    assert!(other.is_err(), "a number took two records");
    put(overflow, 1, record).await;

    for (number, len) in [(10, 0), (11, 1), (12, LARGE)] {
        put(overflow, number, Bytes::from(vec![7; len])).await;
        assert!(is_waiting(overflow, number).await, "a record of {len} bytes was put, and is not said to wait");
    }
}

async fn put(overflow: &dyn Overflow, number: u128, record: Bytes) {
    let bytes = record.len();
    let put = overflow.put(number, record).await;
    put.unwrap_or_else(|error| panic!("putting a record of {bytes} bytes under {number}: {error}"));
}

async fn is_waiting(overflow: &dyn Overflow, number: u128) -> bool {
    overflow.is_waiting(number).await.unwrap_or_else(|error| panic!("asking for {number}: {error}"))
}
