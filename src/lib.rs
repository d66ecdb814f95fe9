#![doc = include_str!("ARCHITECTURE.md")]

pub mod base;
pub mod cli;
pub mod clients;
pub mod cluster;
pub mod commands;
pub mod config;
pub mod datatypes;
pub mod engine;
pub mod keyspace;
pub mod metrics;
pub mod node;
pub mod performance;
pub mod persist;
pub mod pubsub;
pub mod replication;
pub mod server;
pub mod topology;

/// The tests count memory as the server does. Miri brings an allocator of its own, which knows more than any other could.
#[cfg(all(test, not(miri)))]
#[global_allocator]
static ALLOCATOR: base::alloc::Counting = base::alloc::Counting;
