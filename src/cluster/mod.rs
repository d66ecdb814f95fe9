//! in the making
mod raft;
mod record;
mod store;
