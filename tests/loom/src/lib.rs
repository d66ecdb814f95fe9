//! The files under proof, as the server has them, over loom's kinds in place of the real ones (`sync.rs`).
//!
//! This package does not set `cfg(loom)`: tokio, which the server needs as a whole, is another under that. Only the files below are
//! compiled once more; each imports `base::sync` and nothing else of its sort.
#![allow(dead_code, reason = "a model calls what threads share")]

// Each of these modules looks for its files beside this one.
#[path = "."]
pub mod base {
    pub mod sync;

    #[path = "../../../src/base/durable_offset.rs"]
    pub mod durable_offset;
    #[path = "../../../src/base/generation.rs"]
    pub mod generation;
    #[path = "../../../src/base/limits.rs"]
    pub mod limits;
    #[path = "../../../src/base/requests.rs"]
    pub mod requests;
}

#[path = "."]
pub mod clients {
    #[path = "../../../src/clients/outbox.rs"]
    pub mod outbox;
}

#[path = "."]
pub mod keyspace {
    #[path = "../../../src/keyspace/lock.rs"]
    pub mod lock;
}

#[path = "."]
pub mod persist {
    #[path = "../../../src/persist/write_log/mod.rs"]
    pub mod write_log;
}
