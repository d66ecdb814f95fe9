//! SELECT: chooses the database that the connection's commands see.

use crate::commands::context::{Args, CmdResult, Context, integer};
use crate::commands::error::CmdError;
use crate::commands::spec::{ARG, Arg, ArgKind, CommandSpec, Docs, Run, acl, flag};

pub(crate) static SELECT: CommandSpec = CommandSpec {
    name: "select",
    arity: 2,
    flags: flag::ALLOW_BUSY | flag::LOADING | flag::STALE | flag::FAST,
    acl: acl::CONNECTION | acl::FAST,
    keys: &[],
    args: &[Arg { name: "index", kind: ArgKind::Integer, ..ARG }],
    run: Run::Conn(exec),
    subcommands: &[],
    docs: Docs {
        summary: "Chooses the connection's database",
        complexity: "O(1)",
        since: "1.0.0",
        group: "connection",
        history: &[],
        deprecated: None,
        flags: &[],
        tips: &[],
    },
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let number = i32::try_from(integer(args[1])?)
        .map_err(|_| CmdError::err(format!("value is out of range, value must between {} and {}", i32::MIN, i32::MAX)))?;
    let db = u32::try_from(number).ok().filter(|db| *db < context.config.database_count()).ok_or(CmdError::DbIndex)?;
    context.session.select(db);
    context.reply.ok();
    Ok(())
}
