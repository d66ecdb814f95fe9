//! CLIENT SETINFO: name and version of the client's library.

use super::name;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_SETINFO: CommandSpec = CommandSpec {
    name: "setinfo",
    arity: 4,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    args: &[Arg {
        name: "attr",
        kind: ArgKind::OneOf(&[Arg { name: "libname", token: "LIB-NAME", ..ARG }, Arg { name: "libver", token: "LIB-VER", ..ARG }]),
        ..ARG
    }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Tells the server about the client's library",
        complexity: "O(1)",
        since: "7.2.0",
        group: "connection",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let client = &context.caller.client;
    let place = match args[2] {
        word if is_word(word, "LIB-NAME") => &client.lib_name,
        word if is_word(word, "LIB-VER") => &client.lib_ver,
        _ => return Err(CmdError::naming("Unrecognized option '{}'", args[2])),
    };
    if !name::is_printable(args[3]) {
        return Err(CmdError::naming("{} cannot contain spaces, newlines or special characters.", args[2]));
    }
    *place.lock() = args[3].to_vec();
    context.reply.ok();
    Ok(())
}
