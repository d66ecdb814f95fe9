//! XAUTOCLAIM: entries that have been pending in a group for long pass to a consumer, some at a time.

use super::access::range_start;
use super::claim::{Claim, Done, check_group, is_too_young, reply_ids};
use super::records::GroupRecords;
use super::reply;
use crate::base::number::parse_i64;
use crate::engine::context::{Args, CmdResult, Context, integer_in, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::value::stream::{Stream, StreamId};

pub(crate) static XAUTOCLAIM: CommandSpec = CommandSpec {
    name: "xautoclaim",
    arity: -6,
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::STREAM | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::DELETE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "group", ..ARG },
        Arg { name: "consumer", ..ARG },
        Arg { name: "min-idle-time", ..ARG },
        Arg { name: "start", ..ARG },
        Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..ARG },
        Arg { name: "justid", kind: ArgKind::PureToken, token: "JUSTID", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Passes entries that have been pending in a group for long to a consumer",
        complexity: "O(N) where N is ten times COUNT at most",
        since: "6.2.0",
        group: "stream",
        history: &[("7.0.0", "Replies the IDs of entries that are no longer there, too.")],
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

/// Entries that are looked at for each one that may be claimed.
const ATTEMPTS: u64 = 10;
const COUNT_MAX: i64 = i64::MAX / 16;
/// A number of IDs for which Valkey finds no memory.
const COUNT_TOO_HIGH: u64 = 1 << 42;

struct Options {
    min_idle_ms: i64,
    start: StreamId,
    count: u64,
    just_id: bool,
}

fn parse(args: &Args<'_>) -> Result<Options, CmdError> {
    let min_idle_ms = parse_i64(args[4]).ok_or(CmdError::coded("ERR Invalid min-idle-time argument for XAUTOCLAIM"))?.max(0);
    let mut options = Options { min_idle_ms, start: range_start(args[5])?, count: 100, just_id: false };
    let mut rest = &args[6..];
    while let [word, more @ ..] = rest {
        rest = more;
        match more {
            [count, more @ ..] if is_word(word, "COUNT") => {
                options.count = integer_in(count, 1..=COUNT_MAX, "COUNT must be > 0")? as u64;
                rest = more;
            }
            _ if is_word(word, "JUSTID") => options.just_id = true,
            _ => return Err(CmdError::Syntax),
        }
    }
    Ok(options)
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    // The key is looked up before an argument is refused: a miss is counted and told of.
    let group = check_group(context, args);
    let options = parse(args)?;
    group?;
    if options.count >= COUNT_TOO_HIGH {
        return Err(CmdError::coded("ERR Insufficient memory, failed allocating transient memory, COUNT too high."));
    }
    let now_ms = context.now_ms;
    let reply = &mut *context.reply;
    let mut records = GroupRecords::new(context.keys.is_logging());
    let mut key = context.keys.open(args.key(0)?);
    let done = key.change_if(|stream: &mut Stream| {
        let mut done = Done::default();
        let Some((entries, _, group)) = stream.split(args[2]) else { return (done, false) };
        let (consumer, is_new_consumer) = group.add_consumer(args[3], now_ms);
        done.is_new_consumer = is_new_consumer;
        group.consumer_mut(consumer).seen_ms = now_ms;
        let claim = Claim { consumer, delivered_ms: now_ms, deliveries: None, just_id: options.just_id };
        let (mut claimed, mut deleted) = (Vec::new(), Vec::new());
        let mut place = group.pending().ceiling(options.start);
        let (mut attempts, mut left) = (options.count * ATTEMPTS, options.count);
        while attempts > 0
            && left > 0
            && let Some(here) = place
        {
            attempts -= 1;
            let (id, pending) = group.pending().at(here);
            if entries.get(id).is_none() {
                // It was deleted, so nobody can be given it.
                group.acknowledge(id);
                deleted.push(id);
                place = group.pending().ceiling(id);
                left -= 1;
                continue;
            }
            if !is_too_young(pending, options.min_idle_ms, now_ms) {
                claimed.push(id);
                left -= 1;
            }
            place = group.pending().next(here);
        }
        let next = place.map_or(StreamId::MIN, |place| group.pending().at(place).0);
        reply.array(3);
        reply::id(reply, next);
        reply.array(claimed.len());
        for id in &claimed {
            if let (Some(entry), Some(pending)) = (entries.get(*id), group.pending().get(*id)) {
                let before = pending.deliveries;
                claim.take(group, reply, &entry, before, now_ms);
                records.note_pending(group, *id);
            }
        }
        reply_ids(reply, &deleted);
        done.changes = (claimed.len() + deleted.len()) as u64;
        records.is_new_consumer = is_new_consumer;
        records.acknowledged = deleted;
        records.note_end(group);
        (done, done.is_any())
    })?;
    done.tell(&mut key);
    drop(key);
    if done.is_any() {
        records.add(&mut context.keys, args.key(0)?, args[2], args[3]);
    }
    Ok(())
}
