//! BITFIELD: reads, writes and adds to integers of any width at any bit of a string.
//!
//! Differences from Valkey: `#` offsets that overflow are refused rather than wrapped around; a number far below a signed type's range
//! saturates at its minimum, not its maximum; a key that a failing operation made or grew counts as changed.

use super::field_engine::{self, Access};
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::spec::KeysAndFlags;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static BITFIELD: CommandSpec = CommandSpec {
    name: "bitfield",
    arity: -2,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::BITMAP | acl::SLOW | acl::WRITE,
    keys: &[KeySpec {
        notes: "This command allows both access and modification of the key",
        ..KeySpec::one(1, key_flag::RW | key_flag::UPDATE | key_flag::ACCESS | key_flag::VARIABLE_FLAGS)
    }],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "operation",
            kind: ArgKind::OneOf(&[
                Arg {
                    name: "get-block",
                    kind: ArgKind::Block(&[Arg { name: "encoding", ..ARG }, Arg { name: "offset", kind: ArgKind::Integer, ..ARG }]),
                    token: "GET",
                    ..ARG
                },
                Arg {
                    name: "write",
                    kind: ArgKind::Block(&[
                        Arg {
                            name: "overflow-block",
                            kind: ArgKind::OneOf(&[
                                Arg { name: "wrap", kind: ArgKind::PureToken, token: "WRAP", ..ARG },
                                Arg { name: "sat", kind: ArgKind::PureToken, token: "SAT", ..ARG },
                                Arg { name: "fail", kind: ArgKind::PureToken, token: "FAIL", ..ARG },
                            ]),
                            token: "OVERFLOW",
                            optional: true,
                            ..ARG
                        },
                        Arg {
                            name: "write-operation",
                            kind: ArgKind::OneOf(&[
                                Arg {
                                    name: "set-block",
                                    kind: ArgKind::Block(&[
                                        Arg { name: "encoding", ..ARG },
                                        Arg { name: "offset", kind: ArgKind::Integer, ..ARG },
                                        Arg { name: "value", kind: ArgKind::Integer, ..ARG },
                                    ]),
                                    token: "SET",
                                    ..ARG
                                },
                                Arg {
                                    name: "incrby-block",
                                    kind: ArgKind::Block(&[
                                        Arg { name: "encoding", ..ARG },
                                        Arg { name: "offset", kind: ArgKind::Integer, ..ARG },
                                        Arg { name: "increment", kind: ArgKind::Integer, ..ARG },
                                    ]),
                                    token: "INCRBY",
                                    ..ARG
                                },
                            ]),
                            ..ARG
                        },
                    ]),
                    ..ARG
                },
            ]),
            optional: true,
            multiple: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    keys_by_hand: Some(keys_by_hand),
    docs: Docs {
        summary: "Reads and changes integers of any width within the string under a key",
        complexity: "O(1) for each subcommand specified",
        since: "3.2.0",
        group: "bitmap",
        ..DOCS
    },
    ..SPEC
};

/// It writes unless all its operations are GET.
fn keys_by_hand(args: &[&[u8]]) -> KeysAndFlags {
    let mut at = 2;
    let mut writes = false;
    while at < args.len() && !writes {
        let left = args.len() - at - 1;
        match args[at] {
            word if is_word(word, "GET") && left >= 2 => at += 3,
            word if is_word(word, "OVERFLOW") && left >= 1 => at += 2,
            // SET, INCRBY, or an error, for which the stricter reading is the safe one.
            _ => writes = true,
        }
    }
    let flags = if writes { key_flag::RW | key_flag::UPDATE | key_flag::ACCESS } else { key_flag::RO | key_flag::ACCESS };
    smallvec::smallvec![(1, flags)]
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    field_engine::run(context, args, Access::ReadWrite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_written_unless_all_is_get() {
        let (reads, writes) = (key_flag::RO | key_flag::ACCESS, key_flag::RW | key_flag::UPDATE | key_flag::ACCESS);
        for (request, flags) in
            [("bitfield k get u8 0 overflow sat get u8 1", reads), ("bitfield k get u8 0 set u8 0 1", writes), ("bitfield k what", writes)]
        {
            let args: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
            assert_eq!(keys_by_hand(&args).as_slice(), [(1, flags)], "{request}");
        }
    }
}
