//! The control plane's decisions, as one pure function: [`Core::step`] takes what happens to a node and returns what is to be done.
//!
//! ```text
//! step       one process: gives each event to its part, then lets every part take the steps that are due
//! liveness   who is alive: connections, silence, the leader's beats       grants     a voter's side of leases
//! election   pre-vote, and when Raft is to elect                           lease      a primary's side of leases
//! failover   as the leader: what follows from a primary's death            in_sync    what a primary may acknowledge
//! voters     as the leader: who votes                                      timing     every time, and why it is right
//! types      events, actions, messages       view       what all parts look at       fault      rules that tests break
//! ```
//!
//! Invariants, which the simulator checks after every step of every node (`cluster/sim`):
//! * at any time at most one process may serve a shard, and it has everything that was acknowledged while one of the in-sync set lives;
//! * the epochs in which a shard is served only grow;
//! * who is promoted is in the in-sync set, unless nobody of that is left;
//! * the same events at the same times make the same actions: no clock, no randomness but the seed, no order of a hash table.
//!
//! Nothing here knows how a message is sent, what Raft writes, or where keys are. Assumptions: clocks of machines run at speeds that differ by
//! less than 1 %, and go on while a machine sleeps; a jump that leaves no gap between two steps (a live migration) is shorter than what a lease
//! keeps in reserve; a node's processes have growing incarnations and never run at the same time.
//!
//! The driver does not use it yet: only tests do.

mod election;
mod failover;
mod fault;
mod grants;
mod in_sync;
mod lease;
mod liveness;
mod step;
mod timing;
mod types;
mod view;
mod voters;

#[cfg(test)]
pub(in crate::cluster) mod testing;

pub(in crate::cluster) use fault::Fault;
pub(in crate::cluster) use step::Core;
pub(in crate::cluster) use timing::RAFT_REPORT_MS;
pub(in crate::cluster) use types::{
    Action, Change, Config, Event, LogId, Map, Membership, Message, Position, Process, RaftReport, ShardState,
};
