//! What goes wrong in a simulation, by its seed.

use std::collections::BTreeSet;

use super::checker::Violation;
use super::deed::{Deed, TROUBLES, Trouble};
use super::network::{At, Quality};
use super::world::{Setting, World, place_id};
use crate::base::rng::Rng;
use crate::cluster::core::{Config, Event, Fault};
use crate::topology::NodeId;

/// For how long things go wrong, in microseconds.
pub(super) const TROUBLE_US: u64 = 4_000_000;

/// What the world is like.
pub(super) fn setting(rng: &mut Rng, fault: Option<Fault>) -> Setting {
    let delay_us = [(50, 400), (200, 3000), (1000, 20_000), (1000, 80_000)][rng.below(4) as usize];
    let loss = [0, 0, 10, 50][rng.below(4) as usize];
    let flush_us = [(200, 2000), (500, 10_000)][rng.below(2) as usize];
    let copies = 2 + rng.below(3) / 2;
    let config = Config { sync: rng.below(2) == 0, restart_wait_ms: 1500, fault, ..Config::default() };
    Setting { shards: 3, copies, quality: Quality { delay_us, loss }, flush_us, config }
}

/// Plans what goes wrong.
pub(super) fn plan(world: &mut World) {
    let count = 1 + world.rng.below(8);
    for _ in 0..count {
        let trouble = TROUBLES[world.rng.below(TROUBLES.len() as u64) as usize];
        let delay_us = 600_000 + world.rng.below(TROUBLE_US - 600_000);
        world.plan(delay_us, Deed::Trouble(trouble));
    }
}

impl Deed {
    pub(super) fn act(self, world: &mut World) -> Result<(), Violation> {
        if world.now_us >= TROUBLE_US && !matches!(self, Deed::Kill { .. }) {
            return Ok(());
        }
        world.tell(|| format!("{self:?}"));
        match self {
            Deed::Kill { at, restarts_after_us, keeps } => {
                if world.is_running(at) {
                    world.kill(at, keeps);
                    world.start_after(at, restarts_after_us);
                }
            }
            Deed::Freeze { at, for_us } => world.freeze(at, for_us),
            Deed::Jump { at, by_ms } => world.jump(at, by_ms),
            Deed::Cut { from, to, for_us, resets } => {
                let until_us = world.now_us + for_us;
                for one in &from {
                    for other in to.iter().filter(|other| *other != one) {
                        world.network.cut(*one, *other, until_us);
                        if resets {
                            world.break_link(*one, *other);
                            world.break_link(*other, *one);
                        }
                    }
                }
            }
            Deed::SlowDisk { for_us } => world.slow_disk_until_us = world.now_us + for_us,
            Deed::Release { at } => {
                if world.is_running(at) {
                    world.step(at, Event::Release)?;
                    world.plan(20_000, Deed::Kill { at, restarts_after_us: 200_000, keeps: true });
                }
            }
            Deed::SetVoters { voters } => world.set_voters(voters)?,
            Deed::KillAskingLeader => world.kills_asking_leader = true,
            Deed::CutGrowingPrimary => world.cuts_growing_primary = true,
            Deed::CutOff { at } => {
                for (delay_us, deed) in cut_off(world, at) {
                    world.plan(delay_us, deed);
                }
            }
            Deed::Trouble(trouble) => {
                for (delay_us, deed) in trouble.deeds(world) {
                    world.plan(delay_us, deed);
                }
            }
        }
        Ok(())
    }
}

/// Other voters: the leader and most of the present ones stay, as the core has it as well.
fn some_voters(world: &mut World) -> BTreeSet<NodeId> {
    let (count, now) = (world.count(), world.voters());
    let mut voters: BTreeSet<At> = world.leader().into_iter().collect();
    while !now.is_empty() && voters.len() < now.len() / 2 + 1 {
        voters.insert(now[world.rng.below(now.len() as u64) as usize]);
    }
    let wanted = (3 + 2 * (world.rng.below(2) as usize)).max(voters.len());
    while voters.len() < wanted.min(count) {
        voters.insert(world.rng.below(count as u64) as At);
    }
    voters.into_iter().map(place_id).collect()
}

fn both_ways(one: Vec<At>, other: Vec<At>, for_us: u64, resets: bool) -> Vec<(u64, Deed)> {
    let back = Deed::Cut { from: other.clone(), to: one.clone(), for_us, resets };
    vec![(0, Deed::Cut { from: one, to: other, for_us, resets }), (0, back)]
}

fn cut_off(world: &mut World, primary: At) -> Vec<(u64, Deed)> {
    let mut others = world.fellows(primary);
    others.extend(world.leader().filter(|leader| *leader != primary));
    let (for_us, resets) = (300_000 + world.rng.below(1_500_000), world.rng.below(2) == 0);
    both_ways(vec![primary], others, for_us, resets)
}

/// The leader, one more voter and a third, of five: if the leader is not the primary.
fn split_voters(world: &World, primary: At) -> Option<(At, Vec<At>)> {
    let leader = world.leader().filter(|leader| *leader != primary)?;
    let (voters, fellows) = (world.voters(), world.fellows(primary));
    let mut others: Vec<At> = voters.iter().copied().filter(|voter| *voter != leader && *voter != primary).collect();
    others.sort_by_key(|voter| !fellows.contains(voter));
    (voters.len() == 5).then_some((leader, others))
}

