//! LMOVE, and RPOPLPUSH, its special case of old: an element from one list to another, or within one.

use super::ends::{end_of, move_element};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::value::list::End;

pub(crate) static LMOVE: CommandSpec = CommandSpec {
    name: "lmove",
    arity: 5,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::LIST | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE), KeySpec::one(2, key_flag::RW | key_flag::INSERT)],
    args: &[
        Arg { name: "source", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "destination", kind: ArgKind::Key(1), ..ARG },
        Arg {
            name: "wherefrom",
            kind: ArgKind::OneOf(&[
                Arg { name: "left", kind: ArgKind::PureToken, token: "LEFT", ..ARG },
                Arg { name: "right", kind: ArgKind::PureToken, token: "RIGHT", ..ARG },
            ]),
            ..ARG
        },
        Arg {
            name: "whereto",
            kind: ArgKind::OneOf(&[
                Arg { name: "left", kind: ArgKind::PureToken, token: "LEFT", ..ARG },
                Arg { name: "right", kind: ArgKind::PureToken, token: "RIGHT", ..ARG },
            ]),
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Moves an element from one list to another", complexity: "O(1)", since: "6.2.0", group: "list", ..DOCS },
    ..SPEC
};

pub(crate) static RPOPLPUSH: CommandSpec = CommandSpec {
    name: "rpoplpush",
    arity: 3,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::LIST | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE), KeySpec::one(2, key_flag::RW | key_flag::INSERT)],
    args: &[Arg { name: "source", kind: ArgKind::Key(0), ..ARG }, Arg { name: "destination", kind: ArgKind::Key(1), ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec_rpoplpush),
    docs: Docs {
        summary: "Moves the last element of a list to the front of another",
        complexity: "O(1)",
        since: "1.2.0",
        group: "list",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (from, to) = (end_of(args[3])?, end_of(args[4])?);
    if !move_element(context, args, from, to)? {
        context.reply.null();
    }
    Ok(())
}

fn exec_rpoplpush(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    if !move_element(context, args, End::Right, End::Left)? {
        context.reply.null();
    }
    Ok(())
}
