//! The shared part of a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::task::Waker;

use parking_lot::Mutex;

use super::outbox::{Message, Outbox};
use crate::keyspace::blocked::Waiter;
use crate::keyspace::watch::WatchFlag;

/// Largest reply buffer that a connection keeps between replies (`rbs`), in bytes. What waits beyond it is counted in blocks of this
/// size (`oll`, `omem`), as Valkey allocates it.
pub const REPLY_ROOM_LEN_MAX: u64 = 16 * 1024;
/// Smallest reply buffer that a connection keeps.
pub const REPLY_ROOM_LEN_MIN: u64 = 1024;
/// What a block of pending output costs beside its bytes, in bytes.
const REPLY_BLOCK_OVERHEAD: u64 = 40;

/// Bits of [`Client::flags`].
pub mod bit {
    #![allow(missing_docs)]
    pub const MULTI: u32 = 1;
    pub const DIRTY_CAS: u32 = 1 << 1;
    pub const MONITOR: u32 = 1 << 3;
    pub const PUBSUB: u32 = 1 << 4;
    pub const BLOCKED: u32 = 1 << 5;
    pub const CLOSE_AFTER_REPLY: u32 = 1 << 6;
    pub const CLOSE_ASAP: u32 = 1 << 7;
    pub const UNIX_SOCKET: u32 = 1 << 8;
    pub const READONLY: u32 = 1 << 9;
    pub const NO_EVICT: u32 = 1 << 10;
    pub const NO_TOUCH: u32 = 1 << 11;
    pub const ASKING: u32 = 1 << 12;
    pub const RESP3: u32 = 1 << 13;
    pub const AUTHENTICATED: u32 = 1 << 14;
    pub const REPLY_OFF: u32 = 1 << 15;
    pub const REPLY_SKIP: u32 = 1 << 16;
    pub const PAUSED: u32 = 1 << 17;
    pub const IMPORT_SOURCE: u32 = 1 << 18;
    pub const REPLICA: u32 = 1 << 19;
    pub const PRIMARY: u32 = 1 << 20;
}

/// Bits of [`Client::capabilities`], which the client claims by CLIENT CAPA.
pub mod capability {
    /// It follows a redirect to another primary outside a cluster.
    pub const REDIRECT: u32 = 1;
}

/// What others may ask of a connection's task: bits of [`Client::asked`].
pub mod ask {
    /// To end without sending what is pending.
    pub const CLOSE: u8 = 1;
    /// To give back room that it no longer needs, and to look at its output limit.
    pub const TIDY: u8 = 1 << 1;
}

/// Which output limit a client falls under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientClass {
    /// Commands and replies.
    Normal,
    /// At least one subscription (or MONITOR's kin).
    PubSub,
    /// It follows what this node writes.
    Replica,
    /// This node follows what it writes.
    Primary,
}

/// Figures of a connection, in bytes unless named otherwise; written by its task, read by CLIENT LIST and the eviction of clients.
#[derive(Debug, Default)]
pub struct Figures {
    /// Input that was not parsed yet.
    pub query_buffer: AtomicU64,
    /// Free room in the private input buffer.
    pub query_buffer_free: AtomicU64,
    /// Largest input buffer of late.
    pub query_buffer_peak: AtomicU64,
    /// Arguments of a partly received request, and of those that wait.
    pub arguments: AtomicU64,
    /// Number of those arguments.
    pub argument_words: AtomicU64,
    /// Queued commands of a transaction: bytes of their arguments, with `WORD_OVERHEAD` of the module `cost` for each.
    pub multi: AtomicU64,
    /// Queued commands of a transaction: number, or -1 outside one.
    pub multi_queued: AtomicI64,
    /// Keys watched.
    pub watched: AtomicU64,
    /// Replies that were not offered to the socket yet.
    pub output: AtomicU64,
    /// Room set aside for them.
    pub output_capacity: AtomicU64,
    /// Output that the socket did not take yet.
    pub backlog: AtomicU64,
    /// Room set aside for it.
    pub backlog_capacity: AtomicU64,
    /// Bytes of `output` that belong to keys: parts of values that replies refer to.
    pub output_shared: AtomicU64,
    /// Bytes of `backlog` that do so.
    pub backlog_shared: AtomicU64,
    /// Largest reply buffer that is kept between replies.
    pub reply_room: AtomicU64,
    /// Most of that room that was used of late.
    pub reply_peak: AtomicU64,
    /// Largest pending output of late.
    pub output_peak: AtomicU64,
    /// Received in total.
    pub net_input: AtomicU64,
    /// Sent in total.
    pub net_output: AtomicU64,
    /// Commands run in total.
    pub commands: AtomicU64,
    /// Subscriptions: channels.
    pub channels: AtomicU64,
    /// Subscriptions: patterns.
    pub patterns: AtomicU64,
    /// Subscriptions: shard channels.
    pub shard_channels: AtomicU64,
    /// Bytes of the names of all subscriptions.
    pub subscribed_names: AtomicU64,
    /// Memory in all, as last reported to the registry.
    pub reported: AtomicU64,
}

