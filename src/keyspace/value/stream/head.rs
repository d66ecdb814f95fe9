//! What a stream has beside its entries and what is pending, by itself: what a snapshot takes first.

use super::figures::Figures;
use crate::base::alloc;
use crate::datatypes::stream_id::StreamId;

/// A delivery that is not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// When it was delivered last, unix milliseconds.
    pub delivered_ms: i64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// To whom: the consumer's number in its group.
    pub consumer: u32,
}

/// What a group is beside what is pending in it.
#[derive(Debug, Clone)]
pub struct GroupHead {
    /// Its name.
    pub name: Box<[u8]>,
    /// The last ID that was delivered.
    pub last_id: StreamId,
    /// How many entries were ever delivered, if that is known.
    pub entries_read: Option<u64>,
    /// Consumers, ascending by name.
    pub consumers: Vec<ConsumerHead>,
}

/// What a consumer is beside what is pending with it.
#[derive(Debug, Clone)]
pub struct ConsumerHead {
    /// What [`Pending::consumer`] refers to.
    pub number: u32,
    /// Its name.
    pub name: Box<[u8]>,
    /// When it tried something last, unix milliseconds.
    pub seen_ms: i64,
    /// When it got something last, unix milliseconds; -1 for never.
    pub active_ms: i64,
}

/// All that a stream has of this kind.
#[derive(Debug)]
pub struct Heads {
    /// What it knows of its entries.
    pub figures: Figures,
    /// Groups, ascending by name.
    pub groups: Vec<GroupHead>,
}

impl Heads {
    /// Memory that it takes.
    pub fn memory(&self) -> usize {
        let block = alloc::block_len;
        let consumer = |consumer: &ConsumerHead| block(consumer.name.len());
        let group = |group: &GroupHead| {
            let consumers =
                group.consumers.iter().map(consumer).sum::<usize>() + block(group.consumers.capacity() * size_of::<ConsumerHead>());
            block(group.name.len()) + consumers
        };
        block(size_of::<Heads>()) + block(self.groups.capacity() * size_of::<GroupHead>()) + self.groups.iter().map(group).sum::<usize>()
    }
}
