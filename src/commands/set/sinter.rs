//! SINTER, SINTERCARD and SINTERSTORE: what is a member of all of several sets. The smallest of them is gone through, and the others are
//! asked, from the smaller to the larger ones.

use super::members;
use super::store;
use crate::datatypes::items::Item;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::context::{integer_in, is_word};
use crate::engine::error::CmdError;
use crate::engine::item_reply::bulk_item;
use crate::engine::spec::{
    ARG, Arg, ArgKind, BeginSearch, CommandSpec, DOCS, Docs, Effort, FindKeys, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag,
};
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::key::Key;
use crate::keyspace::value::set::{Member, Set, SetView};

pub(crate) static SINTER: CommandSpec = CommandSpec {
    name: "sinter",
    arity: -2,
    flags: flag::READONLY,
    acl: acl::READ | acl::SET | acl::SLOW,
    keys: &[KeySpec::range(1, -1, 1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Smallest),
    run: Run::Data(reply),
    docs: Docs {
        summary: "Returns what several sets have in common",
        complexity: "O(N*M) where N is the size of the smallest set and M the number of sets.",
        since: "1.0.0",
        group: "set",
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static SINTERCARD: CommandSpec = CommandSpec {
    name: "sintercard",
    arity: -3,
    flags: flag::READONLY,
    acl: acl::READ | acl::SET | acl::SLOW,
    keys: &[KeySpec {
        flags: key_flag::RO | key_flag::ACCESS,
        begin: BeginSearch::Index(1),
        find: FindKeys::Count { number_at: 0, first: 1, step: 1 },
        notes: "",
    }],
    args: &[
        Arg { name: "numkeys", kind: ArgKind::Integer, ..ARG },
        Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG },
        Arg { name: "limit", kind: ArgKind::Integer, token: "LIMIT", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Smallest),
    run: Run::Data(count),
    docs: Docs {
        summary: "Counts what several sets have in common",
        complexity: "O(N*M) where N is the size of the smallest set and M the number of sets.",
        since: "7.0.0",
        group: "set",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static SINTERSTORE: CommandSpec = CommandSpec {
    name: "sinterstore",
    arity: -3,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::SET | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::OW | key_flag::UPDATE), KeySpec::range(2, -1, 1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "destination", kind: ArgKind::Key(0), ..ARG }, Arg { name: "key", kind: ArgKind::Key(1), multiple: true, ..ARG }],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(store),
    docs: Docs {
        summary: "Stores what several sets have in common",
        complexity: "O(N*M) where N is the size of the smallest set and M the number of sets.",
        since: "1.0.0",
        group: "set",
        ..DOCS
    },
    ..SPEC
};

/// The sets, the smallest first. Empty if one of them is.
fn operands<'k>(sets: Vec<Option<SetView<'k>>>) -> Vec<SetView<'k>> {
    let mut sets: Vec<SetView<'k>> = sets.into_iter().collect::<Option<_>>().unwrap_or_default();
    sets.sort_by_key(|set| set.len());
    sets
}

/// Visits what is in all sets, until `visit` says no.
fn intersect<'k>(sets: &[SetView<'k>], hasher: &KeyHasher, mut visit: impl FnMut(Item<'k>) -> bool) {
    let Some((smallest, others)) = sets.split_first() else { return };
    smallest.all(|item| {
        let is_in_all = others.is_empty() || {
            let member = Member::of_item(item);
            others.iter().all(|set| set.contains(&member, hasher))
        };
        !is_in_all || visit(item)
    });
}

fn reply(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let hasher = context.keys.keyspace().hasher();
    let names: Vec<Key<'_>> = args.keys().collect();
    let sets = operands(members::views(&mut context.keys, &names)?);
    let reply = &mut *context.reply;
    let deferred = reply.deferred_set();
    let mut count = 0;
    intersect(&sets, hasher, |member| {
        bulk_item(reply, member);
        count += 1;
        true
    });
    reply.end_deferred(deferred, count);
    Ok(())
}

fn count(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let numkeys = integer_in(args[1], 1..=i64::MAX, "numkeys should be greater than 0")?;
    if numkeys as u64 > args.len() as u64 - 2 {
        return Err(CmdError::coded("ERR Number of keys can't be greater than number of args"));
    }
    let mut limit = 0;
    let mut rest = &args[2 + numkeys as usize..];
    while let [word, number, more @ ..] = rest
        && is_word(word, "LIMIT")
    {
        limit = integer_in(number, 0..=i64::MAX, "LIMIT can't be negative")?;
        rest = more;
    }
    if !rest.is_empty() {
        return Err(CmdError::Syntax);
    }
    let hasher = context.keys.keyspace().hasher();
    let names: Vec<Key<'_>> = args.keys().collect();
    let sets = operands(members::views(&mut context.keys, &names)?);
    let mut count = 0;
    intersect(&sets, hasher, |_| {
        count += 1;
        count != limit
    });
    context.reply.integer(count);
    Ok(())
}

fn store(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (limits, hasher) = (members::limits(context.config), context.keys.keyspace().hasher());
    let names: Vec<Key<'_>> = args.keys().skip(1).collect();
    let sets = operands(members::views(&mut context.keys, &names)?);
    // What comes of integers in order are integers in order; else it is found out in the end whether all of them are integers.
    let mut result = match sets.first() {
        Some(SetView::Integers(_)) | None => Set::integers(),
        Some(_) => Set::small(),
    };
    let mut only_integers = true;
    intersect(&sets, hasher, |item| {
        only_integers &= matches!(item, Item::Int(_));
        result.add(&Member::of_item(item), limits, hasher);
        true
    });
    if only_integers {
        result.to_integers(limits);
    }
    store::put(context, args.key(0)?, result, "sinterstore")
}
