//! FLUSHALL: empties every database.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};

pub(crate) static FLUSHALL: CommandSpec = CommandSpec {
    name: "flushall",
    arity: -1,
    flags: flag::WRITE | flag::ALL_DBS,
    acl: acl::DANGEROUS | acl::KEYSPACE | acl::SLOW | acl::WRITE,
    args: &[Arg {
        name: "flush-type",
        kind: ArgKind::OneOf(&[
            Arg { name: "async", kind: ArgKind::PureToken, token: "ASYNC", since: "4.0.0", ..ARG },
            Arg { name: "sync", kind: ArgKind::PureToken, token: "SYNC", since: "6.2.0", ..ARG },
        ]),
        optional: true,
        ..ARG
    }],
    locks: Locks::All,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Empties every database",
        complexity: "O(N) where N is the total number of keys in all databases",
        since: "1.0.0",
        group: "server",
        history: &[("4.0.0", "`ASYNC`."), ("6.2.0", "`SYNC`.")],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let databases = 0..context.keys.keyspace().databases() as u32;
    super::flush(context, args, databases)
}
