//! Sockets and the life of a request (rank 7): listener, workers, connections, pipeline, executor.
//!
//! Invariants: a connection stays on the worker that accepted it; nothing here holds a stripe's lock across an `.await`; a slow
//! reader, a flood and an idle connection cost their own worker's other connections nothing but their turn; nor does a request that has
//! to wait for a stripe.
//!
//! The files are layers; each uses only those below it:
//!
//! | layer | files |
//! |---|---|
//! | threads | `workers`, `listener` |
//! | a connection's task | `task`, `ending` |
//! | what a connection does | `requests` (parse and run), `waiting`, `offload`, `sending`, `upkeep` |
//! | what a connection is | `connection`, of `stage`, `share`, `output`, `buffer_use`, `stream` |
//! | what connections share | `worker`, `gather`, `portions` |
//! | how a batch runs | `pipeline`, `executor`, `stopwatch` |

mod accepted;
mod backlog;
mod buffer_use;
mod connection;
mod cron;
mod ending;
mod executor;
#[cfg(test)]
mod freeing_tests;
mod gather;
#[cfg(test)]
mod held_tests;
pub mod in_process;
mod listener;
#[cfg(test)]
mod lookahead_tests;
mod offload;
mod output;
mod owned_request;
mod pipeline;
mod portions;
mod requests;
mod sending;
mod share;
#[cfg(test)]
mod socket_tests;
mod stage;
mod stopwatch;
mod stream;
mod task;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod upkeep;
mod waiting;
#[cfg(test)]
mod waiting_tests;
#[cfg(test)]
mod walk_tests;
mod worker;
mod workers;

pub use listener::{ListenError, Listener, open_tcp_listeners, open_unix_listener};
pub use workers::Workers;
