//! What can go wrong.

use std::collections::BTreeSet;

use super::network::At;
use crate::topology::NodeId;

/// Something that is done to the world.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    Kill {
        at: At,
        restarts_after_us: u64,
        keeps: bool,
    },
    Freeze {
        at: At,
        for_us: u64,
    },
    Jump {
        at: At,
        by_ms: u64,
    },
    /// From each of the first to each of the second; with a reset, or silently.
    Cut {
        from: Vec<At>,
        to: Vec<At>,
        for_us: u64,
        resets: bool,
    },
    SlowDisk {
        for_us: u64,
    },
    Release {
        at: At,
    },
    SetVoters {
        voters: BTreeSet<NodeId>,
    },
    KillAskingLeader,
    /// A primary loses the leader and its replicas, and keeps the other voters.
    CutOff {
        at: At,
    },
    CutGrowingPrimary,
    /// One that depends on who leads and who is a primary when it is done.
    Trouble(Trouble),
}

/// Whom it hits is decided when it happens.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    KillSome,
    KillPrimary,
    KillLeader,
    KillLeaderAndPrimary,
    KillPrimaries,
    KillShard,
    RestartPrimary,
    FreezeSome,
    FreezePrimary,
    FreezeLeader,
    JumpSome,
    CutOneWay,
    Isolate,
    Partition,
    PrimaryAlone,
    SwapVotersOfPrimary,
    NarrowMajority,
    SlowDisk,
    Release,
    SwapVoters,
    KillAskingLeader,
    /// A replica is restarted, and the primary is cut off when it is about to take it back.
    CutGrowingPrimary,
}

pub(super) const TROUBLES: [Trouble; 22] = [
    Trouble::KillSome,
    Trouble::KillPrimary,
    Trouble::KillLeader,
    Trouble::KillLeaderAndPrimary,
    Trouble::KillPrimaries,
    Trouble::KillShard,
    Trouble::RestartPrimary,
    Trouble::FreezeSome,
    Trouble::FreezePrimary,
    Trouble::FreezeLeader,
    Trouble::JumpSome,
    Trouble::CutOneWay,
    Trouble::Isolate,
    Trouble::Partition,
    Trouble::PrimaryAlone,
    Trouble::SwapVotersOfPrimary,
    Trouble::NarrowMajority,
    Trouble::SlowDisk,
    Trouble::Release,
    Trouble::SwapVoters,
    Trouble::KillAskingLeader,
    Trouble::CutGrowingPrimary,
];
