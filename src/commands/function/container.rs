//! FUNCTION: what is true while there are no functions. FLUSH has nothing to delete, LIST and STATS nothing to show; to load one is
//! refused until scripts are there.

use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::help::{HELP_DOCS, HELP_SPEC, help};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static FUNCTION: CommandSpec = CommandSpec {
    name: "function",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[
        &FUNCTION_DELETE,
        &FUNCTION_FLUSH,
        &FUNCTION_HELP,
        &FUNCTION_KILL,
        &FUNCTION_LIST,
        &FUNCTION_LOAD,
        &FUNCTION_RESTORE,
        &FUNCTION_STATS,
    ],
    docs: Docs { summary: "Manages functions", complexity: "Depends on subcommand.", since: "7.0.0", group: "scripting", ..DOCS },
    ..SPEC
};

/// Of those that read.
const BASE: CommandSpec = CommandSpec {
    flags: flag::NOSCRIPT,
    acl: acl::SCRIPTING | acl::SLOW,
    docs: Docs { complexity: "O(1)", since: "7.0.0", group: "scripting", ..DOCS },
    ..SPEC
};

/// Of those that change libraries.
const WRITE: CommandSpec = CommandSpec {
    flags: flag::NOSCRIPT | flag::WRITE,
    acl: acl::SCRIPTING | acl::SLOW | acl::WRITE,
    docs: Docs { tips: &["request_policy:all_shards", "response_policy:all_succeeded"], ..BASE.docs },
    ..SPEC
};

static FUNCTION_DELETE: CommandSpec = CommandSpec {
    name: "delete",
    arity: 3,
    args: &[Arg { name: "library-name", ..ARG }],
    run: Run::Data(|_, _| Err(CmdError::err("Library not found"))),
    docs: Docs { summary: "Deletes a library", ..WRITE.docs },
    ..WRITE
};

static FUNCTION_FLUSH: CommandSpec = CommandSpec {
    name: "flush",
    arity: -2,
    args: &[Arg {
        name: "flush-type",
        kind: ArgKind::OneOf(&[
            Arg { name: "async", kind: ArgKind::PureToken, token: "ASYNC", ..ARG },
            Arg { name: "sync", kind: ArgKind::PureToken, token: "SYNC", ..ARG },
        ]),
        optional: true,
        ..ARG
    }],
    run: Run::Data(flush),
    docs: Docs { summary: "Deletes all libraries", complexity: "O(N) where N is the number of functions deleted", ..WRITE.docs },
    ..WRITE
};

static FUNCTION_HELP: CommandSpec = CommandSpec {
    acl: acl::SCRIPTING | acl::SLOW,
    run: Run::Data(|context, _| help(context, "function", HELP)),
    docs: Docs { since: "7.0.0", group: "scripting", ..HELP_DOCS },
    ..HELP_SPEC
};

const HELP: &[&str] = &[
    "DELETE <library>",
    "    Delete a library and its functions.",
    "FLUSH [ASYNC|SYNC]",
    "    Delete all libraries.",
    "KILL",
    "    End the function that is running.",
    "LIST [LIBRARYNAME <pattern>] [WITHCODE]",
    "    Show the libraries.",
    "STATS",
    "    Show the function that is running, and how many there are.",
];

static FUNCTION_KILL: CommandSpec = CommandSpec {
    name: "kill",
    arity: 2,
    flags: flag::NOSCRIPT | flag::ALLOW_BUSY,
    run: Run::Data(|_, _| Err(CmdError::coded("NOTBUSY No scripts in execution right now."))),
    docs: Docs {
        summary: "Ends the function that is running",
        tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
        ..BASE.docs
    },
    ..BASE
};

static FUNCTION_LIST: CommandSpec = CommandSpec {
    name: "list",
    arity: -2,
    args: &[
        Arg { name: "library-name-pattern", token: "LIBRARYNAME", optional: true, ..ARG },
        Arg { name: "withcode", kind: ArgKind::PureToken, token: "WITHCODE", optional: true, ..ARG },
    ],
    run: Run::Data(list),
    docs: Docs {
        summary: "Returns the libraries",
        complexity: "O(N) where N is the number of functions",
        tips: &["nondeterministic_output_order"],
        ..BASE.docs
    },
    ..BASE
};

static FUNCTION_LOAD: CommandSpec = CommandSpec {
    name: "load",
    arity: -3,
    flags: flag::NOSCRIPT | flag::WRITE | flag::DENYOOM,
    args: &[
        Arg { name: "replace", kind: ArgKind::PureToken, token: "REPLACE", optional: true, ..ARG },
        Arg { name: "function-code", ..ARG },
    ],
    run: Run::Data(refuse),
    docs: Docs { summary: "Creates a library", complexity: "O(1) (considering compilation time is redundant)", ..WRITE.docs },
    ..WRITE
};

static FUNCTION_RESTORE: CommandSpec = CommandSpec {
    name: "restore",
    arity: -3,
    flags: flag::NOSCRIPT | flag::WRITE | flag::DENYOOM,
    args: &[
        Arg { name: "serialized-value", ..ARG },
        Arg {
            name: "policy",
            kind: ArgKind::OneOf(&[
                Arg { name: "flush", kind: ArgKind::PureToken, token: "FLUSH", ..ARG },
                Arg { name: "append", kind: ArgKind::PureToken, token: "APPEND", ..ARG },
                Arg { name: "replace", kind: ArgKind::PureToken, token: "REPLACE", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    run: Run::Data(refuse),
    docs: Docs {
        summary: "Creates the libraries of a dump",
        complexity: "O(N) where N is the number of functions on the payload",
        ..WRITE.docs
    },
    ..WRITE
};

static FUNCTION_STATS: CommandSpec = CommandSpec {
    name: "stats",
    arity: 2,
    flags: flag::NOSCRIPT | flag::ALLOW_BUSY,
    run: Run::Data(stats),
    docs: Docs {
        summary: "Returns the function that is running, and how many there are",
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        ..BASE.docs
    },
    ..BASE
};

fn flush(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    match args[2..] {
        [] => {}
        [mode] if is_flush_mode(mode) => {}
        [_] => return Err(CmdError::err("FUNCTION FLUSH only supports SYNC|ASYNC option")),
        _ => return Err(CmdError::subcommand_syntax(args)),
    }
    context.reply.ok();
    Ok(())
}

/// True if the word asks for SYNC or ASYNC.
fn is_flush_mode(word: &[u8]) -> bool {
    is_word(word, "SYNC") || is_word(word, "ASYNC")
}

fn list(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut rest = &args[2..];
    let (mut has_code, mut has_name) = (false, false);
    while let [word, more @ ..] = rest {
        rest = match more {
            _ if is_word(word, "WITHCODE") && !has_code => {
                has_code = true;
                more
            }
            [_, more @ ..] if is_word(word, "LIBRARYNAME") && !has_name => {
                has_name = true;
                more
            }
            [] if is_word(word, "LIBRARYNAME") && !has_name => return Err(CmdError::err("library name argument was not given")),
            _ => return Err(CmdError::naming("Unknown argument {}", word)),
        };
    }
    context.reply.empty_array();
    Ok(())
}

fn refuse(_: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    Err(CmdError::err("this server does not run scripts and functions yet"))
}

fn stats(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.map(2);
    context.reply.bulk(b"running_script");
    context.reply.null();
    context.reply.bulk(b"engines");
    context.reply.map(0);
    Ok(())
}
