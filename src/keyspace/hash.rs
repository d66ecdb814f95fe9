//! The hash of a key: where it lies in a stripe and in a table.
//!
//! ```text
//! bits 0..12   stripe (low bits; outside cluster mode)
//!      12..56  bucket
//!      56..64  fingerprint in the bucket (0 becomes 1: 0 marks a free place)
//! ```

use std::hash::{BuildHasher, Hasher};

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

/// A seeded hash function; the seed differs from process to process, so that nobody can prepare keys that collide.
#[derive(Debug, Clone)]
pub struct KeyHasher(SeedableRandomState);

impl KeyHasher {
    /// A hasher for `seed`.
    pub fn new(seed: u64) -> Self {
        KeyHasher(SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()))
    }

    /// The hash of `key`.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        let mut hasher = self.0.build_hasher();
        hasher.write(key);
        KeyHash(hasher.finish())
    }
}

/// The 64-bit hash of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHash(pub u64);

impl KeyHash {
    /// The part that chooses a bucket.
    #[inline]
    pub fn bucket_bits(self) -> u64 {
        self.0 >> 12
    }

    /// The fingerprint kept in the bucket: 1 to 255.
    #[inline]
    pub fn fingerprint(self) -> u8 {
        ((self.0 >> 56) as u8).max(1)
    }
}
