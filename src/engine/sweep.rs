//! Commands that visit every stripe, and let others of their worker run in between.

use std::time::Duration;

use super::context::{Args, CmdResult, Context};
use super::shared::Shared;
use super::spec::StartSweep;
use crate::base::clock;
use crate::base::limits::WALK_US_MAX;
use crate::keyspace::stripe::Stripe;

/// When to look at a stripe again though nobody said that it is free: that word can be missed.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Visits the stripes one after the other, each as soon as it is free.
pub(super) async fn run(context: &mut Context<'_>, start: StartSweep, args: &Args<'_>) -> CmdResult {
    let mut sweep = start(context, args)?;
    let shared = context.shared;
    let mut step = clock::ticks();
    while let Some(number) = sweep.stripe() {
        while context.keys.with_stripe_if_free(number, |keys| sweep.visit(keys)).is_none() {
            freed(shared, number).await;
        }
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

/// True if `look` finds what it looks for in a stripe: in one after the other, each as soon as it is free.
pub async fn any_stripe(shared: &Shared, mut look: impl FnMut(&Stripe) -> bool) -> bool {
    for number in 0..shared.keyspace.stripes() as u32 {
        loop {
            if let Some(stripe) = shared.keyspace.lock_soon(number) {
                if look(&stripe) {
                    return true;
                }
                break;
            }
            freed(shared, number).await;
        }
    }
    false
}

/// Waits until everything that held a stripe when this was called has released it: what is changed before the call is seen by all that
/// lock a stripe after it.
pub async fn fence(shared: &Shared) {
    any_stripe(shared, |_| false).await;
}
