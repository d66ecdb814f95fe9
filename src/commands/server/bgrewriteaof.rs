//! BGREWRITEAOF: makes the append only file anew, as short as the data is. Nobody waits for it, and nothing is forked. Where `appendonly` is off
//! the file has what was there then, and nobody keeps it up to date.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::rewriting::{self, NotBegun};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static BGREWRITEAOF: CommandSpec = CommandSpec {
    name: "bgrewriteaof",
    arity: 1,
    flags: flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs { summary: "Rewrites the append only file in the background", complexity: "O(1)", since: "1.0.0", group: "server", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let shared = context.shared;
    if shared.rewriting.makes_way(context.config.appendonly) {
        // As in Valkey, where it is gone at once: this one begins behind it.
        shared.rewriting.schedule();
        context.reply.simple("Background append only file rewriting started");
        return Ok(());
    }
    if shared.rewriting.figures().running_s.is_some() {
        return Err(CmdError::coded("ERR Background append only file rewriting already in progress"));
    }
    if context.caller.in_exec || rewriting::must_wait(shared) {
        shared.rewriting.schedule();
        context.reply.simple("Background append only file rewriting scheduled");
        return Ok(());
    }
    match rewriting::rewrite_in_background(shared) {
        Ok(()) => context.reply.simple("Background append only file rewriting started"),
        Err(NotBegun::Busy) => return Err(CmdError::coded("ERR Background append only file rewriting already in progress")),
        Err(NotBegun::Failed) => {
            return Err(CmdError::coded(
                "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.",
            ));
        }
    }
    Ok(())
}
