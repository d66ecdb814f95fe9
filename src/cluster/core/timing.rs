//! Every time of the control plane, with the inequality that makes it right. All in milliseconds.
//!
//! From a kill of a primary to its successor's first reply: the break is seen at once, [`GRACE_MS`] later it counts as death, members stop and
//! the promotion is committed within some 10 ms, and by then the rest of the dead primary's lease is what is waited for. From silence:
//! [`FAILURE_MS`], and the lease is over long before.

/// How long a lease lasts (`cluster-lease-ms`).
pub(super) const LEASE_MS: u64 = 300;
/// What the option allows.
pub(super) const LEASE_MS_MIN: u64 = 100;
pub(super) const LEASE_MS_MAX: u64 = 10_000;

/// Between two renewals: a quarter of the lease.
pub(super) const fn renew_ms(lease_ms: u64) -> u64 {
    lease_ms / 4
}

/// How long a holder counts on a lease, from when it asked for it: 1 % for clocks that run at different speeds, and 5 ms for their grain.
pub(super) const fn hold_ms(lease_ms: u64) -> u64 {
    lease_ms * 99 / 100 - 5
}

/// How long a lease can outlast, by this node's clock, what was known when it was granted.
pub(super) const fn outlast_ms(lease_ms: u64) -> u64 {
    lease_ms + lease_ms / 50 + 5
}

/// Silence after which a node is dead (`cluster-failure-ms`).
pub(super) const FAILURE_MS: u64 = 500;

/// Between two beats of the leader.
pub(super) const BEAT_MS: u64 = 50;

/// Between two signs of life of any other node.
pub(super) const ALIVE_MS: u64 = 100;

/// Silence of the leader after which a voter would elect another.
pub(super) const SILENCE_MS: u64 = 250;

/// How long a broken connection may take to come back.
pub(super) const GRACE_MS: u64 = 120;

/// Between two dials.
pub(super) const REDIAL_MS: u64 = 25;

/// How often Raft reports at least, and how long it may be silent before its node stops beating as the leader.
pub(in crate::cluster) const RAFT_REPORT_MS: u64 = 100;
pub(super) const RAFT_STALL_MS: u64 = 1000;

/// How long a voter waits at most between two looks at the time.
pub(super) const TICK_MS_MAX: u64 = 50;

/// A jump of the clock that no late tick explains: the process was frozen.
pub(super) const GAP_MS: u64 = 150;

/// After that, how long what has come meanwhile takes to be read.
pub(super) const SETTLE_MS: u64 = 20;

/// How long a phase of the pre-vote waits for answers.
pub(super) const PRE_VOTE_MS: u64 = 80;

/// How long it waits for those of others behind the first majority, whose logs may be longer.
pub(super) const GATHER_MS: u64 = 5;

/// How much later a voter begins for each that has a longer log, or as long a one and a smaller id; and how many count at most.
pub(super) const STAGGER_MS: u64 = 30;
pub(super) const STAGGER_MAX: u64 = 2;

/// How long a promise to vote for a node binds.
pub(super) const PROMISE_MS: u64 = 80;

/// How long after its vote a voter leaves others the time to win.
pub(super) const VOTED_MS: u64 = 120;

/// How long an election may take before another one; and what a round that failed waits, up to twice as long.
pub(super) const ELECTION_MS: u64 = 140;
pub(super) const RETRY_MS: u64 = 20;

/// How long the leader waits for further members of a shard to stop following, and when it asks again.
pub(super) const STOP_MS: u64 = 50;
pub(super) const STOP_AGAIN_MS: u64 = 20;

/// When something that was proposed, and did not come, is proposed again.
pub(super) const PROPOSE_AGAIN_MS: u64 = 400;

/// How long the primary waits for an acknowledgement before the replica leaves the in-sync set.
pub(super) const ACKNOWLEDGE_MS: u64 = 300;

/// How long a shard that lost all of its in-sync processes waits for them (`cluster-restart-wait-ms`), unless nothing may be lost.
pub(super) const RESTART_WAIT_MS: u64 = 10_000;

/// How long a voter is dead before another node votes instead of it.
pub(super) const VOTER_DEAD_MS: u64 = 5000;

/// How many entries a node may be behind to become a voter.
pub(super) const VOTER_LAG_MAX: u64 = 1000;

const _: () = assert!(renew_ms(LEASE_MS) * 3 < hold_ms(LEASE_MS), "two renewals may be lost");
const _: () = assert!(renew_ms(LEASE_MS_MIN) * 3 < hold_ms(LEASE_MS_MIN) && renew_ms(LEASE_MS_MAX) * 3 < hold_ms(LEASE_MS_MAX));
const _: () = assert!(hold_ms(LEASE_MS) < LEASE_MS && LEASE_MS < outlast_ms(LEASE_MS), "a holder stops before its voters do");
const _: () = assert!(GRACE_MS + STOP_MS < LEASE_MS - renew_ms(LEASE_MS), "waiting for a broken connection delays no failover");
const _: () = assert!(REDIAL_MS * 4 < GRACE_MS, "a connection is tried several times before it counts");
const _: () = assert!(GRACE_MS < SILENCE_MS, "a break tells more than silence");
const _: () = assert!(BEAT_MS * 4 < SILENCE_MS, "three beats may be lost");
const _: () = assert!(ALIVE_MS * 4 < FAILURE_MS, "three signs of life may be lost");
const _: () = assert!(SILENCE_MS < FAILURE_MS, "a frozen leader is replaced before it could be judged, so that somebody judges");
const _: () = assert!(TICK_MS_MAX * 2 < GAP_MS && GAP_MS < SILENCE_MS, "a late tick is no freeze, and a freeze is seen before silence is");
const _: () = assert!(SETTLE_MS < SILENCE_MS && SETTLE_MS < BEAT_MS, "who was frozen does not wait for another beat");
const _: () = assert!(GATHER_MS < STAGGER_MS, "who is first does not wait for who is second");
const _: () = assert!(PRE_VOTE_MS <= PROMISE_MS && PROMISE_MS < VOTED_MS && VOTED_MS < ELECTION_MS, "one election at a time");
const _: () = assert!(STAGGER_MS * STAGGER_MAX + GATHER_MS < PROMISE_MS, "the last begins while the first one's promise binds");
const _: () = assert!(STOP_AGAIN_MS * 2 < STOP_MS, "a question is asked again before it is given up");
const _: () = assert!(ACKNOWLEDGE_MS < FAILURE_MS, "a frozen replica holds up writes for less than it takes to be dead");
const _: () = assert!(RAFT_REPORT_MS * 4 < RAFT_STALL_MS);
const _: () = assert!(VOTER_DEAD_MS > FAILURE_MS * 4, "who restarts keeps its vote");
