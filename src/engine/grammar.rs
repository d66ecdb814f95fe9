//! What is said of a command as data: flags, categories, where its keys stand, its arguments, its documentation.

use smallvec::SmallVec;

/// Positions among the arguments, each with bits of [`key_flag`].
pub type KeysAndFlags = SmallVec<[(usize, u32); 8]>;

/// Behaviour flags; names as COMMAND INFO prints them.
pub mod flag {
    /// Changes data.
    pub const WRITE: u32 = 1;
    /// Reads data.
    pub const READONLY: u32 = 1 << 1;
    /// Refused when memory is exhausted.
    pub const DENYOOM: u32 = 1 << 2;
    /// An operator's command.
    pub const ADMIN: u32 = 1 << 3;
    /// Belongs to pub/sub.
    pub const PUBSUB: u32 = 1 << 4;
    /// Not allowed in scripts.
    pub const NOSCRIPT: u32 = 1 << 5;
    /// May block its client.
    pub const BLOCKING: u32 = 1 << 6;
    /// Allowed while data is loaded.
    pub const LOADING: u32 = 1 << 7;
    /// Allowed on a stale replica.
    pub const STALE: u32 = 1 << 8;
    /// Not shown by MONITOR.
    pub const SKIP_MONITOR: u32 = 1 << 9;
    /// Not logged by COMMANDLOG.
    pub const SKIP_COMMANDLOG: u32 = 1 << 10;
    /// Executed on an importing slot without ASKING.
    pub const ASKING: u32 = 1 << 11;
    /// Constant or logarithmic time.
    pub const FAST: u32 = 1 << 12;
    /// Allowed before authentication.
    pub const NO_AUTH: u32 = 1 << 13;
    /// Refused between MULTI and EXEC.
    pub const NO_MULTI: u32 = 1 << 14;
    /// May come without any key.
    pub const NO_MANDATORY_KEYS: u32 = 1 << 15;
    /// Key positions depend on the arguments.
    pub const MOVABLEKEYS: u32 = 1 << 16;
    /// Refused while loading asynchronously.
    pub const NO_ASYNC_LOADING: u32 = 1 << 17;
    /// May run while a script is timed out.
    pub const ALLOW_BUSY: u32 = 1 << 18;
    /// Affects every database.
    pub const ALL_DBS: u32 = 1 << 19;
    /// Touches arbitrary keys.
    pub const TOUCHES_ARBITRARY_KEYS: u32 = 1 << 21;
    /// May replicate though it is no write.
    pub const MAY_REPLICATE: u32 = 1 << 22;
    /// A Sentinel has it, too. Nothing here asks for that; it is kept as Valkey has it.
    pub const SENTINEL: u32 = 1 << 24;

    // What follows is Larder's own, and shown to nobody.

    /// Refused as writes are while these cannot be saved: it tells whether all is well.
    pub const TELLS_HEALTH: u32 = 1 << 25;
    /// Runs at once inside a transaction, where others are queued.
    pub const NOT_QUEUED: u32 = 1 << 26;
    /// Allowed to a RESP2 client that has subscriptions.
    pub const IN_SUBSCRIBER: u32 = 1 << 27;
    /// Takes about the same time whatever it works on, if request and reply are short: such executions may be timed together.
    pub const CONSTANT_TIME: u32 = 1 << 28;
    /// Allowed only to those whom `enable-debug-command` allows it: with [`MODULE`] what Valkey calls protected.
    pub const DEBUG: u32 = 1 << 29;
    /// Allowed only to those whom `enable-module-command` allows it.
    pub const MODULE: u32 = 1 << 30;

    /// Each flag that COMMAND INFO prints, in Valkey's order.
    pub const NAMES: &[(u32, &str)] = &[
        (WRITE, "write"),
        (READONLY, "readonly"),
        (DENYOOM, "denyoom"),
        (ADMIN, "admin"),
        (PUBSUB, "pubsub"),
        (NOSCRIPT, "noscript"),
        (BLOCKING, "blocking"),
        (LOADING, "loading"),
        (STALE, "stale"),
        (SKIP_MONITOR, "skip_monitor"),
        (SKIP_COMMANDLOG, "skip_commandlog"),
        (ASKING, "asking"),
        (FAST, "fast"),
        (NO_AUTH, "no_auth"),
        (NO_MANDATORY_KEYS, "no_mandatory_keys"),
        (NO_ASYNC_LOADING, "no_async_loading"),
        (NO_MULTI, "no_multi"),
        (MOVABLEKEYS, "movablekeys"),
        (ALLOW_BUSY, "allow_busy"),
    ];
}

