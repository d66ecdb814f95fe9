//! CLIENT HELP.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::help::help;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT_HELP: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs { summary: "Lists the subcommands", complexity: "O(1)", since: "5.0.0", group: "connection", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    help(
        context,
        "client",
        &[
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
        ],
    )
}
