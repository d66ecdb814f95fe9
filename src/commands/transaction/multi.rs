//! MULTI: from here to EXEC, commands are queued instead of run.

use std::sync::atomic::Ordering;

use crate::clients::session::Multi;
use crate::clients::{Session, bit};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static MULTI: CommandSpec = CommandSpec {
    name: "multi",
    arity: 1,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::NO_MULTI | flag::ALLOW_BUSY,
    acl: acl::FAST | acl::TRANSACTION,
    run: Run::Session(exec),
    docs: Docs {
        summary: "Starts a transaction: following commands are queued",
        complexity: "O(1)",
        since: "1.2.0",
        group: "transactions",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, session: &mut Session, _: &Args<'_>) -> CmdResult {
    if session.multi.is_some() {
        return Err(CmdError::coded("ERR MULTI calls can not be nested"));
    }
    session.multi = Some(Multi::default());
    context.caller.client.set(bit::MULTI, true);
    context.caller.client.figures.multi_queued.store(0, Ordering::Relaxed);
    context.reply.ok();
    Ok(())
}
