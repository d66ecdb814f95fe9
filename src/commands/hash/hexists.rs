//! HEXISTS: whether a field is there.

use super::fields;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static HEXISTS: CommandSpec = CommandSpec {
    name: "hexists",
    arity: 3,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::HASH | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "field", ..ARG }],
    element_at: 2,
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Tells whether a hash has a field", complexity: "O(1)", since: "2.0.0", group: "hash", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let access = context.keys.field_access();
    let is_there = fields::view(&mut context.keys, args.key(0)?)?.is_some_and(|hash| hash.get(args[2], access).is_some());
    context.reply.integer(i64::from(is_there));
    Ok(())
}
