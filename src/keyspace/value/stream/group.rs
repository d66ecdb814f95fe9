//! Groups of consumers: how far each has read its stream, and what was delivered to whom and is not acknowledged yet.
//!
//! A pending entry lies twice: in the group's map, with all that is known of it, and its ID in that of its consumer, so that a consumer's
//! history is read without going through those of the others.
//!
//! While a snapshot is taken, what is pending under an ID is given to it before it is changed ([`super::left`]).
//!
//! Invariant: an ID is pending in the group if and only if it is so with exactly one consumer, which the group's map names.

use super::figures::Figures;
pub use super::head::Pending;
use super::head::{ConsumerHead, GroupHead};
use super::left::GroupSaving;
use crate::base::alloc;
use crate::datatypes::id_map::IdMap;
use crate::datatypes::stream_id::StreamId;
use crate::keyspace::value::not_copied::NotCopied;

/// A consumer.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// Its name.
    pub name: Box<[u8]>,
    /// When it tried something last, unix milliseconds.
    pub seen_ms: i64,
    /// When it got something last, unix milliseconds; -1 for never.
    pub active_ms: i64,
    pending: IdMap<()>,
}

/// A group.
#[derive(Debug, Clone)]
pub struct Group {
    pub(super) name: Box<[u8]>,
    /// The last ID that was delivered.
    pub last_id: StreamId,
    /// How many entries were ever delivered, if that is known.
    pub entries_read: Option<u64>,
    pending: IdMap<Pending>,
    /// By number; the place of one that was deleted is empty until another gets it.
    consumers: Vec<Option<Consumer>>,
    /// Empty places.
    free: Vec<u32>,
    /// Numbers of the consumers, ascending by name.
    by_name: Vec<u32>,
    saving: NotCopied<GroupSaving>,
}

impl Consumer {
    /// Entries that are pending with it.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The first of their IDs from `start` on.
    #[inline]
    pub fn next_pending(&self, start: StreamId) -> Option<StreamId> {
        self.pending.ceiling(start).map(|place| self.pending.at(place).0)
    }

    /// Their IDs from `start` on.
    pub fn pending_from(&self, start: StreamId) -> impl Iterator<Item = StreamId> {
        self.pending.iter_from(start).map(|(id, ())| id)
    }
}

impl Group {
    /// A group without consumers.
    pub fn new(name: &[u8], last_id: StreamId, entries_read: Option<u64>) -> Group {
        Group {
            name: name.into(),
            last_id,
            entries_read,
            pending: IdMap::default(),
            consumers: Vec::new(),
            free: Vec::new(),
            by_name: Vec::new(),
            saving: NotCopied::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// What it is beside what is pending.
    pub fn head(&self) -> GroupHead {
        let head = |number: &u32| {
            let consumer = self.consumer(*number);
            ConsumerHead { number: *number, name: consumer.name.clone(), seen_ms: consumer.seen_ms, active_ms: consumer.active_ms }
        };
        let consumers = self.by_name.iter().map(head).collect();
        GroupHead { name: self.name.clone(), last_id: self.last_id, entries_read: self.entries_read, consumers }
    }

    /// True if a snapshot does not have all that is pending in it.
    pub(super) fn is_being_saved(&self) -> bool {
        self.saving.0.is_some()
    }

    /// What is known of the snapshot that is being taken, beside what is pending.
    pub(super) fn saving_mut(&mut self) -> (&mut NotCopied<GroupSaving>, &IdMap<Pending>) {
        (&mut self.saving, &self.pending)
    }

    /// Gives what is pending under these IDs to the snapshot that is being taken, before it is changed.
    #[cold]
    #[inline(never)]
    fn give(&mut self, ids: impl Iterator<Item = StreamId>) {
        let Some(saving) = &mut self.saving.0 else { return };
        let pending = ids.filter(|id| saving.claim(*id)).filter_map(|id| Some((id, *self.pending.get(id)?))).collect();
        saving.give(pending);
    }

    /// As [`Group::give`], of one ID.
    #[inline]
    fn give_one(&mut self, id: StreamId) {
        if self.saving.0.is_some() {
            self.give(std::iter::once(id));
        }
    }

    /// All that is pending.
    pub fn pending(&self) -> &IdMap<Pending> {
        &self.pending
    }

    /// Where a consumer of this name stands among the names, or would.
    fn position(&self, name: &[u8]) -> Result<usize, usize> {
        self.by_name.binary_search_by(|number| (*self.consumer(*number).name).cmp(name))
    }

    /// The number of the consumer of this name.
    #[inline]
    pub fn find_consumer(&self, name: &[u8]) -> Option<u32> {
        if let [only] = *self.by_name {
            return (*self.consumer(only).name == *name).then_some(only);
        }
        self.position(name).ok().map(|at| self.by_name[at])
    }

    /// The consumer of a number that the group gave.
    #[inline]
    pub fn consumer(&self, number: u32) -> &Consumer {
        self.consumers[number as usize].as_ref().expect("the number is that of a consumer")
    }

    /// As [`Group::consumer`], to change its times.
    #[inline]
    pub fn consumer_mut(&mut self, number: u32) -> &mut Consumer {
        self.consumers[number as usize].as_mut().expect("the number is that of a consumer")
    }

    /// The consumers, ascending by name.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.by_name.iter().map(|number| self.consumer(*number))
    }

    /// Adds a consumer, unless there is one of this name. Returns its number, and whether it is new.
    pub fn add_consumer(&mut self, name: &[u8], now_ms: i64) -> (u32, bool) {
        let at = match self.position(name) {
            Ok(at) => return (self.by_name[at], false),
            Err(at) => at,
        };
        let consumer = Some(Consumer { name: name.into(), seen_ms: now_ms, active_ms: -1, pending: IdMap::default() });
        let number = match self.free.pop() {
            Some(free) => {
                self.consumers[free as usize] = consumer;
                free
            }
            None => {
                if self.consumers.is_empty() {
                    self.consumers.reserve_exact(1);
                    self.by_name.reserve_exact(1);
                }
                self.consumers.push(consumer);
                self.consumers.len() as u32 - 1
            }
        };
        self.by_name.insert(at, number);
        (number, true)
    }

    /// Deletes a consumer with all that is pending with it. Returns it, so that it can be freed later; `None` if there was none.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<Consumer> {
        let at = self.position(name).ok()?;
        let number = self.by_name.remove(at);
        let consumer = self.consumers[number as usize].take()?;
        if self.saving.0.is_some() {
            self.give(consumer.pending_from(StreamId::MIN));
        }
        self.free.push(number);
        consumer.pending.iter().for_each(|(id, ())| _ = self.pending.remove(id));
        Some(consumer)
    }