/// See the module's page.
#[derive(Debug)]
pub struct Client {
    /// Unique, ascending.
    pub id: u64,
    /// Peer address as CLIENT LIST prints it: `ip:port`, or `path:0`.
    pub addr: String,
    /// Local address likewise.
    pub laddr: String,
    /// File descriptor.
    pub fd: i32,
    /// Worker that serves it.
    pub worker: u32,
    /// When it connected, monotonic milliseconds.
    pub created_ms: u64,
    /// When it last sent a command, monotonic milliseconds.
    pub last_interaction_ms: AtomicU64,
    /// CLIENT SETNAME.
    pub name: Mutex<Vec<u8>>,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: Mutex<Vec<u8>>,
    /// CLIENT SETINFO LIB-VER.
    pub lib_ver: Mutex<Vec<u8>>,
    /// CLIENT CAPA bits.
    pub capabilities: AtomicU32,
    /// Bits of [`bit`].
    pub flags: AtomicU32,
    /// Selected database.
    pub db: AtomicU32,
    /// Number of the last command: its row in `Shared::table`. `u16::MAX` before the first.
    pub last_command: AtomicU16,
    /// See [`Figures`].
    pub figures: Figures,
    /// Messages from others.
    pub outbox: Outbox,
    /// Set by whoever changes a key that it watches.
    pub watch_flag: Arc<WatchFlag>,
    /// The command with which it waits for keys.
    pub waiter: Mutex<Option<Arc<Waiter>>>,
    asked: AtomicU8,
    /// Memory that becomes free when it ends, in bytes, once it was asked to end: see [`super::Registry::kill`].
    pub(super) dying: AtomicU64,
}

impl Client {
    /// A client that has just connected.
    pub fn new(id: u64, addr: String, laddr: String, fd: i32, worker: u32, now_ms: u64) -> Arc<Client> {
        let client = Client {
            id,
            addr,
            laddr,
            fd,
            worker,
            created_ms: now_ms,
            last_interaction_ms: AtomicU64::new(now_ms),
            name: Mutex::default(),
            lib_name: Mutex::default(),
            lib_ver: Mutex::default(),
            capabilities: AtomicU32::new(0),
            flags: AtomicU32::new(0),
            db: AtomicU32::new(0),
            last_command: AtomicU16::new(u16::MAX),
            figures: Figures::default(),
            outbox: Outbox::default(),
            watch_flag: Arc::default(),
            waiter: Mutex::default(),
            asked: AtomicU8::new(0),
            dying: AtomicU64::new(0),
        };
        client.figures.multi_queued.store(-1, Ordering::Relaxed);
        client.figures.reply_room.store(REPLY_ROOM_LEN_MAX, Ordering::Relaxed);
        client.figures.reply_peak.store(REPLY_ROOM_LEN_MAX, Ordering::Relaxed);
        Arc::new(client)
    }

