//! FUNCTION DELETE: no library is there to be deleted.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static FUNCTION_DELETE: CommandSpec = CommandSpec {
    name: "delete",
    arity: 3,
    flags: flag::NOSCRIPT | flag::WRITE,
    acl: acl::SCRIPTING | acl::SLOW | acl::WRITE,
    args: &[Arg { name: "library-name", ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Deletes a library",
        complexity: "O(1)",
        since: "7.0.0",
        group: "scripting",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

fn exec(_: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    Err(CmdError::err("Library not found"))
}
