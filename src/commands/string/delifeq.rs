//! DELIFEQ: deletes a string that has a given value, as the holder of a lock releases it.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::string_value;

pub(crate) static DELIFEQ: CommandSpec = CommandSpec {
    name: "delifeq",
    arity: 3,
    flags: flag::FAST | flag::WRITE | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::STRING | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RM | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "value", ..ARG }],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(exec),
    docs: Docs { summary: "Deletes a key if it holds this string", complexity: "O(1)", since: "9.0.0", group: "string", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut key = context.keys.open(args.key(0)?);
    let is_equal = key.string()?.is_some_and(|value| string_value::with_string(value, |string| string.equals(args[2])));
    let is_deleted = is_equal && key.delete();
    drop(key);
    if is_deleted {
        context.keys.log(&[b"DEL", args.key(0)?.name()]);
    }
    context.reply.integer(i64::from(is_deleted));
    Ok(())
}
