//! What everything else stands on (rank 0): time, randomness, limits, memory counting. Knows no keys, commands or sockets.

pub mod alloc;
#[cfg(any(miri, larder_system_allocator))]
mod alloc_stand_in;
pub mod bytes;
pub mod clock;
pub mod crc64;
pub mod durable_offset;
pub mod float;
pub mod generation;
pub mod glob;
pub mod huge_pages;
pub mod kept_glob;
pub mod limits;
pub mod number;
pub mod process;
pub mod repeated;
pub mod requests;
pub mod rng;
pub mod slot;
pub mod sync;
pub mod timers;
pub mod version;
pub mod words;
