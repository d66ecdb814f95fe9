//! XCLAIM: entries that are pending with other consumers of a group pass to this one.

use super::access::strict_id;
use super::claim::{Claim, Done, check_group, is_too_young};
use super::records::GroupRecords;
use crate::base::number::parse_i64;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::value::stream::{Stream, StreamId};

pub(crate) static XCLAIM: CommandSpec = CommandSpec {
    name: "xclaim",
    arity: -6,
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::STREAM | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "group", ..ARG },
        Arg { name: "consumer", ..ARG },
        Arg { name: "min-idle-time", ..ARG },
        Arg { name: "id", multiple: true, ..ARG },
        Arg { name: "ms", kind: ArgKind::Integer, token: "IDLE", optional: true, ..ARG },
        Arg { name: "unix-time-milliseconds", kind: ArgKind::UnixTime, token: "TIME", optional: true, ..ARG },
        Arg { name: "count", kind: ArgKind::Integer, token: "RETRYCOUNT", optional: true, ..ARG },
        Arg { name: "force", kind: ArgKind::PureToken, token: "FORCE", optional: true, ..ARG },
        Arg { name: "justid", kind: ArgKind::PureToken, token: "JUSTID", optional: true, ..ARG },
        Arg { name: "lastid", token: "LASTID", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Passes entries that are pending in a group to a consumer",
        complexity: "O(log(N)) for each entry, where N is the number of those that are pending",
        since: "5.0.0",
        group: "stream",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

struct Options {
    min_idle_ms: i64,
    ids: Vec<StreamId>,
    delivered_ms: i64,
    deliveries: Option<u64>,
    force: bool,
    just_id: bool,
    last_id: StreamId,
}

fn number(arg: &[u8], what: &str) -> Result<i64, CmdError> {
    parse_i64(arg).ok_or_else(|| CmdError::err(format!("Invalid {what} argument for XCLAIM")))
}

fn parse(args: &Args<'_>, now_ms: i64) -> Result<Options, CmdError> {
    let min_idle_ms = number(args[4], "min-idle-time")?.max(0);
    let ids: Vec<StreamId> = args[5..].iter().map_while(|arg| StreamId::parse(arg, 0)).collect();
    let mut rest = &args[5 + ids.len()..];
    let mut options =
        Options { min_idle_ms, ids, delivered_ms: -1, deliveries: None, force: false, just_id: false, last_id: StreamId::MIN };
    while let [word, more @ ..] = rest {
        let mut value = || {
            let [value, more @ ..] = more else { return Err(unknown(word)) };
            rest = more;
            Ok(*value)
        };
        if is_word(word, "IDLE") {
            options.delivered_ms = now_ms.wrapping_sub(number(value()?, "IDLE option")?);
        } else if is_word(word, "TIME") {
            options.delivered_ms = number(value()?, "TIME option")?;
        } else if is_word(word, "RETRYCOUNT") {
            options.deliveries = u64::try_from(number(value()?, "RETRYCOUNT option")?).ok();
        } else if is_word(word, "LASTID") {
            options.last_id = strict_id(value()?, 0)?;
        } else {
            options.force |= is_word(word, "FORCE");
            options.just_id |= is_word(word, "JUSTID");
            if !is_word(word, "FORCE") && !is_word(word, "JUSTID") {
                return Err(unknown(word));
            }
            rest = more;
        }
    }
    // A time that makes no sense stands for now: the client's clock may be ahead.
    if !(0..=now_ms).contains(&options.delivered_ms) {
        options.delivered_ms = now_ms;
    }
    Ok(options)
}

fn unknown(word: &[u8]) -> CmdError {
    CmdError::naming("Unrecognized XCLAIM option '{}'", word)
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    check_group(context, args)?;
    let now_ms = context.now_ms;
    let options = parse(args, now_ms)?;
    let reply = &mut *context.reply;
    let mut records = GroupRecords::new(context.keys.is_logging());
    let mut key = context.keys.open(args.key(0)?);
    let done = key.change_if(|stream: &mut Stream| {
        let mut done = Done::default();
        let Some((entries, _, group)) = stream.split(args[2]) else { return (done, false) };
        let is_ahead = options.last_id > group.last_id;
        group.last_id = group.last_id.max(options.last_id);
        let (consumer, is_new_consumer) = group.add_consumer(args[3], now_ms);
        done.is_new_consumer = is_new_consumer;
        group.consumer_mut(consumer).seen_ms = now_ms;
        let Options { delivered_ms, deliveries, just_id, .. } = options;
        let claim = Claim { consumer, delivered_ms, deliveries, just_id };
        let deferred = reply.deferred_array();
        let mut claimed = 0;
        for id in &options.ids {
            let pending = group.pending().get(*id).copied();
            let Some(entry) = entries.get(*id) else {
                // It was deleted, so nobody can be given it.
                if group.acknowledge(*id) {
                    done.changes += 1;
                    records.acknowledged.push(*id);
                }
                continue;
            };
            let before = match pending {
                Some(pending) if is_too_young(&pending, options.min_idle_ms, now_ms) => continue,
                Some(pending) => pending.deliveries,
                None if options.force => 1,
                None => continue,
            };
            claim.take(group, reply, &entry, before, now_ms);
            records.note_pending(group, *id);
            claimed += 1;
        }
        reply.end_deferred(deferred, claimed);
        done.changes += claimed as u64;
        if done.changes == 0 {
            done.changes = u64::from(is_ahead);
        }
        records.is_new_consumer = is_new_consumer;
        // Who is told of a claim is told of the last ID as well.
        records.has_moved = is_ahead && claimed == 0;
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
