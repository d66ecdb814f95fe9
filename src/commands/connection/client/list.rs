//! CLIENT LIST: a line for each connection, all or those that a filter takes.

use super::filter::Filter;
use crate::clients::Session;
use crate::engine::client_line;
use crate::engine::context::{Args, AsyncResult, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::memory_limit;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Place, Run, SPEC, acl, flag};

pub(crate) static CLIENT_LIST: CommandSpec = CommandSpec {
    name: "list",
    arity: -2,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::ADMIN | acl::CONNECTION | acl::DANGEROUS | acl::SLOW,
    args: &[
        Arg {
            name: "client-type",
            kind: ArgKind::OneOf(&[
                Arg { name: "normal", kind: ArgKind::PureToken, token: "NORMAL", ..ARG },
                Arg { name: "master", kind: ArgKind::PureToken, token: "MASTER", ..ARG },
                Arg { name: "replica", kind: ArgKind::PureToken, token: "REPLICA", ..ARG },
                Arg { name: "pubsub", kind: ArgKind::PureToken, token: "PUBSUB", ..ARG },
            ]),
            token: "TYPE",
            optional: true,
            since: "5.0.0",
            ..ARG
        },
        Arg { name: "client-id", kind: ArgKind::Integer, token: "ID", optional: true, multiple: true, since: "6.2.0", ..ARG },
        Arg { name: "username", token: "USER", optional: true, since: "8.1.0", ..ARG },
        Arg { name: "addr", token: "ADDR", optional: true, since: "8.1.0", display: "ip:port", ..ARG },
        Arg { name: "laddr", token: "LADDR", optional: true, since: "8.1.0", display: "ip:port", ..ARG },
        Arg {
            name: "skipme",
            kind: ArgKind::OneOf(&[
                Arg { name: "yes", kind: ArgKind::PureToken, token: "YES", ..ARG },
                Arg { name: "no", kind: ArgKind::PureToken, token: "NO", ..ARG },
            ]),
            token: "SKIPME",
            optional: true,
            since: "8.1.0",
            ..ARG
        },
        Arg { name: "maxage", kind: ArgKind::Integer, token: "MAXAGE", optional: true, since: "8.1.0", ..ARG },
        Arg { name: "name", token: "NAME", optional: true, since: "9.0.0", ..ARG },
        Arg { name: "idle", kind: ArgKind::Integer, token: "IDLE", optional: true, since: "9.0.0", ..ARG },
        Arg { name: "flags", token: "FLAGS", optional: true, since: "9.0.0", ..ARG },
        Arg { name: "lib-name", token: "LIB-NAME", optional: true, since: "9.0.0", ..ARG },
        Arg { name: "lib-ver", token: "LIB-VER", optional: true, since: "9.0.0", ..ARG },
        Arg { name: "db", kind: ArgKind::Integer, token: "DB", optional: true, since: "9.0.0", ..ARG },
        Arg { name: "capa", token: "CAPA", optional: true, since: "9.0.0", ..ARG },
        Arg { name: "ip", token: "IP", optional: true, since: "9.0.0", ..ARG },
        Arg {
            name: "not-client-type",
            kind: ArgKind::OneOf(&[
                Arg { name: "normal", kind: ArgKind::PureToken, token: "NORMAL", ..ARG },
                Arg { name: "master", kind: ArgKind::PureToken, token: "MASTER", ..ARG },
                Arg { name: "replica", kind: ArgKind::PureToken, token: "REPLICA", ..ARG },
                Arg { name: "pubsub", kind: ArgKind::PureToken, token: "PUBSUB", ..ARG },
            ]),
            token: "NOT-TYPE",
            optional: true,
            since: "9.0.0",
            ..ARG
        },
        Arg { name: "not-client-id", kind: ArgKind::Integer, token: "NOT-ID", optional: true, multiple: true, since: "9.0.0", ..ARG },
        Arg { name: "not-username", token: "NOT-USER", optional: true, since: "9.0.0", ..ARG },
        Arg { name: "not-addr", token: "NOT-ADDR", optional: true, since: "9.0.0", display: "ip:port", ..ARG },
        Arg { name: "not-laddr", token: "NOT-LADDR", optional: true, since: "9.0.0", display: "ip:port", ..ARG },
        Arg { name: "not-name", token: "NOT-NAME", optional: true, since: "9.0.0", ..ARG },
        Arg { name: "not-flags", token: "NOT-FLAGS", optional: true, since: "9.0.0", ..ARG },
        Arg { name: "not-lib-name", token: "NOT-LIB-NAME", optional: true, since: "9.0.0", ..ARG },
        Arg { name: "not-lib-ver", token: "NOT-LIB-VER", optional: true, since: "9.0.0", ..ARG },
        Arg { name: "not-db", kind: ArgKind::Integer, token: "NOT-DB", optional: true, since: "9.0.0", ..ARG },
        Arg { name: "not-capa", token: "NOT-CAPA", optional: true, since: "9.0.0", ..ARG },
        Arg { name: "not-ip", token: "NOT-IP", optional: true, since: "9.0.0", ..ARG },
    ],
    place: Place::Async,
    run: Run::Async(exec_async, Some(exec)),
    docs: Docs {
        summary: "Describes connections",
        complexity: "O(N) where N is the number of client connections",
        since: "2.4.0",
        group: "connection",
        history: &[
            ("2.8.12", "Field `id`."),
            ("5.0.0", "`TYPE`."),
            ("6.0.0", "Field `user`."),
            ("6.2.0", "Fields `argv-mem`, `tot-mem`, `laddr`, `redir`; `ID`."),
            ("7.0.0", "Fields `resp`, `multi-mem`, `rbs`, `rbp`."),
            ("7.0.3", "Field `ssub`."),
            ("8.0.0", "`TYPE primary` beside `master`."),
            ("8.1.0", "Filters `USER`, `ADDR`, `LADDR`, `SKIPME`, `MAXAGE`."),
            (
                "9.0.0",
                "Filters `NAME`, `IDLE`, `FLAGS`, `LIB-NAME`, `LIB-VER`, `DB`, `CAPA`, `IP`, and filters that exclude: `NOT-ID` and the like.",
            ),
        ],
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

/// First lets all workers deal with what has reached them, so that their clients are shown as they are now.
fn exec_async<'c>(context: &'c mut Context<'_>, session: &'c mut Session, args: &'c Args<'_>) -> AsyncResult<'c> {
    Box::pin(async move {
        context.shared.settle.wait(context.shared.workers.iter().count(), &context.shared.timers).await;
        exec(context, session, args)
    })
}

fn exec(context: &mut Context<'_>, _: &mut Session, args: &Args<'_>) -> CmdResult {
    if args.len() == 3 {
        return Err(CmdError::Syntax);
    }
    let filter = Filter::parse(&args[2..], false, context.config.database_count())?;
    let mut text = Vec::new();
    loop {
        write_all(context, args, &filter, &mut text);
        // Other workers go on meanwhile: nobody is shown who takes more than clients may.
        if !memory_limit::evict_clients_now(context.shared, context.config) {
            break;
        }
        text.clear();
    }
    context.reply.verbatim("txt", &text);
    Ok(())
}

fn write_all(context: &Context<'_>, args: &Args<'_>, filter: &Filter<'_>, text: &mut Vec<u8>) {
    let clients = context.shared.clients.all();
    text.reserve(clients.len() * client_line::LEN_USUAL);
    let own = context.caller.client.id;
    for client in clients.iter().filter(|client| filter.takes(client, own)) {
        if client.id == own {
            client_line::write_own(context, args, text);
        } else {
            client_line::write(context.shared, client, text);
        }
    }
}
