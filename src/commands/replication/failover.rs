//! FAILOVER: hands over to a replica. Writes wait from here on until that leads, or it is given up ([`crate::engine::failover`]).
//!
//! Differs from Valkey in that clients which wait for keys (BLPOP) are told when this node becomes a replica, and not when the other one has
//! agreed to lead.

use crate::base::clock;
use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::failover;
use crate::engine::replication_core::{Failover, Stage};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static FAILOVER: CommandSpec = CommandSpec {
    name: "failover",
    arity: -1,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[
        Arg {
            name: "target",
            token: "TO",
            optional: true,
            kind: ArgKind::Block(&[
                Arg { name: "host", ..ARG },
                Arg { name: "port", kind: ArgKind::Integer, ..ARG },
                Arg { name: "force", token: "FORCE", kind: ArgKind::PureToken, optional: true, ..ARG },
            ]),
            ..ARG
        },
        Arg { name: "abort", token: "ABORT", kind: ArgKind::PureToken, optional: true, ..ARG },
        Arg { name: "milliseconds", token: "TIMEOUT", kind: ArgKind::Integer, optional: true, ..ARG },
    ],
    run: Run::Data(exec),
    docs: Docs { summary: "Hands over to one of the node's replicas", complexity: "O(1)", since: "6.2.0", group: "server", ..DOCS },
    ..SPEC
};

/// What was asked for.
#[derive(Debug, Default)]
struct Wish {
    target: Option<(String, i64)>,
    is_forced: bool,
    timeout_ms: i64,
}

fn parse(args: &Args<'_>) -> Result<Wish, CmdError> {
    let mut wish = Wish::default();
    let mut rest = &args[1..];
    while let [word, more @ ..] = rest {
        rest = match more {
            [milliseconds, more @ ..] if is_word(word, "TIMEOUT") && wish.timeout_ms == 0 => {
                wish.timeout_ms = integer(milliseconds)?;
                if wish.timeout_ms <= 0 {
                    return Err(CmdError::err("FAILOVER timeout must be greater than 0"));
                }
                more
            }
            [host, port, more @ ..] if is_word(word, "TO") && wish.target.is_none() => {
                wish.target = Some((String::from_utf8_lossy(host).into_owned(), integer(port)?));
                more
            }
            more if is_word(word, "FORCE") && !wish.is_forced => {
                wish.is_forced = true;
                more
            }
            _ => return Err(CmdError::Syntax),
        };
    }
    Ok(wish)
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let shared = context.shared;
    if shared.cluster.is_some() {
        return Err(CmdError::err("FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead."));
    }
    let running = shared.replication.look().failover.clone();
    if args.len() == 2 && is_word(args[1], "ABORT") {
        let running = running.ok_or_else(|| CmdError::err("No failover in progress."))?;
        if running.is_in_progress {
            if !context.keys.holds_nothing() {
                return Err(CmdError::err("the role cannot be changed back in a transaction"));
            }
            // It takes all stripes: on a thread of its own.
            context.haste().check(usize::MAX)?;
        }
        failover::abort(shared, "Failover manually aborted");
        context.reply.ok();
        return Ok(());
    }
    let wish = parse(args)?;
    if running.is_some() {
        return Err(CmdError::err("FAILOVER already in progress."));
    }
    if shared.replication.is_replica() {
        return Err(CmdError::err("FAILOVER is not valid when server is a replica."));
    }
    let replicas = shared.replication.replicas();
    if replicas.is_empty() {
        return Err(CmdError::err("FAILOVER requires connected replicas."));
    }
    if wish.is_forced && (wish.timeout_ms == 0 || wish.target.is_none()) {
        return Err(CmdError::err("FAILOVER with force option requires both a timeout and target HOST and IP."));
    }
    let mut target = None;
    if let Some((host, port)) = wish.target {
        let found = replicas.into_iter().find(|replica| replica.ip.eq_ignore_ascii_case(&host) && i64::from(replica.port) == port);
        let found = found.ok_or_else(|| CmdError::err("FAILOVER target HOST and PORT is not a replica."))?;
        if !matches!(found.stage, Stage::Loading | Stage::Online) {
            return Err(CmdError::err("FAILOVER target replica is not online."));
        }
        tracing::info!("FAILOVER requested to {host}:{port}.");
        target = Some((found.ip, found.port));
    } else {
        tracing::info!("FAILOVER requested to any replica.");
    }
    let until_ms = if wish.timeout_ms > 0 { clock::monotonic_ms().saturating_add(wish.timeout_ms as u64) } else { 0 };
    failover::begin(shared, Failover { target, is_forced: wish.is_forced, until_ms, is_in_progress: false });
    context.reply.ok();
    Ok(())
}
