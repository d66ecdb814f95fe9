//! BITFIELD_RO: BITFIELD without its writes, so that replicas may serve it.

use super::field_engine::{self, Access};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static BITFIELD_RO: CommandSpec = CommandSpec {
    name: "bitfield_ro",
    arity: -2,
    flags: flag::READONLY | flag::FAST,
    acl: acl::BITMAP | acl::FAST | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "get-block",
            kind: ArgKind::Block(&[Arg { name: "encoding", ..ARG }, Arg { name: "offset", kind: ArgKind::Integer, ..ARG }]),
            token: "GET",
            optional: true,
            multiple: true,
            multiple_token: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Reads integers of any width within the string under a key",
        complexity: "O(1) for each subcommand specified",
        since: "6.0.0",
        group: "bitmap",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    field_engine::run(context, args, Access::ReadOnly)
}
