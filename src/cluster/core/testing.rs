//! Small clusters for tests.

use std::collections::{BTreeMap, BTreeSet};

use super::types::{LogId, Map, Member, Membership, Process, ShardState};
use crate::topology::{Id, NodeId, ShardId};

fn id(kind: u8, number: u64) -> Id {
    let mut bytes = [kind; 20];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Id(bytes)
}

pub(in crate::cluster) fn node(number: u64) -> NodeId {
    NodeId(id(1, number))
}

pub(in crate::cluster) fn shard(number: u64) -> ShardId {
    ShardId(id(2, number))
}

pub(in crate::cluster) fn process(number: u64, incarnation: u64) -> Process {
    Process { node: node(number), incarnation }
}

pub(in crate::cluster) fn nodes(numbers: &[u64]) -> BTreeSet<NodeId> {
    numbers.iter().map(|number| node(*number)).collect()
}

pub(in crate::cluster) fn membership(index: u64, voters: &[u64]) -> Membership {
    Membership { id: LogId { term: 1, index }, voters: nodes(voters), outgoing: None, committed: true }
}

/// `shards` shards of `copies` nodes each, all in sync, in epoch 1: nodes 1 to `shards` are the primaries, those behind them their replicas.
pub(in crate::cluster) fn map(shards: u64, copies: u64) -> Map {
    let mut map = Map { index: 1, members: BTreeMap::new(), shards: BTreeMap::new() };
    for number in 1..=shards {
        let of_shard = |copy: u64| number + copy * shards;
        for copy in 0..copies {
            map.members.insert(node(of_shard(copy)), Member { zone: format!("zone-{}", of_shard(copy) % 3), shard: shard(number) });
        }
        let in_sync = (1..copies).map(|copy| process(of_shard(copy), 1)).collect();
        map.shards.insert(shard(number), ShardState { primary: process(number, 1), epoch: 1, in_sync, version: 0 });
    }
    map
}
