//! Who owns which of the 16384 slots.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::slot::SLOTS;

/// Stands for "nobody".
const NOBODY: u16 = u16::MAX;

/// An inclusive range of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SlotRange {
    /// First slot.
    pub start: u16,
    /// Last slot; not below `start`.
    pub end: u16,
}

impl SlotRange {
    /// The range of one slot.
    pub fn one(slot: u16) -> Self {
        SlotRange { start: slot, end: slot }
    }

    /// Number of slots.
    #[expect(clippy::len_without_is_empty, reason = "a range has at least one slot")]
    pub fn len(&self) -> usize {
        usize::from(self.end - self.start) + 1
    }

    /// The slots.
    pub fn slots(&self) -> std::ops::RangeInclusive<u16> {
        self.start..=self.end
    }

    /// Whether it lies within the slot space and is not reversed.
    pub fn is_valid(&self) -> bool {
        self.start <= self.end && self.end < SLOTS
    }
}

/// The owner of each slot, as a position in the topology's list of shards. Cloning shares the map; the first change copies it.
#[derive(Clone, PartialEq, Eq)]
pub struct SlotMap(Arc<[u16]>);

impl Default for SlotMap {
    fn default() -> Self {
        SlotMap(vec![NOBODY; usize::from(SLOTS)].into())
    }
}

impl SlotMap {
    /// The owner of `slot`.
    #[inline]
    pub fn owner(&self, slot: u16) -> Option<u16> {
        let owner = self.0[usize::from(slot)];
        (owner != NOBODY).then_some(owner)
    }

    /// Gives `slot` to the shard at this position, or to nobody.
    pub fn set(&mut self, slot: u16, owner: Option<u16>) {
        Arc::make_mut(&mut self.0)[usize::from(slot)] = owner.unwrap_or(NOBODY);
    }

    /// Renames owners after the list of shards changed; `None` frees the slot.
    pub fn map_owners(&mut self, rename: impl Fn(u16) -> Option<u16>) {
        for owner in Arc::make_mut(&mut self.0).iter_mut().filter(|owner| **owner != NOBODY) {
            *owner = rename(*owner).unwrap_or(NOBODY);
        }
    }

    /// Maximal ranges with one owner, ascending; slots without an owner are left out.
    pub fn ranges(&self) -> impl Iterator<Item = (u16, SlotRange)> + '_ {
        let mut next = 0;
        std::iter::from_fn(move || {
            while next < self.0.len() && self.0[next] == NOBODY {
                next += 1;
            }
            let start = next;
            let owner = *self.0.get(start)?;
            while next < self.0.len() && self.0[next] == owner {
                next += 1;
            }
            Some((owner, SlotRange { start: start as u16, end: (next - 1) as u16 }))
        })
    }

    /// How many slots have an owner.
    pub fn assigned(&self) -> usize {
        self.0.iter().filter(|owner| **owner != NOBODY).count()
    }

    pub(super) fn owners_below(&self, shards: usize) -> bool {
        self.0.iter().all(|owner| *owner == NOBODY || usize::from(*owner) < shards)
    }
}

impl std::fmt::Debug for SlotMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.ranges().map(|(owner, range)| ((range.start, range.end), owner))).finish()
    }
}

/// As ranges: a usual map is a few dozen bytes instead of 32 KiB.
impl Serialize for SlotMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.ranges().collect::<Vec<_>>().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SlotMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut map = SlotMap::default();
        for (owner, range) in Vec::<(u16, SlotRange)>::deserialize(deserializer)? {
            if !range.is_valid() {
                return Err(serde::de::Error::custom("slot range out of bounds"));
            }
            for slot in range.slots() {
                map.set(slot, Some(owner));
            }
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_maximal_and_survive_the_codec() {
        let mut map = SlotMap::default();
        assert_eq!(map.ranges().count(), 0);
        for (slot, owner) in [(0, 1), (1, 1), (2, 0), (5, 0), (16383, 1)] {
            map.set(slot, Some(owner));
        }
        let ranges: Vec<_> = map.ranges().map(|(owner, range)| (owner, range.start, range.end)).collect();
        assert_eq!(ranges, [(1, 0, 1), (0, 2, 2), (0, 5, 5), (1, 16383, 16383)]);
        assert_eq!(map.assigned(), 5);
        let bytes = larder_proto::bus::codec::encode(&map).unwrap();
        assert!(bytes.len() < 40, "{} bytes", bytes.len());
        assert_eq!(larder_proto::bus::codec::decode::<SlotMap>(&bytes).unwrap(), map);
    }

    #[test]
    fn clones_do_not_see_later_changes() {
        let mut map = SlotMap::default();
        map.set(7, Some(0));
        let before = map.clone();
        map.map_owners(|_| None);
        assert_eq!((before.owner(7), map.owner(7)), (Some(0), None));
    }
}
