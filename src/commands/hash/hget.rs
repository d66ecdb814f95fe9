//! HGET: the value of a field.

use super::fields;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::item_reply::item_or_null;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static HGET: CommandSpec = CommandSpec {
    name: "hget",
    arity: 3,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::HASH | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "field", ..ARG }],
    element_at: 2,
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Returns the value of a field of a hash", complexity: "O(1)", since: "2.0.0", group: "hash", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let access = context.keys.field_access();
    let value = fields::view(&mut context.keys, args.key(0)?)?.and_then(|hash| hash.get(args[2], access));
    item_or_null(context.reply, value);
    Ok(())
}
