//! Bitmaps: strings seen as bits.

mod arguments;
mod bitcount;
mod bitfield;
mod bitop;
mod bitpos;
mod getbit;
mod setbit;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] =
    &[&bitcount::BITCOUNT, &bitfield::BITFIELD, &bitfield::BITFIELD_RO, &bitop::BITOP, &bitpos::BITPOS, &getbit::GETBIT, &setbit::SETBIT];
