//! The HELP subcommand of every container: a heading, the container's lines, and the line about HELP itself.

use super::context::{CmdResult, Context};
use super::spec::{CommandSpec, DOCS, Docs, SPEC, acl, flag};

/// The base of every HELP's specification.
pub const HELP_SPEC: CommandSpec =
    CommandSpec { name: "help", arity: 2, flags: flag::LOADING | flag::STALE, acl: acl::SLOW, docs: HELP_DOCS, ..SPEC };

/// The base of every HELP's documentation.
pub const HELP_DOCS: Docs = Docs { summary: "Lists the subcommands", complexity: "O(1)", ..DOCS };

/// Replies with the help of `container`. Lines alternate: a subcommand's syntax, then its description, indented by four blanks.
pub fn help(context: &mut Context<'_>, container: &str, lines: &[&str]) -> CmdResult {
    context.reply.array(lines.len() + 3);
    context.reply.simple(&format!("{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", container.to_ascii_uppercase()));
    for line in lines.iter().chain(&["HELP", "    Print this help."]) {
        context.reply.simple(line);
    }
    Ok(())
}
