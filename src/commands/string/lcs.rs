//! LCS: the longest subsequence that two strings have in common, its length, or where its parts lie in both.
//!
//! The table of lengths takes 4 bytes for each pair of positions, at most `proto-max-bulk-len` altogether; for the length alone two
//! rows of it are enough, but the same limit holds.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::context::{integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::key::Key;
use crate::keyspace::string_value;
use crate::keyspace::value::string::StringSnapshot;

pub(crate) static LCS: CommandSpec = CommandSpec {
    name: "lcs",
    arity: -3,
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW | acl::STRING,
    keys: &[KeySpec::range(1, 1, 1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key1", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "key2", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "len", kind: ArgKind::PureToken, token: "LEN", optional: true, ..ARG },
        Arg { name: "idx", kind: ArgKind::PureToken, token: "IDX", optional: true, ..ARG },
        Arg { name: "min-match-len", kind: ArgKind::Integer, token: "MINMATCHLEN", optional: true, ..ARG },
        Arg { name: "withmatchlen", kind: ArgKind::PureToken, token: "WITHMATCHLEN", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Product),
    run: Run::Data(exec),
    docs: Docs {
        summary: "Finds the longest subsequence common to two strings",
        complexity: "O(N*M) where N and M are the lengths of the strings",
        since: "7.0.0",
        group: "string",
        ..DOCS
    },
    ..SPEC
};

/// Longer strings would overflow the table's positions.
const LEN_LIMIT: usize = u32::MAX as usize - 1;

#[derive(Default)]
struct Options {
    len: bool,
    ranges: bool,
    with_len: bool,
    len_min: i64,
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (one, other) = (read(context, args.key(0)?), read(context, args.key(1)?));
    let (Ok(one), Ok(other)) = (one, other) else {
        return Err(CmdError::coded("ERR The specified keys must contain string values"));
    };
    // What is left to do takes long, and needs no key.
    context.keys.unlock_early();
    let options = parse(&args[3..])?;
    check_size(one.view().len(), other.view().len(), context.config.proto_max_bulk_len)?;
    // Strings of that size usually lie in one piece.
    let (one, other) = (one.view().part(0..usize::MAX), other.view().part(0..usize::MAX));
    if options.len {
        context.reply.integer(length(&one, &other)?);
        return Ok(());
    }
    let table = Table::build(&one, &other)?;
    if options.ranges {
        reply_ranges(context, &table, &options);
    } else {
        let common: Vec<u8> = table.pieces().iter().rev().flat_map(|piece| &one[piece.one..piece.one + piece.len]).copied().collect();
        context.reply.bulk(&common);
    }
    Ok(())
}

/// A snapshot of the string, because the other one is read after it.
fn read(context: &mut Context<'_>, key: Key<'_>) -> Result<StringSnapshot, crate::keyspace::WrongType> {
    match context.keys.read(key) {
        None => Ok(StringSnapshot::default()),
        Some(entry) => string_value::of(entry).map(string_value::snapshot),
    }
}

fn parse(args: &[&[u8]]) -> Result<Options, CmdError> {
    let mut options = Options::default();
    let mut rest = args.iter();
    while let Some(word) = rest.next() {
        if is_word(word, "idx") {
            options.ranges = true;
        } else if is_word(word, "len") {
            options.len = true;
        } else if is_word(word, "withmatchlen") {
            options.with_len = true;
        } else if is_word(word, "minmatchlen") {
            options.len_min = integer(rest.next().ok_or(CmdError::Syntax)?)?;
        } else {
            return Err(CmdError::Syntax);
        }
    }
    if options.len && options.ranges {
        return Err(CmdError::coded("ERR If you want both the length and indexes, please just use IDX."));
    }
    Ok(options)
}

fn check_size(one: usize, other: usize, bytes_max: u64) -> CmdResult {
    if one >= LEN_LIMIT || other >= LEN_LIMIT {
        return Err(CmdError::coded("ERR String too long for LCS"));
    }
    let bytes = (one as u128 + 1) * (other as u128 + 1) * size_of::<u32>() as u128;
    if bytes > u128::from(bytes_max) {
        return Err(CmdError::coded("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"));
    }
    Ok(())
}

const NO_MEMORY: CmdError = CmdError::coded("ERR Insufficient memory, failed allocating transient memory for LCS");

fn zeros(len: usize) -> Result<Vec<u32>, CmdError> {
    let mut cells = Vec::new();
    cells.try_reserve_exact(len).map_err(|_| NO_MEMORY)?;
    cells.resize(len, 0);
    Ok(cells)
}

/// Fills the row of lengths that follows `above`: `row[j + 1]` is the common length of all strings up to `byte` and `other[..=j]`.
fn fill_row(byte: u8, other: &[u8], above: &[u32], row: &mut [u32]) {
    for (at, &other_byte) in other.iter().enumerate() {
        row[at + 1] = if byte == other_byte { above[at] + 1 } else { above[at + 1].max(row[at]) };
    }
}

/// The length alone.
fn length(one: &[u8], other: &[u8]) -> Result<i64, CmdError> {
    let (mut above, mut row) = (zeros(other.len() + 1)?, zeros(other.len() + 1)?);
    for &byte in one {
        fill_row(byte, other, &above, &mut row);
        std::mem::swap(&mut above, &mut row);
    }
    Ok(i64::from(above[other.len()]))
}

/// A part that lies in one piece in both strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    one: usize,
    other: usize,
    len: usize,
}

/// Lengths for all pairs of prefixes.
struct Table<'s> {
    one: &'s [u8],
    other: &'s [u8],
    cells: Vec<u32>,
}

