//! What may happen to the cluster map.

use larder_proto::bus::codec;
use serde::{Deserialize, Serialize};

use super::{ClientEndpoint, Node, NodeId, Process, ShardCommand, ShardId, SlotRange};

/// A change of the cluster map: the content of a log entry.
///
/// Persisted in every node's log: variants and fields are append-only (`golden_bytes` below fails otherwise; never update what it expects, only
/// add to it), and what may get more fields is a record ([`larder_proto::bus::codec`]). A node that does not know a command cannot go on: so
/// one is proposed only once all nodes do ([`Command::level`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// A node joins as the primary of a shard of its own (`node.shard`). Repeating it changes nothing but the address.
    AddNode {
        /// The node.
        #[serde(with = "codec::record")]
        node: Node,
        /// Slots it owned before; those that have an owner by now stay with that owner.
        claims: Vec<SlotRange>,
        /// Config epoch it had before; a new one is chosen if this is taken or 0 among others.
        config_epoch: u64,
    },
    /// A node is reached elsewhere now. Its id and shard stay.
    UpdateNode {
        /// The node with its new address.
        #[serde(with = "codec::record")]
        node: Node,
    },
    /// A node leaves for good (CLUSTER FORGET). It must not own slots.
    RemoveNode {
        /// The node.
        node: NodeId,
    },
    /// The node's shard takes slots that nobody owns.
    AssignSlots {
        /// A primary.
        node: NodeId,
        /// The slots; no slot twice.
        ranges: Vec<SlotRange>,
    },
    /// The node's shard gives up slots. Slots of others are left alone: in Valkey, too, the owner's claim wins in the end.
    UnassignSlots {
        /// A primary.
        node: NodeId,
        /// The slots; no slot twice.
        ranges: Vec<SlotRange>,
    },
    /// The node's shard gives up all its slots.
    FlushSlots {
        /// A primary.
        node: NodeId,
    },
    /// Divides all slots evenly among these nodes' shards, in this order. Refused once any slot has an owner, so that it happens once.
    SplitSlots {
        /// Primaries.
        nodes: Vec<NodeId>,
    },
    /// CLUSTER SET-CONFIG-EPOCH: only for a node alone that has none yet.
    SetConfigEpoch {
        /// The node.
        node: NodeId,
        /// Its config epoch.
        epoch: u64,
    },
    /// CLUSTER BUMPEPOCH: the node gets the highest epoch unless it has it already.
    BumpEpoch {
        /// The node.
        node: NodeId,
    },
    /// Where a node sends clients, if elsewhere than nodes (`cluster-announce-client-...`).
    AnnounceToClients {
        /// The node.
        node: NodeId,
        /// All it says of that.
        clients: ClientEndpoint,
    },
    /// A process of a node has begun.
    Started {
        /// The process.
        #[serde(with = "codec::record")]
        process: Process,
        /// The node's name; empty if it has none.
        name: String,
    },
    /// A node follows a shard's primary from now on. One that is in the map already leaves its shard, of which it must not be the primary, unless
    /// it is alone in it and without slots. Repeating it changes nothing but the address.
    AddReplica {
        /// The node.
        #[serde(with = "codec::record")]
        node: Node,
        /// The shard.
        shard: ShardId,
    },
    /// A shard changes.
    Shard(#[serde(with = "codec::record")] ShardCommand),
    /// Several commands in one entry. Each is carried out by itself, in this order: that one is refused does not concern the others. There are no
    /// batches in a batch.
    Batch(#[serde(with = "codec::flat")] Vec<Command>),
}

impl Command {
    /// The capability level from which on nodes know batches.
    pub const BATCH_LEVEL: u16 = 2;

    /// The capability level ([`larder_proto::bus::LEVEL`]) from which on nodes know the command as it is.
    pub fn level(&self) -> u16 {
        match self {
            Command::AddNode { .. }
            | Command::UpdateNode { .. }
            | Command::RemoveNode { .. }
            | Command::AssignSlots { .. }
            | Command::UnassignSlots { .. }
            | Command::FlushSlots { .. }
            | Command::SplitSlots { .. }
            | Command::SetConfigEpoch { .. }
            | Command::BumpEpoch { .. }
            | Command::AnnounceToClients { .. } => 0,
            Command::Started { .. } | Command::AddReplica { .. } | Command::Shard(_) => 2,
            Command::Batch(commands) => commands.iter().map(Command::level).fold(Command::BATCH_LEVEL, u16::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::ShardChange;
    use crate::topology::testing::node;
    use expect_test::expect;

    #[test]
    fn there_are_no_batches_in_a_batch() {
        let batch = Command::Batch(vec![Command::Batch(vec![])]);
        assert!(codec::decode::<Command>(&codec::encode(&batch).unwrap()).is_err());
    }

    /// A log written by an older version must stay readable: each command's bytes are fixed. First those without records and those of before
    /// nodes had processes, then those of today.
    #[test]
    fn golden_bytes() {
        let id = node(1).id;
        let ranges = vec![SlotRange { start: 0, end: 5460 }];
        let clients = ClientEndpoint { ipv4: "1.2.3.4".into(), ipv6: "::1".into(), port: 80, tls_port: 443 };
        let plain = "
            add-node: 010001abababababababababababababababababababfdababababababab010831302e302e302e3100fb581bfb6842000001ababababababababababababababababababcd0100fb541503
            update-node: 010101abababababababababababababababababababfdababababababab010831302e302e302e3100fb581bfb6842000001ababababababababababababababababababcd
            remove-node: 010201ababababababababababababababababababab
            assign-slots: 010301ababababababababababababababababababab0100fb5415
            unassign-slots: 010401ababababababababababababababababababab0100fb5415
            flush-slots: 010501ababababababababababababababababababab
            split-slots: 01060101ababababababababababababababababababab
            set-config-epoch: 010701abababababababababababababababababababfb2c01
            bump-epoch: 010801ababababababababababababababababababab
            announce-to-clients: 010901ababababababababababababababababababab07312e322e332e34033a3a3150fbbb01
        ";
        let without_processes = "
            add-node: 02004801abababababababababababababababababababfdababababababab010831302e302e302e3100fb581bfb6842000001ababababababababababababababababababcd00000000000100fb541503
            update-node: 02014801abababababababababababababababababababfdababababababab010831302e302e302e3100fb581bfb6842000001ababababababababababababababababababcd0000000000
        ";
        let unhex =
            |hex: &str| -> Vec<u8> { (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect() };
        let process = Process { node: id, incarnation: 70_000 };
        let shard = |change| Command::Shard(ShardCommand { shard: node(1).shard, epoch: 4, incarnation: 9, change });
        let mut table = String::new();
        for (command, name) in [
            (Command::AddNode { node: node(1), claims: ranges.clone(), config_epoch: 3 }, "add-node"),
            (Command::UpdateNode { node: node(1) }, "update-node"),
            (Command::RemoveNode { node: id }, "remove-node"),
            (Command::AssignSlots { node: id, ranges: ranges.clone() }, "assign-slots"),
            (Command::UnassignSlots { node: id, ranges }, "unassign-slots"),
            (Command::FlushSlots { node: id }, "flush-slots"),
            (Command::SplitSlots { nodes: vec![id] }, "split-slots"),
            (Command::SetConfigEpoch { node: id, epoch: 300 }, "set-config-epoch"),
            (Command::BumpEpoch { node: id }, "bump-epoch"),
            (Command::AnnounceToClients { node: id, clients }, "announce-to-clients"),
            (Command::Started { process, name: "one".to_owned() }, "started"),
            (Command::AddReplica { node: node(1), shard: node(2).shard }, "add-replica"),
            (shard(ShardChange::Promote { to: process }), "promote"),
            (shard(ShardChange::Recover { to: process }), "recover"),
            (shard(ShardChange::Resume), "resume"),
            (shard(ShardChange::SetInSync { version: 5, members: vec![process] }), "set-in-sync"),
            (shard(ShardChange::Replace { old: node(2).id, node: Box::new(node(1)) }), "replace"),
            (Command::Batch(vec![Command::BumpEpoch { node: id }, shard(ShardChange::Resume)]), "batch"),
        ] {
            let bytes = codec::encode(&command).unwrap();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            table.push_str(&format!("{name}: {hex}\n"));
            let earlier = plain.lines().chain(without_processes.lines());
            let earlier = earlier.filter_map(|line| line.trim().strip_prefix(&format!("{name}: "))).map(unhex);
            for bytes in earlier.chain([bytes]) {
                assert_eq!(codec::decode::<Command>(&bytes).unwrap(), command);
            }
        }
        expect![[r#"
            add-node: 02004a01abababababababababababababababababababfdababababababab010831302e302e302e3100fb581bfb6842000001ababababababababababababababababababcd000000000000000100fb541503
            update-node: 02014a01abababababababababababababababababababfdababababababab010831302e302e302e3100fb581bfb6842000001ababababababababababababababababababcd00000000000000
            remove-node: 020201ababababababababababababababababababab
            assign-slots: 020301ababababababababababababababababababab0100fb5415
            unassign-slots: 020401ababababababababababababababababababab0100fb5415
            flush-slots: 020501ababababababababababababababababababab
            split-slots: 02060101ababababababababababababababababababab
            set-config-epoch: 020701abababababababababababababababababababfb2c01
            bump-epoch: 020801ababababababababababababababababababab
            announce-to-clients: 020901ababababababababababababababababababab07312e322e332e34033a3a3150fbbb01
            started: 020a1901abababababababababababababababababababfc70110100036f6e65
            add-replica: 020b4a01abababababababababababababababababababfdababababababab010831302e302e302e3100fb581bfb6842000001ababababababababababababababababababcd0000000000000002ababababababababababababababababababcd
            promote: 020c3201ababababababababababababababababababcd04091b001901abababababababababababababababababababfc70110100
            recover: 020c3201ababababababababababababababababababcd04091b011901abababababababababababababababababababfc70110100
            resume: 020c1801ababababababababababababababababababcd04090102
            set-in-sync: 020c3401ababababababababababababababababababcd04091d0305011901abababababababababababababababababababfc70110100
            replace: 020c7701ababababababababababababababababababcd0409600402ababababababababababababababababababab4a01abababababababababababababababababababfdababababababab010831302e302e302e3100fb581bfb6842000001ababababababababababababababababababcd00000000000000
            batch: 020d02150801ababababababababababababababababababab1a0c1801ababababababababababababababababababcd04090102
        "#]].assert_eq(&table);
    }
}
