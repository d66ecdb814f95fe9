//! MODULE LIST: always empty.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static MODULE_LIST: CommandSpec = CommandSpec {
    name: "list",
    arity: 2,
    flags: flag::ADMIN | flag::NOSCRIPT,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the loaded modules, of which there are none",
        complexity: "O(N) where N is the number of loaded modules.",
        since: "4.0.0",
        group: "server",
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.empty_array();
    Ok(())
}