/// A primary holds its lease by three of five voters. Then others enter, who are with the remaining two a majority that knows nothing of it.
fn swap_voters_of_primary(world: &mut World, primary: At) -> Vec<(u64, Deed)> {
    let Some((leader, others)) = split_voters(world, primary) else { return Vec::new() };
    let (stays, before) = (others[0], world.voters());
    let newcomers = (0..world.count()).filter(|at| !before.contains(at) && *at != primary).take(2);
    let strangers: Vec<At> = [leader, stays].into_iter().chain(newcomers).collect();
    let voters = strangers.iter().chain(&others[1..]).take(5).map(|at| place_id(*at)).collect();
    let swaps_us = 400_000 + world.rng.below(80_000);
    vec![
        (0, Deed::Cut { from: vec![primary], to: strangers, for_us: 1_200_000, resets: false }),
        (swaps_us, Deed::SetVoters { voters }),
        (490_000, Deed::Cut { from: vec![leader], to: vec![primary], for_us: 700_000, resets: false }),
    ]
}

/// A primary holds its lease by three of five voters, one of which hears of it late, and late of its successor's promotion.
fn narrow_majority(world: &mut World, primary: At) -> Vec<(u64, Deed)> {
    let Some((leader, others)) = split_voters(world, primary).filter(|(_, others)| others.len() == 3) else { return Vec::new() };
    let mut lost = world.fellows(primary);
    lost.extend([leader, others[0]]);
    let (deaf_us, late_us) = (50_000 + world.rng.below(40_000), 60_000 + world.rng.below(40_000));
    let mut deeds = both_ways(vec![primary], lost, 900_000, true);
    deeds.push((deaf_us, Deed::Cut { from: vec![primary], to: vec![others[1]], for_us: late_us, resets: false }));
    deeds.push((100_000, Deed::Cut { from: vec![leader], to: vec![others[1]], for_us: 220_000, resets: false }));
    deeds
}

impl Trouble {
    fn deeds(self, world: &mut World) -> Vec<(u64, Deed)> {
        let count = world.count();
        let some = world.rng.below(count as u64) as At;
        let primaries = world.primaries();
        let primary = primaries[world.rng.below(primaries.len() as u64) as usize];
        let leader = world.leader().unwrap_or(some);
        let (keeps, resets) = (world.rng.below(2) == 0, world.rng.below(2) == 0);
        let for_us = 50_000 + world.rng.below(1_500_000);
        let restarts_after_us = if world.rng.below(3) == 0 { 20_000 + world.rng.below(80_000) } else { for_us };
        let mut soon_us = || world.rng.below(30_000);
        let kill = |at| Deed::Kill { at, restarts_after_us, keeps };
        let all = || (0..count).collect::<Vec<At>>();
        match self {
            Trouble::KillSome => vec![(0, kill(some))],
            Trouble::KillPrimary => vec![(0, kill(primary))],
            Trouble::KillLeader => vec![(0, kill(leader))],
            Trouble::KillLeaderAndPrimary => vec![(0, kill(leader)), (soon_us(), kill(primary))],
            Trouble::KillPrimaries => primaries.into_iter().map(|at| (soon_us(), kill(at))).collect(),
            Trouble::KillShard => {
                let mut fellows = world.fellows(some);
                fellows.push(some);
                fellows.into_iter().map(|at| (world.rng.below(30_000), kill(at))).collect()
            }
            Trouble::RestartPrimary => vec![(0, Deed::Kill { at: primary, restarts_after_us: 1000 + soon_us(), keeps })],
            Trouble::FreezeSome => vec![(0, Deed::Freeze { at: some, for_us })],
            Trouble::FreezePrimary => vec![(0, Deed::Freeze { at: primary, for_us })],
            Trouble::FreezeLeader => vec![(0, Deed::Freeze { at: leader, for_us })],
            Trouble::JumpSome => vec![(0, Deed::Jump { at: some, by_ms: 160 + for_us / 1000 })],
            Trouble::CutOneWay => vec![(0, Deed::Cut { from: vec![some], to: vec![primary, leader], for_us, resets })],
            Trouble::Isolate => both_ways(vec![primary], all(), for_us, resets),
            Trouble::Partition => {
                let (one, other) = all().into_iter().partition(|_| world.rng.below(2) == 0);
                both_ways(one, other, for_us, resets)
            }
            Trouble::PrimaryAlone => vec![(0, Deed::CutOff { at: primary })],
            Trouble::SwapVotersOfPrimary => swap_voters_of_primary(world, primary),
            Trouble::NarrowMajority => narrow_majority(world, primary),
            Trouble::SlowDisk => vec![(0, Deed::SlowDisk { for_us })],
            Trouble::Release => vec![(0, Deed::Release { at: primary })],
            Trouble::SwapVoters => vec![(0, Deed::SetVoters { voters: some_voters(world) })],
            Trouble::KillAskingLeader => vec![(0, Deed::KillAskingLeader), (1000, kill(primary))],
            Trouble::CutGrowingPrimary => {
                let fellows = world.fellows(primary).into_iter();
                fellows.map(|at| (0, kill(at))).chain([(1000, Deed::CutGrowingPrimary)]).collect()
            }
        }
    }
}