impl<'s> Table<'s> {
    fn build(one: &'s [u8], other: &'s [u8]) -> Result<Table<'s>, CmdError> {
        let width = other.len() + 1;
        let mut cells = zeros((one.len() + 1) * width)?;
        for (number, &byte) in one.iter().enumerate() {
            let (above, row) = cells[number * width..(number + 2) * width].split_at_mut(width);
            fill_row(byte, other, above, row);
        }
        Ok(Table { one, other, cells })
    }

    fn at(&self, one: usize, other: usize) -> u32 {
        self.cells[one * (self.other.len() + 1) + other]
    }

    fn len(&self) -> u32 {
        self.at(self.one.len(), self.other.len())
    }

    /// The pieces of the common subsequence, the last one first.
    fn pieces(&self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let (mut one, mut other) = (self.one.len(), self.other.len());
        let mut len = 0;
        while one > 0 && other > 0 {
            if self.one[one - 1] == self.other[other - 1] {
                one -= 1;
                other -= 1;
                len += 1;
                continue;
            }
            if len > 0 {
                pieces.push(Piece { one, other, len });
                len = 0;
            }
            if self.at(one - 1, other) > self.at(one, other - 1) { one -= 1 } else { other -= 1 }
        }
        if len > 0 {
            pieces.push(Piece { one, other, len });
        }
        pieces
    }
}

fn reply_ranges(context: &mut Context<'_>, table: &Table<'_>, options: &Options) {
    let reply = &mut *context.reply;
    let pieces = table.pieces();
    let shown = || pieces.iter().filter(|piece| piece.len as i64 >= options.len_min);
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(shown().count());
    for piece in shown() {
        reply.array(2 + usize::from(options.with_len));
        for start in [piece.one, piece.other] {
            reply.array(2);
            reply.integer(start as i64);
            reply.integer((start + piece.len - 1) as i64);
        }
        if options.with_len {
            reply.integer(piece.len as i64);
        }
    }
    reply.bulk(b"len");
    reply.integer(i64::from(table.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_are_common_and_as_long_as_the_length_says() {
        let cases: [(&[u8], &[u8], &[u8]); 6] = [
            (b"ohmytext", b"mynewtext", b"mytext"),
            (b"", b"abc", b""),
            (b"abc", b"abc", b"abc"),
            (b"abc", b"xyz", b""),
            (b"abcbdab", b"bdcaba", b"bdab"),
            (b"aaaa", b"aa", b"aa"),
        ];
        for (one, other, expected) in cases {
            let table = Table::build(one, other).unwrap();
            let pieces = table.pieces();
            let common: Vec<u8> = pieces.iter().rev().flat_map(|piece| &one[piece.one..piece.one + piece.len]).copied().collect();
            let same: Vec<u8> = pieces.iter().rev().flat_map(|piece| &other[piece.other..piece.other + piece.len]).copied().collect();
            assert_eq!(common, same);
            assert_eq!(common.len(), expected.len(), "{common:?} for {expected:?}");
            assert_eq!(length(one, other), Ok(expected.len() as i64));
            assert_eq!(table.len() as usize, expected.len());
        }
    }
}
