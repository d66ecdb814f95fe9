//! Lists: a sequence of texts per key, quick at both ends.

mod blmove;
mod blmpop;
mod blpop;
mod ends;
mod lindex;
mod linsert;
mod llen;
mod lmove;
mod lmpop;
mod lpop;
mod lpos;
mod lpush;
mod lrange;
mod lrem;
mod lset;
mod ltrim;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[
    &blmove::BLMOVE,
    &blmpop::BLMPOP,
    &blpop::BLPOP,
    &blpop::BRPOP,
    &blmove::BRPOPLPUSH,
    &lindex::LINDEX,
    &linsert::LINSERT,
    &llen::LLEN,
    &lmove::LMOVE,
    &lmpop::LMPOP,
    &lpop::LPOP,
    &lpos::LPOS,
    &lpush::LPUSH,
    &lpush::LPUSHX,
    &lrange::LRANGE,
    &lrem::LREM,
    &lset::LSET,
    &ltrim::LTRIM,
    &lpop::RPOP,
    &lmove::RPOPLPUSH,
    &lpush::RPUSH,
    &lpush::RPUSHX,
];
