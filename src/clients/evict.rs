//! What clients cost, and which of them go when all together cost too much (`maxmemory-clients`).

use std::sync::Arc;

use super::client::{Client, bit};
use super::cost::memory;
use super::registry::Registry;
use crate::config::Config;

/// Least limit that is enforced, in bytes: with less, nobody could talk to the server to raise it.
const LIMIT_MIN: u64 = 128 * 1024;

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
    use std::sync::atomic::Ordering;

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
