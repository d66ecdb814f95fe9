//! Values by ascending stream IDs: sorted chunks, in a sequence that is short at both ends.
//!
//! Most IDs are added at the end and most leave at the beginning, so a chunk is filled before another is begun, and memory is full but
//! for the ends. An ID is found by two searches, the first of them over the chunks' first IDs, which lie together. A B-tree whose
//! entries come in ascending order is half empty: a million pending entries took nearly twice the memory.
//!
//! Invariants: no chunk is empty; IDs ascend within chunks and from chunk to chunk; `first` is that of a chunk's first item.

use std::collections::VecDeque;

use super::stream_id::StreamId;
use crate::base::alloc;

/// Items of a full chunk.
const CHUNK: usize = 64;
/// Two neighbours with no more items than this become one.
const MERGED: usize = CHUNK / 2;

#[derive(Debug, Clone)]
struct Chunk<V> {
    first: StreamId,
    items: VecDeque<(StreamId, V)>,
}

/// See the module's page.
#[derive(Debug, Clone)]
pub struct IdMap<V> {
    chunks: VecDeque<Chunk<V>>,
    len: usize,
}

/// Where an item lies. It holds until the map changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    chunk: usize,
    item: usize,
}

/// How many of `len` ascending IDs lie before `id`, or, with `includes`, are `id` itself. The search begins where it would lie if they were
/// spread evenly: most are, nearly, and then it is found at once, in the one line of memory that is looked at.
#[inline]
fn partition(id: StreamId, includes: bool, len: usize, at: impl Fn(usize) -> StreamId) -> usize {
    let is_before = |other: StreamId| other < id || (includes && other == id);
    let Some(end) = len.checked_sub(1) else { return 0 };
    let (first, last) = (at(0), at(end));
    if !is_before(first) {
        return 0;
    }
    if is_before(last) {
        return len;
    }
    // From here on what lies before `low` lies before the ID, and what lies at `high` does not.
    let (mut low, mut high) = (1, end);
    let share = if first.ms == last.ms {
        (id.seq - first.seq) as f64 / (last.seq - first.seq) as f64
    } else {
        (id.ms - first.ms) as f64 / (last.ms - first.ms) as f64
    };
    let guess = ((share * end as f64) as usize).min(end);
    let mut step = 1;
    if is_before(at(guess)) {
        low = guess + 1;
        while low + step <= high {
            let probe = low + step - 1;
            if !is_before(at(probe)) {
                high = probe;
                break;
            }
            low = probe + 1;
            step *= 2;
        }
    } else {
        high = guess;
        while low + step <= high {
            let probe = high - step;
            if is_before(at(probe)) {
                low = probe + 1;
                break;
            }
            high = probe;
            step *= 2;
        }
    }
    while low < high {
        let middle = usize::midpoint(low, high);
        if is_before(at(middle)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

impl<V> Default for IdMap<V> {
    fn default() -> Self {
        IdMap { chunks: VecDeque::new(), len: 0 }
    }
}

impl<V> Chunk<V> {
    fn new(id: StreamId, value: V, capacity: usize) -> Chunk<V> {
        let mut items = VecDeque::with_capacity(capacity);
        items.push_back((id, value));
        Chunk { first: id, items }
    }

    /// Makes room for one more.
    fn reserve(&mut self) {
        let len = self.items.len();
        if len == self.items.capacity() {
            self.items.reserve_exact(len.clamp(1, CHUNK.saturating_sub(len).max(1)));
        }
    }

    /// Position of the first item with this ID or a greater one.
    #[inline]
    fn ceiling(&self, id: StreamId) -> usize {
        partition(id, false, self.items.len(), |at| self.items[at].0)
    }
}

impl<V> IdMap<V> {
    /// Number of items.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of the only chunk where this ID may lie.
    #[inline]
    fn chunk_of(&self, id: StreamId) -> Option<usize> {
        match self.chunks.back() {
            Some(last) if last.first <= id => Some(self.chunks.len() - 1),
            _ => partition(id, true, self.chunks.len(), |at| self.chunks[at].first).checked_sub(1),
        }
    }

    /// The first item's place, if there is one.
    #[inline]
    pub fn front(&self) -> Option<Place> {
        (self.len > 0).then_some(Place { chunk: 0, item: 0 })
    }

    /// The last item's place, if there is one.
    #[inline]
    pub fn back(&self) -> Option<Place> {
        let chunk = self.chunks.len().checked_sub(1)?;
        Some(Place { chunk, item: self.chunks[chunk].items.len() - 1 })
    }

    /// The place of the first item with this ID or a greater one.
    pub fn ceiling(&self, id: StreamId) -> Option<Place> {
        let Some(chunk) = self.chunk_of(id) else { return self.front() };
        let item = self.chunks[chunk].ceiling(id);
        if item < self.chunks[chunk].items.len() {
            return Some(Place { chunk, item });
        }
        (chunk + 1 < self.chunks.len()).then_some(Place { chunk: chunk + 1, item: 0 })
    }

    /// The place of the last item with this ID or a lesser one.
    #[inline]
    pub fn floor(&self, id: StreamId) -> Option<Place> {
        let chunk = self.chunk_of(id)?;
        let items = &self.chunks[chunk].items;
        let item = partition(id, true, items.len(), |at| items[at].0) - 1;
        Some(Place { chunk, item })
    }

    fn find(&self, id: StreamId) -> Option<Place> {
        let chunk = self.chunk_of(id)?;
        let item = self.chunks[chunk].ceiling(id);
        (self.chunks[chunk].items.get(item)?.0 == id).then_some(Place { chunk, item })
    }

    /// The item at a place.
    #[inline]
    pub fn at(&self, place: Place) -> (StreamId, &V) {
        let (id, value) = &self.chunks[place.chunk].items[place.item];
        (*id, value)
    }

    /// As [`IdMap::at`], to change the value.
    #[inline]
    pub fn at_mut(&mut self, place: Place) -> (StreamId, &mut V) {
        let (id, value) = &mut self.chunks[place.chunk].items[place.item];
        (*id, value)
    }

    /// The place behind.
    #[inline]
    pub fn next(&self, place: Place) -> Option<Place> {
        if place.item + 1 < self.chunks[place.chunk].items.len() {
            return Some(Place { item: place.item + 1, ..place });
        }
        (place.chunk + 1 < self.chunks.len()).then_some(Place { chunk: place.chunk + 1, item: 0 })
    }

    /// The place before.
    #[inline]
    pub fn previous(&self, place: Place) -> Option<Place> {
        if let Some(item) = place.item.checked_sub(1) {
            return Some(Place { item, ..place });
        }
        let chunk = place.chunk.checked_sub(1)?;
        Some(Place { chunk, item: self.chunks[chunk].items.len() - 1 })
    }

    /// Goes through all items from the first with this ID or a greater one on.
    pub fn iter_from(&self, id: StreamId) -> impl Iterator<Item = (StreamId, &V)> {
        std::iter::successors(self.ceiling(id), |place| self.next(*place)).map(|place| self.at(place))
    }

    /// Goes through all items.
    pub fn iter(&self) -> impl Iterator<Item = (StreamId, &V)> {
        self.iter_from(StreamId::MIN)
    }

    /// The value of an ID.
    pub fn get(&self, id: StreamId) -> Option<&V> {
        self.find(id).map(|place| self.at(place).1)
    }

    /// As [`IdMap::get`], to change it.
    pub fn get_mut(&mut self, id: StreamId) -> Option<&mut V> {
        self.find(id).map(|place| self.at_mut(place).1)
    }

    /// The last item, to change its value.
    #[inline]
    pub fn last_mut(&mut self) -> Option<(StreamId, &mut V)> {
        self.chunks.back_mut()?.items.back_mut().map(|(id, value)| (*id, value))
    }

    /// Sets the value of an ID; returns the one it had.
    pub fn insert(&mut self, id: StreamId, value: V) -> Option<V> {
        let number = self.chunk_of(id).unwrap_or(0);
        let Some(chunk) = self.chunks.get_mut(number) else {
            self.add_chunk(0, Chunk::new(id, value, 1));
            return None;
        };
        let at = chunk.ceiling(id);
        if let Some((other, old)) = chunk.items.get_mut(at)
            && *other == id
        {
            return Some(std::mem::replace(old, value));
        }
        if chunk.items.len() < CHUNK {
            chunk.reserve();
            chunk.items.insert(at, (id, value));
            chunk.first = chunk.items[0].0;
            self.len += 1;
            return None;
        }
        if at == CHUNK {
            // Nothing in this chunk follows. What is added at the end goes into a chunk that will be filled.
            let capacity = if number + 1 == self.chunks.len() { CHUNK } else { 1 };
            self.add_chunk(number + 1, Chunk::new(id, value, capacity));
            return None;
        }
        let rest = chunk.items.split_off(CHUNK / 2);
        chunk.items.shrink_to_fit();
        self.chunks.insert(number + 1, Chunk { first: rest[0].0, items: rest });
        self.insert(id, value)
    }

    fn add_chunk(&mut self, number: usize, chunk: Chunk<V>) {
        if self.chunks.is_empty() {
            self.chunks.reserve_exact(1);
        }
        self.chunks.insert(number, chunk);
        self.len += 1;
    }

    /// Takes an ID out, with its value.
    pub fn remove(&mut self, id: StreamId) -> Option<V> {
        let place = self.find(id)?;
        Some(self.remove_at(place))
    }

    /// Takes the item at a place out. The same place is then that of the item behind it, unless it was the last of its chunk.
    pub fn remove_at(&mut self, place: Place) -> V {
        let chunk = &mut self.chunks[place.chunk];
        let (_, value) = chunk.items.remove(place.item).expect("a place is that of an item");
        self.len -= 1;
        match chunk.items.front() {
            None => {
                self.chunks.remove(place.chunk);
                if self.chunks.capacity() > 64 && self.chunks.len() < self.chunks.capacity() / 4 {
                    self.chunks.shrink_to(self.chunks.len() * 2);
                }
            }
            Some((first, _)) => {
                chunk.first = *first;
                let len = chunk.items.len();
                if len == MERGED / 2 {
                    self.merge(place.chunk);
                }
            }
        }
        value
    }

    /// Moves the items of a chunk that has become short, if those of a neighbour have room for them; else gives memory back.
    fn merge(&mut self, number: usize) {
        let has_room = |chunk: Option<&Chunk<V>>| chunk.is_some_and(|chunk| chunk.items.len() <= MERGED);
        let first = match number {
            _ if has_room(self.chunks.get(number + 1)) => number,
            1.. if has_room(self.chunks.get(number - 1)) => number - 1,
            _ => {
                self.chunks[number].items.shrink_to(MERGED);
                return;
            }
        };
        if let Some(mut rest) = self.chunks.remove(first + 1) {
            self.chunks[first].items.append(&mut rest.items);
        }
    }

    /// Number of its allocations.
    pub fn allocations(&self) -> usize {
        self.chunks.len() + usize::from(self.chunks.capacity() > 0)
    }

    /// Its memory, without what values hold elsewhere.
    pub fn memory(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|chunk| alloc::block_len(chunk.items.capacity() * size_of::<(StreamId, V)>())).sum();
        chunks + alloc::block_len(self.chunks.capacity() * size_of::<Chunk<V>>())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn check(map: &IdMap<u32>, model: &BTreeMap<StreamId, u32>) {
        assert_eq!(map.len(), model.len());
        let read: Vec<_> = map.iter().map(|(id, value)| (id, *value)).collect();
        assert_eq!(read, model.iter().map(|(id, value)| (*id, *value)).collect::<Vec<_>>());
        let backwards = std::iter::successors(map.back(), |place| map.previous(*place)).map(|place| map.at(place).0);
        assert!(backwards.eq(model.keys().rev().copied()));
        for chunk in &map.chunks {
            assert_eq!(Some(chunk.first), chunk.items.front().map(|(id, _)| *id));
            assert!(chunk.items.len() <= CHUNK);
        }
    }

    proptest! {
        #[test]
        fn a_map_is_what_a_b_tree_would_be(steps in prop::collection::vec((0..6u8, 0..400u64, 0..200u64), 1..80)) {
            let (mut map, mut model) = (IdMap::default(), BTreeMap::new());
            let mut value = 0;
            for (kind, from, count) in steps {
                match kind {
                    // Many at the end.
                    0 | 1 => {
                        let last = model.keys().next_back().map_or(0, |id: &StreamId| id.ms);
                        for ms in last + 1..=last + count {
                            value += 1;
                            prop_assert_eq!(map.insert(StreamId::new(ms, 0), value), model.insert(StreamId::new(ms, 0), value));
                        }
                    }
                    // Anywhere.
                    2 => {
                        let id = StreamId::new(from, count % 3);
                        value += 1;
                        prop_assert_eq!(map.insert(id, value), model.insert(id, value));
                    }
                    // Many at the beginning, or somewhere.
                    3 | 4 => {
                        let first = if kind == 3 { StreamId::MIN } else { StreamId::new(from, 0) };
                        let ids: Vec<_> = model.range(first..).map(|(id, _)| *id).take(count as usize).collect();
                        for id in ids {
                            prop_assert_eq!(map.remove(id), model.remove(&id));
                        }
                    }
                    // Every other.
                    _ => {
                        let ids: Vec<_> = model.keys().copied().step_by(2 + from as usize % 5).collect();
                        for id in ids {
                            prop_assert_eq!(map.remove(id), model.remove(&id));
                        }
                    }
                }
                check(&map, &model);
                let id = StreamId::new(from, 1);
                prop_assert_eq!(map.get(id), model.get(&id));
                prop_assert_eq!(map.ceiling(id).map(|place| map.at(place).0), model.range(id..).next().map(|(id, _)| *id));
                prop_assert_eq!(map.floor(id).map(|place| map.at(place).0), model.range(..=id).next_back().map(|(id, _)| *id));
            }
        }
    }
}