    /// A client of the same number, name and socket, for another task than the one that served it until now.
    pub fn successor(&self) -> Arc<Client> {
        let mut client = Client::new(self.id, self.addr.clone(), self.laddr.clone(), self.fd, self.worker, self.created_ms);
        let new = Arc::get_mut(&mut client).expect("nobody else has it yet");
        for (new, old) in [(&new.name, &self.name), (&new.lib_name, &self.lib_name), (&new.lib_ver, &self.lib_ver)] {
            new.lock().clone_from(&old.lock());
        }
        for (new, old) in [(&new.capabilities, &self.capabilities), (&new.flags, &self.flags), (&new.db, &self.db)] {
            new.store(old.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        new.last_command.store(self.last_command.load(Ordering::Relaxed), Ordering::Relaxed);
        let (new, old) = (&new.figures, &self.figures);
        for (new, old) in [(&new.net_input, &old.net_input), (&new.net_output, &old.net_output), (&new.commands, &old.commands)] {
            new.store(old.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        client
    }

    /// True if all bits of `flags` are set.
    #[inline]
    pub fn has(&self, flags: u32) -> bool {
        self.flags.load(Ordering::Relaxed) & flags == flags
    }

    /// Sets or clears bits.
    pub fn set(&self, flags: u32, on: bool) {
        if on {
            self.flags.fetch_or(flags, Ordering::Relaxed);
        } else {
            self.flags.fetch_and(!flags, Ordering::Relaxed);
        }
    }

    /// Asks the connection to close without sending what is pending, and wakes it.
    pub fn close_asap(&self) {
        self.set(bit::CLOSE_ASAP, true);
        self.ask(ask::CLOSE);
    }

    /// True once [`Client::close_asap`] was called.
    #[inline]
    pub fn must_close(&self) -> bool {
        self.asked() & ask::CLOSE != 0
    }

    /// Asks the connection's task for something (bits of [`ask`]) and wakes it.
    pub fn ask(&self, what: u8) {
        self.asked.fetch_or(what, Ordering::AcqRel);
        self.outbox.wake();
    }

    /// What the connection's task was asked for and has not done yet.
    #[inline]
    pub fn asked(&self) -> u8 {
        self.asked.load(Ordering::Acquire)
    }

    /// Notes that the task does what it was asked for.
    pub fn answered(&self, what: u8) {
        self.asked.fetch_and(!what, Ordering::AcqRel);
    }

    /// Gives the connection a message to send. One that already has more to send than it may is asked to close instead. It hears of
    /// either when it is woken: by [`Outbox::wake`], or by the waker that this returns.
    pub fn enqueue(&self, message: Message) -> Option<Waker> {
        if self.outbox.is_over_limit() {
            self.set(bit::CLOSE_ASAP, true);
            self.asked.fetch_or(ask::CLOSE, Ordering::AcqRel);
        } else {
            self.outbox.enqueue(message);
        }
        self.outbox.waker()
    }

    /// True if it came over the loopback interface or a unix socket.
    pub fn is_local(&self) -> bool {
        self.has(bit::UNIX_SOCKET) || self.addr.starts_with("127.") || self.addr.starts_with("[::1]")
    }

    /// True if it came over IPv6. An IPv4 address that a socket for both shows as one of IPv6 is none.
    pub fn is_ipv6(&self) -> bool {
        self.addr.starts_with('[') && !self.addr.starts_with("[::ffff:")
    }

    /// Which output limit applies.
    pub fn class(&self) -> ClientClass {
        match self.flags.load(Ordering::Relaxed) {
            flags if flags & bit::REPLICA != 0 => ClientClass::Replica,
            flags if flags & bit::PRIMARY != 0 => ClientClass::Primary,
            flags if flags & bit::PUBSUB != 0 => ClientClass::PubSub,
            _ => ClientClass::Normal,
        }
    }

    /// Output that waits to be sent, own replies and messages from others, in bytes.
    pub fn pending_output(&self) -> u64 {
        let figures = &self.figures;
        figures.output.load(Ordering::Relaxed) + figures.backlog.load(Ordering::Relaxed) + self.outbox.len_bytes() as u64
    }

    /// The same as CLIENT LIST shows it.
    pub fn output_memory(&self) -> OutputMemory {
        OutputMemory::of(self.pending_output(), self.figures.reply_room.load(Ordering::Relaxed))
    }
}

/// Pending output as CLIENT LIST shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputMemory {
    /// Bytes in the buffer that is kept anyway (`obl`).
    pub in_buffer: u64,
    /// Blocks beyond it (`oll`).
    pub blocks: u64,
    /// What those cost in bytes (`omem`): what output limits are compared with.
    pub bytes: u64,
}

impl OutputMemory {
    /// Of `pending` bytes where `room` bytes are kept anyway.
    pub fn of(pending: u64, room: u64) -> OutputMemory {
        let in_buffer = pending.min(room);
        let blocks = (pending - in_buffer).div_ceil(REPLY_ROOM_LEN_MAX);
        OutputMemory { in_buffer, blocks, bytes: blocks * (REPLY_ROOM_LEN_MAX + REPLY_BLOCK_OVERHEAD) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_beyond_the_room_counts_in_blocks() {
        let cases = [
            ((0, 1024), (0, 0, 0)),
            ((1024, 1024), (1024, 0, 0)),
            ((1025, 1024), (1024, 1, 16_424)),
            ((40_000, 16_384), (16_384, 2, 32_848)),
        ];
        for ((pending, room), (in_buffer, blocks, bytes)) in cases {
            assert_eq!(OutputMemory::of(pending, room), OutputMemory { in_buffer, blocks, bytes }, "{pending} of {room}");
        }
    }
}
