//! Undoes what a client's commands left behind, when it resets or goes.

use std::sync::atomic::Ordering;

use crate::clients::bit;
use crate::commands::transaction;
use crate::engine::context::Context;
use crate::engine::monitor;

/// Ends transaction, watches, subscriptions and MONITOR.
pub fn cleanup(context: &mut Context<'_>) {
    transaction::discard(context);
    let id = context.session.client.id;
    let pubsub = &context.shared.pubsub;
    let subscriptions = std::mem::take(&mut context.session.subscriptions);
    subscriptions.channels.iter().for_each(|channel| pubsub.unsubscribe(channel, id));
    subscriptions.patterns.iter().for_each(|pattern| pubsub.pattern_unsubscribe(pattern, id));
    subscriptions.shard_channels.iter().for_each(|channel| pubsub.shard_unsubscribe(channel, id));
    let figures = &context.session.client.figures;
    for count in [&figures.channels, &figures.patterns, &figures.shard_channels] {
        count.store(0, Ordering::Relaxed);
    }
    context.session.client.set(bit::PUBSUB | bit::MONITOR, false);
    if context.session.monitor {
        context.session.monitor = false;
        monitor::remove(context.shared, id);
    }
}
