//! XINFO: what a stream is made of, its groups and their consumers.

use super::{access, reply, xinfo_stream};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::help::{HELP_DOCS, HELP_SPEC, help};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static XINFO: CommandSpec = CommandSpec {
    name: "xinfo",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[&CONSUMERS, &GROUPS, &HELP, &STREAM],
    docs: Docs {
        summary: "Looks at streams, their groups and consumers",
        complexity: "Depends on subcommand.",
        since: "5.0.0",
        group: "stream",
        ..DOCS
    },
    ..SPEC
};

const BASE: CommandSpec = CommandSpec {
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW | acl::STREAM,
    keys: &[KeySpec::one(2, key_flag::RO | key_flag::ACCESS)],
    locks: Locks::Keys,
    docs: Docs { complexity: "O(N) where N is the number of what is returned", since: "5.0.0", group: "stream", ..DOCS },
    ..SPEC
};

static CONSUMERS: CommandSpec = CommandSpec {
    name: "consumers",
    arity: 4,
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "group", ..ARG }],
    run: Run::Data(consumers),
    docs: Docs {
        summary: "Lists the consumers of a group",
        history: &[("7.2.0", "`inactive`; `idle` counts attempts.")],
        tips: &["nondeterministic_output"],
        ..BASE.docs
    },
    ..BASE
};

static GROUPS: CommandSpec = CommandSpec {
    name: "groups",
    arity: 3,
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    run: Run::Data(groups),
    docs: Docs { summary: "Lists the groups of a stream", history: &[("7.0.0", "`entries-read` and `lag`.")], ..BASE.docs },
    ..BASE
};

static STREAM: CommandSpec = CommandSpec {
    name: "stream",
    arity: -3,
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "full-block",
            kind: ArgKind::Block(&[
                Arg { name: "full", kind: ArgKind::PureToken, token: "FULL", ..ARG },
                Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    run: Run::Data(xinfo_stream::exec),
    docs: Docs {
        summary: "Describes a stream",
        history: &[
            ("6.0.0", "`FULL`."),
            ("7.0.0", "`max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`."),
            ("7.2.0", "`active-time`; `seen-time` counts attempts."),
        ],
        ..BASE.docs
    },
    ..BASE
};

static HELP: CommandSpec = CommandSpec {
    acl: acl::SLOW | acl::STREAM,
    run: Run::Data(|context, _| help(context, "xinfo", HELP_LINES)),
    docs: Docs { summary: "Describes the subcommands", since: "5.0.0", group: "stream", ..HELP_DOCS },
    ..HELP_SPEC
};

const HELP_LINES: &[&str] = &[
    "CONSUMERS <key> <groupname>",
    "    List the consumers of <groupname>.",
    "GROUPS <key>",
    "    List the groups of a stream.",
    "STREAM <key> [FULL [COUNT <count>]]",
    "    Describe a stream; with FULL also its entries, groups and what is pending.",
];

fn consumers(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let now_ms = context.now_ms;
    let stream = access::read(&mut context.keys, args.key(0)?)?.ok_or(CmdError::NoSuchKey)?;
    let group = stream.group(args[3]).ok_or_else(|| access::no_group(args[2], args[3]))?;
    let reply = &mut *context.reply;
    reply.array(group.consumers().len());
    for consumer in group.consumers() {
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(&consumer.name);
        reply.bulk(b"pending");
        reply.integer(consumer.pending_len() as i64);
        reply.bulk(b"idle");
        reply.integer(now_ms.saturating_sub(consumer.seen_ms).max(0));
        reply.bulk(b"inactive");
        reply.integer(if consumer.active_ms == -1 { -1 } else { now_ms.saturating_sub(consumer.active_ms) });
    }
    Ok(())
}

fn groups(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let stream = access::read(&mut context.keys, args.key(0)?)?.ok_or(CmdError::NoSuchKey)?;
    let reply = &mut *context.reply;
    reply.array(stream.groups().len());
    for group in stream.groups() {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(group.name());
        reply.bulk(b"consumers");
        reply.integer(group.consumers().len() as i64);
        reply.bulk(b"pending");
        reply.integer(group.pending().len() as i64);
        reply.bulk(b"last-delivered-id");
        reply::id(reply, group.last_id);
        reply.bulk(b"entries-read");
        reply::integer_or_null(reply, group.entries_read.map(|read| read as i64));
        reply.bulk(b"lag");
        reply::integer_or_null(reply, stream.figures().lag(group.last_id, group.entries_read));
    }
    Ok(())
}
