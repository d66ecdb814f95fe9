//! The reply of a container's HELP.

use super::context::Context;

/// Writes the HELP of `container` (upper case) with these lines, then that of HELP itself.
pub fn write(context: &mut Context<'_>, container: &str, lines: &[&str]) {
    context.reply.array(lines.len() + 3);
    context.reply.simple(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for line in lines {
        context.reply.simple(line);
    }
    context.reply.simple("HELP");
    context.reply.simple("    Print this help.");
}
