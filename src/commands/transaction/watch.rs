//! WATCH: EXEC answers null if one of these keys was changed in between.

use bytes::Bytes;

use crate::clients::Session;
use crate::clients::session::Watched;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::engine::transaction;

pub(crate) static WATCH: CommandSpec = CommandSpec {
    name: "watch",
    arity: -2,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::NO_MULTI | flag::ALLOW_BUSY,
    acl: acl::FAST | acl::TRANSACTION,
    keys: &[KeySpec::range(1, -1, 1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Session(exec),
    docs: Docs {
        summary: "Makes the next transaction depend on keys staying unchanged",
        complexity: "O(1) for every key.",
        since: "2.2.0",
        group: "transactions",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, session: &mut Session, args: &Args<'_>) -> CmdResult {
    if session.multi.is_some() || context.caller.in_exec {
        return Err(CmdError::coded("ERR WATCH inside MULTI is not allowed"));
    }
    // Already broken: EXEC will fail whatever else is watched.
    if !session.watch_flag.is_set() {
        let db = context.caller.db;
        for (key, resolved) in args.keys().zip(args.resolved()) {
            let expired = context.keys.is_expired_but_there(key);
            let stripe = context.keys.stripe(key.place().stripe);
            // What the client watches already is not noted twice: the stripe knows.
            if stripe.watched.add(db, key.name(), &session.watch_flag, expired) {
                session.watched.push(Watched { db, key: Bytes::copy_from_slice(key.name()), resolved: *resolved });
            }
        }
        transaction::report_watched(context.caller, session);
    }
    context.reply.ok();
    Ok(())
}
