//! Connected clients as the rest of the node sees them (rank 3): what CLIENT LIST shows, the box that others put messages into,
//! who it is to the commands that it runs, and the session that its own commands change.
//!
//! Invariants:
//! * [`Client`] is shared: other workers read it, put messages into its [`outbox::Outbox`] and ask it to close; they never touch
//!   its [`session::Session`], which belongs to the connection's task.
//! * Every figure in [`Client`] has one writer, its connection; readers may see it a batch late.

pub mod caller;
pub mod client;
pub mod cost;
pub mod evict;
pub mod outbox;
pub mod registry;
pub mod session;

pub use caller::Caller;
pub use client::{Client, ClientClass, bit};
pub use outbox::Message;
pub use registry::Registry;
pub use session::Session;
