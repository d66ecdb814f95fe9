//! CONFIG REWRITE: writes the current options into the configuration file. Outside a transaction on a thread of its own, since
//! the file is synced.

use crate::clients::Session;
use crate::engine::context::{Args, AsyncResult, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Place, Run, SPEC, acl, flag};

pub(crate) static CONFIG_REWRITE: CommandSpec = CommandSpec {
    name: "rewrite",
    arity: 2,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    place: Place::Async,
    run: Run::Async(exec, Some(exec_at_once)),
    docs: Docs {
        summary: "Writes the current options into the configuration file",
        complexity: "O(1)",
        since: "2.8.0",
        group: "server",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

fn exec<'c>(context: &'c mut Context<'_>, _: &'c mut Session, _: &'c Args<'_>) -> AsyncResult<'c> {
    let store = context.shared.config.clone();
    Box::pin(async move {
        let written = tokio::task::spawn_blocking(move || store.rewrite()).await;
        answer(context, written.map_err(|_| "the server is ending".to_owned()).and_then(|result| result))
    })
}

/// Inside EXEC nothing waits. The file is short.
fn exec_at_once(context: &mut Context<'_>, _: &mut Session, _: &Args<'_>) -> CmdResult {
    let written = context.shared.config.rewrite();
    answer(context, written)
}

fn answer(context: &mut Context<'_>, written: Result<(), String>) -> CmdResult {
    match written {
        Ok(()) => {
            tracing::info!("CONFIG REWRITE executed with success.");
            context.reply.ok();
            Ok(())
        }
        Err(reason) => {
            tracing::warn!("CONFIG REWRITE failed: {reason}");
            Err(CmdError::err(reason))
        }
    }
}
