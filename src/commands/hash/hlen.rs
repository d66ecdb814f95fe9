//! HLEN: the number of fields. Those whose time has come count until they are gone.

use super::fields;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static HLEN: CommandSpec = CommandSpec {
    name: "hlen",
    arity: 2,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::HASH | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Returns the number of fields of a hash", complexity: "O(1)", since: "2.0.0", group: "hash", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let len = fields::view(&mut context.keys, args.key(0)?)?.map_or(0, |hash| hash.len());
    context.reply.integer(len as i64);
    Ok(())
}
