//! WATCH: EXEC answers null if one of these keys was changed in between.

use bytes::Bytes;

use crate::clients::session::Watched;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Run, SPEC, acl, flag, key_flag};

pub(crate) static WATCH: CommandSpec = CommandSpec {
    name: "watch",
    arity: -2,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::NO_MULTI | flag::ALLOW_BUSY,
    acl: acl::FAST | acl::TRANSACTION,
    keys: &[KeySpec::range(1, -1, 1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }],
    run: Run::Keys(exec),
    docs: Docs {
        summary: "Makes the next transaction depend on keys staying unchanged",
        complexity: "O(1) for every key.",
        since: "2.2.0",
        group: "transactions",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    if context.session.multi.is_some() || context.session.in_exec {
        return Err(CmdError::coded("ERR WATCH inside MULTI is not allowed"));
    }
    // Already broken: EXEC will fail whatever else is watched.
    if !context.session.watch_flag.is_set() {
        let db = context.session.db;
        for key in &args[1..] {
            if context.session.watched.iter().any(|watched| watched.db == db && watched.key == **key) {
                continue;
            }
            let expired = context.keys.is_expired_but_there(key);
            let stripe = context.keys.place(key).stripe;
            context.keys.stripe(stripe).watched.add(db, key, &context.session.watch_flag, expired);
            context.session.watched.push(Watched { db, key: Bytes::copy_from_slice(key) });
        }
        super::report(context.session);
    }
    context.reply.ok();
    Ok(())
}
