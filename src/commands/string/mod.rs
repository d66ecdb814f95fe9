//! Strings: one byte string per key, also seen as an integer or a floating-point number.

mod append;
mod decr;
mod decrby;
mod delifeq;
mod get;
mod getdel;
mod getex;
mod getrange;
mod getset;
mod incr;
mod incr_engine;
mod incrby;
mod incrbyfloat;
mod lcs;
mod mget;
mod mset;
mod msetex;
mod msetnx;
mod options;
mod psetex;
mod set;
mod set_engine;
mod setex;
mod setnx;
mod setrange;
mod strlen;
mod substr;
mod value;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[
    &append::APPEND,
    &decr::DECR,
    &decrby::DECRBY,
    &delifeq::DELIFEQ,
    &get::GET,
    &getdel::GETDEL,
    &getex::GETEX,
    &getrange::GETRANGE,
    &getset::GETSET,
    &incr::INCR,
    &incrby::INCRBY,
    &incrbyfloat::INCRBYFLOAT,
    &lcs::LCS,
    &mget::MGET,
    &mset::MSET,
    &msetex::MSETEX,
    &msetnx::MSETNX,
    &psetex::PSETEX,
    &set::SET,
    &setex::SETEX,
    &setnx::SETNX,
    &setrange::SETRANGE,
    &strlen::STRLEN,
    &substr::SUBSTR,
];
