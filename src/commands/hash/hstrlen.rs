//! HSTRLEN: the length of a field's value.

use super::fields;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static HSTRLEN: CommandSpec = CommandSpec {
    name: "hstrlen",
    arity: 3,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::HASH | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "field", ..ARG }],
    element_at: 2,
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Returns the length of the value of a field", complexity: "O(1)", since: "3.2.0", group: "hash", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let access = context.keys.field_access();
    let value = fields::view(&mut context.keys, args.key(0)?)?.and_then(|hash| hash.get(args[2], access));
    context.reply.integer(value.map_or(0, |value| value.text_len()) as i64);
    Ok(())
}
