//! Replication (rank 6): replicas of this node, served by one thread with a task for each; and the link to the primary of a node that is a
//! replica, which has a thread of its own.
//!
//! What is to be done [`crate::engine::replication_core`] decides; the files here do it.
//!
//! | file | does |
//! |---|---|
//! | `thread` | what no replica does for itself: PING, the bound of the backlog, its end |
//! | `actions` | what follows from what happened, where no replica's own task does it |
//! | `feed` | one replica: its snapshot, then the log; and what it says |
//! | `group` | replicas that one snapshot serves, and how long it waits for more of them |
//! | `snapshot` | takes the snapshot for replicas, on a thread of its own |
//! | `pipe` | the snapshot on its way from that thread to the socket: in memory, and beyond that on the disk |
//! | `aside` | what a replica has not taken of the log, on the disk, and how near it is to being given up for that |
//! | `socket` | TCP or unix |
//! | `link` | the link to a primary: connects, copies, follows, and tries again |
//! | `handshake`, `copy` | what the two tell each other first; a full copy, on its way over the disk into memory |
//! | `wire` | the connection to a primary |
//!
//! Invariants:
//! * A replica that does not read costs no more than a bound: its snapshot and what follows it wait in files, up to `repl-aside-size`, and in memory up
//!   to `client-output-buffer-limit replica`. Near either bound writes wait now and then; at it the connection ends.
//! * Nothing here waits while it holds a stripe.

mod actions;
mod aside;
mod copy;
mod feed;
mod group;
mod handshake;
mod link;
mod pipe;
mod snapshot;
mod socket;
mod thread;
mod wire;

pub use thread::start;
