//! Strings: one byte string per key, also seen as an integer or a floating-point number.

mod append;
mod delifeq;
mod get;
mod getdel;
mod getex;
mod getrange;
mod getset;
mod incr;
mod incrbyfloat;
mod lcs;
mod mget;
mod mset;
mod msetex;
mod options;
mod set;
mod set_engine;
mod setex;
mod setnx;
mod setrange;
mod strlen;
mod value;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[
    &append::APPEND,
    &incr::DECR,
    &incr::DECRBY,
    &delifeq::DELIFEQ,
    &get::GET,
    &getdel::GETDEL,
    &getex::GETEX,
    &getrange::GETRANGE,
    &getset::GETSET,
    &incr::INCR,
    &incr::INCRBY,
    &incrbyfloat::INCRBYFLOAT,
    &lcs::LCS,
    &mget::MGET,
    &mset::MSET,
    &msetex::MSETEX,
    &mset::MSETNX,
    &setex::PSETEX,
    &set::SET,
    &setex::SETEX,
    &setnx::SETNX,
    &setrange::SETRANGE,
    &strlen::STRLEN,
    &getrange::SUBSTR,
];
