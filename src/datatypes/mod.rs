//! Pure data structures and algorithms (rank 1): no keys, no replies; time comes in as an argument.

pub mod bitmap;
pub mod items;
pub mod sampling;
