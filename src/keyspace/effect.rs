//! What a change of a key causes. [`super::key_mut::KeyMut`] records one [`Effect`] when it is dropped; the drain, still under the
//! stripe's lock, turns it into everything that depends on it, so that a command can forget none of it.

/// Bits of `notify-keyspace-events`, as Valkey numbers them.
pub mod class {
    #![allow(missing_docs)]
    pub const KEYSPACE: u32 = 1;
    pub const KEYEVENT: u32 = 1 << 1;
    pub const GENERIC: u32 = 1 << 2;
    pub const STRING: u32 = 1 << 3;
    pub const LIST: u32 = 1 << 4;
    pub const SET: u32 = 1 << 5;
    pub const HASH: u32 = 1 << 6;
    pub const ZSET: u32 = 1 << 7;
    pub const EXPIRED: u32 = 1 << 8;
    pub const EVICTED: u32 = 1 << 9;
    pub const STREAM: u32 = 1 << 10;
    pub const KEY_MISS: u32 = 1 << 11;
    pub const MODULE: u32 = 1 << 13;
    pub const NEW: u32 = 1 << 14;
}

/// Why a key changed: decides which statistics count it and, with a write log, which record it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A command wrote or deleted it.
    Command,
    /// Its time had come.
    Expired,
    /// Memory was needed.
    Evicted,
}

/// Who is told of a change, beside those who asked for notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Who watches the key and who waits for it.
    Everybody,
    /// Who waits for it: what is watched stays as it was.
    Waiting,
    /// Neither: what changed lies beside what the value says, as groups do beside a stream's entries.
    Nobody,
}

/// One change of one key.
#[derive(Debug)]
pub struct Effect<'a> {
    /// Logical database.
    pub db: u32,
    /// The key.
    pub key: &'a [u8],
    /// Why.
    pub cause: Cause,
    /// True if the key was not there before and is now.
    pub created: bool,
    /// True if the key is there now.
    pub exists: bool,
    /// Who is told.
    pub reach: Reach,
    /// By how much `rdb_changes_since_last_save` grows.
    pub changes: u64,
    /// Event class and name for keyspace notifications, in order.
    pub events: &'a [(u32, &'static str)],
}

/// A keyspace notification. The commit puts it into the outboxes of its receivers while the stripe is held; they are woken afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEvent {
    /// Logical database.
    pub db: u32,
    /// One bit of [`class`].
    pub class: u32,
    /// The event's name, as `del`.
    pub name: &'static str,
    /// The key.
    pub key: Vec<u8>,
}
