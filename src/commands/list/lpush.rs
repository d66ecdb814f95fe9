//! LPUSH, RPUSH and, for lists that are there, LPUSHX, RPUSHX: elements at an end, one after the other.

use super::ends::node_limit;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::list::{End, List};

pub(crate) static LPUSH: CommandSpec = CommandSpec {
    name: "lpush",
    arity: -3,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::LIST | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::INSERT)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "element", multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, End::Left, false)),
    docs: Docs {
        summary: "Adds elements in front of a list, which is made if it is not there",
        complexity: "O(1) for each element",
        since: "1.0.0",
        group: "list",
        history: &[("2.4.0", "Accepts multiple `element` arguments.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static RPUSH: CommandSpec = CommandSpec {
    name: "rpush",
    arity: -3,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::LIST | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::INSERT)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "element", multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, End::Right, false)),
    docs: Docs {
        summary: "Adds elements behind a list, which is made if it is not there",
        complexity: "O(1) for each element",
        since: "1.0.0",
        group: "list",
        history: &[("2.4.0", "Accepts multiple `element` arguments.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static LPUSHX: CommandSpec = CommandSpec {
    name: "lpushx",
    arity: -3,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::LIST | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::INSERT)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "element", multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, End::Left, true)),
    docs: Docs {
        summary: "Adds elements in front of a list that is there",
        complexity: "O(1) for each element",
        since: "2.2.0",
        group: "list",
        history: &[("4.0.0", "Accepts multiple `element` arguments.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static RPUSHX: CommandSpec = CommandSpec {
    name: "rpushx",
    arity: -3,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::LIST | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::INSERT)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "element", multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, End::Right, true)),
    docs: Docs {
        summary: "Adds elements behind a list that is there",
        complexity: "O(1) for each element",
        since: "2.2.0",
        group: "list",
        history: &[("4.0.0", "Accepts multiple `element` arguments.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>, end: End, only_existing: bool) -> CmdResult {
    let limit = node_limit(context);
    let texts = &args[2..];
    let mut key = context.keys.open(args.key(0)?);
    if only_existing && key.collection::<List>()?.is_none() {
        context.reply.integer(0);
        return Ok(());
    }
    let len = key.change(|list: &mut List| {
        list.grow_for(texts, limit);
        texts.iter().for_each(|text| list.push(end, text, limit));
        list.len()
    })?;
    key.change_event(class::LIST, if end == End::Left { "lpush" } else { "rpush" });
    key.count_changes(texts.len() as u64 - 1);
    context.reply.integer(len as i64);
    Ok(())
}
