//! Sets: members without order under one key.

mod members;
mod sadd;
mod scard;
mod sinter;
mod sismember;
mod smembers;
mod smove;
mod spop;
mod srandmember;
mod srem;
mod sscan;
mod store;
mod sunion;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[
    &sadd::SADD,
    &scard::SCARD,
    &sunion::SDIFF,
    &sunion::SDIFFSTORE,
    &sinter::SINTER,
    &sinter::SINTERCARD,
    &sinter::SINTERSTORE,
    &sismember::SISMEMBER,
    &smembers::SMEMBERS,
    &sismember::SMISMEMBER,
    &smove::SMOVE,
    &spop::SPOP,
    &srandmember::SRANDMEMBER,
    &srem::SREM,
    &sscan::SSCAN,
    &sunion::SUNION,
    &sunion::SUNIONSTORE,
];
