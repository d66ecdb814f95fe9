//! What everything else stands on (rank 0): time, randomness, limits, memory counting. Knows nothing of Larder.

pub mod alloc;
pub mod clock;
pub mod limits;
pub mod rng;
pub mod slot;
