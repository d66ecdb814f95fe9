//! COMMAND: what the server tells about its commands, all of it derived from their specs.

mod count;
mod docs;
mod getkeys;
mod getkeysandflags;
mod help;
mod info;
mod list;

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static COMMAND: CommandSpec = CommandSpec {
    name: "command",
    arity: -1,
    flags: flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    run: Run::Data(exec),
    subcommands: &[
        &count::COMMAND_COUNT,
        &docs::COMMAND_DOCS,
        &getkeys::COMMAND_GETKEYS,
        &getkeysandflags::COMMAND_GETKEYSANDFLAGS,
        &help::COMMAND_HELP,
        &info::COMMAND_INFO,
        &list::COMMAND_LIST,
    ],
    docs: Docs {
        summary: "Describes all commands",
        complexity: "O(N) where N is the total number of commands",
        since: "2.8.13",
        group: "server",
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    info::all(context);
    Ok(())
}
