//! The timers of what sleeps on a worker.
//!
//! The runtimes of workers have no timers ([`crate::performance`], *Borrowed timers*): those who sleep borrow the ones of a thread that does
//! nothing else.
//!
//! Invariant: what a worker runs sleeps by [`Timers`] alone; elsewhere on it tokio's timers panic, and a panic ends the process. Hence
//! `clippy.toml` forbids tokio's functions, and the few places on runtimes with timers of their own say that they are such.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::OnceLock;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Sleep;

/// See the module's page. The thread ends with it.
#[derive(Debug, Default)]
pub struct Timers {
    thread: OnceLock<Thread>,
}

#[derive(Debug)]
struct Thread {
    handle: Handle,
    _end: oneshot::Sender<()>,
}

impl Timers {
    /// Starts the thread, unless it runs. Called once, before anybody sleeps.
    ///
    /// # Errors
    /// The system's, when it cannot be started.
    pub fn start(&self) -> std::io::Result<()> {
        if self.thread.get().is_some() {
            return Ok(());
        }
        // With sockets too, for commands that ask other nodes.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        std::thread::Builder::new().name("timers".into()).spawn(move || {
            // An error says that the sender is gone.
            let _ = runtime.block_on(ended);
        })?;
        // Where two start it at once, the thread of one ends again.
        let _ = self.thread.set(Thread { handle, _end: end });
        Ok(())
    }

    fn handle(&self) -> &Handle {
        &self.thread.get().expect("started before the workers").handle
    }

    /// Sleeps.
    #[expect(clippy::disallowed_methods, reason = "this is what the rule points to")]
    pub fn sleep(&self, duration: Duration) -> Sleep {
        let _entered = self.handle().enter();
        tokio::time::sleep(duration)
    }

    /// Waits for `future` for so long. None if it took longer.
    pub async fn timeout<F: Future>(&self, duration: Duration, future: F) -> Option<F::Output> {
        let (mut future, mut sleep) = (pin!(future), pin!(self.sleep(duration)));
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
        })
        .await
    }

    /// Runs something on a thread that serves nobody else.
    pub fn spawn_blocking<R: Send + 'static>(&self, run: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
        self.handle().spawn_blocking(run)
    }

    /// Runs a future that sleeps by itself, on the thread that polls it: one that was written for a runtime with timers. What it spawns
    /// runs on the timers' thread.
    pub async fn within<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let _entered = self.handle().enter();
            future.as_mut().poll(cx)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[test]
    fn a_runtime_without_timers_sleeps_by_them() {
        const SHORT: Duration = Duration::from_millis(1);
        let timers = Timers::default();
        timers.start().expect("a thread");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime needs no resource");
        runtime.block_on(async {
            timers.sleep(SHORT).await;
            assert_eq!(timers.timeout(SHORT, pending::<()>()).await, None);
            assert_eq!(timers.timeout(SHORT, ready(1)).await, Some(1));
            timers.within(timers.sleep(SHORT)).await;
            assert_eq!(timers.spawn_blocking(|| 1).await.expect("it does not panic"), 1);
        });
    }
}
