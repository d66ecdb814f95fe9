//! FUNCTION KILL: no function runs.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static FUNCTION_KILL: CommandSpec = CommandSpec {
    name: "kill",
    arity: 2,
    flags: flag::NOSCRIPT | flag::ALLOW_BUSY,
    acl: acl::SCRIPTING | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Ends the function that is running",
        complexity: "O(1)",
        since: "7.0.0",
        group: "scripting",
        tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
        ..DOCS
    },
    ..SPEC
};

fn exec(_: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    Err(CmdError::coded("NOTBUSY No scripts in execution right now."))
}
