//! What clients cost, and which of them go when all together cost too much (`maxmemory-clients`).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::client::{Client, OutputMemory, bit};
use super::registry::Registry;
use crate::config::Config;

/// Bytes kept per watched key or subscription beside the name itself, roughly: nodes of the maps on both sides.
const NAME_OVERHEAD: u64 = 64;
/// Least limit that is enforced, in bytes: with less, nobody could talk to the server to raise it.
const LIMIT_MIN: u64 = 128 * 1024;
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
    // Values that replies refer to are memory of their keys.
    let own_output = client.pending_output().saturating_sub(load(&figures.output_shared) + load(&figures.backlog_shared));
    let output = OutputMemory::of(own_output, load(&figures.reply_room)).bytes;
    ClientMemory {
        output,
        output_buffer: (load(&figures.output_capacity) + load(&figures.backlog_capacity)).saturating_sub(output),
        input: load(&figures.query_buffer) + load(&figures.query_buffer_free),
        arguments: load(&figures.arguments),
        transaction: load(&figures.multi) + load(&figures.watched) * NAME_OVERHEAD,
        subscriptions: subscriptions * NAME_OVERHEAD,
        fixed: (std::mem::size_of::<Client>() + std::mem::size_of::<super::Session>()) as u64 + TASK_LEN,
    }
}

/// What all clients together may take, in bytes, if that is limited.
pub fn limit_bytes(config: &Config) -> Option<u64> {
    config.maxmemory_clients.limit_bytes(config.maxmemory).map(|limit| limit.max(LIMIT_MIN))
}

/// The clients, largest first, that have to go so that all together take at most `limit_bytes`. Those with CLIENT NO-EVICT count but
/// stay; however much they take, the others may have the least limit among them.
pub fn victims(registry: &Registry, limit_bytes: u64) -> Vec<Arc<Client>> {
    let costs = registry.all().into_iter().map(|client| (memory(&client).total(), client));
    let (protected, mut costs): (Vec<_>, Vec<_>) = costs.partition(|(_, client)| client.has(bit::NO_EVICT));
    let sum = |costs: &[(u64, Arc<Client>)]| costs.iter().map(|(bytes, _)| bytes).sum::<u64>();
    let budget = limit_bytes.saturating_sub(sum(&protected)).max(LIMIT_MIN);
    let mut left = sum(&costs);
    costs.sort_unstable_by_key(|(bytes, client)| (std::cmp::Reverse(*bytes), client.id));
    let mut victims = Vec::new();
    for (bytes, client) in costs {
        if left <= budget {
            break;
        }
        left -= bytes;
        victims.push(client);
    }
    victims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_go_first_and_only_as_many_as_needed() {
        let registry = Registry::default();
        for (id, bytes) in [(1, 1000u64), (2, 500_000), (3, 900_000), (4, 2_000_000)] {
            let client = Client::new(id, String::new(), String::new(), 0, 0, 0);
            client.figures.query_buffer.store(bytes, Ordering::Relaxed);
            client.set(bit::NO_EVICT, id == 4);
            registry.add(client);
        }
        let cases: [(u64, &[u64]); 4] = [(4_000_000, &[]), (2_600_000, &[3]), (2_100_000, &[3, 2]), (1, &[3, 2])];
        for (limit, gone) in cases {
            let ids: Vec<u64> = victims(&registry, limit).iter().map(|client| client.id).collect();
            assert_eq!(ids, gone, "{limit}");
        }
    }
}
