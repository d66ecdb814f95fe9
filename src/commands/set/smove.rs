//! SMOVE: takes a member out of one set and adds it to another.

use super::members;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::collection::Collection;
use crate::keyspace::value::set::{Member, Set};

pub(crate) static SMOVE: CommandSpec = CommandSpec {
    name: "smove",
    arity: 4,
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::SET | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE), KeySpec::one(2, key_flag::RW | key_flag::INSERT)],
    args: &[
        Arg { name: "source", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "destination", kind: ArgKind::Key(1), ..ARG },
        Arg { name: "member", ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Moves a member from one set to another", complexity: "O(1)", since: "1.0.0", group: "set", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (limits, hasher) = (members::limits(context.config), context.keys.keyspace().hasher());
    let member = Member::of(args[3]);
    let (source, target) = (args.key(0)?, args.key(1)?);
    let mut from = context.keys.open(source);
    let has = from.collection::<Set>().map(|set| set.map(|set| set.contains(&member, hasher)));
    let exists = from.exists();
    drop(from);
    // Whatever lies at the target: from nothing, nothing is moved.
    if !exists {
        context.keys.reclaim(target);
        context.reply.integer(0);
        return Ok(());
    }
    let has = has?.unwrap_or(false);
    context.keys.open(target).collection::<Set>()?;
    if has && source.name() != target.name() {
        let mut from = context.keys.open(source);
        from.change(|set: &mut Set| set.remove(&member, hasher))?;
        from.change_event(class::SET, "srem");
        drop(from);
        let mut to = context.keys.open(target);
        let is_new = to.change_if(|set: &mut Set| {
            if set.is_empty() {
                *set = Set::for_members(&member, 1, limits);
            }
            let is_new = set.add(&member, limits, hasher);
            (is_new, is_new)
        })?;
        if is_new {
            to.change_event(class::SET, "sadd");
        }
    }
    context.reply.integer(i64::from(has));
    Ok(())
}
