//! What only a client's own commands change: transaction, watched keys, subscriptions. It never leaves the connection's task.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::client::{Client, bit};
use crate::base::words::PackedWords;
use crate::keyspace::KeyPlace;
use crate::keyspace::blocked::Waiter;
use crate::keyspace::key::ResolvedKey;
use crate::keyspace::watch::WatchFlag;

/// What happens to the connection after the replies so far are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Close {
    /// It stays.
    #[default]
    No,
    /// It is closed once everything is sent.
    AfterReply,
}

/// CLIENT REPLY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplyMode {
    /// Replies are sent.
    #[default]
    On,
    /// They are not.
    Off,
    /// The next command's reply is not sent.
    SkipNext,
    /// This command's reply is not sent.
    Skip,
}

/// One queued command of a transaction.
#[derive(Debug, Clone)]
pub struct Queued {
    /// Its number: its row in `Shared::table`.
    pub command: u16,
    /// Its key, if it has just one. Where several lie is found anew by EXEC: kept, that took 40 bytes for each.
    pub key: Option<(KeyPlace, u32)>,
    /// All arguments, the name included.
    pub words: PackedWords,
}

/// A transaction between MULTI and EXEC.
#[derive(Debug, Default)]
pub struct Multi {
    /// The commands so far.
    pub queue: Vec<Queued>,
    /// What their arguments take, in bytes, as Valkey counts it (`WORD_OVERHEAD` of the module `cost` beside each).
    pub bytes: u64,
    /// A command was refused: EXEC answers EXECABORT.
    pub failed: bool,
    /// The flags of all commands so far: bits of the engine's `flag`.
    pub flags: u32,
}

/// A watched key.
#[derive(Debug, Clone)]
pub struct Watched {
    /// Database.
    pub db: u32,
    /// Key.
    pub key: Bytes,
    /// Where it lies.
    pub resolved: ResolvedKey,
}

/// The keys that a client watches, each once. What is there already the keys' stripes know ([`crate::keyspace::watch`]): nobody looks through
/// the list for a key, so that a WATCH costs by its own keys, not by all before.
#[derive(Debug, Default)]
pub struct WatchList {
    keys: Vec<Watched>,
    /// How many keys were looked at.
    #[cfg(test)]
    pub(crate) looks: std::cell::Cell<usize>,
}

impl WatchList {
    /// Adds a key that is not watched yet.
    pub fn push(&mut self, key: Watched) {
        self.keys.push(key);
    }

    /// Number of watched keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = &Watched> {
        #[cfg(test)]
        let count = |_: &&Watched| self.looks.set(self.looks.get() + 1);
        #[cfg(not(test))]
        let count = |_: &&Watched| ();
        self.keys.iter().inspect(count)
    }

    /// Takes all keys.
    pub fn take(&mut self) -> Vec<Watched> {
        std::mem::take(&mut self.keys)
    }
}

/// Channels and patterns a client listens to.
#[derive(Debug, Default)]
pub struct Subscriptions {
    /// SUBSCRIBE.
    pub channels: BTreeSet<Bytes>,
    /// PSUBSCRIBE.
    pub patterns: BTreeSet<Bytes>,
    /// SSUBSCRIBE.
    pub shard_channels: BTreeSet<Bytes>,
    /// Bytes of all their names.
    pub names_len: usize,
}

impl Subscriptions {
    /// Channels and patterns, as the replies of SUBSCRIBE count them.
    pub fn count(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }

    /// True if there is none of any kind.
    pub fn is_empty(&self) -> bool {
        self.count() == 0 && self.shard_channels.is_empty()
    }
}

/// What a connection has said of the replica at its other end (REPLCONF).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplicaSelf {
    /// Where it says that it is; empty: where it came from.
    pub ip: String,
    /// The port that it listens on.
    pub port: u16,
    /// It finds the end of a snapshot by a mark.
    pub finds_mark: bool,
    /// It knows that a history may get another name.
    pub renames: bool,
    /// It wants a snapshot, and nothing behind it.
    pub only_snapshot: bool,
    /// Its version, three numbers.
    pub version: Option<[u32; 3]>,
}

/// What a replica wants (PSYNC, SYNC).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaWish {
    /// Who it says that it is.
    pub about: ReplicaSelf,
    /// The history that it names, and the byte that it wants first; `None` for SYNC.
    pub place: Option<(Vec<u8>, i64)>,
    /// The node is to lead from now on: the one that asks was its primary.
    pub promotes: bool,
}

/// See the module's page.
#[derive(Debug)]
pub struct Session {
    /// Transaction, if one is open.
    pub multi: Option<Multi>,
    /// Watched keys.
    pub watched: WatchList,
    /// Set by whoever changes a watched key.
    pub watch_flag: Arc<WatchFlag>,
    /// Subscriptions.
    pub subscriptions: Subscriptions,
    /// CLIENT REPLY.
    pub reply_mode: ReplyMode,
    /// What happens after the reply.
    pub close: Close,
    /// MONITOR was called.
    pub monitor: bool,
    /// The command with which it waits for keys.
    pub blocked: Option<Arc<Waiter>>,
    /// What it has said of itself as a replica. In a box, since hardly a connection is one.
    pub replica: Option<Box<ReplicaSelf>>,
    /// It becomes a replica's connection once everything is sent.
    pub joins: Option<Box<ReplicaWish>>,
}

impl Session {
    /// The session of a new connection.
    pub fn new(client: &Client) -> Session {
        Session {
            multi: None,
            watched: WatchList::default(),
            watch_flag: Arc::clone(&client.watch_flag),
            subscriptions: Subscriptions::default(),
            reply_mode: ReplyMode::On,
            close: Close::No,
            monitor: false,
            blocked: None,
            replica: None,
            joins: None,
        }
    }

    /// Ends the connection once everything is sent. `client` is its own.
    pub fn close_after_reply(&mut self, client: &Client) {
        self.close = Close::AfterReply;
        client.set(bit::CLOSE_AFTER_REPLY, true);
    }
}
