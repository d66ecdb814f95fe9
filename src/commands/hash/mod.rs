//! Hashes: fields with values per key.

mod hdel;
mod hget;
mod hgetall;
mod hincrby;
mod hlen;
mod hrandfield;
mod hscan;
mod hset;
mod shared;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[
    &hdel::HDEL,
    &hget::HEXISTS,
    &hget::HGET,
    &hgetall::HGETALL,
    &hincrby::HINCRBY,
    &hincrby::HINCRBYFLOAT,
    &hgetall::HKEYS,
    &hlen::HLEN,
    &hget::HMGET,
    &hset::HMSET,
    &hrandfield::HRANDFIELD,
    &hscan::HSCAN,
    &hset::HSET,
    &hset::HSETNX,
    &hget::HSTRLEN,
    &hgetall::HVALS,
];
