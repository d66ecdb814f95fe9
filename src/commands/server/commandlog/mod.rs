//! COMMANDLOG: the logs of commands that took long, came in a large request, or had a large reply.

mod get;
mod help;
mod len;
mod reset;

use crate::engine::context::{Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl};
use crate::metrics::command_log::Kind;

pub(crate) static COMMANDLOG: CommandSpec = CommandSpec {
    name: "commandlog",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[&get::COMMANDLOG_GET, &help::COMMANDLOG_HELP, &len::COMMANDLOG_LEN, &reset::COMMANDLOG_RESET],
    docs: Docs { summary: "Looks at the command logs", complexity: "Depends on subcommand.", since: "8.1.0", group: "server", ..DOCS },
    ..SPEC
};

/// Which log a word means.
fn kind(word: &[u8]) -> Result<Kind, CmdError> {
    let names = ["slow", "large-request", "large-reply"];
    let found = Kind::ALL.into_iter().zip(names).find(|(_, name)| is_word(word, name));
    found.map(|(kind, _)| kind).ok_or_else(|| CmdError::err(format!("type should be one of the following: {}", names.join(", "))))
}

/// How many entries are asked for; -1 stands for all.
pub(super) fn count(arg: &[u8]) -> Result<usize, CmdError> {
    match crate::base::number::parse_i64(arg) {
        Some(-1) => Ok(usize::MAX),
        Some(count @ 0..) => Ok(count as usize),
        _ => Err(CmdError::err("count should be greater than or equal to -1")),
    }
}

/// Replies with the newest entries.
pub(super) fn show(context: &mut Context<'_>, kind: Kind, count: usize) {
    let entries = context.shared.metrics.command_log.newest(kind, count);
    let reply = &mut *context.reply;
    reply.array(entries.len());
    for entry in entries {
        reply.array(6);
        reply.integer(entry.id as i64);
        reply.integer(entry.time_s);
        reply.integer(entry.value as i64);
        reply.array(entry.args.len());
        entry.args.iter().for_each(|arg| reply.bulk(arg));
        reply.bulk(entry.addr.as_bytes());
        reply.bulk(&entry.name);
    }
}
