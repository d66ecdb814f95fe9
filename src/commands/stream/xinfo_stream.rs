//! XINFO STREAM: what a stream is made of; with FULL also its entries, its groups and what is pending there.
//!
//! `radix-tree-keys` is the number of nodes, as for Valkey. There is no radix tree here, so that `radix-tree-nodes` counts the nodes and what
//! holds them: for streams of up to one node that is Valkey's number.

use larder_proto::resp::ReplyBuf;

use super::{access, reply};
use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::keyspace::value::stream::group::Group;
use crate::keyspace::value::stream::{Stream, StreamId};

/// Entries of each kind that FULL shows unless it is told otherwise.
const COUNT: u64 = 10;

/// Most entries of each kind that are to be shown, 0 for no limit; `None` without FULL.
fn parse(args: &Args<'_>) -> Result<Option<u64>, CmdError> {
    match &args[3..] {
        [] => Ok(None),
        [full] if is_word(full, "FULL") => Ok(Some(COUNT)),
        [full, word, count] if is_word(full, "FULL") && is_word(word, "COUNT") => Ok(Some(u64::try_from(integer(count)?).unwrap_or(COUNT))),
        _ => Err(CmdError::subcommand_syntax(args)),
    }
}

pub(super) fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let haste = context.haste();
    let stream = access::read(&mut context.keys, args.key(0)?)?.ok_or(CmdError::NoSuchKey)?;
    let count = parse(args)?;
    if let Some(count) = count {
        let pending: usize = stream.groups().map(|group| 2 * shown(group.pending().len(), count) + group.consumers().len()).sum();
        haste.check_elements(
            stream.entries().count_up_to((StreamId::MIN, StreamId::MAX), if count == 0 { u64::MAX } else { count }) + pending,
        )?;
    }
    let reply = &mut *context.reply;
    let figures = stream.figures();
    reply.map(if count.is_some() { 9 } else { 10 });
    reply.bulk(b"length");
    reply.integer(figures.len as i64);
    reply.bulk(b"radix-tree-keys");
    reply.integer(stream.nodes_len() as i64);
    reply.bulk(b"radix-tree-nodes");
    reply.integer(stream.nodes_len() as i64 + 1);
    reply.bulk(b"last-generated-id");
    reply::id(reply, figures.last_id);
    reply.bulk(b"max-deleted-entry-id");
    reply::id(reply, figures.max_deleted_id);
    reply.bulk(b"entries-added");
    reply.integer(figures.entries_added as i64);
    reply.bulk(b"recorded-first-entry-id");
    reply::id(reply, figures.first_id);
    match count {
        None => {
            reply.bulk(b"groups");
            reply.integer(stream.groups().len() as i64);
            let entries = stream.entries();
            reply.bulk(b"first-entry");
            reply::entry_or_null(reply, entries.first_id().and_then(|id| entries.get(id)));
            reply.bulk(b"last-entry");
            reply::entry_or_null(reply, entries.last_id().and_then(|id| entries.get(id)));
        }
        Some(count) => {
            reply.bulk(b"entries");
            reply::range(reply, stream.entries(), (StreamId::MIN, StreamId::MAX), count, false);
            reply.bulk(b"groups");
            reply.array(stream.groups().len());
            stream.groups().for_each(|group| full_group(reply, stream, group, count));
        }
    }
    Ok(())
}

/// How many of so many are shown.
fn shown(len: usize, count: u64) -> usize {
    if count == 0 { len } else { len.min(usize::try_from(count).unwrap_or(usize::MAX)) }
}

fn full_group(reply: &mut ReplyBuf, stream: &Stream, group: &Group, count: u64) {
    let pending = group.pending();
    reply.map(7);
    reply.bulk(b"name");
    reply.bulk(group.name());
    reply.bulk(b"last-delivered-id");
    reply::id(reply, group.last_id);
    reply.bulk(b"entries-read");
    reply::integer_or_null(reply, group.entries_read.map(|read| read as i64));
    reply.bulk(b"lag");
    reply::integer_or_null(reply, stream.figures().lag(group.last_id, group.entries_read));
    reply.bulk(b"pel-count");
    reply.integer(pending.len() as i64);
    reply.bulk(b"pending");
    let len = shown(pending.len(), count);
    reply.array(len);
    for (id, one) in pending.iter().take(len) {
        reply.array(4);
        reply::id(reply, id);
        reply.bulk(&group.consumer(one.consumer).name);
        reply.integer(one.delivered_ms);
        reply.integer(one.deliveries as i64);
    }
    reply.bulk(b"consumers");
    reply.array(group.consumers().len());
    for consumer in group.consumers() {
        reply.map(5);
        reply.bulk(b"name");
        reply.bulk(&consumer.name);
        reply.bulk(b"seen-time");
        reply.integer(consumer.seen_ms);
        reply.bulk(b"active-time");
        reply.integer(consumer.active_ms);
        reply.bulk(b"pel-count");
        reply.integer(consumer.pending_len() as i64);
        reply.bulk(b"pending");
        let len = shown(consumer.pending_len(), count);
        reply.array(len);
        for (id, one) in consumer.pending_from(StreamId::MIN).filter_map(|id| Some((id, pending.get(id)?))).take(len) {
            reply.array(3);
            reply::id(reply, id);
            reply.integer(one.delivered_ms);
            reply.integer(one.deliveries as i64);
        }
    }
}
