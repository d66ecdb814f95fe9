//! MODULE LIST: always empty.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static MODULE_LIST: CommandSpec = CommandSpec {
    name: "list",
    arity: 2,
    flags: flag::ADMIN | flag::NOSCRIPT,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Returns the loaded modules, of which there are none",
        complexity: "O(N) where N is the number of loaded modules.",
        since: "4.0.0",
        group: "server",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &["nondeterministic_output_order"],
    },
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.empty_array();
    Ok(())
}
