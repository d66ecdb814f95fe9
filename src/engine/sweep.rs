//! Commands that visit every stripe, and let others of their worker run in between.

use std::time::Duration;

use super::context::{Args, CmdResult, Context};
use super::shared::Shared;
use super::spec::StartSweep;
use crate::base::clock;
use crate::base::limits::WALK_US_MAX;

/// When to look at a stripe again though nobody said that it is free: that word can be missed.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Visits the stripes one after the other, each as soon as it is free.
pub(super) async fn run(context: &mut Context<'_>, start: StartSweep, args: &Args<'_>) -> CmdResult {
    let mut sweep = start(context, args)?;
    let shared = context.shared;
    let mut step = clock::ticks();
    while let Some(number) = sweep.stripe() {
        until_free(shared, number).await;
        context.keys.with_stripe(number, |keys| sweep.visit(keys));
        assert!(context.keys.holds_nothing(), "a sweep holds a stripe while it visits it, and none while it waits");
        if clock::elapsed_us(step, clock::ticks()) > WALK_US_MAX {
            tokio::task::yield_now().await;
            step = clock::ticks();
        }
    }
    sweep.finish(context)
}

/// The same where nothing waits: inside EXEC, which holds all stripes.
pub(super) fn run_at_once(context: &mut Context<'_>, start: StartSweep, args: &Args<'_>) -> CmdResult {
    let mut sweep = start(context, args)?;
    while let Some(number) = sweep.stripe() {
        context.keys.with_stripe(number, |keys| sweep.visit(keys));
    }
    sweep.finish(context)
}

/// Waits until a stripe was free for a moment.
pub async fn freed(shared: &Shared, stripe: u32) {
    shared.timers.timeout(LOOK_AGAIN, shared.keyspace.freed(stripe)).await;
}

/// Waits until a stripe is not held for long.
async fn until_free(shared: &Shared, stripe: u32) {
    while shared.keyspace.lock_soon(stripe).is_none() {
        freed(shared, stripe).await;
    }
}

/// Waits until everything that held a stripe when this was called has released it: what is changed before the call is seen by all that
/// lock a stripe after it.
pub async fn fence(shared: &Shared) {
    for number in 0..shared.keyspace.stripes() as u32 {
        until_free(shared, number).await;
    }
}
