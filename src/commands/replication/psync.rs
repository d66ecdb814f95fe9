//! PSYNC and SYNC: the client is a replica from here on, and gets what it lacks. Whether that is all data or what it has missed is decided
//! where replicas are served ([`crate::engine::replication_core`]), which also replies.

use std::sync::atomic::Ordering;

use crate::clients::Session;
use crate::clients::session::{Close, ReplicaWish};
use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

const BASE: CommandSpec = CommandSpec {
    flags: flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NO_MULTI | flag::NOSCRIPT,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    ..SPEC
};

pub(crate) static PSYNC: CommandSpec = CommandSpec {
    name: "psync",
    arity: -3,
    args: &[Arg { name: "replicationid", ..ARG }, Arg { name: "offset", kind: ArgKind::Integer, ..ARG }],
    run: Run::Session(psync),
    docs: Docs {
        summary: "Makes the connection a replica's, which goes on from a place if it can",
        complexity: "",
        since: "2.8.0",
        group: "server",
        ..DOCS
    },
    ..BASE
};

pub(crate) static SYNC: CommandSpec = CommandSpec {
    name: "sync",
    arity: 1,
    run: Run::Session(|context, session, _| join(context, session, None, false)),
    docs: Docs {
        summary: "Makes the connection a replica's, which gets all data",
        complexity: "",
        since: "1.0.0",
        group: "server",
        ..DOCS
    },
    ..BASE
};

fn psync(context: &mut Context<'_>, session: &mut Session, args: &Args<'_>) -> CmdResult {
    let promotes = args.get(3).is_some_and(|word| is_word(word, "FAILOVER"));
    if promotes {
        let replication = &context.shared.replication;
        if !replication.is_replica() {
            return Err(CmdError::err("PSYNC FAILOVER can't be sent to a master."));
        }
        if !args[1].eq_ignore_ascii_case(replication.history_id().as_bytes()) {
            return Err(CmdError::err("PSYNC FAILOVER replid must match my replid."));
        }
    }
    let next = integer(args[2])?;
    join(context, session, Some((args[1].to_vec(), next)), promotes)
}

fn join(context: &mut Context<'_>, session: &mut Session, place: Option<(Vec<u8>, i64)>, promotes: bool) -> CmdResult {
    if context.shared.replication.look().failover.is_some() {
        return Err(CmdError::coded("NOMASTERLINK Can't SYNC while failing over"));
    }
    if !promotes && context.shared.replication.is_replica() && !context.shared.replication.link_is_up.load(Ordering::Relaxed) {
        return Err(CmdError::coded("NOMASTERLINK Can't SYNC while not connected with my master"));
    }
    // The replica could not tell what was replied before from what it gets.
    if !context.reply.is_empty() {
        return Err(CmdError::err("SYNC and PSYNC are invalid with pending output"));
    }
    if session.monitor || session.joins.is_some() {
        return Ok(());
    }
    let about = session.replica.take().map_or_else(Default::default, |about| *about);
    session.joins = Some(Box::new(ReplicaWish { about, place, promotes }));
    // What the client sent behind it is not run.
    session.close = Close::AfterReply;
    Ok(())
}
