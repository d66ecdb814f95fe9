//! Which of the parts that something had when a snapshot began the snapshot has: saved by its walk, or handed over by who changed them.
//!
//! Parts that came later have numbers beyond the first ones, or those of parts that are gone and were handed over as they went: they count
//! as saved.

/// See the module's page.
#[derive(Debug)]
pub(super) struct Marks {
    saved: Box<[u64]>,
    parts: usize,
    left: usize,
    /// No part before this one is left.
    next: usize,
}

impl Marks {
    /// For so many parts, none of which is saved.
    pub(super) fn new(parts: usize) -> Marks {
        Marks { saved: vec![0; parts.div_ceil(64)].into_boxed_slice(), parts, left: parts, next: 0 }
    }

    /// True if this part was not saved yet. Now it counts as saved.
    pub(super) fn claim(&mut self, part: usize) -> bool {
        let Some(word) = self.saved.get_mut(part / 64).filter(|_| part < self.parts) else { return false };
        let bit = 1 << (part % 64);
        let is_left = *word & bit == 0;
        *word |= bit;
        self.left -= usize::from(is_left);
        is_left
    }

    /// Claims the first part that is left.
    pub(super) fn claim_next(&mut self) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        let mut at = self.next / 64;
        while self.saved[at] == u64::MAX {
            at += 1;
        }
        let part = at * 64 + self.saved[at].trailing_ones() as usize;
        self.next = part;
        self.claim(part).then_some(part)
    }

    /// Parts that are not saved.
    pub(super) fn left(&self) -> usize {
        self.left
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_part_is_claimed_once(parts in 0..300usize, steps in prop::collection::vec(prop::option::of(0..320usize), 0..400)) {
            let (mut marks, mut model) = (Marks::new(parts), (0..parts).collect::<BTreeSet<usize>>());
            for step in steps {
                match step {
                    Some(part) => prop_assert_eq!(marks.claim(part), model.remove(&part)),
                    None => prop_assert_eq!(marks.claim_next(), model.pop_first()),
                }
                prop_assert_eq!(marks.left(), model.len());
            }
            prop_assert!((0..320).all(|part| marks.claim(part) == model.contains(&part)));
        }
    }
}
