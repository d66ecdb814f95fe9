//! CLUSTER KEYSLOT: the slot of a key. Answers outside a cluster, too.

use crate::base::slot::key_slot;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLUSTER_KEYSLOT: CommandSpec = CommandSpec {
    name: "keyslot",
    arity: 3,
    flags: flag::STALE,
    acl: acl::SLOW,
    args: &[Arg { name: "key", ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the slot of a key",
        complexity: "O(N) where N is the number of bytes in the key",
        since: "3.0.0",
        group: "cluster",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.reply.integer(i64::from(key_slot(args[2])));
    Ok(())
}
