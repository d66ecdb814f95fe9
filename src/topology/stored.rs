//! The map as bytes, for snapshots.
//!
//! ```text
//! bytes = topology                                with records: what it lacks or has more is told from its length
//! ```
//! Versions whose files have no records wrote one of two forms, of which the second is the first with something behind it, so that neither can
//! be read as the other:
//! ```text
//! bytes = topology                                as long as no node sent clients elsewhere
//!       | topology, (id, client endpoint)...      since
//! ```

use larder_proto::bus::codec::{self, CodecError};

use super::{ClientEndpoint, NodeId, Topology};

impl Topology {
    /// The bytes of the map, without the view.
    ///
    /// # Errors
    /// If it is too long.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self)
    }

    /// The map that these bytes describe, of this version or an earlier one.
    ///
    /// # Errors
    /// If they describe none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Topology, CodecError> {
        if !codec::is_plain(bytes) {
            return codec::decode(bytes);
        }
        let Ok((mut topology, own)) = codec::decode::<(Topology, Vec<(NodeId, ClientEndpoint)>)>(bytes) else {
            return codec::decode(bytes);
        };
        for (id, clients) in own {
            if let Some(node) = topology.nodes.iter_mut().find(|node| node.id == id) {
                node.clients = clients;
            }
        }
        Ok(topology)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::testing::{cluster, node};
    use crate::topology::{Command, Node, Process, ShardChange, ShardCommand};

    /// What the first version wrote of a cluster of two.
    const FIRST: &str = "0103020201abababababababababababababababababababfdababababababab010831302e302e302e3100fb581bfb6842000001abababababababab\
        ababababababababababcd02abababababababababababababababababababfdababababababab020831302e302e302e3200fb581bfb6842000002ab\
        abababababababababababababababababcd0201ababababababababababababababababababcd01ababababababababababababababababababab02\
        02ababababababababababababababababababcd02ababababababababababababababababababab01020000fbff1f01fb0020fbff3f00";

    fn bytes(hex: &str) -> Vec<u8> {
        hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    /// What the last version without records wrote of a cluster of two whose second node sends clients elsewhere: the same, and this behind it.
    const CLIENTS: &str = "0102ababababababababababababababababababab093139322e302e322e37005000";

    #[test]
    fn a_map_without_records_is_read() {
        let mut topology = cluster(2);
        let read = |hex: &str| Topology::from_bytes(&bytes(hex)).unwrap().seen_from(topology.view().clone());
        assert_eq!(read(FIRST), topology);
        let read = read(&format!("{FIRST}{CLIENTS}"));
        let clients = ClientEndpoint { ipv4: "192.0.2.7".into(), port: 80, ..ClientEndpoint::default() };
        topology.apply(topology.index, &Command::AnnounceToClients { node: node(2).id, clients }).unwrap();
        assert_eq!(read, topology);
    }

    /// What was written before nodes had processes.
    const WITHOUT_PROCESSES: &str = "020302024801abababababababababababababababababababfdababababababab010831302e302e302e3100fb581bfb6842000001ababababababababababababababababababcd00000000004802abababababababababababababababababababfdababababababab020831302e302e302e3200fb581bfb6842000002ababababababababababababababababababcd0000000000022901ababababababababababababababababababcd01ababababababababababababababababababab022902ababababababababababababababababababcd02ababababababababababababababababababab01020000fbff1f01fb0020fbff3f00";

    #[test]
    fn a_map_without_processes_is_read() {
        let topology = cluster(2);
        assert_eq!(Topology::from_bytes(&bytes(WITHOUT_PROCESSES)).unwrap().seen_from(topology.view().clone()), topology);
    }

    #[test]
    fn processes_come_back() {
        let mut topology = cluster(2);
        let started =
            |n: u8| Command::Started { process: Process { node: node(n).id, incarnation: u64::from(n) + 100 }, name: String::new() };
        for command in [started(1), Command::AddReplica { node: Node { level: 2, ..node(11) }, shard: node(1).shard }, started(11)] {
            topology.apply(9, &command).unwrap();
        }
        let members = vec![topology.node(&node(11).id).unwrap().process()];
        let change = ShardChange::SetInSync { version: 0, members };
        topology.apply(9, &Command::Shard(ShardCommand { shard: node(1).shard, epoch: 1, incarnation: 101, change })).unwrap();
        let written = topology.to_bytes().unwrap();
        assert_eq!(Topology::from_bytes(&written).unwrap().seen_from(topology.view().clone()), topology);
        assert_eq!(topology.level(), 2);
    }

    #[test]
    fn a_map_is_written_as_it_was() {
        let text: String = cluster(2).to_bytes().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        expect_test::expect!["020302024a01abababababababababababababababababababfdababababababab010831302e302e302e3100fb581bfb6842000001ababababababababababababababababababcd000000000000004a02abababababababababababababababababababfdababababababab020831302e302e302e3200fb581bfb6842000002ababababababababababababababababababcd00000000000000022d01ababababababababababababababababababcd01ababababababababababababababababababab02000000002d02ababababababababababababababababababcd02ababababababababababababababababababab0100000000020000fbff1f01fb0020fbff3f0000"].assert_eq(&text);
    }

    #[test]
    fn a_map_with_addresses_for_clients_comes_back() {
        let mut topology = cluster(3);
        let clients = ClientEndpoint { ipv4: "192.0.2.7".into(), port: 80, ..ClientEndpoint::default() };
        topology.apply(9, &Command::AnnounceToClients { node: node(2).id, clients }).unwrap();
        let written = topology.to_bytes().unwrap();
        assert_eq!(Topology::from_bytes(&written).unwrap().seen_from(topology.view().clone()), topology);
    }
}
