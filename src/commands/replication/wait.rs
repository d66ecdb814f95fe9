//! WAIT: answers once so many replicas have what this client has written so far.

use crate::engine::blocking::until_ms_of_milliseconds;
use crate::engine::context::{Args, Context, integer};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Log, Run, SPEC, acl, flag};
use crate::keyspace::blocked::{Holders, Nothing, Wait, Written};

pub(crate) static WAIT: CommandSpec = CommandSpec {
    name: "wait",
    arity: 3,
    flags: flag::BLOCKING,
    acl: acl::BLOCKING | acl::CONNECTION | acl::SLOW,
    args: &[Arg { name: "numreplicas", kind: ArgKind::Integer, ..ARG }, Arg { name: "timeout", kind: ArgKind::Integer, ..ARG }],
    log: Log::Never,
    run: Run::Blocking(exec),
    docs: Docs {
        summary: "Waits until so many replicas have all that this client has written",
        complexity: "O(1)",
        since: "3.0.0",
        group: "generic",
        tips: &["request_policy:all_shards", "response_policy:agg_min"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> Result<Option<Wait>, CmdError> {
    if context.shared.replication.is_replica() {
        return Err(CmdError::err(
            "WAIT cannot be used with replica instances. Please also note that if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.",
        ));
    }
    let wanted = integer(args[1])?;
    let until_ms = until_ms_of_milliseconds(args[2])?;
    let (offset, replication) = (context.written_offset(), &context.shared.replication);
    let now = replication.replicas_at(offset);
    let wanted = usize::try_from(wanted).unwrap_or(0);
    if now >= wanted {
        context.reply.integer(now as i64);
        return Ok(None);
    }
    // They say how far they are, which is behind what this client has written.
    replication.ask(&context.shared.write_log);
    let written = Written { offset, holders: Holders::Replicas(wanted) };
    Ok(Some(Wait::for_write(written, until_ms, Nothing::Number(now))))
}