    /// Notes that an entry was delivered to a consumer for the first time; whoever it was pending with before, it is no longer.
    #[inline]
    pub fn deliver(&mut self, id: StreamId, consumer: u32, now_ms: i64) {
        self.assign(id, Pending { delivered_ms: now_ms, deliveries: 1, consumer });
    }

    /// Makes an entry pending, or changes it.
    #[inline]
    pub fn assign(&mut self, id: StreamId, pending: Pending) {
        self.give_one(id);
        match self.pending.insert(id, pending) {
            Some(old) if old.consumer == pending.consumer => return,
            Some(old) => _ = self.consumer_mut(old.consumer).pending.remove(id),
            None => {}
        }
        self.consumer_mut(pending.consumer).pending.insert(id, ());
    }

    /// Goes on behind an entry that was just given to a consumer.
    #[inline]
    pub fn advance(&mut self, id: StreamId, figures: &Figures) {
        self.entries_read = figures.entries_read(self.last_id, self.entries_read, id);
        self.last_id = id;
    }

    /// Notes that an entry of a consumer's history was delivered to it once more.
    pub fn deliver_again(&mut self, id: StreamId, now_ms: i64) {
        self.give_one(id);
        if let Some(pending) = self.pending.get_mut(id) {
            pending.delivered_ms = now_ms;
            pending.deliveries = pending.deliveries.wrapping_add(1);
        }
    }

    /// An entry is no longer pending. False if it was not.
    #[inline]
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        self.give_one(id);
        let Some(pending) = self.pending.remove(id) else { return false };
        self.consumer_mut(pending.consumer).pending.remove(id);
        true
    }

    /// What freeing it costs, in small allocations.
    pub fn effort(&self) -> usize {
        2 + self.pending.allocations() + self.consumers().map(|consumer| 2 + consumer.pending.allocations()).sum::<usize>()
    }

    pub(super) fn memory(&self) -> usize {
        let block = alloc::block_len;
        let consumers: usize = self.consumers().map(|consumer| block(consumer.name.len()) + consumer.pending.memory()).sum();
        let places = block(self.consumers.capacity() * size_of::<Option<Consumer>>())
            + block((self.by_name.capacity() + self.free.capacity()) * size_of::<u32>());
        block(size_of::<Group>()) + block(self.name.len()) + self.pending.memory() + places + consumers
    }
}
