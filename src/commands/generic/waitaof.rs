//! WAITAOF: waits until what this client has written is on disks, or for so long. The reply says on how many: on this node's, and on those of replicas,
//! which say how far their append only files are.

use crate::base::number::parse_i64;
use crate::engine::blocking::{disks_with, until_ms_of_milliseconds};
use crate::engine::context::{Args, Context, integer_in};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::keyspace::blocked::{Holders, Nothing, Wait, Written};

const ON_REPLICA: &str =
    "WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are not propagated.";

pub(crate) static WAITAOF: CommandSpec = CommandSpec {
    name: "waitaof",
    arity: 4,
    flags: flag::BLOCKING,
    acl: acl::BLOCKING | acl::CONNECTION | acl::SLOW,
    args: &[
        Arg { name: "numlocal", kind: ArgKind::Integer, ..ARG },
        Arg { name: "numreplicas", kind: ArgKind::Integer, ..ARG },
        Arg { name: "timeout", kind: ArgKind::Integer, ..ARG },
    ],
    run: Run::Blocking(exec),
    docs: Docs {
        summary: "Waits until what the connection has written is in the append only files of this node and of replicas",
        complexity: "O(1)",
        since: "7.2.0",
        group: "generic",
        tips: &["request_policy:all_shards", "response_policy:agg_min"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> Result<Option<Wait>, CmdError> {
    let local = match parse_i64(args[1]).ok_or(CmdError::NotInteger)? {
        local @ (0 | 1) => local,
        _ => return Err(CmdError::coded("ERR value is out of range, value must between 0 and 1")),
    };
    let replicas = integer_in(args[2], 0..=i64::MAX, "value is out of range, must be positive")?;
    let until_ms = until_ms_of_milliseconds(args[3])?;
    if context.shared.replication.is_replica() {
        return Err(CmdError::err(ON_REPLICA));
    }
    if local > 0 && !context.config.appendonly {
        return Err(CmdError::coded("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."));
    }
    let offset = context.written_offset();
    let (local_now, replicas_now) = disks_with(context.shared, offset);
    if local_now >= local && replicas_now >= replicas {
        context.reply.array(2);
        context.reply.integer(local_now);
        context.reply.integer(replicas_now);
        return Ok(None);
    }
    let others = if replicas_now < replicas { usize::try_from(replicas).unwrap_or(usize::MAX) } else { 0 };
    if others > 0 {
        context.shared.replication.ask(&context.shared.write_log);
    }
    let written = Written { offset, holders: Holders::Disks { own: local_now < local, others } };
    Ok(Some(Wait::for_write(written, until_ms, Nothing::Counts(local_now, replicas_now))))
}
