//! CLIENT INFO: the connection's own line of CLIENT LIST.

use super::line;
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static CLIENT_INFO: CommandSpec = CommandSpec {
    name: "info",
    arity: 2,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Describes the connection",
        complexity: "O(1)",
        since: "6.2.0",
        group: "connection",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &["nondeterministic_output"],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut text = Vec::with_capacity(line::LEN_USUAL);
    line::write_own(context, args, &mut text);
    context.reply.verbatim("txt", &text);
    Ok(())
}
