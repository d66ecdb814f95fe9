//! The node-to-node bus: frames, messages and the proof of identity with which a connection starts. No sockets here.
//!
//! ```text
//! opening = magic "LDB" | version u8 | body length u32, little endian | codec format u8 | record of `Opening`: see [`codec`]
//! frame   = magic "LDB" | version u8 | body length u32, little endian | codec format u8 | record of `Frame` | seal: see [`auth`]
//! ```
//!
//! A connection is opened by the node that wants to ask. It sends [`Opening::Open`], answers [`Opening::Challenge`] with
//! [`Opening::Proof`], and checks [`Opening::Accepted`]; from then on it sends requests, each with a number of its own, and the other
//! side answers with the same number, in any order. A node that wants to ask in the other direction opens a connection itself; what is urgent
//! has one of its own ([`Lane`]).
//!
//! Versions of the framing do not mix. Who is called in another version says so in that one, as far as [`Opening::Rejected`] goes, which is the
//! same in all.
//!
//! Invariants:
//! * [`codec`] is the only file that knows bincode; what is persisted with it (log entries, snapshots) bears its format byte.
//! * Nothing but [`Opening`] is decoded of who has proved nothing, and no frame whose seal does not hold.
//! * Decoding arbitrary bytes never panics and never allocates more than the frame's length allows.
//! * Nodes of neighbouring versions share a bus during a rolling update: messages grow at the end of records only, and who asks what the other
//!   side does not know is refused, not cut off.

pub mod auth;
pub mod codec;
pub mod frame;
pub mod message;

pub use frame::{
    FRAME_LEN_MAX, FrameError, HEADER_LEN, OPENING_LEN_MAX, VERSION, decode_frame, decode_opening, encode_frame, encode_opening,
    encode_rejection,
};
pub use message::*;
