//! Rank 0: what everything else stands on. Nothing here knows keys, commands or sockets.

pub mod glob;
pub mod number;
