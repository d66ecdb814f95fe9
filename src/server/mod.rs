//! Sockets and the life of a request (rank 7): listener, workers, connections, pipeline, executor.
//!
//! Invariants: a connection stays on the worker that accepted it; nothing here holds a stripe's lock across an `.await`; a slow
//! reader, a flood and an idle connection cost their own worker's other connections nothing but their turn; nor does a request that has
//! to wait for a stripe.

mod backlog;
mod connection;
mod cron;
mod executor;
mod inbox;
mod listener;
mod offload;
mod output;
mod pipeline;
mod round;
mod sending;
#[cfg(test)]
mod socket_tests;
mod stopwatch;
mod stream;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timers;
mod upkeep;
mod waiting;
mod worker;

pub use listener::{ListenError, Listener, open_tcp_listeners, open_unix_listener};
pub use worker::Workers;
