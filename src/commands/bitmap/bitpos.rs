//! BITPOS: where the first set or clear bit of a string, or of a part of it, is.

use super::arguments::{RangeArgs, bits_by_piece};
use crate::datatypes::bitmap;
use crate::engine::context::integer;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::value::string::StringRef;

pub(crate) static BITPOS: CommandSpec = CommandSpec {
    name: "bitpos",
    arity: -3,
    flags: flag::READONLY,
    acl: acl::BITMAP | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "bit", kind: ArgKind::Integer, ..ARG },
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
        summary: "Finds the first set or clear bit of the string under a key",
        complexity: "O(N)",
        since: "2.8.7",
        group: "bitmap",
        history: &[("7.0.0", "`BYTE` and `BIT`.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let on = match integer(args[2])? {
        0 => false,
        1 => true,
        _ => return Err(CmdError::coded("ERR The bit argument must be 1 or 0.")),
    };
    let range = RangeArgs::parse(&args[3..])?.unwrap_or_default();
    let position = context.with_string(args.key(0)?, |string| match string {
        None if on => -1,
        None => 0,
        Some(string) => find(string, on, range),
    })?;
    context.reply.integer(position);
    Ok(())
}

/// Without an explicit end, the first clear bit of a string of ones is the one behind it. An empty range has none.
fn find(string: StringRef<'_>, on: bool, range: RangeArgs) -> i64 {
    let Some((first, last)) = range.resolve(string.len()) else { return -1 };
    let mut pieces = bits_by_piece(string, first, last);
    let found = pieces.find_map(|(before, bytes, first, last)| Some(before + bitmap::find_in_range(bytes, on, first, last)?));
    match found {
        Some(position) => position as i64,
        None if !on && range.end.is_none() => string.len() as i64 * 8,
        None => -1,
    }
}
