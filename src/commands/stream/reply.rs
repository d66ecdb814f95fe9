//! Entries of streams as replies.

use std::ops::ControlFlow;

use larder_proto::resp::{Deferred, ReplyBuf};

use crate::engine::item_reply::bulk_item;
use crate::keyspace::value::stream::{Entries, Entry, StreamId};

#[inline]
pub(super) fn id(reply: &mut ReplyBuf, id: StreamId) {
    reply.bulk(id.text().as_bytes());
}

/// An entry: its ID, and its fields with their values.
#[inline]
pub(super) fn entry(reply: &mut ReplyBuf, entry: &Entry<'_>) {
    reply.array(2);
    id(reply, entry.id);
    reply.array(entry.fields() * 2);
    entry.for_each(|field, value| {
        bulk_item(reply, field);
        bulk_item(reply, value);
    });
}

/// The entry of an ID, or null.
pub(super) fn entry_or_null(reply: &mut ReplyBuf, found: Option<Entry<'_>>) {
    match found {
        Some(found) => entry(reply, &found),
        None => reply.null(),
    }
}

/// Entries from `start` to `end`, both included; no more than `count` if that is not 0.
pub(super) fn range(reply: &mut ReplyBuf, entries: &Entries, (start, end): (StreamId, StreamId), count: u64, is_reverse: bool) {
    let deferred = reply.deferred_array();
    let mut sent = 0;
    let each = |found: Entry<'_>| {
        entry(reply, &found);
        sent += 1;
        if sent == count || reply.overflow_len().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    if is_reverse {
        entries.walk_back(start, end, each);
    } else {
        entries.walk(start, end, each);
    }
    reply.end_deferred(deferred, sent as usize);
}

/// The answer to a request for several streams, of which only those are in it that have something: an array of pairs, in RESP3 a map.
#[derive(Debug)]
pub(super) struct Streams {
    /// Most streams that it may hold.
    most: usize,
    deferred: Option<Deferred>,
    count: usize,
}

impl Streams {
    pub(super) fn new(most: usize) -> Streams {
        Streams { most, deferred: None, count: 0 }
    }

    /// Begins the part of a stream, whose entries follow.
    #[inline]
    pub(super) fn begin(&mut self, reply: &mut ReplyBuf, key: &[u8]) {
        if self.count == 0 {
            match (self.most, reply.is_resp3()) {
                (1, false) => reply.array(1),
                (1, true) => reply.map(1),
                (_, false) => self.deferred = Some(reply.deferred_array()),
                (_, true) => self.deferred = Some(reply.deferred_map()),
            }
        }
        self.count += 1;
        if !reply.is_resp3() {
            reply.array(2);
        }
        reply.bulk(key);
    }

    /// Ends it. False if it holds nothing.
    #[inline]
    pub(super) fn end(self, reply: &mut ReplyBuf) -> bool {
        if let Some(deferred) = self.deferred {
            reply.end_deferred(deferred, self.count);
        }
        self.count > 0
    }
}

/// A number, or null.
pub(super) fn integer_or_null(reply: &mut ReplyBuf, number: Option<i64>) {
    match number {
        Some(number) => reply.integer(number),
        None => reply.null(),
    }
}
