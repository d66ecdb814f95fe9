//! HRANDFIELD: fields chosen at random, with their values if asked for. Several are different ones, or with a negative number any.

use super::fields;
use crate::base::rng::Rng;
use crate::datatypes::items::Item;
use crate::datatypes::sampling::Selection;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::item_reply::{bulk_item, item_or_null};
use crate::engine::random_count;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::liveness::Liveness;
use crate::keyspace::value::hash::HashView;

pub(crate) static HRANDFIELD: CommandSpec = CommandSpec {
    name: "hrandfield",
    arity: -2,
    flags: flag::READONLY,
    acl: acl::HASH | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "options",
            kind: ArgKind::Block(&[
                Arg { name: "count", kind: ArgKind::Integer, ..ARG },
                Arg { name: "withvalues", kind: ArgKind::PureToken, token: "WITHVALUES", optional: true, ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Argument(2)),
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns random fields of a hash",
        complexity: "O(N) where N is the number of fields returned.",
        since: "6.2.0",
        group: "hash",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

/// Draws from a table rather than going through all of it if so many times fewer are wanted than there are.
const DRAW_FACTOR: usize = 3;
/// Draws per field that is wanted, after which no further one is looked for.
const DRAWS_PER_FIELD: usize = 10;

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let Some(count) = args.get(2) else { return one(context, args) };
    let count = random_count::parse(count)?;
    let with_values = match args.get(3) {
        None => false,
        Some(word) if args.len() == 4 && is_word(word, "WITHVALUES") => true,
        Some(_) => return Err(CmdError::Syntax),
    };
    if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(CmdError::OutOfRange);
    }
    let liveness = context.keys.liveness();
    let mut rng = Rng::new(context.keys.rng().next_u64());
    let hash = fields::view(&mut context.keys, args.key(0)?)?;
    let reply = &mut *context.reply;
    let Some(hash) = hash.filter(|_| count != 0) else {
        reply.array(0);
        return Ok(());
    };
    let is_nested = with_values && reply.is_resp3();
    let deferred = reply.deferred_array();
    let mut written = 0;
    let mut take = |field: Item<'_>, value: Item<'_>| {
        if is_nested {
            reply.array(2);
        }
        bulk_item(reply, field);
        if with_values {
            bulk_item(reply, value);
        }
        written += if with_values && !is_nested { 2 } else { 1 };
        reply.overflow_len().is_none()
    };
    if count < 0 || count == 1 {
        for _ in 0..count.unsigned_abs() {
            let Some((field, value)) = hash.random(&mut rng, liveness) else { break };
            if !take(field, value) {
                break;
            }
        }
    } else {
        different(hash, count.unsigned_abs() as usize, &mut rng, liveness, &mut take);
    }
    reply.end_deferred(deferred, written);
    Ok(())
}

/// Up to `count` different fields.
fn different(hash: HashView<'_>, count: usize, rng: &mut Rng, liveness: Liveness, take: &mut impl FnMut(Item<'_>, Item<'_>) -> bool) {
    if hash.is_large() && count.saturating_mul(DRAW_FACTOR) <= hash.len() {
        let mut seen = std::collections::HashSet::with_hasher(foldhash::fast::RandomState::default());
        for _ in 0..count.saturating_mul(DRAWS_PER_FIELD) {
            let Some((field, value)) = hash.random(rng, liveness) else { break };
            if seen.insert(field.to_vec()) {
                take(field, value);
            }
            if seen.len() == count {
                break;
            }
        }
        return;
    }
    let mut alive = hash.len();
    if hash.has_expiring() {
        alive = 0;
        hash.for_each(liveness, |_, _| alive += 1);
    }
    let mut selection = Selection::new(count, alive);
    hash.for_each(liveness, |field, value| {
        if selection.takes(rng) {
            take(field, value);
        }
    });
}

/// One field, as a string.
fn one(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let liveness = context.keys.liveness();
    let mut rng = Rng::new(context.keys.rng().next_u64());
    let hash = fields::view(&mut context.keys, args.key(0)?)?;
    let field = hash.and_then(|hash| hash.random(&mut rng, liveness)).map(|(field, _)| field);
    item_or_null(context.reply, field);
    Ok(())
}
