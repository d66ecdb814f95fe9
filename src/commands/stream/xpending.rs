//! XPENDING: what was delivered to a group and is not acknowledged: how much, or each entry with its consumer.

use larder_proto::resp::ReplyBuf;

use super::{access, reply};
use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::value::stream::StreamId;
use crate::keyspace::value::stream::group::{Group, Pending};

pub(crate) static XPENDING: CommandSpec = CommandSpec {
    name: "xpending",
    arity: -3,
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW | acl::STREAM,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "group", ..ARG },
        Arg {
            name: "filters",
            kind: ArgKind::Block(&[
                Arg { name: "min-idle-time", kind: ArgKind::Integer, token: "IDLE", optional: true, since: "6.2.0", ..ARG },
                Arg { name: "start", ..ARG },
                Arg { name: "end", ..ARG },
                Arg { name: "count", kind: ArgKind::Integer, ..ARG },
                Arg { name: "consumer", optional: true, ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns what is pending in a group",
        complexity: "O(N) where N is the number of entries looked at, or that of consumers",
        since: "5.0.0",
        group: "stream",
        history: &[("6.2.0", "`IDLE`, and bounds that are excluded.")],
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

/// Which entries are asked for.
struct Filter<'a> {
    min_idle_ms: i64,
    start: StreamId,
    end: StreamId,
    count: u64,
    consumer: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    /// `None` if only a summary is asked for.
    fn parse(args: &Args<'a>) -> Result<Option<Self>, CmdError> {
        let words = args.words();
        match words.len() {
            3 => return Ok(None),
            6..=9 => {}
            _ => return Err(CmdError::Syntax),
        }
        let (min_idle_ms, rest) = if is_word(words[3], "IDLE") {
            let min_idle_ms = integer(words[4])?;
            if words.len() < 8 {
                return Err(CmdError::Syntax);
            }
            (min_idle_ms, &words[5..])
        } else {
            (0, &words[3..])
        };
        let count = integer(rest[2])?.max(0) as u64;
        let (start, end) = (access::range_start(rest[0])?, access::range_end(rest[1])?);
        Ok(Some(Filter { min_idle_ms, start, end, count, consumer: rest.get(3).copied() }))
    }

    fn reply(&self, reply: &mut ReplyBuf, group: &Group, now_ms: i64) {
        let pending = group.pending();
        let Some(consumer) = self.consumer else {
            return self.reply_those(reply, group, pending.iter_from(self.start), now_ms);
        };
        let Some(consumer) = group.find_consumer(consumer) else { return reply.array(0) };
        let ids = group.consumer(consumer).pending_from(self.start);
        self.reply_those(reply, group, ids.filter_map(|id| Some((id, pending.get(id)?))), now_ms);
    }

    fn reply_those<'g>(&self, reply: &mut ReplyBuf, group: &Group, entries: impl Iterator<Item = (StreamId, &'g Pending)>, now_ms: i64) {
        let deferred = reply.deferred_array();
        let mut sent = 0;
        if self.count > 0 {
            for (id, pending) in entries.take_while(|(id, _)| *id <= self.end) {
                let idle_ms = now_ms.wrapping_sub(pending.delivered_ms);
                if self.min_idle_ms != 0 && idle_ms < self.min_idle_ms {
                    continue;
                }
                reply.array(4);
                reply::id(reply, id);
                reply.bulk(&group.consumer(pending.consumer).name);
                reply.integer(idle_ms.max(0));
                reply.integer(pending.deliveries as i64);
                sent += 1;
                if sent == self.count {
                    break;
                }
            }
        }
        reply.end_deferred(deferred, sent as usize);
    }
}

fn summary(reply: &mut ReplyBuf, group: &Group) {
    let pending = group.pending();
    reply.array(4);
    reply.integer(pending.len() as i64);
    let (Some(first), Some(last)) = (pending.front(), pending.back()) else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    reply::id(reply, pending.at(first).0);
    reply::id(reply, pending.at(last).0);
    let busy = || group.consumers().filter(|consumer| consumer.pending_len() > 0);
    reply.array(busy().count());
    for consumer in busy() {
        reply.array(2);
        reply.bulk(&consumer.name);
        reply.bulk_int(consumer.pending_len() as i64);
    }
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let filter = Filter::parse(args)?;
    let key = args.key(0)?;
    let haste = context.haste();
    let stream = access::read(&mut context.keys, key)?;
    let group = stream.and_then(|stream| stream.group(args[2])).ok_or_else(|| access::no_key_or_group(key.name(), args[2], ""))?;
    if let Some(filter) = &filter {
        // Those that are not idle enough are looked at, too.
        let looks_at_all = filter.min_idle_ms > 0 && filter.count > 0;
        let most = if looks_at_all { usize::MAX } else { usize::try_from(filter.count).unwrap_or(usize::MAX) };
        haste.check_elements(group.pending().len().min(most))?;
    }
    match filter {
        Some(filter) => filter.reply(context.reply, group, context.now_ms),
        None => summary(context.reply, group),
    }
    Ok(())
}
