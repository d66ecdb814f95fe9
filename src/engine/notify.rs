//! What others are told of changes: the write log, and keyspace notifications: events that commands caused become messages on
//! `__keyspace@<db>__:<key>` and `__keyevent@<db>__:<event>` (the documentation's "Keyspace notifications").

use std::sync::Arc;

use crate::base::limits::LOG_COPIED_LEN_MAX;
use crate::keyspace::changes::{ChangeSink, Changes};
use crate::keyspace::effect::class;
use crate::keyspace::records::Records;
use crate::persist::write_log::{Addition, Body, WriteLog};
use crate::pubsub::PubSub;

/// Tells the node's log and channels of changes of keys.
#[derive(Debug)]
pub struct Notifier {
    pubsub: Arc<PubSub>,
    log: Arc<WriteLog>,
}

impl Notifier {
    /// Tells this log, and the listeners of these channels.
    pub fn new(pubsub: Arc<PubSub>, log: Arc<WriteLog>) -> Notifier {
        Notifier { pubsub, log }
    }

    /// Appends the records to the log. Returns the offset behind them.
    fn append(&self, records: &mut Records, changes: &mut Changes) -> u64 {
        // What stands in no record depends on what others have changed until now.
        let Some(databases) = records.databases() else { return self.log.end() };
        let is_transaction = records.is_transaction();
        let is_long = records.bytes().len() > LOG_COPIED_LEN_MAX;
        let body = if is_long { Body::Long(records.take_bytes()) } else { Body::Short(records.bytes()) };
        let offset = self.log.append(Addition { body, databases, is_transaction }, |waker| changes.wake_later(waker));
        records.clear();
        offset
    }

    /// Puts the messages into the outboxes of their receivers, in order. These are woken once the stripes are released.
    fn publish(&self, notify: u32, offset: u64, changes: &mut Changes) {
        let events = std::mem::take(&mut changes.events);
        if self.pubsub.is_silent() {
            return;
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
    }
}

impl ChangeSink for Notifier {
    fn commit(&self, notify: u32, records: &mut Records, changes: &mut Changes) -> u64 {
        let offset = self.append(records, changes);
        self.publish(notify, offset, changes);
        offset
    }
}
