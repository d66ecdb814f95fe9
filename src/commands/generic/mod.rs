//! Commands that work on keys of any type.

mod copy;
mod del;
mod dump;
mod exists;
mod expire;
mod keys;
mod move_;
mod object;
mod persist;
mod randomkey;
mod rename;
mod restore;
mod scan;
mod sort;
mod sort_elements;
mod sort_pattern;
mod target_database;
mod time_units;
mod touch;
mod ttl;
mod type_;
mod waitaof;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[
    &copy::COPY,
    &del::DEL,
    &dump::DUMP,
    &exists::EXISTS,
    &expire::EXPIRE,
    &expire::EXPIREAT,
    &ttl::EXPIRETIME,
    &keys::KEYS,
    &move_::MOVE,
    &object::OBJECT,
    &persist::PERSIST,
    &expire::PEXPIRE,
    &expire::PEXPIREAT,
    &ttl::PEXPIRETIME,
    &ttl::PTTL,
    &randomkey::RANDOMKEY,
    &rename::RENAME,
    &rename::RENAMENX,
    &restore::RESTORE,
    &restore::RESTORE_ASKING,
    &scan::SCAN,
    &sort::SORT,
    &sort::SORT_RO,
    &touch::TOUCH,
    &ttl::TTL,
    &type_::TYPE,
    &waitaof::WAITAOF,
    &del::UNLINK,
];
