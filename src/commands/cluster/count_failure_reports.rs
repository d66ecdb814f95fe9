//! CLUSTER COUNT-FAILURE-REPORTS: always 0 for a node that lives or whose death is decided. There are no reports among nodes to be
//! counted: the leader of the group decides who is dead, and until then holds a silent node for suspect by itself, which is one.

use super::find_node::find_node;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLUSTER_COUNT_FAILURE_REPORTS: CommandSpec = CommandSpec {
    name: "count-failure-reports",
    arity: 3,
    flags: flag::ADMIN | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "node-id", ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns how many nodes hold a node for dead",
        complexity: "O(N) where N is the number of failure reports",
        since: "3.0.0",
        group: "cluster",
        history: &[("9.0.0", "Ignore additional failure reports for a node which has been marked as failed.")],
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let topology = context.cluster()?.topology.load_full();
    let node = find_node(&topology, args[2])?.id;
    let reports = topology.is_suspected(&node) && !topology.is_failed(&node);
    context.reply.integer(i64::from(reports));
    Ok(())
}
