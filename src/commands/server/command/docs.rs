//! COMMAND DOCS: summary, history and grammar of commands.

use larder_proto::resp::ReplyBuf;

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::engine::table::{Row, Table};

pub(crate) static COMMAND_DOCS: CommandSpec = CommandSpec {
    name: "docs",
    arity: -2,
    flags: flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    args: &[Arg { name: "command-name", optional: true, multiple: true, ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Documents commands",
        complexity: "O(N) where N is the number of commands to look up",
        since: "7.0.0",
        group: "server",
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let table = &context.shared.table;
    let rows: Vec<&Row> =
        if args.len() == 2 { table.top_level().collect() } else { args[2..].iter().filter_map(|name| table.by_full_name(name)).collect() };
    context.reply.map(rows.len());
    for row in rows {
        context.reply.bulk(row.full_name.as_bytes());
        document(context.reply, table, row);
    }
    Ok(())
}

fn document(reply: &mut ReplyBuf, table: &Table, row: &Row) {
    let spec = row.spec;
    let docs = &spec.docs;
    let map = reply.deferred_map();
    let mut fields = 0;
    let mut text = |reply: &mut ReplyBuf, name: &str, value: &str| {
        if !value.is_empty() {
            reply.bulk(name.as_bytes());
            reply.bulk(value.as_bytes());
            fields += 1;
        }
    };
    text(reply, "summary", docs.summary);
    text(reply, "since", docs.since);
    text(reply, "group", docs.group);
    text(reply, "complexity", docs.complexity);
    if !docs.flags.is_empty() {
        fields += 1;
        reply.bulk(b"doc_flags");
        reply.set(docs.flags.len());
        docs.flags.iter().for_each(|name| reply.simple(name));
    }
    if let Some((since, instead)) = docs.deprecated {
        fields += 1;
        reply.bulk(b"deprecated_since");
        reply.bulk(since.as_bytes());
        if !instead.is_empty() {
            fields += 1;
            reply.bulk(b"replaced_by");
            reply.bulk(instead.as_bytes());
        }
    }
    if !docs.history.is_empty() {
        fields += 1;
        reply.bulk(b"history");
        reply.set(docs.history.len());
        for (since, change) in docs.history {
            reply.array(2);
            reply.bulk(since.as_bytes());
            reply.bulk(change.as_bytes());
        }
    }
    if !spec.args.is_empty() {
        fields += 1;
        reply.bulk(b"arguments");
        arguments(reply, spec.args);
    }
    if !row.subcommands.is_empty() {
        fields += 1;
        reply.bulk(b"subcommands");
        reply.map(row.subcommands.len());
        for sub in row.subcommands.iter().map(|number| table.row(*number)) {
            reply.bulk(sub.full_name.as_bytes());
            document(reply, table, sub);
        }
    }
    reply.end_deferred(map, fields);
}

fn arguments(reply: &mut ReplyBuf, args: &[Arg]) {
    reply.array(args.len());
    args.iter().for_each(|arg| argument(reply, arg));
}

fn argument(reply: &mut ReplyBuf, arg: &Arg) {
    let (kind, parts): (&str, &[Arg]) = match arg.kind {
        ArgKind::Key(_) => ("key", &[]),
        ArgKind::String => ("string", &[]),
        ArgKind::Integer | ArgKind::KeyInteger(_) => ("integer", &[]),
        ArgKind::Double => ("double", &[]),
        ArgKind::Pattern | ArgKind::KeyPattern(_) => ("pattern", &[]),
        ArgKind::UnixTime => ("unix-time", &[]),
        ArgKind::PureToken => ("pure-token", &[]),
        ArgKind::OneOf(parts) => ("oneof", parts),
        ArgKind::Block(parts) => ("block", parts),
    };
    let has_parts = matches!(arg.kind, ArgKind::OneOf(_) | ArgKind::Block(_));
    let flags: Vec<&str> = [(arg.optional, "optional"), (arg.multiple, "multiple"), (arg.multiple_token, "multiple_token")]
        .into_iter()
        .filter_map(|(is_set, name)| is_set.then_some(name))
        .collect();
    let map = reply.deferred_map();
    let mut fields = 2;
    let text = |reply: &mut ReplyBuf, name: &str, value: &str| {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    };
    text(reply, "name", arg.name);
    text(reply, "type", kind);
    if !has_parts {
        text(reply, "display_text", if arg.display.is_empty() { arg.name } else { arg.display });
        fields += 1;
    }
    if let ArgKind::Key(index) | ArgKind::KeyInteger(index) | ArgKind::KeyPattern(index) = arg.kind {
        reply.bulk(b"key_spec_index");
        reply.integer(index as i64);
        fields += 1;
    }
    for (name, value) in [("token", arg.token), ("since", arg.since), ("deprecated_since", arg.deprecated_since)] {
        if !value.is_empty() {
            text(reply, name, value);
            fields += 1;
        }
    }
    if !flags.is_empty() {
        reply.bulk(b"flags");
        reply.set(flags.len());
        flags.iter().for_each(|name| reply.simple(name));
        fields += 1;
    }
    if has_parts {
        reply.bulk(b"arguments");
        arguments(reply, parts);
        fields += 1;
    }
    reply.end_deferred(map, fields);
}
