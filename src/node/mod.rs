//! Composition (rank 8): builds a node from its options, serves until it is told to end.

mod aof;
mod background;
mod cluster;
mod data;
mod finish;
mod follow;
mod huge_pages;
#[cfg(any(test, fuzzing))]
pub mod in_process;
pub mod log;
mod oom_score;
#[cfg(test)]
mod power_tests;
mod sockets;
mod start;
mod supervisor;
mod system;
mod title;
mod usage;

pub use start::run;
