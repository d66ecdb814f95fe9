//! The commands (rank 3): one folder per family, one file per command or small engine.
//!
//! A command's file holds, in this order: its module page, its [`spec::CommandSpec`], its arguments and their parser, its
//! execution, its tests. A family's `mod.rs` lists its specs; [`FAMILIES`] lists the families. Everything else derives from that.

pub mod attention;
pub mod bitmap;
pub mod call;
pub mod cluster;
pub mod command_log;
pub mod connection;
pub mod context;
pub mod error;
pub mod function;
pub mod generic;
pub mod help;
pub mod key_flags;
pub mod keys;
pub mod monitor;
pub mod notify;
pub mod pubsub;
pub mod redact;
pub mod room;
pub mod server;
pub mod settle;
pub mod shared;
pub mod spec;
pub mod string;
pub mod table;
pub mod transaction;

/// All families, in the order in which COMMAND lists them.
pub static FAMILIES: &[&[&spec::CommandSpec]] = &[
    bitmap::COMMANDS,
    cluster::COMMANDS,
    connection::COMMANDS,
    function::COMMANDS,
    generic::COMMANDS,
    pubsub::COMMANDS,
    server::COMMANDS,
    string::COMMANDS,
    transaction::COMMANDS,
];
