//! DISCARD: forgets the transaction and the watched keys.

use crate::clients::Session;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::engine::transaction;

pub(crate) static DISCARD: CommandSpec = CommandSpec {
    name: "discard",
    arity: 1,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::ALLOW_BUSY | flag::NOT_QUEUED,
    acl: acl::FAST | acl::TRANSACTION,
    run: Run::Session(exec),
    docs: Docs {
        summary: "Drops the queued commands and ends the transaction",
        complexity: "O(N), when N is the number of queued commands",
        since: "2.0.0",
        group: "transactions",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, session: &mut Session, _: &Args<'_>) -> CmdResult {
    if session.multi.is_none() {
        return Err(CmdError::coded("ERR DISCARD without MULTI"));
    }
    transaction::discard(context, session);
    context.reply.ok();
    Ok(())
}
