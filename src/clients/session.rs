//! What a client's own commands change: database, transaction, subscriptions. Owned by the connection's task.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::client::{Client, bit};
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
    /// Its number in the registry's table.
    pub command: u16,
    /// All arguments, the name included.
    pub args: Vec<Bytes>,
}

/// A transaction between MULTI and EXEC.
#[derive(Debug, Default)]
pub struct Multi {
    /// The commands so far.
    pub queue: Vec<Queued>,
    /// Bytes of their arguments.
    pub bytes: usize,
    /// A command was refused: EXEC answers EXECABORT.
    pub failed: bool,
    /// One of them is a write.
    pub has_write: bool,
    /// One of them is refused when memory is exhausted.
    pub has_denyoom: bool,
}

/// A watched key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Database.
    pub db: u32,
    /// Key.
    pub key: Bytes,
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

/// See the module's page.
#[derive(Debug)]
pub struct Session {
    /// The shared part.
    pub client: Arc<Client>,
    /// Selected database.
    pub db: u32,
    /// False until AUTH, where a password is required.
    pub authenticated: bool,
    /// True once it was authenticated, even if RESET took that back.
    pub ever_authenticated: bool,
    /// Commands run so far.
    pub commands: u64,
    /// Transaction, if one is open.
    pub multi: Option<Multi>,
    /// Watched keys.
    pub watched: Vec<Watched>,
    /// Set by whoever changes a watched key.
    pub watch_flag: Arc<WatchFlag>,
    /// Subscriptions.
    pub subscriptions: Subscriptions,
    /// CLIENT REPLY.
    pub reply_mode: ReplyMode,
    /// What happens after the reply.
    pub close: Close,
    /// ASKING: for the next command.
    pub asking: bool,
    /// READONLY.
    pub readonly: bool,
    /// CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// True while EXEC runs its commands.
    pub in_exec: bool,
    /// MONITOR was called.
    pub monitor: bool,
}

impl Session {
    /// The session of a new connection.
    pub fn new(client: Arc<Client>, authenticated: bool) -> Session {
        let session = Session {
            watch_flag: Arc::clone(&client.watch_flag),
            client,
            db: 0,
            authenticated,
            ever_authenticated: authenticated,
            commands: 0,
            multi: None,
            watched: Vec::new(),
            subscriptions: Subscriptions::default(),
            reply_mode: ReplyMode::On,
            close: Close::No,
            asking: false,
            readonly: false,
            no_touch: false,
            in_exec: false,
            monitor: false,
        };
        session.client.set(bit::AUTHENTICATED, authenticated);
        session
    }

    /// Chooses a database.
    pub fn select(&mut self, db: u32) {
        self.db = db;
        self.client.db.store(db, std::sync::atomic::Ordering::Relaxed);
    }

    /// READONLY and READWRITE.
    pub fn set_readonly(&mut self, yes: bool) {
        self.readonly = yes;
        self.client.set(bit::READONLY, yes);
    }

    /// Notes that the client has proved who it is (or has not).
    pub fn set_authenticated(&mut self, yes: bool) {
        self.authenticated = yes;
        self.ever_authenticated |= yes;
        self.client.set(bit::AUTHENTICATED, yes);
    }
}
