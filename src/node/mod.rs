//! Composition (rank 6): builds a node from its options, serves until it is told to end.

mod background;
mod cluster;
pub mod log;
mod sockets;
mod start;
mod system;

pub use start::run;
