//! CLIENT INFO: the connection's own line of CLIENT LIST.

use crate::engine::client_line;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_INFO: CommandSpec = CommandSpec {
    name: "info",
    arity: 2,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Describes the connection",
        complexity: "O(1)",
        since: "6.2.0",
        group: "connection",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut text = Vec::with_capacity(client_line::LEN_USUAL);
    client_line::write_own(context, args, &mut text);
    context.reply.verbatim("txt", &text);
    Ok(())
}
