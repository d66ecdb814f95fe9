//! BITFIELD_RO: BITFIELD without its writes, so that replicas may serve it.

use super::field_engine::{self, Access};
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{ARG, Arg, ArgKind, BeginSearch, CommandSpec, Docs, FindKeys, KeySpec, Run, acl, flag, key_flag};

pub(crate) static BITFIELD_RO: CommandSpec = CommandSpec {
    name: "bitfield_ro",
    arity: -2,
    flags: flag::READONLY | flag::FAST,
    acl: acl::BITMAP | acl::FAST | acl::READ,
    keys: &[KeySpec {
        flags: key_flag::RO | key_flag::ACCESS,
        begin: BeginSearch::Index(1),
        find: FindKeys::Range { last: 0, step: 1, limit: 0 },
        notes: "",
    }],
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
    run: Run::Keys(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Reads integers of any width within the string under a key",
        complexity: "O(1) for each subcommand specified",
        since: "6.0.0",
        group: "bitmap",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    field_engine::run(context, args, Access::ReadOnly)
}
