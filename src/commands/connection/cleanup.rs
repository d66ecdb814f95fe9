//! Undoes what a client's commands left behind, when it resets or goes.

use std::sync::atomic::Ordering;

use crate::clients::{Session, bit};
use crate::engine::context::Context;
use crate::engine::{blocking, monitor, transaction};

/// Ends transaction, watches, subscriptions and MONITOR.
pub fn cleanup(context: &mut Context<'_>, session: &mut Session) {
    blocking::leave(context.shared, session, &context.caller.client);
    transaction::discard(context, session);
    let id = context.caller.client.id;
    let pubsub = &context.shared.pubsub;
    let subscriptions = std::mem::take(&mut session.subscriptions);
    subscriptions.channels.iter().for_each(|channel| pubsub.unsubscribe(channel, id));
    subscriptions.patterns.iter().for_each(|pattern| pubsub.pattern_unsubscribe(pattern, id));
    subscriptions.shard_channels.iter().for_each(|channel| pubsub.shard_unsubscribe(channel, id));
    let figures = &context.caller.client.figures;
    for count in [&figures.channels, &figures.patterns, &figures.shard_channels, &figures.subscribed_names] {
        count.store(0, Ordering::Relaxed);
    }
    context.caller.client.set(bit::PUBSUB | bit::MONITOR, false);
    if session.monitor {
        session.monitor = false;
        monitor::remove(context.shared, id);
    }
}
