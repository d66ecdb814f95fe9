//! READONLY: reads of slots that this node replicates are answered here. READWRITE takes that back.

use crate::engine::context::{CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

const BASE: CommandSpec = CommandSpec {
    arity: 1,
    flags: flag::FAST | flag::LOADING | flag::STALE,
    acl: acl::CONNECTION | acl::FAST,
    docs: Docs { complexity: "O(1)", since: "3.0.0", group: "cluster", ..DOCS },
    ..SPEC
};

pub(crate) static READONLY: CommandSpec = CommandSpec {
    name: "readonly",
    run: Run::Data(|context, _| exec(context, true)),
    docs: Docs { summary: "Lets replicas answer the reads of this connection", ..BASE.docs },
    ..BASE
};

pub(crate) static READWRITE: CommandSpec = CommandSpec {
    name: "readwrite",
    run: Run::Data(|context, _| exec(context, false)),
    docs: Docs { summary: "Sends the reads of this connection to primaries again", ..BASE.docs },
    ..BASE
};

fn exec(context: &mut Context<'_>, readonly: bool) -> CmdResult {
    context.caller.set_readonly(readonly);
    context.reply.ok();
    Ok(())
}
