//! The timers of what sleeps on a worker.
//!
//! A runtime with timers asks for the time whenever it looks for events, and the kernel counts a deadline down for it: at one request
//! per look that is 4 % of what a request costs. Workers look for events all the time and hardly ever sleep, so their runtimes
//! have no timers, and those who sleep borrow the ones of a thread that does nothing else.
//!
//! Invariant: what a worker runs sleeps by [`Timers::sleep`] or [`Timers::within`]; elsewhere tokio panics.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Sleep;

/// See the module's page. The thread ends with it.
#[derive(Debug)]
pub(super) struct Timers {
    handle: Handle,
    _end: oneshot::Sender<()>,
}

impl Timers {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's, when it cannot be started.
    pub(super) fn start() -> std::io::Result<Timers> {
        // With sockets too, for commands that ask other nodes.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        std::thread::Builder::new().name("timers".into()).spawn(move || {
            // An error says that the sender is gone.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Timers { handle, _end: end })
    }

    /// Sleeps.
    pub(super) fn sleep(&self, duration: Duration) -> Sleep {
        let _entered = self.handle.enter();
        tokio::time::sleep(duration)
    }

    /// Runs what may sleep, on the thread that polls it. What it spawns runs on the timers' thread.
    pub(super) async fn within<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let _entered = self.handle.enter();
            future.as_mut().poll(cx)
        })
        .await
    }
}
