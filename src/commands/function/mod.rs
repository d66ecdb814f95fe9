//! FUNCTION: what is true while there are no functions. FLUSH has nothing to delete, LIST and STATS nothing to show; to load one is
//! refused until scripts are there.

mod delete;
mod flush;
mod help;
mod kill;
mod list;
mod load;
mod stats;

use crate::engine::context::is_word;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl};

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[&FUNCTION];

pub(crate) static FUNCTION: CommandSpec = CommandSpec {
    name: "function",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[
        &delete::FUNCTION_DELETE,
        &flush::FUNCTION_FLUSH,
        &help::FUNCTION_HELP,
        &kill::FUNCTION_KILL,
        &list::FUNCTION_LIST,
        &load::FUNCTION_LOAD,
        &load::FUNCTION_RESTORE,
        &stats::FUNCTION_STATS,
    ],
    docs: Docs { summary: "Manages functions", complexity: "Depends on subcommand.", since: "7.0.0", group: "scripting", ..DOCS },
    ..SPEC
};

/// True if the word asks for SYNC or ASYNC.
fn is_flush_mode(word: &[u8]) -> bool {
    is_word(word, "SYNC") || is_word(word, "ASYNC")
}
