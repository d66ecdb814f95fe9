//! Atomics, locks and waiting, for the few files that order memory by themselves.
//!
//! `tests/loom` compiles those very files once more with loom's kinds under these names, and runs every order in which threads may meet
//! in them. So a file that is proved there imports this module and nothing else of its sort. Here each name is what it is called in
//! `std`, `parking_lot` or tokio, and costs the same.

pub use std::hint::spin_loop;
pub use std::sync::OnceLock;
pub use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
pub use std::thread::sleep;

pub use parking_lot::Mutex;
pub use tokio::sync::Notify;

/// How often to try something in a row. loom follows every try, so that there it is once.
pub const fn turns(times: u32) -> u32 {
    times
}
