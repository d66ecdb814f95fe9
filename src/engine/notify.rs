//! Keyspace notifications: events that commands caused become messages on `__keyspace@<db>__:<key>` and
//! `__keyevent@<db>__:<event>` (the documentation's "Keyspace notifications").

use std::sync::atomic::Ordering;

use super::shared::Shared;
use crate::keyspace::effect::{KeyEvent, class};

/// Publishes events, in order. Called with no lock held.
pub fn publish(shared: &Shared, events: &[KeyEvent]) {
    let flags = shared.keyspace.settings.notify.load(Ordering::Relaxed);
    if shared.pubsub.is_silent() {
        return;
    }
    for event in events {
        if flags & class::KEYSPACE != 0 {
            let mut channel = format!("__keyspace@{}__:", event.db).into_bytes();
            channel.extend_from_slice(&event.key);
            shared.pubsub.publish(&channel, event.name.as_bytes());
        }
        if flags & class::KEYEVENT != 0 {
            shared.pubsub.publish(format!("__keyevent@{}__:{}", event.db, event.name).as_bytes(), &event.key);
        }
    }
}
