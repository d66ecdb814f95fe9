//! CLIENT IMPORT-SOURCE: marks a client that copies another server's data in, while `import-mode` is on.

use super::switch::{SWITCH, on_or_off};
use crate::clients::bit;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_IMPORT_SOURCE: CommandSpec = CommandSpec {
    name: "import-source",
    arity: 3,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::CONNECTION | acl::SLOW,
    args: &[SWITCH],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Marks the connection as one that imports data",
        complexity: "O(1)",
        since: "8.1.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    if !context.config.import_mode && !is_word(args[2], "OFF") {
        return Err(CmdError::err("Server is not in import mode"));
    }
    let on = on_or_off(args[2])?;
    context.caller.client.set(bit::IMPORT_SOURCE, on);
    context.reply.ok();
    Ok(())
}
