//! The commands (rank 5): one folder per family, one file per command or group of commands that share their execution.
//!
//! A command's file holds, in this order: its module page, its [`CommandSpec`], its arguments and their parser, its
//! execution, its tests. A family's `mod.rs` lists its specs; [`FAMILIES`] lists the families. Everything else derives from that.

pub mod bitmap;
pub mod cluster;
pub mod connection;
pub mod function;
pub mod generic;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod list;
pub mod pubsub;
pub mod replication;
pub mod server;
pub mod set;
pub mod sorted_set;
pub mod stream;
pub mod string;
mod to_come;
pub mod transaction;

pub use to_come::TO_COME;

use crate::engine::spec::CommandSpec;

/// All families, in the order in which COMMAND lists them.
pub static FAMILIES: &[&[&CommandSpec]] = &[
    bitmap::COMMANDS,
    cluster::COMMANDS,
    connection::COMMANDS,
    function::COMMANDS,
    generic::COMMANDS,
    geo::COMMANDS,
    hash::COMMANDS,
    hyperloglog::COMMANDS,
    list::COMMANDS,
    pubsub::COMMANDS,
    replication::COMMANDS,
    server::COMMANDS,
    set::COMMANDS,
    sorted_set::COMMANDS,
    stream::COMMANDS,
    string::COMMANDS,
    transaction::COMMANDS,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::table::Table;

    #[test]
    fn a_row_is_found_by_the_name_it_is_called_by() {
        let secret = "b840fc02d524045429941cc15f59e41cb7be6c52";
        let rename = |old: &str, new: &str| (old.to_owned(), new.to_owned());
        let table = Table::new(FAMILIES, &[rename("CONFIG", secret), rename("flushall", ""), rename("get", "SET2")]).expect("renames");
        let cases: [(&[u8], Option<&str>); 9] = [
            (b"set", Some("set")),
            (b"Set2", Some("get")),
            (secret.as_bytes(), Some("config")),
            (b"b840fc02d524045429941cc15f59e41cb7be6c53", None),
            (b"b840fc02d5240454", None),
            (b"config", None),
            (b"FLUSHALL", None),
            (b"set\0", None),
            (b"", None),
        ];
        for (name, found) in cases {
            assert_eq!(table.command(name).map(|row| row.spec.name), found, "{}", String::from_utf8_lossy(name));
        }
    }
}
