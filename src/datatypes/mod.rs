//! Pure data structures and algorithms (rank 1): no keys, no replies; time comes in as an argument.

pub mod bitmap;
pub mod geo;
pub mod hyperloglog;
pub mod id_map;
pub mod items;
pub mod list_node;
pub mod listpack;
pub mod sampling;
pub mod stream_id;
pub mod stream_node;
