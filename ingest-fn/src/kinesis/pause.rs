//! Pauses between tries: exponential, with full jitter, so that many that failed together do not come back together.
//!
//! ```text
//! try              1      2      3      4      5       first 50 ms, longest 300 ms
//! pause before it         0..50  0..100 0..200 0..300  drawn evenly
//! ```

use std::time::Duration;

use weir_core::ports::Ids;

use super::KinesisSettings;

/// How pauses grow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pauses {
    first: Duration,
    longest: Duration,
}

impl Pauses {
    pub(super) fn new(settings: &KinesisSettings) -> Self {
        Self { first: settings.first_pause, longest: settings.longest_pause }
    }

    /// The pause after so many tries, at least one.
    pub(super) fn after(self, tries: u32, ids: &dyn Ids) -> Duration {
        let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
        self.first.saturating_mul(doubled).min(self.longest).mul_f64(fraction(ids))
    }
}

/// From 0 to 1, from the last four bytes of an identifier: in every kind of UUID that is random at all, these are.
fn fraction(ids: &dyn Ids) -> f64 {
    let [.., a, b, c, d] = ids.next_id();
    f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends in the same four bytes.
    struct Ending([u8; 4]);

    impl Ids for Ending {
        fn next_id(&self) -> [u8; 16] {
            let mut id = [7; 16];
            id[12..].copy_from_slice(&self.0);
            id
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_are_drawn_from_all_of_it() {
        let settings = KinesisSettings {
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_millis(300),
            ..KinesisSettings::new("s")
        };
        let pauses = Pauses::new(&settings);
        let millis =
            |ending: [u8; 4]| [1, 2, 3, 4, 5, u32::MAX].map(|tries| pauses.after(tries, &Ending(ending)).as_millis());
        assert_eq!(millis([0xFF; 4]), [50, 100, 200, 300, 300, 300]);
        assert_eq!(millis([0x80, 0, 0, 0]), [25, 50, 100, 150, 150, 150]);
        assert_eq!(millis([0; 4]), [0; 6]);
    }
}
