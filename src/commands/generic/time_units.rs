//! What the numbers of EXPIRE, TTL and their kin mean.

/// What a command's number counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// This moment.
    Now,
    /// 1970-01-01 UTC.
    Epoch,
}

/// What a command's number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
}
