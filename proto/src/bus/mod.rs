//! The node-to-node bus: frames, messages and the proof of identity with which a connection starts. No sockets here.
//!
//! ```text
//! frame   = magic "LDB" | version u8 | body length u32, little endian | body
//! body    = codec format u8 | record of `Frame`: see [`codec`]
//! ```
//!
//! A connection is opened by the node that wants to ask. It sends [`Frame::Open`], checks [`Frame::Challenge`], answers with
//! [`Frame::Proof`] and waits for [`Frame::Accepted`]; from then on it sends requests, each with a number of its own, and the other
//! side answers with the same number, in any order. A node that wants to ask in the other direction opens a connection itself.
//!
//! Invariants:
//! * [`codec`] is the only file that knows bincode; what is persisted with it (log entries, snapshots) bears its format byte.
//! * Decoding arbitrary bytes never panics and never allocates more than the frame's length allows.
//! * Nodes of neighbouring versions share a bus during a rolling update: messages grow at the end of records only, and who asks what the other
//!   side does not know is refused, not cut off.

pub mod auth;
pub mod codec;
pub mod frame;
pub mod message;

pub use frame::{FRAME_LEN_MAX, FrameError, HEADER_LEN, OPENING_LEN_MAX, VERSION, decode_frame, encode_frame};
pub use message::*;
