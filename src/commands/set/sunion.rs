//! SUNION, SUNIONSTORE, SDIFF and SDIFFSTORE: what is a member of one of several sets, or of the first and of no other.
//!
//! A difference asks the other sets, the larger ones first, for each member of the first one; or, where that is less work, takes their members
//! out of a copy of it.

use super::members;
use super::store;
use crate::config::Config;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::item_reply::bulk_item;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::access::KeyAccess;
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::key::Key;
use crate::keyspace::value::collection::Collection;
use crate::keyspace::value::set::{Member, Set, SetLimits, SetView};

pub(crate) static SDIFF: CommandSpec = CommandSpec {
    name: "sdiff",
    arity: -2,
    flags: flag::READONLY,
    acl: acl::READ | acl::SET | acl::SLOW,
    keys: &[KeySpec::range(1, -1, 1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(|context, args| reply(context, args, Operation::Difference)),
    docs: Docs {
        summary: "Returns what is in the first of several sets and in no other",
        complexity: "O(N) where N is the number of members of all sets.",
        since: "1.0.0",
        group: "set",
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static SDIFFSTORE: CommandSpec = CommandSpec {
    name: "sdiffstore",
    arity: -3,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::SET | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::OW | key_flag::UPDATE), KeySpec::range(2, -1, 1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "destination", kind: ArgKind::Key(0), ..ARG }, Arg { name: "key", kind: ArgKind::Key(1), multiple: true, ..ARG }],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(|context, args| store(context, args, Operation::Difference)),
    docs: Docs {
        summary: "Stores what is in the first of several sets and in no other",
        complexity: "O(N) where N is the number of members of all sets.",
        since: "1.0.0",
        group: "set",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static SUNION: CommandSpec = CommandSpec {
    name: "sunion",
    arity: -2,
    flags: flag::READONLY,
    acl: acl::READ | acl::SET | acl::SLOW,
    keys: &[KeySpec::range(1, -1, 1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(|context, args| reply(context, args, Operation::Union)),
    docs: Docs {
        summary: "Returns what is in any of several sets",
        complexity: "O(N) where N is the number of members of all sets.",
        since: "1.0.0",
        group: "set",
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static SUNIONSTORE: CommandSpec = CommandSpec {
    name: "sunionstore",
    arity: -3,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::SET | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::OW | key_flag::UPDATE), KeySpec::range(2, -1, 1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "destination", kind: ArgKind::Key(0), ..ARG }, Arg { name: "key", kind: ArgKind::Key(1), multiple: true, ..ARG }],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(|context, args| store(context, args, Operation::Union)),
    docs: Docs {
        summary: "Stores what is in any of several sets",
        complexity: "O(N) where N is the number of members of all sets.",
        since: "1.0.0",
        group: "set",
        ..DOCS
    },
    ..SPEC
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Difference,
}

/// Calculates it. What is stored begins as integers and becomes what it must; what is only replied is a table unless all are integers.
fn calculate(keys: &mut KeyAccess<'_>, config: &Config, names: &[Key<'_>], operation: Operation, is_stored: bool) -> Result<Set, CmdError> {
    let (limits, hasher) = (members::limits(config), keys.keyspace().hasher());
    let sets = members::views(keys, names)?;
    let is_of_integers = sets.iter().flatten().all(|set| matches!(set, SetView::Integers(_)));
    let mut result = if is_stored || is_of_integers { Set::integers() } else { Set::large() };
    match operation {
        Operation::Union => {
            for set in sets.iter().flatten() {
                set.for_each(|item| {
                    result.add(&Member::of_item(item), limits, hasher);
                });
            }
        }
        Operation::Difference => {
            let Some((Some(first), others)) = sets.split_first() else { return Ok(result) };
            // Nothing is left of a set without itself.
            if names[1..].iter().all(|name| name.name() != names[0].name()) {
                let mut others: Vec<SetView<'_>> = others.iter().flatten().copied().collect();
                subtract(*first, &mut others, &mut result, limits, hasher);
            }
        }
    }
    Ok(result)
}

fn subtract(first: SetView<'_>, others: &mut [SetView<'_>], result: &mut Set, limits: SetLimits, hasher: &KeyHasher) {
    let asking = first.len() * (1 + others.len()) / 2;
    let taking = first.len() + others.iter().map(|set| set.len()).sum::<usize>();
    if asking <= taking {
        others.sort_by_key(|set| std::cmp::Reverse(set.len()));
        first.for_each(|item| {
            let member = Member::of_item(item);
            if !others.iter().any(|set| set.contains(&member, hasher)) {
                result.add(&member, limits, hasher);
            }
        });
        return;
    }
    first.for_each(|item| {
        result.add(&Member::of_item(item), limits, hasher);
    });
    for set in others {
        set.all(|item| {
            result.remove(&Member::of_item(item), hasher);
            !result.is_empty()
        });
        if result.is_empty() {
            return;
        }
    }
}

fn reply(context: &mut Context<'_>, args: &Args<'_>, operation: Operation) -> CmdResult {
    let names: Vec<Key<'_>> = args.keys().collect();
    let result = calculate(&mut context.keys, context.config, &names, operation, false)?;
    let reply = &mut *context.reply;
    reply.set(result.view().len());
    result.view().for_each(|member| bulk_item(reply, member));
    Ok(())
}

fn store(context: &mut Context<'_>, args: &Args<'_>, operation: Operation) -> CmdResult {
    let names: Vec<Key<'_>> = args.keys().skip(1).collect();
    let result = calculate(&mut context.keys, context.config, &names, operation, true)?;
    let event = if operation == Operation::Union { "sunionstore" } else { "sdiffstore" };
    store::put(context, args.key(0)?, result, event)
}
