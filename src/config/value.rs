//! The types option values have: in transit between text and [`Config`](super::Config) as [`Value`], at rest as the
//! typed fields that the rest of the server reads.

/// A value on its way between an option's text and its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// yes or no.
    YesNo(bool),
    /// A number, an amount of memory, or a set of flag bits. 128 bits hold every signed and unsigned 64-bit value.
    Number(i128),
    /// A string. Options without a value are the empty string.
    Text(String),
    /// One of the words of an enumeration.
    Word(&'static str),
}

/// A field type that an option can be stored in.
///
/// Panics in `from_value` are bugs: the row that parsed the value has already checked its kind and its range.
pub trait Stored {
    /// The field's content as a value.
    fn to_value(&self) -> Value;
    /// The field's content from a value that its row accepted.
    fn from_value(value: Value) -> Self;
}

impl Stored for bool {
    fn to_value(&self) -> Value {
        Value::YesNo(*self)
    }
    fn from_value(value: Value) -> Self {
        let Value::YesNo(yes) = value else { panic!("a yes/no field was given {value:?}") };
        yes
    }
}

impl Stored for String {
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
    fn from_value(value: Value) -> Self {
        let Value::Text(text) = value else { panic!("a text field was given {value:?}") };
        text
    }
}

macro_rules! stored_integers {
    ($($integer:ty),+) => {$(
        impl Stored for $integer {
            fn to_value(&self) -> Value {
                Value::Number(i128::from(*self))
            }
            fn from_value(value: Value) -> Self {
                let Value::Number(number) = value else { panic!("a number field was given {value:?}") };
                Self::try_from(number).expect("the row's range fits the field's type")
            }
        }
    )+};
}
stored_integers!(u8, u16, u32, u64, i32, i64);

/// A limit given in bytes or as a share of `maxmemory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryOrPercent {
    /// Bytes; 0 means no limit.
    Bytes(u64),
    /// Percent of `maxmemory`, 1 to 100.
    Percent(u8),
}

impl MemoryOrPercent {
    /// The limit in bytes, or `None` when there is no limit: 0 bytes, or a percentage while `maxmemory` is 0.
    pub fn limit_bytes(self, maxmemory: u64) -> Option<u64> {
        let bytes = match self {
            Self::Bytes(bytes) => bytes,
            // In 128 bits, so that a huge `maxmemory` does not overflow; the result fits because percent <= 100.
            Self::Percent(percent) => u64::try_from(u128::from(maxmemory) * u128::from(percent) / 100).unwrap_or(u64::MAX),
        };
        (bytes > 0).then_some(bytes)
    }
}

impl Default for MemoryOrPercent {
    fn default() -> Self {
        Self::Bytes(0)
    }
}

/// On the way to the field a percentage is a negative number.
impl Stored for MemoryOrPercent {
    fn to_value(&self) -> Value {
        Value::Number(match *self {
            Self::Bytes(bytes) => i128::from(bytes),
            Self::Percent(percent) => -i128::from(percent),
        })
    }
    fn from_value(value: Value) -> Self {
        let Value::Number(number) = value else { panic!("a memory field was given {value:?}") };
        match u64::try_from(number) {
            Ok(bytes) => Self::Bytes(bytes),
            Err(_) => Self::Percent(u8::try_from(-number).expect("the row admits at most 100 %")),
        }
    }
}

/// Defines an enumeration whose variants are words of an option.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`")] $variant),+
        }

        impl $name {
            /// The words, in the order error messages list them.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word of this value.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// The value of a word, in any case.
            pub fn parse(word: &str) -> Option<Self> {
                [$(Self::$variant),+].into_iter().find(|value| value.as_str().eq_ignore_ascii_case(word))
            }
        }

        impl Default for $name {
            /// The first word; the option's own default stands in its row.
            fn default() -> Self {
                [$(Self::$variant),+][0]
            }
        }

        impl Stored for $name {
            fn to_value(&self) -> Value {
                Value::Word(self.as_str())
            }
            fn from_value(value: Value) -> Self {
                let Value::Word(word) = value else { panic!("a word field was given {value:?}") };
                Self::parse(word).expect("the row's words are the type's words")
            }
        }
    };
}

