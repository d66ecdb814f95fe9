//! Seeds that must pass, and broken rules that must be found.

use super::deed::Deed;
use super::network::{At, Quality};
use super::world::Setting;
use super::*;
use crate::cluster::core::Config;

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs seeds on all processors, and returns those that fail in order.
fn failures(first: u64, count: u64, fault: Option<Fault>, most: usize) -> (Vec<(u64, String)>, Outcome) {
    let next = std::sync::atomic::AtomicU64::new(first);
    let found = parking_lot::Mutex::new((Vec::new(), Outcome::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= first + count || found.lock().0.len() >= most {
                        return;
                    }
                    let outcome = run(seed, fault, false);
                    let mut found = found.lock();
                    match outcome {
                        Ok(outcome) => {
                            found.1.asking_leaders_killed += outcome.asking_leaders_killed;
                            found.1.settled_us = found.1.settled_us.max(outcome.settled_us);
                        }
                        Err(why) => found.0.push((seed, why)),
                    }
                }
            });
        }
    });
    let (mut failed, outcome) = found.into_inner();
    failed.sort();
    (failed, outcome)
}

#[test]
fn seeds() {
    let (first, count) = (number("SIM_FIRST", 1), number("SIM_SEEDS", 300));
    let (failed, outcome) = failures(first, count, None, 10);
    for (seed, why) in &failed {
        println!("SIM_SEED={seed} cargo test --lib cluster::sim::tests::one_seed -- --nocapture    # {why}");
    }
    assert!(failed.is_empty(), "{} seeds failed", failed.len());
    println!("{count} seeds from {first}: {outcome:?}");
    assert!(count < 300 || outcome.asking_leaders_killed > 0, "a leader died between asking members to stop and its proposal");
}

/// Runs the seed in SIM_SEED and tells what happens; with SIM_FAULT while that rule is broken.
#[test]
fn one_seed() {
    let seed = number("SIM_SEED", 0);
    let name = std::env::var("SIM_FAULT").unwrap_or_default();
    let fault = PLANTED.iter().copied().find(|fault| format!("{fault:?}") == name);
    assert!(name.is_empty() || fault.is_some(), "SIM_FAULT is one of {PLANTED:?}");
    let outcome = run(seed, fault, seed > 0);
    assert!(outcome.is_ok(), "seed {seed}: {outcome:?}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [7, 8] {
        assert_eq!(run(seed, None, false), run(seed, None, false), "seed {seed}");
    }
    assert_ne!(run(7, None, false), run(8, None, false));
}

/// From something that happens to a primary, which leads or does not, until the shard acknowledges a write again, by simulated time: in a
/// network like that of a machine room, for each of so many seeds. Sorted, in milliseconds.
fn failovers(seeds: u64, is_leader_hit: bool, hit: impl Fn(At) -> Deed) -> Vec<u64> {
    let quality = Quality { delay_us: (50, 300), loss: 0 };
    let setting = Setting { shards: 3, copies: 2, quality, flush_us: (500, 2000), config: Config::default() };
    let mut took_ms = Vec::new();
    for seed in 1.. {
        let mut world = World::new(setting, seed);
        world.run(1_500_000).unwrap();
        let (leader, primaries) = (world.leader().unwrap(), world.primaries());
        let Some(primary) = primaries.into_iter().find(|primary| (*primary == leader) == is_leader_hit) else { continue };
        let shard = world.shard_of(primary);
        hit(primary).act(&mut world).unwrap();
        let since_us = world.now_us;
        while world.checker.acknowledged_us(shard) <= since_us {
            assert!(world.now_us < since_us + 5_000_000, "seed {seed}");
            world.run(world.now_us + 1000).unwrap();
        }
        took_ms.push((world.now_us - since_us) / 1000);
        if took_ms.len() as u64 == seeds {
            break;
        }
    }
    took_ms.sort_unstable();
    took_ms
}

/// The times that the design promises.
#[test]
fn a_shard_is_served_again_in_time() {
    let kill = |at| Deed::Kill { at, restarts_after_us: 3_000_000, keeps: true };
    let freeze = |at| Deed::Freeze { at, for_us: 3_000_000 };
    let table: [(&str, &dyn Fn(At) -> Deed, u64, u64); 2] = [("killed", &kill, 300, 450), ("frozen", &freeze, 550, 800)];
    for (what, hit, median_ms, most_ms) in table {
        for is_leader_hit in [false, true] {
            let took_ms = failovers(15, is_leader_hit, hit);
            println!("{what}, {}: {took_ms:?} ms", if is_leader_hit { "leads" } else { "follows" });
            assert!(took_ms[7] <= median_ms && took_ms[14] <= most_ms, "{what}: {took_ms:?}");
        }
    }
}

fn is_found(fault: Fault) {
    let (failed, _) = failures(1, 300, Some(fault), 1);
    println!("{fault:?}: {:?}", failed.first());
    assert!(!failed.is_empty(), "{fault:?} is found");
}

macro_rules! planted {
    ($($name:ident: $fault:ident),* $(,)?) => {
        const PLANTED: &[Fault] = &[$(Fault::$fault),*];
        $(
            #[test]
            fn $name() {
                is_found(Fault::$fault);
            }
        )*
    };
}

planted! {
    a_skipped_lease_is_found: SkipLease,
    a_promotion_out_of_sync_is_found: PromoteOutOfSync,
    stale_ages_are_found: StaleAges,
    a_voter_that_does_not_seal_is_found: NoSeal,
    sealing_only_the_new_voters_is_found: SealOnlyNewVoters,
    leases_of_the_leader_are_found: LeaderGrants,
    a_restart_that_passes_for_the_old_process_is_found: RestartEmpty,
    a_shrink_that_counts_early_is_found: CountShrinkEarly,
    a_grow_that_counts_late_is_found: CountGrowLate,
    a_leader_that_leaves_things_begun_is_found: NoResume,
    a_voter_that_grants_at_its_start_is_found: GrantAtStart,
    a_lease_counted_from_its_receipt_is_found: CountFromReceipt,
}
