//! GETDEL: a string for the last time.

use super::value;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};

pub(crate) static GETDEL: CommandSpec = CommandSpec {
    name: "getdel",
    arity: 2,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::STRING | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the string under a key and deletes the key",
        complexity: "O(1)",
        since: "6.2.0",
        group: "string",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    if value::reply_of(context, args.key(0)?)? {
        context.keys.open(args.key(0)?).delete();
        context.keys.log(&[b"DEL", args.key(0)?.name()]);
    }
    Ok(())
}