words! {
    /// How much the server logs (`loglevel`), from most to least.
    LogLevel { Debug = "debug", Verbose = "verbose", Notice = "notice", Warning = "warning", Nothing = "nothing" }
}

words! {
    /// Shape of a log line (`log-format`).
    LogFormat { Legacy = "legacy", Logfmt = "logfmt", Json = "json" }
}

words! {
    /// Time in a log line (`log-timestamp-format`).
    LogTimestampFormat { Legacy = "legacy", Iso8601 = "iso8601", Milliseconds = "milliseconds" }
}

words! {
    /// Who restarts the server and wants to hear that it is up (`supervised`).
    Supervised { Upstart = "upstart", Systemd = "systemd", Auto = "auto", No = "no" }
}

words! {
    /// Whether the server tells the kernel how ready to kill it (`oom-score-adj`): not at all, by a value added to the score it was
    /// started with, or by the value alone.
    OomScoreAdj { No = "no", Relative = "yes", Absolute = "absolute" }
}

words! {
    /// What happens to keys when `maxmemory` is reached (`maxmemory-policy`).
    MaxmemoryPolicy {
        VolatileLru = "volatile-lru",
        VolatileLfu = "volatile-lfu",
        VolatileRandom = "volatile-random",
        VolatileTtl = "volatile-ttl",
        AllkeysLru = "allkeys-lru",
        AllkeysLfu = "allkeys-lfu",
        AllkeysRandom = "allkeys-random",
        Noeviction = "noeviction",
    }
}

impl MaxmemoryPolicy {
    /// Whether keys are ranked by frequency of use: their clock field then counts instead of telling time.
    pub fn is_lfu(self) -> bool {
        matches!(self, Self::VolatileLfu | Self::AllkeysLfu)
    }

    /// Whether keys are ranked by when they were used last.
    pub fn is_lru(self) -> bool {
        matches!(self, Self::VolatileLru | Self::AllkeysLru)
    }

    /// Whether only keys with a time to live may be evicted.
    pub fn is_volatile(self) -> bool {
        matches!(self, Self::VolatileLru | Self::VolatileLfu | Self::VolatileRandom | Self::VolatileTtl)
    }
}

words! {
    /// Who may use a protected function: nobody, everybody, or connections from this machine.
    ProtectedAction { No = "no", Yes = "yes", Local = "local" }
}

impl ProtectedAction {
    /// Whether a client may use the function; `is_local` says whether it came over a loopback address or the socket file.
    pub fn allows(self, is_local: bool) -> bool {
        match self {
            Self::No => false,
            Self::Yes => true,
            Self::Local => is_local,
        }
    }
}

words! {
    /// What CLUSTER SLOTS, CLUSTER SHARDS and redirections name as a node's address.
    ClusterEndpointType { Ip = "ip", Hostname = "hostname", UnknownEndpoint = "unknown-endpoint" }
}

words! {
    /// When the append only file is flushed to the disk (`appendfsync`): once a second, at each write, or when the system likes.
    AppendFsync { EverySecond = "everysec", Always = "always", No = "no" }
}

words! {
    /// Which versions of payloads and snapshots are read: those that are known, or any (`rdb-version-check`).
    RdbVersionCheck { Strict = "strict", Relaxed = "relaxed" }
}

words! {
    /// For whom snapshots are written (`rdb-format`).
    RdbFormat { Auto = "auto", Redis10 = "redis10", Redis11 = "redis11", Redis12 = "redis12", Valkey80 = "valkey80" }
}

words! {
    /// Channels a new user may use (`acl-pubsub-default`).
    AclPubsubDefault { Allchannels = "allchannels", Resetchannels = "resetchannels" }
}

/// How a signal shuts the server down (`shutdown-on-sigint`, `shutdown-on-sigterm`): no flag is `default`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownFlags(u8);

impl ShutdownFlags {
    /// Save even without save points.
    pub const SAVE: Self = Self(1 << 0);
    /// Do not save.
    pub const NOSAVE: Self = Self(1 << 1);
    /// Do not wait for lagging replicas.
    pub const NOW: Self = Self(1 << 2);
    /// Shut down even when saving fails.
    pub const FORCE: Self = Self(1 << 3);
    /// Refuse to shut down while that would lose data.
    pub const SAFE: Self = Self(1 << 4);
    /// Hand over to a replica first.
    pub const FAILOVER: Self = Self(1 << 5);

