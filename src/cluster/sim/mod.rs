//! A simulator of whole clusters: six or nine nodes, each with the core that runs in production, over a network, disks and clocks that go
//! wrong as a seed says. The same seed makes the same run, to the last step.
//!
//! ```text
//! world     machines and processes: what happens when, and the steps of their cores
//! raft_io   what a machine does with its log             raft      a small log for the core to decide in      machine   the map that it makes
//! traffic   what goes between machines                   network   delays, losses, cuts                       data      what shards hold
//! script    what goes wrong, by the seed                 deed      what can                                   fate      how it is done
//! checker   what must hold after every step
//! ```
//!
//! `scripts/simulate` runs many seeds. A failure names its seed: `SIM_SEED=n cargo test --lib cluster::sim::tests::one_seed -- --nocapture`
//! runs it again and prints what happened.

#![allow(clippy::print_stdout, reason = "it tells whoever runs it what it saw")]

mod checker;
mod data;
mod deed;
mod fate;
mod machine;
mod network;
mod raft;
mod raft_io;
mod script;
#[cfg(test)]
mod tests;
mod traffic;
mod world;

use crate::base::rng::Rng;
use crate::cluster::core::Fault;
use world::World;

/// How soon everything must be well once nothing goes wrong any more, in microseconds: all nodes run, and the longest wait is for those that
/// were in sync.
const SETTLED_US: u64 = 8_000_000;

/// What a run was like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Outcome {
    trace: u64,
    asking_leaders_killed: u64,
    /// How long it took until everything was well.
    settled_us: u64,
}

/// Runs one seed. An error says what was violated and when.
fn run(seed: u64, fault: Option<Fault>, is_told: bool) -> Result<Outcome, String> {
    let mut rng = Rng::new(seed);
    let setting = script::setting(&mut rng, fault);
    let mut world = World::new(setting, rng.next_u64());
    world.is_told = is_told;
    world.tell(|| format!("{setting:?}"));
    script::plan(&mut world);
    let failed = |world: &World, why: String| format!("at {} us: {why}", world.now_us);
    world.run(script::TROUBLE_US).map_err(|why| failed(&world, why))?;
    world.tell(|| "all is well from now on".to_owned());
    world.heal();
    let since_us = world.now_us;
    loop {
        world.run(world.now_us + 20_000).map_err(|why| failed(&world, why))?;
        let settled_us = world.now_us - since_us;
        match world.unsettled(since_us) {
            None => return Ok(Outcome { trace: world.trace, asking_leaders_killed: world.asking_leaders_killed, settled_us }),
            Some(why) if settled_us > SETTLED_US => return Err(failed(&world, why)),
            Some(_) => {}
        }
    }
}
