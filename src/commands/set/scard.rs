//! SCARD: the number of members.

use super::members;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static SCARD: CommandSpec = CommandSpec {
    name: "scard",
    arity: 2,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::READ | acl::SET,
    keys: &[KeySpec::one(1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Returns the number of members of a set", complexity: "O(1)", since: "1.0.0", group: "set", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let len = members::view(&mut context.keys, args.key(0)?)?.map_or(0, |set| set.len());
    context.reply.integer(len as i64);
    Ok(())
}
