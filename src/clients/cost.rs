//! What a client costs in memory.

use std::sync::atomic::Ordering;

use super::client::{Client, OutputMemory};
use super::session::Queued;

/// Bytes kept per watched key or subscription beside the name itself, roughly: nodes of the maps on both sides.
const NAME_OVERHEAD: u64 = 64;
/// What counts for each word of a request that is kept, beside its bytes: a pointer, as in Valkey, so that limits have the same effect.
pub const WORD_OVERHEAD: u64 = 8;
/// Bytes per queued command beside its words: its place in a queue that doubles when it is full.
const QUEUED_OVERHEAD: u64 = 2 * size_of::<Queued>() as u64;
/// A connection's task with its parser, the headers of its buffers and its socket, in bytes, roughly.
const TASK_LEN: u64 = 1024;

/// Memory that belongs to one client, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientMemory {
    /// Output that waits: own replies beyond the buffer that is kept, and messages from others.
    pub output: u64,
    /// Room set aside for replies and not counted above.
    pub output_buffer: u64,
    /// Input buffer.
    pub input: u64,
    /// Arguments of a request that is being received or waits.
    pub arguments: u64,
    /// Transaction: queued commands and watched keys.
    pub transaction: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// The client itself.
    pub fixed: u64,
}

impl ClientMemory {
    /// The sum.
    pub fn total(&self) -> u64 {
        self.output + self.output_buffer + self.input + self.arguments + self.transaction + self.subscriptions + self.fixed
    }
}

/// What a client costs at this moment.
pub fn memory(client: &Client) -> ClientMemory {
    let figures = &client.figures;
    let load = |figure: &std::sync::atomic::AtomicU64| figure.load(Ordering::Relaxed);
    let subscriptions = load(&figures.channels) + load(&figures.patterns) + load(&figures.shard_channels);
    let queued = u64::try_from(figures.multi_queued.load(Ordering::Relaxed)).unwrap_or(0);
    // Values that replies refer to are memory of their keys.
    let own_output = client.pending_output().saturating_sub(load(&figures.output_shared) + load(&figures.backlog_shared));
    let output = OutputMemory::of(own_output, load(&figures.reply_room)).bytes;
    ClientMemory {
        output,
        output_buffer: (load(&figures.output_capacity) + load(&figures.backlog_capacity)).saturating_sub(output),
        input: load(&figures.query_buffer) + load(&figures.query_buffer_free),
        arguments: load(&figures.arguments) + load(&figures.argument_words) * WORD_OVERHEAD,
        transaction: load(&figures.multi) + queued * QUEUED_OVERHEAD + load(&figures.watched) * NAME_OVERHEAD,
        subscriptions: load(&figures.subscribed_names) + subscriptions * NAME_OVERHEAD,
        fixed: (std::mem::size_of::<Client>() + std::mem::size_of::<super::Session>()) as u64 + TASK_LEN,
    }
}
