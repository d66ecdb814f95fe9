//! Keyspace notifications: events that commands caused become messages on `__keyspace@<db>__:<key>` and
//! `__keyevent@<db>__:<event>` (the documentation's "Keyspace notifications").

use std::sync::Arc;

use crate::keyspace::changes::{ChangeSink, Changes};
use crate::keyspace::effect::class;
use crate::pubsub::PubSub;

/// Tells the node's channels of changes of keys.
#[derive(Debug)]
pub struct Notifier {
    pubsub: Arc<PubSub>,
}

impl Notifier {
    /// Tells the listeners of these channels.
    pub fn new(pubsub: Arc<PubSub>) -> Notifier {
        Notifier { pubsub }
    }
}

impl ChangeSink for Notifier {
    /// Puts the messages into the outboxes of their receivers, in order. These are woken once the stripes are released.
    fn commit(&self, notify: u32, changes: &mut Changes) -> u64 {
        // There is no write log whose offset they could depend on.
        let offset = 0;
        let events = std::mem::take(&mut changes.events);
        if self.pubsub.is_silent() {
            return offset;
        }
        for event in events {
            if notify & class::KEYSPACE != 0 {
                let mut channel = format!("__keyspace@{}__:", event.db).into_bytes();
                channel.extend_from_slice(&event.key);
                self.pubsub.publish(&channel, event.name.as_bytes(), offset, &mut |waker| changes.wake_later(waker));
            }
            if notify & class::KEYEVENT != 0 {
                let channel = format!("__keyevent@{}__:{}", event.db, event.name);
                self.pubsub.publish(channel.as_bytes(), &event.key, offset, &mut |waker| changes.wake_later(waker));
            }
        }
        offset
    }
}
