//! A small, fast, seedable generator for sampling (eviction, RANDOMKEY, LFU). Secrets come from
//! the system: [`secret_bytes`].
//!
//! Passed in as an argument, so that tests repeat.

/// Xorshift64*: one multiplication, full period over the non-zero states (Vigna, 2016).
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// A generator whose sequence is determined by `seed`.
    pub fn new(seed: u64) -> Self {
        // SplitMix64's finaliser spreads small seeds; zero is the one state xorshift cannot leave.
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Rng((z ^ (z >> 31)) | 1)
    }

    /// A generator that starts from `state` as it is: cheaper than [`Rng::new`], for a state that varies by itself.
    #[inline]
    pub fn from_state(state: u64) -> Self {
        Rng(state | 1)
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number in `0..bound`; `bound` must not be 0.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "an empty range has no element");
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }
}

/// A seed that differs from process to process, taken from the standard library's per-process hash keys (which the system's
/// entropy source fills).
pub fn process_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// `N` bytes as lower-case hexadecimal from the system's entropy: run ids, node ids.
pub fn random_hex(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes * 2);
    while text.len() < bytes * 2 {
        text.push_str(&format!("{:016x}", process_seed()));
    }
    text.truncate(bytes * 2);
    text
}

/// `N` bytes from the system's entropy source: ids that must never collide, challenges that nobody may guess.
pub fn secret_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has an entropy source");
    bytes
}
