//! FUNCTION DELETE: no library is there to be deleted.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::error::CmdError;
use crate::commands::spec::{ARG, Arg, CommandSpec, Docs, Run, acl, flag};

pub(crate) static FUNCTION_DELETE: CommandSpec = CommandSpec {
    name: "delete",
    arity: 3,
    flags: flag::NOSCRIPT | flag::WRITE,
    acl: acl::SCRIPTING | acl::SLOW | acl::WRITE,
    keys: &[],
    args: &[Arg { name: "library-name", ..ARG }],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Deletes a library",
        complexity: "O(1)",
        since: "7.0.0",
        group: "scripting",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    },
};

fn exec(_: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    Err(CmdError::err("Library not found"))
}
