//! SRANDMEMBER: members chosen at random. Several are different ones, or with a negative number any.

use super::members;
use crate::base::rng::Rng;
use crate::datatypes::sampling::Selection;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::item_reply::{bulk_item, item_or_null};
use crate::engine::random_count;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::value::set::SetView;
use larder_proto::resp::ReplyBuf;

pub(crate) static SRANDMEMBER: CommandSpec = CommandSpec {
    name: "srandmember",
    arity: -2,
    flags: flag::READONLY,
    acl: acl::READ | acl::SET | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "count", kind: ArgKind::Integer, optional: true, since: "2.6.0", ..ARG },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Argument(2)),
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns random members of a set",
        complexity: "O(N) where N is the number of members asked for.",
        since: "1.0.0",
        group: "set",
        history: &[("2.6.0", "Several members at once.")],
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

/// Draws from a table rather than going through all of it if so many times fewer are wanted than there are.
const DRAW_FACTOR: usize = 3;

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut rng = Rng::new(context.keys.rng().next_u64());
    if args.len() > 3 {
        return Err(CmdError::Syntax);
    }
    let count = args.get(2).map(|count| random_count::parse(count)).transpose()?;
    let set = members::view(&mut context.keys, args.key(0)?)?;
    let reply = &mut *context.reply;
    let Some(count) = count else {
        item_or_null(reply, set.and_then(|set| set.random(&mut rng)));
        return Ok(());
    };
    match set {
        None => reply.array(0),
        Some(set) if count < 0 || count == 1 => any(set, count.unsigned_abs(), &mut rng, reply),
        Some(set) => different(set, (count as usize).min(set.len()), &mut rng, reply),
    }
    Ok(())
}

fn any(set: SetView<'_>, count: u64, rng: &mut Rng, reply: &mut ReplyBuf) {
    reply.array(usize::try_from(count).unwrap_or(usize::MAX));
    for _ in 0..count {
        let Some(member) = set.random(rng) else { break };
        bulk_item(reply, member);
        if reply.overflow_len().is_some() {
            break;
        }
    }
}

/// `count` different ones, no more than there are.
fn different(set: SetView<'_>, count: usize, rng: &mut Rng, reply: &mut ReplyBuf) {
    reply.array(count);
    if !set.is_large() || count * DRAW_FACTOR > set.len() {
        let mut selection = Selection::new(count, set.len());
        set.for_each(|member| {
            if selection.takes(rng) {
                bulk_item(reply, member);
            }
        });
        return;
    }
    let mut seen = std::collections::HashSet::with_hasher(foldhash::fast::RandomState::default());
    while seen.len() < count {
        let Some(member) = set.random(rng) else { break };
        if seen.insert(member.to_vec()) {
            bulk_item(reply, member);
        }
    }
}
