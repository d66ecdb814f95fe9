//! SPOP: takes members out that are chosen at random, and returns them.
//!
//! If most of a table goes, what stays is chosen instead, and put into a new set, which may be a small one.

use super::members;
use crate::base::rng::Rng;
use crate::datatypes::items::Item;
use crate::datatypes::sampling::Selection;
use crate::engine::context::integer_in;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::item_reply::bulk_item;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Log, Place, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::records;
use crate::keyspace::value::collection::Collection;
use crate::keyspace::value::set::{Member, Set, SetLimits, SetView};
use larder_proto::resp::ReplyBuf;

/// Members in one record of the log.
const LOGGED_MEMBERS: usize = 1024;

pub(crate) static SPOP: CommandSpec = CommandSpec {
    name: "spop",
    arity: -2,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::SET | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "count", kind: ArgKind::Integer, optional: true, since: "3.2.0", ..ARG },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Argument(2)),
    log: Log::Rewritten,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Removes random members of a set and returns them",
        complexity: "O(N) where N is the number of members asked for.",
        since: "1.0.0",
        group: "set",
        history: &[("3.2.0", "Several members at once.")],
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

/// What stays is chosen rather than what goes if so many times more goes.
const STAY_FACTOR: usize = 5;

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    match args.len() {
        2 => one(context, args),
        3 => several(context, args),
        _ => Err(CmdError::Syntax),
    }
}

fn random(set: SetView<'_>, rng: &mut Rng) -> Option<Member> {
    set.random(rng).map(Member::of_item)
}

fn one(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut rng = Rng::new(context.keys.rng().next_u64());
    let hasher = context.keys.keyspace().hasher();
    let mut key = context.keys.open(args.key(0)?);
    let popped = key.change_if(|set: &mut Set| {
        let member = random(set.view(), &mut rng);
        if let Some(member) = &member {
            set.remove(member, hasher);
        }
        let is_changed = member.is_some();
        (member, is_changed)
    })?;
    match popped {
        Some(member) => {
            key.change_event(class::SET, "spop");
            drop(key);
            bulk_item(context.reply, member.item());
            member.item().with_text(|text| context.keys.log(&[b"SREM", args[1], text]));
        }
        None => context.reply.null(),
    }
    Ok(())
}

fn several(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let count = integer_in(args[2], 0..=i64::MAX, "value is out of range, must be positive")? as usize;
    let (limits, hasher) = (members::limits(context.config), context.keys.keyspace().hasher());
    let mut rng = Rng::new(context.keys.rng().next_u64());
    let is_logging = context.keys.is_logging();
    let mut key = context.keys.open(args.key(0)?);
    let len = key.collection::<Set>()?.map_or(0, |set| set.len());
    if len == 0 || count == 0 {
        context.reply.set(0);
        return Ok(());
    }
    let count = count.min(len);
    let reply = &mut *context.reply;
    reply.set(count);
    let in_background = context.config.lazyfree_lazy_server_del;
    if count == len {
        if let Some(set) = key.collection::<Set>()? {
            set.for_each(|member| bulk_item(reply, member));
        }
        key.change_event(class::SET, "spop");
        key.count_changes(count as u64 - 1);
        key.empty();
        drop(key);
        context.keys.log(&[records::deletion(in_background), args[1]]);
        return Ok(());
    }
    let mut out = Popped { reply, logged: is_logging.then(Vec::new) };
    if let Some(rest) = key.change(|set: &mut Set| pop(set, count, (limits, hasher), &mut rng, &mut out))? {
        key.put_collection(rest);
    }
    key.change_event(class::SET, "spop");
    key.count_changes(count as u64 - 1);
    drop(key);
    for members in out.logged.unwrap_or_default().chunks(LOGGED_MEMBERS) {
        let head = [&b"SREM"[..], args[1]];
        context.keys.log_all(2 + members.len(), head.into_iter().chain(members.iter().map(Vec::as_slice)));
    }
    Ok(())
}

/// Where members go that are taken out.
struct Popped<'r> {
    reply: &'r mut ReplyBuf,
    /// For the records of the log, if there is one.
    logged: Option<Vec<Vec<u8>>>,
}

impl Popped<'_> {
    fn add(&mut self, member: Item<'_>) {
        bulk_item(self.reply, member);
        if let Some(logged) = &mut self.logged {
            logged.push(member.to_vec());
        }
    }
}

/// Takes `count` members out, fewer than there are; or returns what is to stay in place of the set.
fn pop(set: &mut Set, count: usize, (limits, hasher): (SetLimits, &KeyHasher), rng: &mut Rng, out: &mut Popped<'_>) -> Option<Set> {
    let stay = set.view().len() - count;
    let most_goes = stay * STAY_FACTOR <= count;
    if !set.view().is_large() {
        let mut selection = Selection::new(count, set.view().len());
        set.retain(|member| {
            let goes = selection.takes(rng);
            if goes {
                out.add(member);
            }
            !goes
        });
        if most_goes {
            set.refit(limits, hasher);
        }
        return None;
    }
    if !most_goes {
        for _ in 0..count {
            let Some(member) = random(set.view(), rng) else { break };
            out.add(member.item());
            set.remove(&member, hasher);
        }
        return None;
    }
    let mut rest = Set::small();
    for _ in 0..stay {
        let Some(member) = random(set.view(), rng) else { break };
        set.remove(&member, hasher);
        rest.add(&member, limits, hasher);
    }
    set.view().for_each(|member| out.add(member));
    Some(rest)
}
