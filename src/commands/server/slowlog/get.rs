//! SLOWLOG GET: the newest slow commands.

use crate::commands::server::commandlog;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::metrics::command_log::Kind;

pub(crate) static SLOWLOG_GET: CommandSpec = CommandSpec {
    name: "get",
    arity: -2,
    flags: flag::ADMIN | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "count", kind: ArgKind::Integer, optional: true, ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the newest slow commands",
        complexity: "O(N) where N is the number of entries returned",
        since: "2.2.12",
        group: "server",
        history: &[("4.0.0", "Address and name of the client.")],
        tips: &["request_policy:all_nodes", "nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

/// How many are shown unless the client says.
const COUNT_DEFAULT: usize = 10;

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let count = match args[2..] {
        [] => COUNT_DEFAULT,
        [count] => commandlog::count(count)?,
        _ => return Err(CmdError::subcommand_syntax(args)),
    };
    commandlog::show(context, Kind::Slow, count);
    Ok(())
}
