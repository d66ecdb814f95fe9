//! CLIENT CAPA: what the client is able to do. Words that are not known are passed over, so that clients may name what later servers
//! use.

use std::sync::atomic::Ordering;

use crate::clients::client::capability;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_CAPA: CommandSpec = CommandSpec {
    name: "capa",
    arity: -3,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::CONNECTION | acl::SLOW,
    args: &[Arg { name: "capability", multiple: true, ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Tells the server what the client is able to do",
        complexity: "O(1)",
        since: "8.0.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    if args[2..].iter().any(|word| is_word(word, "REDIRECT")) {
        context.caller.client.capabilities.fetch_or(capability::REDIRECT, Ordering::Relaxed);
    }
    context.reply.ok();
    Ok(())
}
