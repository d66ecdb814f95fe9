//! What clients cost, and the eviction of clients when all together cost too much (`maxmemory-clients`).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::client::{Client, OUTPUT_BUFFER_LEN, bit};
use super::registry::Registry;

/// Bytes kept per watched key or subscription beside the name itself, roughly: nodes of the maps on both sides.
const NAME_OVERHEAD: u64 = 64;

/// Memory that belongs to one client, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientMemory {
    /// Output that waits, own replies and messages from others, unless the client's own buffer can hold it.
    pub output: u64,
    /// The client's own output buffer.
    pub output_buffer: u64,
    /// Room set aside for output beyond that.
    pub output_spare: u64,
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
        self.output
            + self.output_buffer
            + self.output_spare
            + self.input
            + self.arguments
            + self.transaction
            + self.subscriptions
            + self.fixed
    }
}

/// What a client costs at this moment.
pub fn memory(client: &Client) -> ClientMemory {
    let figures = &client.figures;
    let load = |figure: &std::sync::atomic::AtomicU64| figure.load(Ordering::Relaxed);
    let subscriptions = load(&figures.channels) + load(&figures.patterns) + load(&figures.shard_channels);
    let capacity = load(&figures.output_capacity);
    let output_buffer = capacity.min(OUTPUT_BUFFER_LEN);
    let pending = client.pending_output();
    let output = if pending > OUTPUT_BUFFER_LEN { pending } else { 0 };
    ClientMemory {
        output,
        output_buffer,
        output_spare: capacity.saturating_sub(output_buffer + output),
        input: load(&figures.query_buffer) + load(&figures.query_buffer_free),
        arguments: load(&figures.arguments),
        transaction: load(&figures.multi) + load(&figures.watched) * NAME_OVERHEAD,
        subscriptions: subscriptions * NAME_OVERHEAD,
        fixed: (std::mem::size_of::<Client>() + std::mem::size_of::<super::Session>()) as u64,
    }
}

/// What a client counts for when clients are evicted: nothing if it must not be.
fn counted(client: &Client) -> u64 {
    if client.has(bit::NO_EVICT) { 0 } else { memory(client).total() }
}

/// Accounts for one client. Returns what all together take, those with CLIENT NO-EVICT left out.
pub fn account(registry: &Registry, client: &Client) -> u64 {
    registry.account(client, counted(client))
}

/// Closes the largest clients until all together take at most `limit_bytes`. Those with CLIENT NO-EVICT neither count nor go.
/// Returns those that were asked to close.
pub fn evict(registry: &Registry, limit_bytes: u64) -> Vec<Arc<Client>> {
    let mut costs: Vec<(u64, Arc<Client>)> = registry
        .all()
        .into_iter()
        .filter(|client| !client.has(bit::NO_EVICT) && !client.must_close())
        .map(|client| (memory(&client).total(), client))
        .collect();
    let mut sum: u64 = costs.iter().map(|(bytes, _)| bytes).sum();
    if sum <= limit_bytes {
        return Vec::new();
    }
    costs.sort_unstable_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    let mut evicted = Vec::new();
    for (bytes, client) in costs {
        if sum <= limit_bytes {
            break;
        }
        sum -= bytes;
        registry.kill(&client);
        evicted.push(client);
    }
    evicted
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
        assert!(evict(&registry, 2_000_000).is_empty());
        let ids: Vec<u64> = evict(&registry, 700_000).iter().map(|client| client.id).collect();
        assert_eq!(ids, [3]);
        let ids: Vec<u64> = evict(&registry, 100).iter().map(|client| client.id).collect();
        assert_eq!(ids, [2, 1], "one that is being closed no longer counts");
        assert_eq!(registry.len(), 1);
    }
}
