//! The HELP subcommand of every container: a heading, the container's lines, and the line about HELP itself.

use super::context::{CmdResult, Context};

/// Replies with the help of `container`. Lines alternate: a subcommand's syntax, then its description, indented by four blanks.
pub fn help(context: &mut Context<'_>, container: &str, lines: &[&str]) -> CmdResult {
    context.reply.array(lines.len() + 3);
    context.reply.simple(&format!("{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", container.to_ascii_uppercase()));
    for line in lines.iter().chain(&["HELP", "    Print this help."]) {
        context.reply.simple(line);
    }
    Ok(())
}
