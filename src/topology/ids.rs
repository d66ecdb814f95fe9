//! Identities of nodes, shards and clusters: 160 random bits each, printed as 40 hexadecimal digits.

use serde::{Deserialize, Serialize};

pub use larder_proto::bus::{Id, IdError};

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub Id);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.parse().map($name)
            }
        }
    };
}

identity! {
    /// A node's identity for life.
    NodeId
}
identity! {
    /// A shard's identity for life.
    ShardId
}
identity! {
    /// A cluster's identity: new for every founding.
    ClusterId
}

impl NodeId {
    /// The node's identity inside the Raft group, which wants an integer: the first 64 of the 160 random bits.
    pub fn raft_id(&self) -> u64 {
        u64::from_be_bytes(*self.0.0.first_chunk().expect("an id has 20 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_forty_lower_case_digits() {
        let text = "07c37dfeb235213a872192d90877d0cd55635b91";
        let id: NodeId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(id.raft_id(), 0x07c3_7dfe_b235_213a);
        for wrong in ["", "07C37dfeb235213a872192d90877d0cd55635b91", "07c37d", "07c37dfeb235213a872192d90877d0cd55635b91a", "zz"] {
            assert!(wrong.parse::<NodeId>().is_err(), "{wrong}");
        }
    }
}
