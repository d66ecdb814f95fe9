//! REPLICAOF and SLAVEOF: the node follows another one from here on, or nobody.
//!
//! Differs from Valkey in that the append only file of a replica has what its primary writes, and not what clients write to one that lets them
//! (`replica-read-only no`): that is in its base alone, once it is rewritten, as it is when the replica is promoted.

use crate::engine::context::{Args, CmdResult, Context, integer_in, is_word};
use crate::engine::error::CmdError;
use crate::engine::roles;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};

const BASE: CommandSpec = CommandSpec {
    arity: 3,
    flags: flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg {
        name: "args",
        kind: ArgKind::OneOf(&[
            Arg {
                name: "host-port",
                kind: ArgKind::Block(&[Arg { name: "host", ..ARG }, Arg { name: "port", kind: ArgKind::Integer, ..ARG }]),
                ..ARG
            },
            Arg {
                name: "no-one",
                kind: ArgKind::Block(&[
                    Arg { name: "no", kind: ArgKind::PureToken, token: "NO", ..ARG },
                    Arg { name: "one", kind: ArgKind::PureToken, token: "ONE", ..ARG },
                ]),
                ..ARG
            },
        ]),
        ..ARG
    }],
    // The role changes under all stripes.
    locks: Locks::All,
    run: Run::Data(exec),
    ..SPEC
};

const DOC: Docs = Docs { summary: "Has the node follow another one, or nobody", complexity: "O(1)", group: "server", ..DOCS };

pub(crate) static REPLICAOF: CommandSpec = CommandSpec { name: "replicaof", docs: Docs { since: "5.0.0", ..DOC }, ..BASE };

pub(crate) static SLAVEOF: CommandSpec = CommandSpec {
    name: "slaveof",
    docs: Docs { since: "1.0.0", deprecated: Some(("5.0.0", "`REPLICAOF`")), flags: &["deprecated"], ..DOC },
    ..BASE
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let shared = context.shared;
    if shared.cluster.is_some() {
        return Err(CmdError::err("REPLICAOF not allowed in cluster mode."));
    }
    if shared.replication.look().failover.is_some() {
        return Err(CmdError::err("REPLICAOF not allowed while failing over."));
    }
    if is_word(args[1], "NO") && is_word(args[2], "ONE") {
        if shared.replication.is_replica() {
            roles::lead(shared, &mut context.keys);
            tracing::info!("PRIMARY MODE enabled (user request from '{}')", context.caller.client.addr);
        }
        shared.config.update(|config| config.replicaof.clear());
        context.reply.ok();
        return Ok(());
    }
    let port = integer_in(args[2], 0..=i64::from(u16::MAX), "Invalid master port")? as u16;
    let host = std::str::from_utf8(args[1]).map_err(|_| CmdError::err("Invalid master host"))?;
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(CmdError::err("Invalid master host"));
    }
    if shared.replication.primary().is_some_and(|(known, at)| known.eq_ignore_ascii_case(host) && at == port) {
        tracing::info!(
            "REPLICAOF would result into synchronization with the primary we are already connected with. No operation performed."
        );
        context.reply.simple("OK Already connected to specified master");
        return Ok(());
    }
    roles::follow(shared, &mut context.keys, host, port);
    tracing::info!("REPLICAOF {host}:{port} enabled (user request from '{}')", context.caller.client.addr);
    shared.config.update(|config| config.replicaof = format!("{host} {port}"));
    context.reply.ok();
    Ok(())
}
