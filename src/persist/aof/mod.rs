//! The append only file: every change since a base, in parts that a manifest lists.

pub mod base;
pub mod folder;
mod hand_over;
pub mod header;
pub mod manifest;
pub mod part;
pub mod requests;
pub mod writer;
