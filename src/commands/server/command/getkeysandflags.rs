//! COMMAND GETKEYSANDFLAGS: which arguments of a request are keys, and what the command does with each.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag, key_flag};

pub(crate) static COMMAND_GETKEYSANDFLAGS: CommandSpec = CommandSpec {
    name: "getkeysandflags",
    arity: -3,
    flags: flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    args: &[Arg { name: "command", ..ARG }, Arg { name: "arg", optional: true, multiple: true, ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the keys among the arguments of a command, with what happens to each",
        complexity: "O(N) where N is the number of arguments to the command",
        since: "7.0.0",
        group: "server",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let keys = super::getkeys::find(context, &args[2..])?;
    context.reply.array(keys.len());
    for (at, flags) in keys {
        context.reply.array(2);
        context.reply.bulk(args[at + 2]);
        super::info::names(context.reply, flags, key_flag::NAMES);
    }
    Ok(())
}
