//! XREADGROUP: entries of several streams for a consumer of a group: those that nobody of the group got yet, or those that it got and has not
//! acknowledged.

use std::ops::ControlFlow;

use larder_proto::resp::ReplyBuf;

use super::read_arguments::{self, Reading};
use super::records::GroupRecords;
use super::{access, reply};
use crate::engine::context::{Args, Context};
use crate::engine::error::{CmdError, as_shown};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Locks, Log, Run, SPEC, acl, flag};
use crate::keyspace::blocked::Wait;
use crate::keyspace::effect::{Reach, class};
use crate::keyspace::value::stream::group::Group;
use crate::keyspace::value::stream::{Entries, Figures, Stream, StreamId};

pub(crate) static XREADGROUP: CommandSpec = CommandSpec {
    name: "xreadgroup",
    arity: -7,
    flags: flag::BLOCKING | flag::WRITE,
    acl: acl::BLOCKING | acl::SLOW | acl::STREAM | acl::WRITE,
    keys: &[read_arguments::keys(4)],
    keys_by_hand: Some(read_arguments::keys_by_hand),
    args: &[
        Arg {
            name: "group-block",
            kind: ArgKind::Block(&[Arg { name: "group", ..ARG }, Arg { name: "consumer", ..ARG }]),
            token: "GROUP",
            ..ARG
        },
        Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..ARG },
        Arg { name: "milliseconds", kind: ArgKind::Integer, token: "BLOCK", optional: true, ..ARG },
        Arg { name: "noack", kind: ArgKind::PureToken, token: "NOACK", optional: true, ..ARG },
        Arg {
            name: "streams",
            kind: ArgKind::Block(&[
                Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG },
                Arg { name: "id", multiple: true, ..ARG },
            ]),
            token: "STREAMS",
            ..ARG
        },
    ],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Blocking(exec),
    docs: Docs {
        summary: "Returns entries of streams to a consumer of a group, or waits for some",
        complexity: "O(M) for each stream, where M is the number of entries returned",
        since: "5.0.0",
        group: "stream",
        ..DOCS
    },
    ..SPEC
};

const DOLLAR: CmdError = CmdError::coded(
    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.",
);
const PLUS: CmdError = CmdError::coded(
    "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set.",
);

/// Stands for `>`. Valkey takes the greatest ID for it, too.
const NEW: StreamId = StreamId::MAX;

/// Behind which ID the history of the consumer is read, or [`NEW`].
fn start(id: &[u8]) -> Result<StreamId, CmdError> {
    match as_shown(id) {
        b"$" => Err(DOLLAR),
        b"+" => Err(PLUS),
        b">" => Ok(NEW),
        _ => access::strict_id(id, 0),
    }
}

/// One consumer reading one stream.
struct Reader<'a> {
    group: &'a mut Group,
    entries: &'a Entries,
    figures: &'a Figures,
    consumer: u32,
    count: u64,
    now_ms: i64,
    records: &'a mut GroupRecords,
}

impl Reader<'_> {
    /// True if there is something that nobody of the group got yet.
    fn has_new(&self) -> bool {
        let last = self.group.last_id;
        self.figures.last_id > last && self.entries.last_id().is_some_and(|id| id > last)
    }

    /// Replies what nobody of the group got yet. With `keeps` it is pending from now on.
    fn read_new(&mut self, reply: &mut ReplyBuf, keeps: bool) {
        let deferred = reply.deferred_array();
        let mut sent = 0;
        let (entries, first) = (self.entries, self.group.last_id.next().unwrap_or_default());
        entries.walk(first, StreamId::MAX, |entry| {
            self.group.advance(entry.id, self.figures);
            reply::entry(reply, &entry);
            if keeps {
                self.group.deliver(entry.id, self.consumer, self.now_ms);
                self.records.note_pending(self.group, entry.id);
            }
            sent += 1;
            if sent == self.count { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        self.records.has_moved = sent > 0;
        if keeps && sent > 0 {
            self.group.consumer_mut(self.consumer).active_ms = self.now_ms;
        }
        reply.end_deferred(deferred, sent as usize);
    }

    /// Replies what is pending with the consumer behind `start`. Of an entry that was deleted nothing is known but its ID.
    fn read_history(&mut self, reply: &mut ReplyBuf, start: StreamId) {
        let deferred = reply.deferred_array();
        let mut sent = 0;
        let mut next = start.next();
        while let Some(from) = next
            && let Some(id) = self.group.consumer(self.consumer).next_pending(from)
        {
            match self.entries.get(id) {
                Some(entry) => {
                    reply::entry(reply, &entry);
                    self.group.deliver_again(id, self.now_ms);
                    self.records.note_pending(self.group, id);
                }
                None => {
                    reply.array(2);
                    reply::id(reply, id);
                    reply.null_array();
                }
            }
            sent += 1;
            if sent == self.count {
                break;
            }
            next = id.next();
        }
        reply.end_deferred(deferred, sent as usize);
    }
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> Result<Option<Wait>, CmdError> {
    let reading = Reading::parse(args, true)?;
    let Some((name, consumer)) = reading.group else { return Err(CmdError::Syntax) };
    let mut starts = smallvec::SmallVec::<[StreamId; 8]>::new();
    for (number, id) in reading.ids.iter().enumerate() {
        let key = args.key(number)?;
        let stream = access::read(&mut context.keys, key)?;
        if stream.and_then(|stream| stream.group(name)).is_none() {
            return Err(access::no_key_or_group(key.name(), name, " in XREADGROUP with GROUP option"));
        }
        starts.push(start(id)?);
    }
    let mut answer = reply::Streams::new(starts.len());
    let now_ms = context.now_ms;
    for (number, start) in starts.into_iter().enumerate() {
        let reply = &mut *context.reply;
        let mut records = GroupRecords::new(context.keys.is_logging());
        let mut key = context.keys.open(args.key(number)?);
        let name_of_key = args.key(number)?.name();
        let (is_new_consumer, is_served) = key.change_if(|stream: &mut Stream| {
            let Some((entries, figures, group)) = stream.split(name) else { return ((false, false), false) };
            let (consumer, is_new_consumer) = group.add_consumer(consumer, now_ms);
            records.is_new_consumer = is_new_consumer;
            group.consumer_mut(consumer).seen_ms = now_ms;
            let mut reader = Reader { group, entries, figures, consumer, count: reading.count, now_ms, records: &mut records };
            let is_served = start != NEW || reader.has_new();
            if is_served {
                answer.begin(reply, name_of_key);
                if start == NEW {
                    reader.read_new(reply, !reading.no_ack);
                } else {
                    reader.read_history(reply, start);
                }
            }
            let Reader { group, records, .. } = reader;
            records.note_end(group);
            ((is_new_consumer, is_served), is_new_consumer || is_served)
        })?;
        key.set_reach(Reach::Nobody);
        if is_new_consumer {
            key.change_event(class::STREAM, "xgroup-createconsumer");
        }
        key.count_changes(u64::from(is_served));
        drop(key);
        if is_new_consumer || is_served {
            records.add(&mut context.keys, args.key(number)?, name, consumer);
        }
    }
    if answer.end(context.reply) { Ok(None) } else { Ok(reading.wait(context, None)) }
}
