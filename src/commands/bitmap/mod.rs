//! Bitmaps: strings seen as bits.

mod arguments;
mod bitcount;
mod bitfield;
mod bitfield_ro;
mod bitop;
mod bitpos;
mod field_engine;
mod getbit;
mod setbit;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[
    &bitcount::BITCOUNT,
    &bitfield::BITFIELD,
    &bitfield_ro::BITFIELD_RO,
    &bitop::BITOP,
    &bitpos::BITPOS,
    &getbit::GETBIT,
    &setbit::SETBIT,
];