/// ACL categories.
pub mod acl {
    /// `@keyspace`, `@read` ... as bits, in Valkey's order.
    pub const KEYSPACE: u32 = 1;
    #[allow(missing_docs)]
    mod bits {
        pub const READ: u32 = 1 << 1;
        pub const WRITE: u32 = 1 << 2;
        pub const SET: u32 = 1 << 3;
        pub const SORTEDSET: u32 = 1 << 4;
        pub const LIST: u32 = 1 << 5;
        pub const HASH: u32 = 1 << 6;
        pub const STRING: u32 = 1 << 7;
        pub const BITMAP: u32 = 1 << 8;
        pub const HYPERLOGLOG: u32 = 1 << 9;
        pub const GEO: u32 = 1 << 10;
        pub const STREAM: u32 = 1 << 11;
        pub const PUBSUB: u32 = 1 << 12;
        pub const ADMIN: u32 = 1 << 13;
        pub const FAST: u32 = 1 << 14;
        pub const SLOW: u32 = 1 << 15;
        pub const BLOCKING: u32 = 1 << 16;
        pub const DANGEROUS: u32 = 1 << 17;
        pub const CONNECTION: u32 = 1 << 18;
        pub const TRANSACTION: u32 = 1 << 19;
        pub const SCRIPTING: u32 = 1 << 20;
    }
    pub use bits::*;

    /// Each category with its name, in Valkey's order.
    pub const NAMES: &[(u32, &str)] = &[
        (KEYSPACE, "keyspace"),
        (READ, "read"),
        (WRITE, "write"),
        (SET, "set"),
        (SORTEDSET, "sortedset"),
        (LIST, "list"),
        (HASH, "hash"),
        (STRING, "string"),
        (BITMAP, "bitmap"),
        (HYPERLOGLOG, "hyperloglog"),
        (GEO, "geo"),
        (STREAM, "stream"),
        (PUBSUB, "pubsub"),
        (ADMIN, "admin"),
        (FAST, "fast"),
        (SLOW, "slow"),
        (BLOCKING, "blocking"),
        (DANGEROUS, "dangerous"),
        (CONNECTION, "connection"),
        (TRANSACTION, "transaction"),
        (SCRIPTING, "scripting"),
    ];
}

/// What a command does with a key, as COMMAND INFO prints it.
pub mod key_flag {
    #![allow(missing_docs)]
    pub const RO: u32 = 1;
    pub const RW: u32 = 1 << 1;
    pub const OW: u32 = 1 << 2;
    pub const RM: u32 = 1 << 3;
    pub const ACCESS: u32 = 1 << 4;
    pub const UPDATE: u32 = 1 << 5;
    pub const INSERT: u32 = 1 << 6;
    pub const DELETE: u32 = 1 << 7;
    pub const NOT_KEY: u32 = 1 << 8;
    pub const INCOMPLETE: u32 = 1 << 9;
    pub const VARIABLE_FLAGS: u32 = 1 << 10;

    /// Each flag with its name, in Valkey's order.
    pub const NAMES: &[(u32, &str)] = &[
        (RO, "RO"),
        (RW, "RW"),
        (OW, "OW"),
        (RM, "RM"),
        (ACCESS, "access"),
        (UPDATE, "update"),
        (INSERT, "insert"),
        (DELETE, "delete"),
        (NOT_KEY, "not_key"),
        (INCOMPLETE, "incomplete"),
        (VARIABLE_FLAGS, "variable_flags"),
    ];
}

/// Where a command's keys stand: used for routing and locking before execution.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// Bits of [`key_flag`].
    pub flags: u32,
    /// Where to begin.
    pub begin: BeginSearch,
    /// How to go on from there.
    pub find: FindKeys,
    /// Free text for COMMAND INFO; usually empty.
    pub notes: &'static str,
}

