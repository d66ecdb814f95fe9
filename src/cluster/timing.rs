//! Sleeping on the cluster's own thread, whose runtime has timers.
//!
//! A command of the cluster runs on a worker, which has none, within those of another thread: see [`crate::base::timers`].

use std::time::Duration;

use tokio::time::error::Elapsed;

/// Sleeps.
#[expect(clippy::disallowed_methods, reason = "what calls it runs where there are timers")]
pub(super) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Waits for `future` for so long.
///
/// # Errors
/// If it took longer.
#[expect(clippy::disallowed_methods, reason = "what calls it runs where there are timers")]
pub(super) async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    tokio::time::timeout(duration, future).await
}
