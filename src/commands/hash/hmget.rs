//! HMGET: the values of several fields.

use super::fields;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::item_reply::item_or_null;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static HMGET: CommandSpec = CommandSpec {
    name: "hmget",
    arity: -3,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::HASH | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "field", multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the values of several fields of a hash",
        complexity: "O(N) where N is the number of fields.",
        since: "2.0.0",
        group: "hash",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let access = context.keys.field_access();
    let hash = fields::view(&mut context.keys, args.key(0)?)?;
    context.reply.array(args.len() - 2);
    for field in &args[2..] {
        item_or_null(context.reply, hash.and_then(|hash| hash.get(field, access)));
    }
    Ok(())
}
