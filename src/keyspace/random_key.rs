//! A key of a whole database, chosen at random (RANDOMKEY).
//!
//! To weigh every stripe by its keys means to lock them all, which is a hundred times the rest of the work. So a stripe is tried at random and
//! kept with the probability of its keys among those of the largest one: then every key has the same chance. What the largest has is
//! remembered, and corrected when another turns out to have more. Where that rejects too often (few keys, or most of them in one slot) the
//! stripes are counted after all.

use super::access::KeyAccess;
use super::key::Key;

/// Stripes tried before all are counted. Of stripes that have about as many keys as each other, nearly every first try is kept.
const TRIES_MAX: usize = 16;

/// What was chosen.
#[derive(Debug, PartialEq, Eq)]
pub enum RandomKey {
    /// A live key.
    Alive(Vec<u8>),
    /// One whose time has come, and which must not be deleted.
    Expired(Vec<u8>),
    /// One whose time had come. It is deleted.
    Reclaimed,
}

impl KeyAccess<'_> {
    /// A key of this database at random; `None` if it has none. A stripe that somebody holds for long is passed over, unless there are no
    /// other keys.
    pub fn random_key(&mut self) -> Option<RandomKey> {
        self.random_key_of_few().or_else(|| self.random_key_of_all())
    }

    fn random_key_of_few(&mut self) -> Option<RandomKey> {
        let (db, stripes) = (self.db, self.keyspace().stripes() as u64);
        let mut most = self.keyspace().most_keys(db);
        for _ in 0..TRIES_MAX {
            let number = self.rng().below(stripes) as u32;
            let at = self.rng().below(most.max(1));
            let tried = self.with_stripe_if_free(number, |keys| {
                let size = keys.stripe_size(number, db);
                (size, if size <= most && at < size { keys.take_random(number, at) } else { None })
            });
            match tried {
                Some((_, Some(chosen))) => return Some(chosen),
                Some((size, None)) if size > most => {
                    self.keyspace().note_most_keys(db, size);
                    most = size;
                }
                _ => {}
            }
        }
        None
    }

    fn random_key_of_all(&mut self) -> Option<RandomKey> {
        let (db, stripes) = (self.db, self.keyspace().stripes() as u32);
        let mut passed_over = false;
        let count = |keys: &mut Self, number| keys.stripe_size(number, db);
        let mut sizes: Vec<u64> = (0..stripes)
            .map(|number| {
                let size = self.with_stripe_if_free(number, |keys| count(keys, number));
                passed_over |= size.is_none();
                size.unwrap_or(0)
            })
            .collect();
        if passed_over && sizes.iter().all(|size| *size == 0) {
            sizes = (0..stripes).map(|number| self.with_stripe(number, |keys| count(keys, number))).collect();
        }
        self.keyspace().note_most_keys(db, sizes.iter().copied().max().unwrap_or(0));
        loop {
            let total: u64 = sizes.iter().sum();
            if total == 0 {
                return None;
            }
            let mut left = self.rng().below(total);
            let number = sizes.iter().position(|size| {
                let is_here = left < *size;
                left = left.saturating_sub(*size);
                is_here
            })?;
            let (chosen, size) = self.with_stripe(number as u32, |keys| {
                let size = count(keys, number as u32);
                let at = if size == 0 { 0 } else { keys.rng().below(size) };
                (keys.take_random(number as u32, at), size)
            });
            if chosen.is_some() {
                return chosen;
            }
            // Its keys went meanwhile.
            sizes[number] = size;
        }
    }

    /// A random key of stripe `number`, which is held, from the table that has the key at this place when all tables of the database are laid
    /// out one behind the other.
    fn take_random(&mut self, number: u32, at: u64) -> Option<RandomKey> {
        let (liveness, mut rng) = (self.liveness(), self.rng().clone());
        let tables = self.keyspace().tables_of(self.db);
        let stripe = self.stripe(number);
        let mut left = at;
        let found = tables.map_while(|table| stripe.table(table)).find(|keys| {
            let size = keys.table.len() as u64;
            let is_here = left < size;
            left = left.saturating_sub(size);
            is_here
        });
        let chosen = found.and_then(|keys| keys.table.random(&mut rng)).map(|entry| (entry.key().to_vec(), liveness.is_alive(entry)));
        *self.rng() = rng;
        let (name, is_alive) = chosen?;
        if is_alive {
            return Some(RandomKey::Alive(name));
        }
        let is_gone = self.resolve(&name).is_some_and(|resolved| self.reclaim(Key::new(&name, &resolved)));
        Some(if is_gone { RandomKey::Reclaimed } else { RandomKey::Expired(name) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use crate::keyspace::Keyspace;
    use crate::keyspace::access::Moment;

    use crate::keyspace::key_mut::Expiry;
    use crate::keyspace::testing::put;
    use std::collections::BTreeMap;

    const STRIPES: usize = 16;
    const KEY_SEED: u64 = 1;

    fn choose(keyspace: &Keyspace, seed: u64) -> Option<RandomKey> {
        KeyAccess::new(keyspace, 0, &Moment::new(keyspace, 1000), seed).random_key()
    }

    fn name(chosen: Option<RandomKey>) -> String {
        let Some(RandomKey::Alive(name)) = chosen else { panic!("a live key: {chosen:?}") };
        String::from_utf8(name).unwrap()
    }

    /// Chi-square, divided by its degrees of freedom, is near 1 for a fair choice.
    #[test]
    fn every_key_has_the_same_chance() {
        for (keys, by_slot, tag) in [(3, false, ""), (40, false, ""), (1000, false, ""), (1000, true, ""), (300, true, "{one}")] {
            let keyspace = Keyspace::new(STRIPES, 1, by_slot, KEY_SEED);
            for number in 0..keys {
                put(&keyspace, 0, &format!("{tag}{number}"), Expiry::Clear, 0);
            }
            let draws = keys * 100;
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            let mut seeds = Rng::new(1);
            for _ in 0..draws {
                *counts.entry(name(choose(&keyspace, seeds.next_u64()))).or_default() += 1;
            }
            let unfairness: f64 = counts.values().map(|count| (*count as f64 - 100.0).powi(2) / 100.0).sum::<f64>() / (keys - 1) as f64;
            assert_eq!(counts.len() as u64, keys, "{keys} keys {tag}");
            assert!(unfairness < 1.5, "{keys} keys {tag}: {unfairness}");
        }
    }

    #[test]
    fn what_the_largest_stripe_had_is_forgotten() {
        let keyspace = Keyspace::new(STRIPES, 1, false, KEY_SEED);
        assert_eq!(choose(&keyspace, 1), None);
        put(&keyspace, 0, "only", Expiry::Clear, 0);
        for most in [0, 1, 1_000_000] {
            keyspace.note_most_keys(0, most);
            assert_eq!(name(choose(&keyspace, 7)), "only");
        }
        assert_eq!(keyspace.most_keys(0), 1, "it was counted");
    }

    #[test]
    fn a_stripe_that_is_held_is_passed_over() {
        let keyspace = Keyspace::new(STRIPES, 1, false, KEY_SEED);
        (0..100).for_each(|number| put(&keyspace, 0, &number.to_string(), Expiry::Clear, 0));
        let held = keyspace.place(b"7").stripe;
        let _guard = keyspace.lock(held);
        for seed in 0..1000 {
            assert_ne!(keyspace.place(name(choose(&keyspace, seed)).as_bytes()).stripe, held);
        }
    }
}
