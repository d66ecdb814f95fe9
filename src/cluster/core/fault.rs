//! Rules that tests break on purpose, to see that the simulator finds it. Each is asked where its rule is.

/// A rule that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cluster) enum Fault {
    /// Whoever the map names serves, lease or not.
    SkipLease,
    /// Any living member of a shard is promoted, in sync or not.
    PromoteOutOfSync,
    /// What remains of an older lease is counted from when it was asked for, not from when the answer came.
    StaleAges,
    /// A voter that granted an epoch goes on granting older ones.
    NoSeal,
    /// A new holder counts on the voters of now alone, however new they are.
    SealOnlyNewVoters,
    /// The leader alone grants leases.
    LeaderGrants,
    /// A process takes itself for the one before it.
    RestartEmpty,
    /// A replica no longer counts once it is proposed that it leaves the in-sync set.
    CountShrinkEarly,
    /// A new leader leaves alone what the last one began.
    NoResume,
    /// A voter that has just started grants at once.
    GrantAtStart,
    /// A lease is counted from when it was granted, not from when it was asked for.
    CountFromReceipt,
    /// A newcomer's acknowledgements are asked for only when it is known to be in the in-sync set.
    CountGrowLate,
}
