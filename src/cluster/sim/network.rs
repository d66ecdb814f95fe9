//! The network between nodes: connections, delays, losses, and directions that are cut.

use std::collections::BTreeMap;

use crate::base::rng::Rng;

/// A node, by its place.
pub(super) type At = usize;

/// How bad it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quality {
    /// Delays in microseconds, uniformly between these: so messages overtake each other.
    pub(super) delay_us: (u64, u64),
    /// Messages of a thousand that are lost.
    pub(super) loss: u64,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) quality: Quality,
    /// To which process of the second the first has a connection.
    links: BTreeMap<(At, At), u64>,
    /// Until when nothing gets from the first to the second.
    cuts: BTreeMap<(At, At), u64>,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrives, at this time, at this process.
    Arrives {
        at_us: u64,
        incarnation: u64,
    },
    Lost,
}

impl Network {
    pub(super) fn new(quality: Quality) -> Network {
        Network { quality, links: BTreeMap::new(), cuts: BTreeMap::new() }
    }

    pub(super) fn delay_us(&self, rng: &mut Rng) -> u64 {
        let (least, most) = self.quality.delay_us;
        least + rng.below(most - least + 1)
    }

    /// Nothing gets from one to the other until then.
    pub(super) fn cut(&mut self, from: At, to: At, until_us: u64) {
        let cut = self.cuts.entry((from, to)).or_default();
        *cut = (*cut).max(until_us);
    }

    pub(super) fn heal(&mut self) {
        self.cuts.clear();
    }

    pub(super) fn is_cut(&self, from: At, to: At, now_us: u64) -> bool {
        self.cuts.get(&(from, to)).is_some_and(|until_us| now_us < *until_us)
    }

    pub(super) fn are_cut(&self, one: At, other: At, now_us: u64) -> bool {
        self.is_cut(one, other, now_us) || self.is_cut(other, one, now_us)
    }

    pub(super) fn link(&mut self, from: At, to: At, incarnation: u64) {
        self.links.insert((from, to), incarnation);
    }

    pub(super) fn unlink(&mut self, from: At, to: At) -> Option<u64> {
        self.links.remove(&(from, to))
    }

    pub(super) fn linked(&self, from: At, to: At) -> Option<u64> {
        self.links.get(&(from, to)).copied()
    }

    /// A message leaves, over the connection that there is.
    pub(super) fn send(&self, from: At, to: At, now_us: u64, rng: &mut Rng) -> Fate {
        let Some(incarnation) = self.linked(from, to) else { return Fate::Lost };
        let is_lost = self.is_cut(from, to, now_us) || rng.below(1000) < self.quality.loss;
        // TCP repeats what was lost: much later it may arrive after all.
        if is_lost && rng.below(4) > 0 {
            return Fate::Lost;
        }
        let late_us = if is_lost { 200_000 + rng.below(1_500_000) } else { 0 };
        let at_us = now_us + late_us + self.delay_us(rng);
        if self.is_cut(from, to, at_us) { Fate::Lost } else { Fate::Arrives { at_us, incarnation } }
    }
}