    /// The words and their bits, in the order they are printed. `default` is the empty set.
    pub const WORDS: &'static [(&'static str, u8)] = &[
        ("default", 0),
        ("save", Self::SAVE.0),
        ("nosave", Self::NOSAVE.0),
        ("now", Self::NOW.0),
        ("force", Self::FORCE.0),
        ("safe", Self::SAFE.0),
        ("failover", Self::FAILOVER.0),
    ];

    /// With the flags of `other`, too.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all flags of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Stored for ShutdownFlags {
    fn to_value(&self) -> Value {
        Value::Number(i128::from(self.0))
    }
    fn from_value(value: Value) -> Self {
        Self(u8::from_value(value))
    }
}

/// Output buffer limit of one class of clients. 0 means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputBufferLimit {
    /// A client above this is disconnected at once.
    pub hard_bytes: u64,
    /// A client above this for `soft_seconds` is disconnected.
    pub soft_bytes: u64,
    /// How long a client may stay above the soft limit.
    pub soft_seconds: u64,
}

/// Output buffer limits of the three classes of clients (`client-output-buffer-limit`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputBufferLimits {
    /// Clients that are neither replicas nor subscribers.
    pub normal: OutputBufferLimit,
    /// Replicas.
    pub replica: OutputBufferLimit,
    /// Clients with at least one subscription.
    pub pubsub: OutputBufferLimit,
}

/// A point of automatic saving: after `seconds`, when at least `changes` were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// Seconds since the last save, at least 1.
    pub seconds: u64,
    /// Changes since the last save.
    pub changes: u64,
}

/// A `rename-command` line: the command and its new name; an empty name removes the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenamedCommand {
    /// The command as it is called by default.
    pub command: String,
    /// What clients must call it, or nothing when nobody may.
    pub new_name: String,
    /// Where the line stands: a file's path, `standard input` or `command line`.
    pub source: String,
    /// Its number there, from 1.
    pub line: usize,
}

#[cfg(test)]
mod tests {
    use super::{LogLevel, MaxmemoryPolicy, MemoryOrPercent, ProtectedAction, Stored, Value};

    #[test]
    fn values_come_back_from_their_fields() {
        for limit in [MemoryOrPercent::Bytes(0), MemoryOrPercent::Bytes(u64::MAX), MemoryOrPercent::Percent(5)] {
            assert_eq!(MemoryOrPercent::from_value(limit.to_value()), limit);
        }
        for word in LogLevel::WORDS {
            assert_eq!(LogLevel::from_value(Value::Word(word)).as_str(), *word);
        }
        assert_eq!(u64::from_value(u64::MAX.to_value()), u64::MAX);
        assert_eq!(i64::from_value(i64::MIN.to_value()), i64::MIN);
    }

    #[test]
    fn a_percentage_is_taken_of_maxmemory() {
        let cases = [
            (MemoryOrPercent::Bytes(0), 100, None),
            (MemoryOrPercent::Bytes(7), 0, Some(7)),
            (MemoryOrPercent::Percent(5), 1000, Some(50)),
            (MemoryOrPercent::Percent(5), 0, None),
            (MemoryOrPercent::Percent(100), u64::MAX, Some(u64::MAX)),
        ];
        for (limit, maxmemory, expected) in cases {
            assert_eq!(limit.limit_bytes(maxmemory), expected, "{limit:?} of {maxmemory}");
        }
    }

    #[test]
    fn words_are_read_in_any_case() {
        assert_eq!(MaxmemoryPolicy::parse("AllKeys-LRU"), Some(MaxmemoryPolicy::AllkeysLru));
        assert_eq!(MaxmemoryPolicy::parse("lru"), None);
    }

    #[test]
    fn protected_actions_know_local_clients() {
        let allowed = |action: ProtectedAction| (action.allows(true), action.allows(false));
        assert_eq!(allowed(ProtectedAction::No), (false, false));
        assert_eq!(allowed(ProtectedAction::Yes), (true, true));
        assert_eq!(allowed(ProtectedAction::Local), (true, false));
    }
}
