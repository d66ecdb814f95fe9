//! A shard's data on one node, as far as the core looks at them: a sequence of writes, of which only its identity is kept.

use std::rc::Rc;

use crate::cluster::core::{Position, Process};

/// What one process has.
#[derive(Debug, Clone, Default)]
pub(super) struct Data {
    /// The epoch of the primary that it was last equal to, as far as it goes.
    pub(super) epoch: u64,
    /// One number per write, which stands for that and all before it.
    log: Rc<Vec<u64>>,
    /// A full copy is under way: of this primary in this epoch.
    copying: Option<(Process, u64)>,
}

/// What becomes of what a primary sent.
#[derive(Debug, PartialEq)]
pub(super) enum Taken {
    /// The replica has all up to there.
    Acknowledge(Position),
    /// It has something else: a full copy begins.
    Copy,
    Nothing,
}

impl Data {
    pub(super) fn position(&self) -> Position {
        Position { epoch: self.epoch, offset: self.log.len() as u64 }
    }

    pub(super) fn content(&self, offset: u64) -> u64 {
        offset.checked_sub(1).map_or(0, |at| self.log[at as usize])
    }

    /// Whether the first `offset` writes are those.
    pub(super) fn has(&self, offset: u64, content: u64) -> bool {
        offset == 0 || self.log.get(offset as usize - 1) == Some(&content)
    }

    pub(super) fn write(&mut self, number: u64) {
        let last = self.content(self.log.len() as u64);
        Rc::make_mut(&mut self.log).push((last ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23));
    }

    pub(super) fn log(&self) -> Rc<Vec<u64>> {
        Rc::clone(&self.log)
    }

    /// As a replica: the primary of this epoch has that.
    pub(super) fn take(&mut self, from: Process, epoch: u64, log: &Rc<Vec<u64>>) -> Taken {
        if self.copying == Some((from, epoch)) {
            return Taken::Nothing;
        }
        let mine = self.log.len();
        let is_prefix = mine == 0 || log.get(mine - 1) == self.log.last();
        if epoch == self.epoch && mine > log.len() {
            return Taken::Nothing;
        }
        if !is_prefix {
            self.copying = Some((from, epoch));
            return Taken::Copy;
        }
        (self.epoch, self.log) = (epoch, Rc::clone(log));
        Taken::Acknowledge(self.position())
    }

    /// A full copy has come.
    pub(super) fn copied(&mut self, from: Process, epoch: u64, log: &Rc<Vec<u64>>) -> Option<Position> {
        if self.copying.take() != Some((from, epoch)) {
            return None;
        }
        (self.epoch, self.log) = (epoch, Rc::clone(log));
        Some(self.position())
    }

    /// What is left of it after a crash that lost the last writes.
    pub(super) fn after_crash(&self, lost: usize) -> Data {
        let kept = self.log.len().saturating_sub(lost);
        Data { epoch: self.epoch, log: Rc::new(self.log[..kept].to_vec()), copying: None }
    }
}
