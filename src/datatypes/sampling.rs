//! Choosing several different elements at random while going through all of them once: each set of so many is equally likely, and they
//! come in the order in which they lie.

use crate::base::rng::Rng;

/// How many are to be chosen of how many that come.
#[derive(Debug, Clone, Copy)]
pub struct Selection {
    wanted: usize,
    left: usize,
}

impl Selection {
    /// `wanted` of `all`.
    pub fn new(wanted: usize, all: usize) -> Self {
        Selection { wanted, left: all }
    }

    /// Whether the next one is among them.
    #[inline]
    pub fn takes(&mut self, rng: &mut Rng) -> bool {
        if self.left == 0 {
            return false;
        }
        let takes = rng.below(self.left as u64) < self.wanted as u64;
        self.left -= 1;
        self.wanted -= usize::from(takes);
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_chosen_and_each_as_often() {
        let mut rng = Rng::new(5);
        let mut times = [0u32; 10];
        for _ in 0..10_000 {
            let mut selection = Selection::new(3, 10);
            let chosen: Vec<usize> = (0..10).filter(|_| selection.takes(&mut rng)).collect();
            assert_eq!(chosen.len(), 3);
            chosen.iter().for_each(|at| times[*at] += 1);
        }
        assert!(times.iter().all(|times| (2800..3200).contains(times)), "{times:?}");
        let mut all = Selection::new(20, 2);
        assert!(all.takes(&mut rng) && all.takes(&mut rng) && !all.takes(&mut rng), "no more than there are");
    }
}
