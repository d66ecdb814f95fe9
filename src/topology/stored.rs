//! The map as bytes, for snapshots.
//!
//! ```text
//! bytes = topology                                as long as no node sends clients elsewhere
//!       | topology, (id, client endpoint)...      since
//! ```
//! The second form is the first with something behind it, so that neither can be read as the other. A map that does not need it is
//! written in the first, which every version reads.

use larder_proto::bus::codec::{self, CodecError};

use super::{ClientEndpoint, NodeId, Topology};

impl Topology {
    /// The bytes of the map, without the view.
    ///
    /// # Errors
    /// If it is too long.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CodecError> {
        let own: Vec<(NodeId, &ClientEndpoint)> =
            self.nodes.iter().filter(|node| node.clients != ClientEndpoint::default()).map(|node| (node.id, &node.clients)).collect();
        if own.is_empty() { codec::encode(self) } else { codec::encode(&(self, own)) }
    }

    /// The map that these bytes describe, of this version or an earlier one.
    ///
    /// # Errors
    /// If they describe none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Topology, CodecError> {
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
    use crate::topology::Command;
    use crate::topology::testing::{cluster, node};

    /// What the first version wrote of a cluster of two.
    const FIRST: &str = "0103020201abababababababababababababababababababfdababababababab010831302e302e302e3100fb581bfb6842000001abababababababab\
        ababababababababababcd02abababababababababababababababababababfdababababababab020831302e302e302e3200fb581bfb6842000002ab\
        abababababababababababababababababcd0201ababababababababababababababababababcd01ababababababababababababababababababab02\
        02ababababababababababababababababababcd02ababababababababababababababababababab01020000fbff1f01fb0020fbff3f00";

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn bytes(hex: &str) -> Vec<u8> {
        hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn a_map_of_the_first_version_is_read_and_written_as_it_was() {
        let topology = cluster(2);
        assert_eq!(hex(&topology.to_bytes().unwrap()), FIRST);
        assert_eq!(Topology::from_bytes(&bytes(FIRST)).unwrap().seen_from(topology.view().clone()), topology);
    }

    #[test]
    fn a_map_with_addresses_for_clients_comes_back() {
        let mut topology = cluster(3);
        let clients = ClientEndpoint { ipv4: "192.0.2.7".into(), port: 80, ..ClientEndpoint::default() };
        topology.apply(9, &Command::AnnounceToClients { node: node(2).id, clients }).unwrap();
        let written = topology.to_bytes().unwrap();
        assert_eq!(Topology::from_bytes(&written).unwrap().seen_from(topology.view().clone()), topology);
        assert!(Topology::from_bytes(&written[..written.len() - 1]).is_err(), "a piece is no map");
    }
}
