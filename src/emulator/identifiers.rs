//! Everything the emulator makes up (identifiers, the shuffled order of a list) comes from one seed.

use std::sync::{Mutex, PoisonError};

/// A source of made-up identifiers that repeats itself for the same seed and the same requests.
pub(super) struct Identifiers(Mutex<fastrand::Rng>);

impl Identifiers {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    /// A random (version 4) UUID in its usual lower-case form.
    pub(super) fn uuid(&self) -> String {
        let random = self.draw(|rng| rng.u128(..));
        let versioned = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
        let hex = format!("{versioned:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// A number that is as good as any other.
    pub(super) fn number(&self) -> u64 {
        self.draw(|rng| rng.u64(..))
    }

    /// Puts `items` into a random order.
    pub(super) fn shuffle<T>(&self, items: &mut [T]) {
        self.draw(|rng| rng.shuffle(items));
    }

    fn draw<T>(&self, take: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
