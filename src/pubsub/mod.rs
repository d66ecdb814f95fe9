//! Channels: who listens, and delivery to them across workers (rank 3).
//!
//! Invariants: a message is encoded once per protocol version and shared by all its receivers; a receiver whose output exceeds
//! its hard limit is asked to close rather than given more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use bytes::Bytes;
use dashmap::DashMap;
use larder_proto::resp::ReplyBuf;
use parking_lot::RwLock;

use crate::base::glob::Glob;
use crate::base::kept_glob::KeptGlob;
use crate::clients::{Client, Message, bit};

type Subscribers = BTreeMap<u64, Arc<Client>>;

/// See the module's page.
#[derive(Debug, Default)]
pub struct PubSub {
    channels: DashMap<Bytes, Subscribers, foldhash::fast::RandomState>,
    shard_channels: DashMap<Bytes, Subscribers, foldhash::fast::RandomState>,
    patterns: RwLock<BTreeMap<Bytes, (KeptGlob, Subscribers)>>,
    pattern_count: AtomicUsize,
}

/// A message in both protocol versions, each encoded when first needed.
struct Encodings<'a> {
    /// The offset of the write log that it depends on.
    offset: u64,
    parts: &'a [&'a [u8]],
    encoded: [Option<Bytes>; 2],
}

impl<'a> Encodings<'a> {
    fn new(offset: u64, parts: &'a [&'a [u8]]) -> Self {
        Encodings { offset, parts, encoded: [None, None] }
    }

    fn bytes(&mut self, resp3: bool) -> Bytes {
        let parts = self.parts;
        self.encoded[usize::from(resp3)]
            .get_or_insert_with(|| {
                let mut reply = ReplyBuf::with_capacity(64 + parts.iter().map(|part| part.len() + 16).sum::<usize>());
                reply.set_resp3(resp3);
                reply.push(parts.len());
                parts.iter().for_each(|part| reply.bulk(part));
                reply.buf.freeze()
            })
            .clone()
    }
}

fn deliver(message: &mut Encodings<'_>, subscribers: &Subscribers, wake: &mut dyn FnMut(Waker)) -> usize {
    let mut receivers = 0;
    for client in subscribers.values().filter(|client| !client.must_close()) {
        let message = Message { bytes: message.bytes(client.has(bit::RESP3)), offset: message.offset };
        client.enqueue(message).into_iter().for_each(&mut *wake);
        receivers += 1;
    }
    receivers
}

impl PubSub {
    /// Adds a listener to a channel. True if it was not listening yet.
    pub fn subscribe(&self, channel: &Bytes, client: &Arc<Client>) -> bool {
        self.channels.entry(channel.clone()).or_default().insert(client.id, Arc::clone(client)).is_none()
    }

    /// Removes a listener from a channel.
    pub fn unsubscribe(&self, channel: &Bytes, id: u64) {
        self.channels.alter(channel, |_, mut subscribers| {
            subscribers.remove(&id);
            subscribers
        });
        self.channels.remove_if(channel, |_, subscribers| subscribers.is_empty());
    }

    /// Adds a listener to a shard channel. True if it was not listening yet.
    pub fn shard_subscribe(&self, channel: &Bytes, client: &Arc<Client>) -> bool {
        self.shard_channels.entry(channel.clone()).or_default().insert(client.id, Arc::clone(client)).is_none()
    }

    /// Removes a listener from a shard channel.
    pub fn shard_unsubscribe(&self, channel: &Bytes, id: u64) {
        self.shard_channels.alter(channel, |_, mut subscribers| {
            subscribers.remove(&id);
            subscribers
        });
        self.shard_channels.remove_if(channel, |_, subscribers| subscribers.is_empty());
    }

    /// Adds a listener to a pattern. True if it was not listening yet.
    pub fn pattern_subscribe(&self, pattern: &Bytes, client: &Arc<Client>) -> bool {
        let mut patterns = self.patterns.write();
        let (_, subscribers) = patterns.entry(pattern.clone()).or_insert_with(|| (KeptGlob::new(pattern), Subscribers::default()));
        let added = subscribers.insert(client.id, Arc::clone(client)).is_none();
        self.pattern_count.store(patterns.len(), Ordering::Release);
        added
    }

    /// Removes a listener from a pattern.
    pub fn pattern_unsubscribe(&self, pattern: &Bytes, id: u64) {
        let mut patterns = self.patterns.write();
        if let Some((_, subscribers)) = patterns.get_mut(pattern) {
            subscribers.remove(&id);
            if subscribers.is_empty() {
                patterns.remove(pattern);
            }
        }
        self.pattern_count.store(patterns.len(), Ordering::Release);
    }

    /// True if nobody listens to any channel or pattern: then nothing needs to be encoded.
    pub fn is_silent(&self) -> bool {
        self.pattern_count.load(Ordering::Acquire) == 0 && self.channels.is_empty()
    }

    /// Gives a message that depends on `offset` of the write log to a channel's listeners and to those of matching patterns; `wake` is told
    /// whom to wake. Returns how many received it.
    pub fn publish(&self, channel: &[u8], payload: &[u8], offset: u64, wake: &mut dyn FnMut(Waker)) -> usize {
        let mut receivers = 0;
        if let Some(subscribers) = self.channels.get(channel) {
            receivers += deliver(&mut Encodings::new(offset, &[b"message", channel, payload]), &subscribers, wake);
        }
        if self.pattern_count.load(Ordering::Acquire) > 0 {
            for (pattern, (glob, subscribers)) in self.patterns.read().iter() {
                if glob.matches(pattern, channel) {
                    receivers += deliver(&mut Encodings::new(offset, &[b"pmessage", pattern, channel, payload]), subscribers, wake);
                }
            }
        }
        receivers
    }

    /// Gives a message to a shard channel's listeners, likewise.
    pub fn shard_publish(&self, channel: &[u8], payload: &[u8], offset: u64, wake: &mut dyn FnMut(Waker)) -> usize {
        self.shard_channels
            .get(channel)
            .map_or(0, |subscribers| deliver(&mut Encodings::new(offset, &[b"smessage", channel, payload]), &subscribers, wake))
    }

    /// Channels with listeners that match `pattern` (all without one), sorted.
    pub fn channels(&self, pattern: Option<&[u8]>, shard: bool) -> Vec<Bytes> {
        let map = if shard { &self.shard_channels } else { &self.channels };
        let glob = pattern.map(Glob::new);
        let fits = |channel: &[u8]| glob.as_ref().is_none_or(|glob| glob.matches(channel));
        let mut names: Vec<Bytes> = map.iter().map(|entry| entry.key().clone()).filter(|channel| fits(channel)).collect();
        names.sort_unstable();
        names
    }

    /// Listeners of a channel.
    pub fn listeners(&self, channel: &[u8], shard: bool) -> usize {
        let map = if shard { &self.shard_channels } else { &self.channels };
        map.get(channel).map_or(0, |subscribers| subscribers.values().filter(|client| !client.must_close()).count())
    }

    /// Number of different patterns.
    pub fn pattern_count(&self) -> usize {
        self.pattern_count.load(Ordering::Acquire)
    }

    /// Number of different channels: ordinary and shard channels.
    pub fn channel_counts(&self) -> (usize, usize) {
        (self.channels.len(), self.shard_channels.len())
    }
}
