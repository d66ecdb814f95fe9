//! The shared part of a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::outbox::Outbox;

/// Replies up to this length count as the client's own buffer (`rbs`), what goes beyond as output memory (`omem`).
pub const OUTPUT_BUFFER_LEN: u64 = 16 * 1024;

/// Bits of [`Client::flags`].
pub mod bit {
    #![allow(missing_docs)]
    pub const MULTI: u32 = 1;
    pub const DIRTY_CAS: u32 = 1 << 1;
    pub const DIRTY_EXEC: u32 = 1 << 2;
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
}

/// Bits of [`Client::capabilities`], which the client claims by CLIENT CAPA.
pub mod capability {
    /// It follows a redirect to another primary outside a cluster.
    pub const REDIRECT: u32 = 1;
}

/// Which output limit a client falls under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientClass {
    /// Commands and replies.
    Normal,
    /// At least one subscription (or MONITOR's kin).
    PubSub,
}

/// Figures of a connection, in bytes unless named otherwise; written by its task, read by CLIENT LIST and the eviction of clients.
#[derive(Debug, Default)]
pub struct Figures {
    /// Unprocessed input.
    pub query_buffer: AtomicU64,
    /// Free room in the private input buffer.
    pub query_buffer_free: AtomicU64,
    /// Largest input buffer of late.
    pub query_buffer_peak: AtomicU64,
    /// Arguments of a partly received request.
    pub arguments: AtomicU64,
    /// Queued commands of a transaction: bytes.
    pub multi: AtomicU64,
    /// Queued commands of a transaction: number, or -1 outside one.
    pub multi_queued: AtomicI64,
    /// Keys watched.
    pub watched: AtomicU64,
    /// Pending output.
    pub output: AtomicU64,
    /// Room set aside for output.
    pub output_capacity: AtomicU64,
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
    /// Number of the last command in the registry's table, `u16::MAX` before the first.
    pub last_command: AtomicU16,
    /// See [`Figures`].
    pub figures: Figures,
    /// Messages from others.
    pub outbox: Outbox,
    close: AtomicBool,
    /// When its output first exceeded the soft limit, monotonic milliseconds; 0: it does not.
    pub soft_limit_since_ms: AtomicU64,
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
            close: AtomicBool::new(false),
            soft_limit_since_ms: AtomicU64::new(0),
        };
        client.figures.multi_queued.store(-1, Ordering::Relaxed);
        Arc::new(client)
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
        self.close.store(true, Ordering::Release);
        self.set(bit::CLOSE_ASAP, true);
        self.outbox.wake();
    }

    /// True once [`Client::close_asap`] was called.
    #[inline]
    pub fn must_close(&self) -> bool {
        self.close.load(Ordering::Acquire)
    }

    /// True if it came over the loopback interface or a unix socket.
    pub fn is_local(&self) -> bool {
        self.has(bit::UNIX_SOCKET) || self.addr.starts_with("127.") || self.addr.starts_with("[::1]")
    }

    /// Which output limit applies.
    pub fn class(&self) -> ClientClass {
        if self.has(bit::PUBSUB) { ClientClass::PubSub } else { ClientClass::Normal }
    }

    /// Output that waits to be sent, own replies and messages from others, in bytes.
    pub fn pending_output(&self) -> u64 {
        self.figures.output.load(Ordering::Relaxed) + self.outbox.len_bytes() as u64
    }
}
