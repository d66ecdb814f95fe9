//! What XCLAIM and XAUTOCLAIM share: an entry that is pending passes to a consumer.

use larder_proto::resp::ReplyBuf;

use super::{access, reply};
use crate::engine::context::{Args, Context};
use crate::engine::error::CmdError;
use crate::keyspace::effect::{Reach, class};
use crate::keyspace::key_mut::KeyMut;
use crate::keyspace::value::stream::group::{Group, Pending};
use crate::keyspace::value::stream::{Entry, StreamId};

/// How entries pass to a consumer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    /// The consumer's number.
    pub(super) consumer: u32,
    /// From when on they count as delivered, unix milliseconds.
    pub(super) delivered_ms: i64,
    /// How often they count as delivered; `None`: once more, or, if only IDs are asked for, as often as before.
    pub(super) deliveries: Option<u64>,
    /// Only IDs are replied.
    pub(super) just_id: bool,
}

impl Claim {
    /// Passes an entry to the consumer, and replies it.
    pub(super) fn take(&self, group: &mut Group, reply: &mut ReplyBuf, entry: &Entry<'_>, before: u64, now_ms: i64) {
        let deliveries = self.deliveries.unwrap_or_else(|| before.wrapping_add(u64::from(!self.just_id)));
        group.assign(entry.id, Pending { delivered_ms: self.delivered_ms, deliveries, consumer: self.consumer });
        group.consumer_mut(self.consumer).active_ms = now_ms;
        if self.just_id {
            reply::id(reply, entry.id);
        } else {
            reply::entry(reply, entry);
        }
    }
}

/// True if so much time has not passed since a delivery.
pub(super) fn is_too_young(pending: &Pending, min_idle_ms: i64, now_ms: i64) -> bool {
    min_idle_ms > 0 && now_ms.wrapping_sub(pending.delivered_ms) < min_idle_ms
}

/// The error if key or group are not there. Both are arguments 1 and 2.
pub(super) fn check_group(context: &mut Context<'_>, args: &Args<'_>) -> Result<(), CmdError> {
    let key = args.key(0)?;
    let stream = access::read(&mut context.keys, key)?;
    match stream.and_then(|stream| stream.group(args[2])) {
        Some(_) => Ok(()),
        None => Err(access::no_key_or_group(key.name(), args[2], "")),
    }
}

/// What was done to a group.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Done {
    pub(super) is_new_consumer: bool,
    pub(super) changes: u64,
}

impl Done {
    pub(super) fn is_any(self) -> bool {
        self.is_new_consumer || self.changes > 0
    }

    /// Tells of it.
    pub(super) fn tell(self, key: &mut KeyMut<'_, '_, '_>) {
        key.set_reach(Reach::Nobody);
        if self.is_new_consumer {
            key.change_event(class::STREAM, "xgroup-createconsumer");
        }
        key.count_changes(self.changes);
    }
}

/// An array of IDs.
pub(super) fn reply_ids(reply: &mut ReplyBuf, ids: &[StreamId]) {
    reply.array(ids.len());
    ids.iter().for_each(|id| reply::id(reply, *id));
}
