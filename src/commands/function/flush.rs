//! FUNCTION FLUSH: deletes all libraries, of which there are none.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static FUNCTION_FLUSH: CommandSpec = CommandSpec {
    name: "flush",
    arity: -2,
    flags: flag::NOSCRIPT | flag::WRITE,
    acl: acl::SCRIPTING | acl::SLOW | acl::WRITE,
    args: &[Arg {
        name: "flush-type",
        kind: ArgKind::OneOf(&[
            Arg { name: "async", kind: ArgKind::PureToken, token: "ASYNC", ..ARG },
            Arg { name: "sync", kind: ArgKind::PureToken, token: "SYNC", ..ARG },
        ]),
        optional: true,
        ..ARG
    }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Deletes all libraries",
        complexity: "O(N) where N is the number of functions deleted",
        since: "7.0.0",
        group: "scripting",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    match args[2..] {
        [] => {}
        [mode] if super::is_flush_mode(mode) => {}
        [_] => return Err(CmdError::err("FUNCTION FLUSH only supports SYNC|ASYNC option")),
        _ => return Err(CmdError::subcommand_syntax(args)),
    }
    context.reply.ok();
    Ok(())
}
