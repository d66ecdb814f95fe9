//! Which entries of a table a snapshot has, by the places of its buckets: saved by its walk, or handed over by who changed them.
//!
//! A bit per place rather than per bucket: who overwrites a key copies that entry, and not the six or seven others of its bucket. It costs
//! two bytes per bucket while a snapshot walks.
//!
//! The entries of a chain have the bit of the bucket's last place, which is the chain's: whoever changes a bucket with a chain, or one that
//! is about to get a chain, claims all of it.
//!
//! Buckets that came later count as saved.

use super::bucket::PLACES;

const ALL: u16 = (1 << PLACES) - 1;

/// Places of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Places(u16);

impl Places {
    fn of(index: usize) -> Places {
        Places(1 << index.min(PLACES - 1))
    }

    /// True if the entry with this index in the bucket is among them.
    pub(super) fn have(self, index: usize) -> bool {
        self.0 & Places::of(index).0 != 0
    }

    pub(super) fn are_none(self) -> bool {
        self.0 == 0
    }
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct PlaceMarks {
    saved: Box<[u16]>,
    /// No bucket before this one has places that are left.
    next: usize,
}

impl PlaceMarks {
    /// For so many buckets, nothing of which is saved.
    pub(super) fn new(buckets: usize) -> PlaceMarks {
        PlaceMarks { saved: vec![0; buckets].into_boxed_slice(), next: 0 }
    }

    /// Places of this bucket that are not saved.
    pub(super) fn left(&self, bucket: usize) -> Places {
        Places(ALL & !self.saved.get(bucket).copied().unwrap_or(ALL))
    }

    /// True if the entry with this index was not saved yet. Now it counts as saved.
    pub(super) fn claim(&mut self, bucket: usize, index: usize) -> bool {
        let is_left = self.left(bucket).have(index);
        if let Some(saved) = self.saved.get_mut(bucket) {
            *saved |= Places::of(index).0;
        }
        is_left
    }

    /// Places of this bucket that were not saved yet. Now they count as saved.
    pub(super) fn claim_bucket(&mut self, bucket: usize) -> Places {
        let left = self.left(bucket);
        if let Some(saved) = self.saved.get_mut(bucket) {
            *saved = ALL;
        }
        left
    }

    /// Claims the first bucket of which something is left.
    pub(super) fn claim_next(&mut self) -> Option<(usize, Places)> {
        let rest = self.saved.get(self.next..)?;
        let bucket = self.next + rest.iter().position(|saved| *saved != ALL)?;
        self.next = bucket + 1;
        Some((bucket, self.claim_bucket(bucket)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn visit(bucket: usize, places: Places, mut visit: impl FnMut((usize, usize))) {
        (0..PLACES).filter(|place| places.have(*place)).for_each(|place| visit((bucket, place)));
    }

    proptest! {
        #[test]
        fn each_place_is_claimed_once(
            buckets in 0..20usize,
            steps in prop::collection::vec((0..4u8, 0..22usize, 0..PLACES + 3), 0..200),
        ) {
            let mut marks = PlaceMarks::new(buckets);
            let mut model: BTreeSet<(usize, usize)> = (0..buckets).flat_map(|bucket| (0..PLACES).map(move |place| (bucket, place))).collect();
            for (step, bucket, index) in steps {
                match step {
                    0 | 1 => prop_assert_eq!(marks.claim(bucket, index), model.remove(&(bucket, index.min(PLACES - 1)))),
                    2 => {
                        let claimed = marks.claim_bucket(bucket);
                        let mut found = 0;
                        visit(bucket, claimed, |place| found += usize::from(model.remove(&place)));
                        prop_assert_eq!(found, claimed.0.count_ones() as usize);
                        prop_assert!(model.iter().all(|place| place.0 != bucket));
                    }
                    _ => {
                        let next = marks.claim_next();
                        prop_assert_eq!(next.map(|(bucket, _)| bucket), model.first().map(|(bucket, _)| *bucket));
                        if let Some((bucket, places)) = next {
                            prop_assert!(!places.are_none());
                            let mut found = 0;
                            visit(bucket, places, |place| found += usize::from(model.remove(&place)));
                            prop_assert_eq!(found, places.0.count_ones() as usize);
                            prop_assert!(model.iter().all(|place| place.0 != bucket));
                        }
                    }
                }
            }
            for bucket in 0..22 {
                for place in 0..PLACES {
                    prop_assert_eq!(marks.left(bucket).have(place), model.contains(&(bucket, place)));
                }
            }
        }
    }
}
