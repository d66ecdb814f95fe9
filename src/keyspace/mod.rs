//! The keyspace of a node (rank 2).

pub(crate) mod bucket;
pub mod entry;
pub mod hash;
pub mod table;
