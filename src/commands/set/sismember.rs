//! SISMEMBER and SMISMEMBER: whether something, or each of several things, is a member.

use super::members;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::value::set::Member;

pub(crate) static SISMEMBER: CommandSpec = CommandSpec {
    name: "sismember",
    arity: 3,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::READ | acl::SET,
    keys: &[KeySpec::one(1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "member", ..ARG }],
    element_at: 2,
    locks: Locks::Keys,
    run: Run::Data(one),
    docs: Docs { summary: "Tells whether something is a member of a set", complexity: "O(1)", since: "1.0.0", group: "set", ..DOCS },
    ..SPEC
};

pub(crate) static SMISMEMBER: CommandSpec = CommandSpec {
    name: "smismember",
    arity: -3,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::READ | acl::SET,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "member", multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(several),
    docs: Docs {
        summary: "Tells of several things whether they are members of a set",
        complexity: "O(N) where N is the number of things asked for.",
        since: "6.2.0",
        group: "set",
        ..DOCS
    },
    ..SPEC
};

fn one(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let hasher = context.keys.keyspace().hasher();
    let set = members::view(&mut context.keys, args.key(0)?)?;
    let is_member = set.is_some_and(|set| set.contains(&Member::of(args[2]), hasher));
    context.reply.integer(i64::from(is_member));
    Ok(())
}

fn several(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let hasher = context.keys.keyspace().hasher();
    let set = members::view(&mut context.keys, args.key(0)?)?;
    context.reply.array(args.len() - 2);
    for member in &args[2..] {
        let is_member = set.is_some_and(|set| set.contains(&Member::of(member), hasher));
        context.reply.integer(i64::from(is_member));
    }
    Ok(())
}
