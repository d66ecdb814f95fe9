//! RESET: makes the connection what it was when it was new. The name of the client's library stays: it is still the same library.

use crate::clients::session::ReplyMode;
use crate::clients::{Session, bit};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static RESET: CommandSpec = CommandSpec {
    name: "reset",
    arity: 1,
    flags: flag::NOSCRIPT
        | flag::LOADING
        | flag::STALE
        | flag::FAST
        | flag::NO_AUTH
        | flag::ALLOW_BUSY
        | flag::NOT_QUEUED
        | flag::IN_SUBSCRIBER,
    acl: acl::CONNECTION | acl::FAST,
    run: Run::Session(exec),
    docs: Docs { summary: "Makes the connection as new", complexity: "O(1)", since: "6.2.0", group: "connection", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, session: &mut Session, _: &Args<'_>) -> CmdResult {
    super::cleanup(context, session);
    // A skipped reply is this one's.
    if session.reply_mode == ReplyMode::Off {
        session.reply_mode = ReplyMode::On;
    }
    context.reply.set_resp3(false);
    let caller = &mut *context.caller;
    caller.select(0);
    caller.set_authenticated(context.config.requirepass.is_empty());
    caller.client.name.lock().clear();
    caller.asking = false;
    caller.readonly = false;
    caller.no_touch = false;
    caller.client.set(
        bit::RESP3 | bit::ASKING | bit::READONLY | bit::NO_TOUCH | bit::NO_EVICT | bit::REPLY_OFF | bit::REPLY_SKIP | bit::IMPORT_SOURCE,
        false,
    );
    context.reply.simple("RESET");
    Ok(())
}
