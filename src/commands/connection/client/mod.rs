//! CLIENT: a connection's own properties, and what an operator does with connections.

mod capa;
mod filter;
mod getname;
mod import_source;
mod info;
mod kill;
mod list;
pub(super) mod name;
mod no_evict;
mod pause;
mod reply;
mod setinfo;
mod switch;
mod tracking;
mod unblock;

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::help::{HELP_DOCS, HELP_SPEC, help};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT: CommandSpec = CommandSpec {
    name: "client",
    arity: -2,
    flags: flag::SENTINEL,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[
        &tracking::CLIENT_CACHING,
        &capa::CLIENT_CAPA,
        &getname::CLIENT_GETNAME,
        &tracking::CLIENT_GETREDIR,
        &CLIENT_HELP,
        &CLIENT_ID,
        &import_source::CLIENT_IMPORT_SOURCE,
        &info::CLIENT_INFO,
        &kill::CLIENT_KILL,
        &list::CLIENT_LIST,
        &no_evict::CLIENT_NO_EVICT,
        &no_evict::CLIENT_NO_TOUCH,
        &pause::CLIENT_PAUSE,
        &reply::CLIENT_REPLY,
        &setinfo::CLIENT_SETINFO,
        &getname::CLIENT_SETNAME,
        &tracking::CLIENT_TRACKING,
        &tracking::CLIENT_TRACKINGINFO,
        &unblock::CLIENT_UNBLOCK,
        &pause::CLIENT_UNPAUSE,
    ],
    docs: Docs {
        summary: "Looks at connections and changes them",
        complexity: "Depends on subcommand.",
        since: "2.4.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

static CLIENT_ID: CommandSpec = CommandSpec {
    name: "id",
    arity: 2,
    flags: flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    run: Run::Data(id),
    docs: Docs { summary: "Returns the connection's number", complexity: "O(1)", since: "5.0.0", group: "connection", ..DOCS },
    ..SPEC
};

static CLIENT_HELP: CommandSpec = CommandSpec {
    flags: flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    run: Run::Data(|context, _| help(context, "client", HELP)),
    docs: Docs { since: "5.0.0", group: "connection", ..HELP_DOCS },
    ..HELP_SPEC
};

const HELP: &[&str] = &[
    "CAPA <word> [<word> ...]",
    "    Say what the client is able to do: REDIRECT (it follows redirects outside a cluster).",
    "GETNAME",
    "    Show the connection's name.",
    "GETREDIR",
    "    Show which client gets this one's invalidations.",
    "ID",
    "    Show the connection's number.",
    "IMPORT-SOURCE (ON|OFF)",
    "    Mark the connection as one that imports data, in import mode.",
    "INFO",
    "    Describe the connection.",
    "KILL <ip:port>",
    "    Close the connection from this address.",
    "KILL <filter> <value> [<filter> <value> ...]",
    "    Close the connections that all filters take; see LIST. The own one stays (SKIPME NO: it does not).",
    "LIST [<filter> <value> ...]",
    "    Describe connections. Filters, each of which but the last three may begin with NOT-:",
    "    * ID <number> [<number> ...]",
    "    * TYPE (NORMAL|PRIMARY|REPLICA|PUBSUB)",
    "    * ADDR <ip:port>, LADDR <ip:port>, IP <ip>",
    "    * USER <name>, NAME <name>, LIB-NAME <name>, LIB-VER <version>",
    "    * DB <number>, FLAGS <letters>, CAPA <letters>",
    "    * MAXAGE <seconds>, IDLE <seconds>: connected or idle at least that long",
    "    * SKIPME (YES|NO)",
    "NO-EVICT (ON|OFF)",
    "    Keep the connection when clients are closed to free memory.",
    "NO-TOUCH (ON|OFF)",
    "    Do not count the connection's commands as uses of keys.",
    "PAUSE <ms> [WRITE|ALL]",
    "    Hold back writes, or all commands, for that long.",
    "REPLY (ON|OFF|SKIP)",
    "    Say whether the server replies.",
    "SETINFO (LIB-NAME|LIB-VER) <value>",
    "    Tell name or version of the client's library.",
    "SETNAME <name>",
    "    Name the connection.",
    "TRACKINGINFO",
    "    Describe client-side caching for the connection.",
    "UNBLOCK <id> [TIMEOUT|ERROR]",
    "    End another connection's waiting.",
    "UNPAUSE",
    "    End a pause.",
];

/// The connection's number, which no other one ever has.
fn id(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.integer(context.caller.client.id as i64);
    Ok(())
}
