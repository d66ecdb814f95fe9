//! COMMANDLOG: the logs of commands that took long, came in a large request, or had a large reply. SLOWLOG is the old name of the first.

use crate::base::number::parse_i64;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::help::{HELP_DOCS, HELP_SPEC, help};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::metrics::command_log::Kind;

pub(crate) static COMMANDLOG: CommandSpec = CommandSpec {
    name: "commandlog",
    subcommands: &[&COMMANDLOG_GET, &COMMANDLOG_HELP, &COMMANDLOG_LEN, &COMMANDLOG_RESET],
    docs: Docs { summary: "Looks at the command logs", since: "8.1.0", ..CONTAINER.docs },
    ..CONTAINER
};

pub(crate) static SLOWLOG: CommandSpec = CommandSpec {
    name: "slowlog",
    subcommands: &[&SLOWLOG_GET, &SLOWLOG_HELP, &SLOWLOG_LEN, &SLOWLOG_RESET],
    docs: Docs { summary: "Looks at the log of slow commands", since: "2.2.12", ..CONTAINER.docs },
    ..CONTAINER
};

const CONTAINER: CommandSpec = CommandSpec {
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    docs: Docs { complexity: "Depends on subcommand.", group: "server", ..DOCS },
    ..SPEC
};

const BASE: CommandSpec = CommandSpec {
    flags: flag::ADMIN | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    docs: Docs { since: "8.1.0", group: "server", ..DOCS },
    ..SPEC
};

const TYPE: Arg = Arg {
    name: "type",
    kind: ArgKind::OneOf(&[
        Arg { name: "slow", kind: ArgKind::PureToken, token: "SLOW", ..ARG },
        Arg { name: "large-request", kind: ArgKind::PureToken, token: "LARGE-REQUEST", ..ARG },
        Arg { name: "large-reply", kind: ArgKind::PureToken, token: "LARGE-REPLY", ..ARG },
    ]),
    ..ARG
};

static COMMANDLOG_GET: CommandSpec = CommandSpec {
    name: "get",
    arity: 4,
    args: &[Arg { name: "count", kind: ArgKind::Integer, ..ARG }, TYPE],
    run: Run::Data(get),
    docs: Docs {
        summary: "Returns the newest entries of a command log",
        complexity: "O(N) where N is the number of entries returned",
        tips: &["request_policy:all_nodes", "nondeterministic_output"],
        ..BASE.docs
    },
    ..BASE
};

static COMMANDLOG_LEN: CommandSpec = CommandSpec {
    name: "len",
    arity: 3,
    args: &[TYPE],
    run: Run::Data(|context, args| len(context, kind(args[2])?)),
    docs: Docs {
        summary: "Counts the entries of a command log",
        complexity: "O(1)",
        tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
        ..BASE.docs
    },
    ..BASE
};

static COMMANDLOG_RESET: CommandSpec = CommandSpec {
    name: "reset",
    arity: 3,
    args: &[TYPE],
    run: Run::Data(|context, args| reset(context, kind(args[2])?)),
    docs: Docs {
        summary: "Empties a command log",
        complexity: "O(N) where N is the number of entries in the commandlog",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        ..BASE.docs
    },
    ..BASE
};

static COMMANDLOG_HELP: CommandSpec = CommandSpec {
    run: Run::Data(|context, _| help(context, "commandlog", COMMANDLOG_LINES)),
    docs: Docs { since: "8.1.0", group: "server", ..HELP_DOCS },
    ..HELP_SPEC
};

const COMMANDLOG_LINES: &[&str] = &[
    "GET <count> <type>",
    "    Show the newest <count> entries (-1 for all) of the log slow, large-request or large-reply: number, time in",
    "    unix seconds, microseconds or bytes, arguments, address and name of the client.",
    "LEN <type>",
    "    Count the entries of a log.",
    "RESET <type>",
    "    Empty a log.",
];

