//! The thread that writes the node's file. Its own, and started before it is needed: a pool's thread that has to be made first, or that others
//! keep busy, costs an election what it should cost a write.
//!
//! Invariants:
//! * Jobs are done one after the other, in the order in which they were given.
//! * All that were given are done before [`Disk`] is gone.

use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait: Raft has one or two under way, a change of the standing one more.
const QUEUE_LEN: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Disk {
    /// None while it ends.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Disk {
    pub(super) fn start() -> std::io::Result<Self> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE_LEN);
        let thread = std::thread::Builder::new().name("cluster-disk".to_owned()).spawn(move || {
            while let Some(job) = queue.blocking_recv() {
                job();
            }
        })?;
        Ok(Disk { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Does this on the thread. Once it was given it is done, whether or not the caller waits. None: the thread has ended, which it does when a
    /// job panicked.
    pub(super) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (done, result) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Nobody waits any more, perhaps.
            let _ = done.send(job());
        });
        self.jobs.as_ref()?.send(job).await.ok()?;
        result.await.ok()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.jobs = None;
        let Some(thread) = self.thread.take() else { return };
        // A job may hold what keeps this alive.
        if thread.thread().id() != std::thread::current().id() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn what_was_given_is_done_in_order_even_if_nobody_waits() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let done = Arc::new(AtomicU32::new(0));
        runtime.block_on(async {
            let disk = Arc::new(Disk::start().unwrap());
            for number in 0..10 {
                let done = Arc::clone(&done);
                let given = disk.run(move || assert_eq!(done.fetch_add(1, Ordering::Relaxed), number));
                tokio::pin!(given);
                // It is given with the first poll, and forgotten.
                let _ = poll_once(given.as_mut()).await;
            }
            let kept = Arc::clone(&disk);
            assert_eq!(disk.run(move || Arc::strong_count(&kept)).await, Some(2), "a job may hold it");
        });
        assert_eq!(done.load(Ordering::Relaxed), 10);
    }

    async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
        std::future::poll_fn(|context| match std::pin::Pin::new(&mut future).poll(context) {
            std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
