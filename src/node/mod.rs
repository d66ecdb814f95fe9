//! Composition (rank 6): builds a node from its options, serves until it is told to end.

mod start;

pub use start::run;
