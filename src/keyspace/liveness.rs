//! Whether an entry is there for whoever looks: the one predicate that lookups, scans, WATCH and eviction ask.
//!
//! An entry is alive until its expiry has passed. What else can end a key (an invalidated tag) joins here.

/// What may have an expiry.
pub trait Expiring {
    /// When its time comes, unix milliseconds.
    fn expiry_ms(&self) -> Option<i64>;
}

/// Who is alive at a moment, to one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Liveness {
    /// An expiry before this has passed, unix milliseconds.
    expired_before_ms: i64,
}

impl Liveness {
    /// Everything is alive: a client that imports another server's data sees what that server has, however old.
    pub const EVERYTHING: Liveness = Liveness { expired_before_ms: i64::MIN };

    /// At this time, unix milliseconds. Up to and including the very millisecond of its expiry a key lives.
    pub fn at(now_ms: i64) -> Liveness {
        Liveness { expired_before_ms: now_ms }
    }

    /// True unless the entry's time has passed.
    #[inline]
    pub fn is_alive(self, entry: impl Expiring) -> bool {
        entry.expiry_ms().is_none_or(|expiry_ms| self.holds(expiry_ms))
    }

    /// True unless this expiry has passed: for who looks at the expiry anyway.
    #[inline]
    pub fn holds(self, expiry_ms: i64) -> bool {
        expiry_ms >= self.expired_before_ms
    }
}
