//! MONITOR: from here on the client is sent a line for each command that any client runs, administrators' commands excepted.

use std::sync::Arc;

use crate::clients::Session;
use crate::clients::bit;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static MONITOR: CommandSpec = CommandSpec {
    name: "monitor",
    arity: 1,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    run: Run::Session(exec),
    docs: Docs { summary: "Sends every command that is run, as it is run", complexity: "", since: "1.0.0", group: "server", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, session: &mut Session, _: &Args<'_>) -> CmdResult {
    if context.caller.in_exec {
        return Err(CmdError::err("MONITOR isn't allowed for DENY BLOCKING client"));
    }
    // As Valkey: a second MONITOR gets no reply.
    if !session.monitor {
        session.monitor = true;
        let client = Arc::clone(&context.caller.client);
        client.set(bit::MONITOR, true);
        crate::engine::monitor::add(context.shared, client);
        context.reply.ok();
    }
    Ok(())
}
