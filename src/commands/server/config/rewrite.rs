//! CONFIG REWRITE: writes the current options into the configuration file. Outside a transaction on a thread of its own, since
//! the file is synced.

use crate::engine::context::{Args, Context, ControlFuture};
use crate::engine::error::CmdError;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CONFIG_REWRITE: CommandSpec = CommandSpec {
    name: "rewrite",
    arity: 2,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    run: Run::Control(exec),
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

fn exec<'c>(context: &'c mut Context<'_>, _: &'c Args<'_>) -> ControlFuture<'c> {
    let store = context.shared.config.clone();
    Box::pin(async move {
        let written = tokio::task::spawn_blocking(move || store.rewrite()).await;
        match written.map_err(|_| "the server is ending".to_owned()).and_then(|result| result) {
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
    })
}