static SLOWLOG_GET: CommandSpec = CommandSpec {
    name: "get",
    arity: -2,
    args: &[Arg { name: "count", kind: ArgKind::Integer, optional: true, ..ARG }],
    run: Run::Data(get_slow),
    docs: Docs {
        summary: "Returns the newest slow commands",
        since: "2.2.12",
        history: &[("4.0.0", "Address and name of the client.")],
        ..COMMANDLOG_GET.docs
    },
    ..BASE
};

static SLOWLOG_LEN: CommandSpec = CommandSpec {
    name: "len",
    arity: 2,
    run: Run::Data(|context, _| len(context, Kind::Slow)),
    docs: Docs { summary: "Counts the slow commands that are logged", since: "2.2.12", ..COMMANDLOG_LEN.docs },
    ..BASE
};

static SLOWLOG_RESET: CommandSpec = CommandSpec {
    name: "reset",
    arity: 2,
    run: Run::Data(|context, _| reset(context, Kind::Slow)),
    docs: Docs {
        summary: "Empties the log of slow commands",
        complexity: "O(N) where N is the number of entries in the slowlog",
        since: "2.2.12",
        ..COMMANDLOG_RESET.docs
    },
    ..BASE
};

static SLOWLOG_HELP: CommandSpec = CommandSpec {
    run: Run::Data(|context, _| help(context, "slowlog", SLOWLOG_LINES)),
    docs: Docs { since: "6.2.0", group: "server", ..HELP_DOCS },
    ..HELP_SPEC
};

const SLOWLOG_LINES: &[&str] = &[
    "GET [<count>]",
    "    Show the newest <count> slow commands (10 if not given, -1 for all): number, time in unix seconds,",
    "    microseconds it took, arguments, address and name of the client.",
    "LEN",
    "    Count the logged commands.",
    "RESET",
    "    Empty the log.",
];

/// How many SLOWLOG GET shows unless the client says.
const COUNT_DEFAULT: usize = 10;

/// Which log a word means.
fn kind(word: &[u8]) -> Result<Kind, CmdError> {
    let names = ["slow", "large-request", "large-reply"];
    let found = Kind::ALL.into_iter().zip(names).find(|(_, name)| is_word(word, name));
    found.map(|(kind, _)| kind).ok_or_else(|| CmdError::err(format!("type should be one of the following: {}", names.join(", "))))
}

/// How many entries are asked for; -1 stands for all.
fn count(arg: &[u8]) -> Result<usize, CmdError> {
    match parse_i64(arg) {
        Some(-1) => Ok(usize::MAX),
        Some(count @ 0..) => Ok(count as usize),
        _ => Err(CmdError::err("count should be greater than or equal to -1")),
    }
}

fn get(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let count = count(args[2])?;
    let kind = kind(args[3])?;
    show(context, kind, count);
    Ok(())
}

fn get_slow(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let count = match args[2..] {
        [] => COUNT_DEFAULT,
        [number] => count(number)?,
        _ => return Err(CmdError::subcommand_syntax(args)),
    };
    show(context, Kind::Slow, count);
    Ok(())
}

fn len(context: &mut Context<'_>, kind: Kind) -> CmdResult {
    context.reply.integer(context.shared.metrics.command_log.len(kind) as i64);
    Ok(())
}

fn reset(context: &mut Context<'_>, kind: Kind) -> CmdResult {
    context.shared.metrics.command_log.clear(kind);
    context.reply.ok();
    Ok(())
}

/// Replies with the newest entries.
fn show(context: &mut Context<'_>, kind: Kind, count: usize) {
    let entries = context.shared.metrics.command_log.newest(kind, count);
    let reply = &mut *context.reply;
    reply.array(entries.len());
    for entry in entries {
        reply.array(6);
        reply.integer(entry.id as i64);
        reply.integer(entry.time_s);
        reply.integer(entry.value as i64);
        reply.array(entry.args.len());
        entry.args.iter().for_each(|arg| reply.bulk(arg));
        reply.bulk(entry.addr.as_bytes());
        reply.bulk(&entry.name);
    }
}