impl KeySpec {
    /// One key, which is argument `at`.
    pub const fn one(at: usize, flags: u32) -> KeySpec {
        KeySpec::range(at, 0, 1, flags)
    }

    /// Keys from argument `first` on, every `step`th, up to `last`: relative to the first, or, if negative, from the end.
    pub const fn range(first: usize, last: i32, step: usize, flags: u32) -> KeySpec {
        KeySpec { flags, begin: BeginSearch::Index(first), find: FindKeys::Range { last, step, limit: 0 }, notes: "" }
    }
}

/// First step of finding keys.
#[derive(Debug, Clone, Copy)]
pub enum BeginSearch {
    /// At this argument index.
    Index(usize),
    /// Behind this keyword, searched from the index (negative: from the end, backwards).
    Keyword(&'static str, i32),
    /// Not expressible.
    Unknown,
}

/// Second step of finding keys.
#[derive(Debug, Clone, Copy)]
pub enum FindKeys {
    /// `last` relative to the first (negative: from the end of the arguments), every `step`th, of which the first 1/`limit`.
    Range {
        /// Last key, relative to the first; negative: from the end of the arguments.
        last: i32,
        /// From one key to the next.
        step: usize,
        /// With a negative `last`: only the first part of the arguments, 1/`limit` of them.
        limit: usize,
    },
    /// The number of keys stands at `number_at`, the first key at `first` (both relative), every `step`th.
    Count {
        /// Where the number stands, relative to the beginning.
        number_at: usize,
        /// Where the first key stands, likewise.
        first: usize,
        /// From one key to the next.
        step: usize,
    },
    /// Not expressible.
    Unknown,
}

/// Kind of an argument in COMMAND DOCS.
#[derive(Debug, Clone, Copy)]
pub enum ArgKind {
    /// A key, of the key spec with this index.
    Key(usize),
    /// Bytes.
    String,
    /// A whole number.
    Integer,
    /// A whole number that Valkey counts with the key spec of this index.
    KeyInteger(usize),
    /// A floating-point number.
    Double,
    /// A glob pattern.
    Pattern,
    /// A pattern of keys' names, which Valkey counts with the key spec of this index.
    KeyPattern(usize),
    /// A point in time.
    UnixTime,
    /// A word that stands for itself.
    PureToken,
    /// One of these.
    OneOf(&'static [Arg]),
    /// All of these.
    Block(&'static [Arg]),
}

/// One argument of a command's grammar.
#[derive(Debug, Clone, Copy)]
pub struct Arg {
    /// Name in the documentation.
    pub name: &'static str,
    /// Kind, with its parts.
    pub kind: ArgKind,
    /// The word that introduces it, or "".
    pub token: &'static str,
    /// May be left out.
    pub optional: bool,
    /// May be repeated.
    pub multiple: bool,
    /// Repeats its token when repeated.
    pub multiple_token: bool,
    /// Version that introduced it, or "".
    pub since: &'static str,
    /// Version that deprecated it, or "".
    pub deprecated_since: &'static str,
    /// Name to display, if another; else "".
    pub display: &'static str,
}

/// A plain mandatory argument: the base of struct updates in the specs.
pub const ARG: Arg = Arg {
    name: "",
    kind: ArgKind::String,
    token: "",
    optional: false,
    multiple: false,
    multiple_token: false,
    since: "",
    deprecated_since: "",
    display: "",
};

/// What COMMAND DOCS says of a command.
#[derive(Debug, Clone, Copy)]
pub struct Docs {
    /// One sentence.
    pub summary: &'static str,
    /// In O notation.
    pub complexity: &'static str,
    /// Version of Redis or Valkey that introduced it; of Larder, if those do not have it.
    pub since: &'static str,
    /// Group: `string`, `server` ...
    pub group: &'static str,
    /// Version and change.
    pub history: &'static [(&'static str, &'static str)],
    /// Since when deprecated and what replaces it.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Set for `SYSCMD` and the like: `doc_flags`.
    pub flags: &'static [&'static str],
    /// Command tips (COMMAND INFO).
    pub tips: &'static [&'static str],
}

/// Documentation that says nothing: the base of struct updates in the specs.
pub const DOCS: Docs = Docs { summary: "", complexity: "", since: "", group: "", history: &[], deprecated: None, flags: &[], tips: &[] };
