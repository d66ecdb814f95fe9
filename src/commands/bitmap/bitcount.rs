//! BITCOUNT: how many bits of a string, or of a part of it, are set.

use super::arguments::{RangeArgs, bits_by_piece};
use crate::datatypes::bitmap;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::value::string::StringRef;

pub(crate) static BITCOUNT: CommandSpec = CommandSpec {
    name: "bitcount",
    arity: -2,
    flags: flag::READONLY,
    acl: acl::BITMAP | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "range",
            kind: ArgKind::Block(&[
                Arg { name: "start", kind: ArgKind::Integer, ..ARG },
                Arg {
                    name: "end-unit-block",
                    kind: ArgKind::Block(&[
                        Arg { name: "end", kind: ArgKind::Integer, ..ARG },
                        Arg {
                            name: "unit",
                            kind: ArgKind::OneOf(&[
                                Arg { name: "byte", kind: ArgKind::PureToken, token: "BYTE", ..ARG },
                                Arg { name: "bit", kind: ArgKind::PureToken, token: "BIT", ..ARG },
                            ]),
                            optional: true,
                            since: "7.0.0",
                            ..ARG
                        },
                    ]),
                    optional: true,
                    ..ARG
                },
            ]),
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(exec),
    docs: Docs {
        summary: "Counts the set bits of the string under a key",
        complexity: "O(N)",
        since: "2.6.0",
        group: "bitmap",
        history: &[("7.0.0", "`BYTE` and `BIT`."), ("8.0.0", "`end` may be left out and is then the last byte.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let range = RangeArgs::parse(&args[2..])?;
    let count = context.with_string(args.key(0)?, |string| string.map_or(0, |string| count(string, range)))?;
    context.reply.integer(count as i64);
    Ok(())
}

fn count(string: StringRef<'_>, range: Option<RangeArgs>) -> u64 {
    let Some(range) = range else { return string.pieces(..).map(|piece| bitmap::count_all(piece.bytes)).sum() };
    // Unlike BITPOS, a range that is given backwards from the end is empty even if both ends lie before the start.
    if range.is_backwards() {
        return 0;
    }
    let Some((first, last)) = range.resolve(string.len()) else { return 0 };
    bits_by_piece(string, first, last).map(|(_, bytes, first, last)| bitmap::count_range(bytes, first, last)).sum()
}
