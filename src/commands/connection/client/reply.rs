//! CLIENT REPLY: whether the connection wants replies.

use crate::clients::Session;
use crate::clients::bit;
use crate::clients::session::ReplyMode;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_REPLY: CommandSpec = CommandSpec {
    name: "reply",
    arity: 3,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::NO_MULTI | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    args: &[Arg {
        name: "action",
        kind: ArgKind::OneOf(&[
            Arg { name: "on", kind: ArgKind::PureToken, token: "ON", ..ARG },
            Arg { name: "off", kind: ArgKind::PureToken, token: "OFF", ..ARG },
            Arg { name: "skip", kind: ArgKind::PureToken, token: "SKIP", ..ARG },
        ]),
        ..ARG
    }],
    run: Run::Session(exec),
    docs: Docs { summary: "Says whether the server replies", complexity: "O(1)", since: "3.2.0", group: "connection", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, session: &mut Session, args: &Args<'_>) -> CmdResult {
    match args[2] {
        word if is_word(word, "ON") => {
            session.reply_mode = ReplyMode::On;
            context.reply.ok();
        }
        word if is_word(word, "OFF") => session.reply_mode = ReplyMode::Off,
        word if is_word(word, "SKIP") => {
            if session.reply_mode != ReplyMode::Off {
                session.reply_mode = ReplyMode::SkipNext;
            }
        }
        _ => return Err(CmdError::Syntax),
    }
    context.caller.client.set(bit::REPLY_OFF, session.reply_mode == ReplyMode::Off);
    Ok(())
}
