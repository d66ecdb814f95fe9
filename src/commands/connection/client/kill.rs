//! CLIENT KILL: closes connections, one by its address (the old form) or all that a filter takes.

use super::filter::Filter;
use crate::clients::Session;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_KILL: CommandSpec = CommandSpec {
    name: "kill",
    arity: -3,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::ADMIN | acl::CONNECTION | acl::DANGEROUS | acl::SLOW,
    args: &[Arg {
        name: "filter",
        kind: ArgKind::OneOf(&[
            Arg { name: "old-format", deprecated_since: "2.8.12", display: "ip:port", ..ARG },
            Arg {
                name: "new-format",
                kind: ArgKind::OneOf(&[
                    Arg { name: "client-id", kind: ArgKind::Integer, token: "ID", optional: true, multiple: true, since: "2.8.12", ..ARG },
                    Arg {
                        name: "client-type",
                        kind: ArgKind::OneOf(&[
                            Arg { name: "normal", kind: ArgKind::PureToken, token: "NORMAL", ..ARG },
                            Arg { name: "master", kind: ArgKind::PureToken, token: "MASTER", since: "3.2.0", ..ARG },
                            Arg { name: "primary", kind: ArgKind::PureToken, token: "PRIMARY", since: "8.0.0", ..ARG },
                            Arg { name: "slave", kind: ArgKind::PureToken, token: "SLAVE", ..ARG },
                            Arg { name: "replica", kind: ArgKind::PureToken, token: "REPLICA", since: "5.0.0", ..ARG },
                            Arg { name: "pubsub", kind: ArgKind::PureToken, token: "PUBSUB", ..ARG },
                        ]),
                        token: "TYPE",
                        optional: true,
                        since: "2.8.12",
                        ..ARG
                    },
                    Arg { name: "username", token: "USER", optional: true, ..ARG },
                    Arg { name: "addr", token: "ADDR", optional: true, display: "ip:port", ..ARG },
                    Arg { name: "laddr", token: "LADDR", optional: true, since: "6.2.0", display: "ip:port", ..ARG },
                    Arg {
                        name: "skipme",
                        kind: ArgKind::OneOf(&[
                            Arg { name: "yes", kind: ArgKind::PureToken, token: "YES", ..ARG },
                            Arg { name: "no", kind: ArgKind::PureToken, token: "NO", ..ARG },
                        ]),
                        token: "SKIPME",
                        optional: true,
                        ..ARG
                    },
                    Arg { name: "maxage", kind: ArgKind::Integer, token: "MAXAGE", optional: true, since: "8.0.0", ..ARG },
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
                            Arg { name: "primary", kind: ArgKind::PureToken, token: "PRIMARY", ..ARG },
                            Arg { name: "slave", kind: ArgKind::PureToken, token: "SLAVE", ..ARG },
                            Arg { name: "replica", kind: ArgKind::PureToken, token: "REPLICA", ..ARG },
                            Arg { name: "pubsub", kind: ArgKind::PureToken, token: "PUBSUB", ..ARG },
                        ]),
                        token: "NOT-TYPE",
                        optional: true,
                        since: "9.0.0",
                        ..ARG
                    },
                    Arg {
                        name: "not-client-id",
                        kind: ArgKind::Integer,
                        token: "NOT-ID",
                        optional: true,
                        multiple: true,
                        since: "9.0.0",
                        ..ARG
                    },
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
                ]),
                multiple: true,
                ..ARG
            },
        ]),
        ..ARG
    }],
    run: Run::Session(exec),
    docs: Docs {
        summary: "Closes connections",
        complexity: "O(N) where N is the number of client connections",
        since: "2.4.0",
        group: "connection",
        history: &[
            ("2.8.12", "Filters by option."),
            ("2.8.12", "`ID`."),
            ("3.2.0", "`TYPE master`."),
            ("5.0.0", "`TYPE replica` beside `slave`."),
            ("6.2.0", "`LADDR`."),
            ("8.0.0", "`MAXAGE`."),
            ("8.0.0", "`TYPE primary` beside `master`."),
            ("8.1.0", "Several numbers behind `ID`."),
            (
                "9.0.0",
                "Filters `NAME`, `IDLE`, `FLAGS`, `LIB-NAME`, `LIB-VER`, `DB`, `CAPA`, `IP`, and filters that exclude: `NOT-ID` and the like.",
            ),
        ],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, session: &mut Session, args: &Args<'_>) -> CmdResult {
    let is_old_form = args.len() == 3;
    let filter = if is_old_form { Filter::by_address(args[2]) } else { Filter::parse(&args[2..], true, context.config.database_count())? };
    let own = context.caller.client.id;
    let mut killed = 0;
    for client in context.shared.clients.all().iter().filter(|client| filter.takes(client, own)) {
        killed += 1;
        if client.id == own {
            session.close_after_reply(&context.caller.client);
        } else {
            context.shared.clients.kill(client);
        }
    }
    match (is_old_form, killed) {
        (true, 0) => return Err(CmdError::err("No such client")),
        (true, _) => context.reply.ok(),
        (false, _) => context.reply.integer(killed),
    }
    Ok(())
}
