//! What the three kinds of subscription share.
//!
//! Confirmations are pushes: they reach the client even after CLIENT REPLY OFF, as in Valkey.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use larder_proto::resp::ReplyBuf;

use crate::base::slot::key_slot;
use crate::clients::session::{ReplyMode, Subscriptions};
use crate::clients::{Caller, Message, Session, bit};
use crate::engine::context::Context;
use crate::topology::{Access, DownReason, Route};

/// What is subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Channel,
    Pattern,
    Shard,
}

impl Kind {
    fn verbs(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Kind::Channel => (b"subscribe", b"unsubscribe"),
            Kind::Pattern => (b"psubscribe", b"punsubscribe"),
            Kind::Shard => (b"ssubscribe", b"sunsubscribe"),
        }
    }

    fn set(self, subscriptions: &mut Subscriptions) -> &mut BTreeSet<Bytes> {
        match self {
            Kind::Channel => &mut subscriptions.channels,
            Kind::Pattern => &mut subscriptions.patterns,
            Kind::Shard => &mut subscriptions.shard_channels,
        }
    }

    /// The number that confirmations carry: shard channels are counted apart.
    fn count(self, subscriptions: &Subscriptions) -> usize {
        if self == Kind::Shard { subscriptions.shard_channels.len() } else { subscriptions.count() }
    }
}

/// Subscribes to each name and confirms each.
pub(super) fn subscribe(context: &mut Context<'_>, session: &mut Session, kind: Kind, names: &[&[u8]]) {
    for name in names {
        let name = Bytes::copy_from_slice(name);
        if kind.set(&mut session.subscriptions).insert(name.clone()) {
            session.subscriptions.names_len += name.len();
            let (pubsub, client) = (&context.shared.pubsub, &context.caller.client);
            match kind {
                Kind::Channel => pubsub.subscribe(&name, client),
                Kind::Pattern => pubsub.pattern_subscribe(&name, client),
                Kind::Shard => pubsub.shard_subscribe(&name, client),
            };
        }
        confirm(context, session, kind, kind.verbs().0, Some(&name));
    }
    report(context.caller, session);
}

/// Unsubscribes from each name, or from all without any, and confirms each.
pub(super) fn unsubscribe(context: &mut Context<'_>, session: &mut Session, kind: Kind, names: &[&[u8]]) {
    let names: Vec<Bytes> = if names.is_empty() {
        kind.set(&mut session.subscriptions).iter().cloned().collect()
    } else {
        names.iter().map(|name| Bytes::copy_from_slice(name)).collect()
    };
    if names.is_empty() {
        confirm(context, session, kind, kind.verbs().1, None);
    }
    for name in names {
        if kind.set(&mut session.subscriptions).remove(&name) {
            session.subscriptions.names_len -= name.len();
            let (pubsub, id) = (&context.shared.pubsub, context.caller.client.id);
            match kind {
                Kind::Channel => pubsub.unsubscribe(&name, id),
                Kind::Pattern => pubsub.pattern_unsubscribe(&name, id),
                Kind::Shard => pubsub.shard_unsubscribe(&name, id),
            }
        }
        confirm(context, session, kind, kind.verbs().1, Some(&name));
    }
    report(context.caller, session);
}

/// Takes the client off the shard channels whose slots have left this node, and tells it, as Valkey does: it may subscribe elsewhere.
pub fn leave_lost_channels(context: &mut Context<'_>, session: &mut Session) {
    let Some(cluster) = &context.shared.cluster else { return };
    let topology = cluster.topology.load();
    let access = Access { readonly_client: context.caller.readonly, write: false, shard_channel: true };
    let is_lost = |channel: &&Bytes| {
        matches!(topology.route(&cluster.me, key_slot(channel), access), Route::Moved { .. } | Route::Down(DownReason::Unbound))
    };
    let lost: Vec<Bytes> = session.subscriptions.shard_channels.iter().filter(is_lost).cloned().collect();
    if !lost.is_empty() {
        let names: Vec<&[u8]> = lost.iter().map(|channel| &channel[..]).collect();
        unsubscribe(context, session, Kind::Shard, &names);
    }
}

fn confirm(context: &mut Context<'_>, session: &mut Session, kind: Kind, verb: &[u8], name: Option<&[u8]>) {
    let count = kind.count(&session.subscriptions) as i64;
    let write = |reply: &mut ReplyBuf| {
        reply.push(3);
        reply.bulk(verb);
        match name {
            Some(name) => reply.bulk(name),
            None => reply.null(),
        }
        reply.integer(count);
    };
    if session.reply_mode == ReplyMode::On {
        write(context.reply);
        return;
    }
    let mut message = ReplyBuf::default();
    message.set_resp3(context.reply.is_resp3());
    write(&mut message);
    context.caller.client.outbox.enqueue(Message { bytes: message.buf.freeze(), offset: 0 });
}

/// Publishes the figures that CLIENT LIST shows, and which output limit applies.
fn report(caller: &Caller, session: &Session) {
    let (figures, subscriptions) = (&caller.client.figures, &session.subscriptions);
    figures.channels.store(subscriptions.channels.len() as u64, Ordering::Relaxed);
    figures.patterns.store(subscriptions.patterns.len() as u64, Ordering::Relaxed);
    figures.shard_channels.store(subscriptions.shard_channels.len() as u64, Ordering::Relaxed);
    figures.subscribed_names.store(subscriptions.names_len as u64, Ordering::Relaxed);
    caller.client.set(bit::PUBSUB, !subscriptions.is_empty());
}
