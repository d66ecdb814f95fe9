//! FUNCTION KILL: no function runs.

use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::error::CmdError;
use crate::commands::spec::{CommandSpec, Docs, Run, acl, flag};

pub(crate) static FUNCTION_KILL: CommandSpec = CommandSpec {
    name: "kill",
    arity: 2,
    flags: flag::NOSCRIPT | flag::ALLOW_BUSY,
    acl: acl::SCRIPTING | acl::SLOW,
    keys: &[],
    args: &[],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Ends the function that is running",
        complexity: "O(1)",
        since: "7.0.0",
        group: "scripting",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
    },
};

fn exec(_: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    Err(CmdError::coded("NOTBUSY No scripts in execution right now."))
}
