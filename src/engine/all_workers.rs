//! Lets a command wait until every worker has dealt with what had reached it before: what it shows is then no older than the request.
//!
//! Invariants: nobody waits longer than [`WAIT_MAX`], however long a worker is busy; a worker that has nothing else to do costs two
//! wake-ups per wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::base::limits::WORKERS_MAX;
use crate::base::timers::Timers;

/// Longest wait: about what a command of the slow kind takes.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// One worker's part.
#[derive(Debug, Default)]
struct Part {
    wake: Notify,
    /// Number of the last wait that it has served.
    done: AtomicU64,
}

/// See the module's page.
#[derive(Debug)]
pub struct Settle {
    /// Number of the last wait that began.
    asked: AtomicU64,
    parts: Box<[Part]>,
    /// Wakes those who wait.
    changed: Notify,
}

impl Default for Settle {
    fn default() -> Self {
        Settle { asked: AtomicU64::new(0), parts: (0..WORKERS_MAX).map(|_| Part::default()).collect(), changed: Notify::new() }
    }
}

impl Settle {
    /// Waits until the first `workers` workers have dealt with all that has reached them up to now, or for [`WAIT_MAX`].
    pub async fn wait(&self, workers: usize, timers: &Timers) {
        let parts = &self.parts[..workers];
        let number = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        parts.iter().for_each(|part| part.wake.notify_one());
        let all_done = async {
            loop {
                let mut changed = std::pin::pin!(self.changed.notified());
                // Listens before it looks, so that no change is missed.
                changed.as_mut().enable();
                if parts.iter().all(|part| part.done.load(Ordering::Acquire) >= number) {
                    return;
                }
                changed.await;
            }
        };
        // A worker that is busy for longer is as good as not there: its part is shown as it was.
        timers.timeout(WAIT_MAX, all_done).await;
    }

    /// A worker's part: runs on it as a task without end.
    pub async fn serve(&self, worker: usize) {
        let part = &self.parts[worker];
        loop {
            part.wake.notified().await;
            let number = self.asked.load(Ordering::Acquire);
            // Each time round the worker looks for events. After the first, all tasks that something arrived for are woken; at the
            // second, they have run.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            part.done.store(number, Ordering::Release);
            self.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn waits_for_every_worker_but_not_for_ever() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime needs no resource");
        let timers = Timers::default();
        timers.start().expect("a thread");
        runtime.block_on(async {
            let settle = Arc::new(Settle::default());
            let ran = Arc::new(AtomicU64::new(0));
            for worker in 0..2 {
                let settle = Arc::clone(&settle);
                tokio::spawn(async move { settle.serve(worker).await });
            }
            for _ in 0..3 {
                let ran = Arc::clone(&ran);
                tokio::spawn(async move { ran.fetch_add(1, Ordering::Relaxed) });
            }
            settle.wait(2, &timers).await;
            assert_eq!(ran.load(Ordering::Relaxed), 3, "what was ready has run");
            // The third worker does not answer.
            settle.wait(3, &timers).await;
        });
    }
}
