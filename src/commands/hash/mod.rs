//! Hashes: fields with values under one key.

mod fields;
mod hdel;
mod hexists;
mod hget;
mod hgetall;
mod hincrby;
mod hincrbyfloat;
mod hlen;
mod hmget;
mod hrandfield;
mod hscan;
mod hset;
mod hsetnx;
mod hstrlen;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[
    &hdel::HDEL,
    &hexists::HEXISTS,
    &hget::HGET,
    &hgetall::HGETALL,
    &hincrby::HINCRBY,
    &hincrbyfloat::HINCRBYFLOAT,
    &hgetall::HKEYS,
    &hlen::HLEN,
    &hmget::HMGET,
    &hset::HMSET,
    &hrandfield::HRANDFIELD,
    &hscan::HSCAN,
    &hset::HSET,
    &hsetnx::HSETNX,
    &hstrlen::HSTRLEN,
    &hgetall::HVALS,
];
