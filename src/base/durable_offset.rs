//! How far the write log is durable, and who waits for more of it.
//!
//! Invariants:
//! * The offset only grows, but for when another log takes the place of the one that it is about: then whoever waits looks again.
//! * Who is told to wait is woken once its offset is reached: registering and advancing exclude each other.
//! * Whoever waits is registered at most once, and takes itself out when it goes: the list is no longer than the list of clients.

use std::collections::BTreeMap;
use std::task::Waker;

use super::sync::{AtomicU64, Mutex, Ordering};

/// See the module's page. Offset 0 is always reached: what depends on it depends on nothing.
#[derive(Debug, Default)]
pub struct DurableOffset {
    reached: AtomicU64,
    restarts: AtomicU64,
    /// By offset, then by the number of who waits.
    waiting: Mutex<BTreeMap<(u64, u64), Waker>>,
}

impl DurableOffset {
    /// What is reached now.
    #[inline]
    pub fn now(&self) -> u64 {
        self.reached.load(Ordering::Acquire)
    }

    /// Everything up to offset `to` is durable: wakes those who wait for it.
    pub fn advance(&self, to: u64) {
        let mut waiting = self.waiting.lock();
        self.reached.fetch_max(to, Ordering::AcqRel);
        let reached = match to.checked_add(1) {
            Some(first_left) => {
                let left = waiting.split_off(&(first_left, 0));
                std::mem::replace(&mut *waiting, left)
            }
            None => std::mem::take(&mut *waiting),
        };
        drop(waiting);
        reached.into_values().for_each(Waker::wake);
    }

    /// How often another log has taken the place of one: nobody is registered any more who was before.
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Acquire)
    }

    /// Another log has taken the place of the one until now, and everything of it up to offset `to` is durable.
    pub fn restart_at(&self, to: u64) {
        let mut waiting = self.waiting.lock();
        self.restarts.fetch_add(1, Ordering::AcqRel);
        self.reached.store(to, Ordering::Release);
        let all = std::mem::take(&mut *waiting);
        drop(waiting);
        all.into_values().for_each(Waker::wake);
    }

    /// Has `waker` woken once `offset` is reached. False if it is reached already: then nobody is woken.
    pub fn wake_at(&self, offset: u64, who: u64, waker: Waker) -> bool {
        let mut waiting = self.waiting.lock();
        let must_wait = self.now() < offset;
        if must_wait {
            waiting.insert((offset, who), waker);
        }
        must_wait
    }

    /// Takes back a wish to be woken.
    pub fn forget(&self, offset: u64, who: u64) {
        self.waiting.lock().remove(&(offset, who));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }

    #[test]
    fn those_whose_offset_is_reached_are_woken_once() {
        let durable = DurableOffset::default();
        let counts: Vec<Arc<Count>> = (0..4).map(|_| Arc::default()).collect();
        let wait = |who: usize, offset| durable.wake_at(offset, who as u64, Waker::from(Arc::clone(&counts[who])));
        let woken = || counts.iter().map(|count| count.0.load(Ordering::Acquire)).collect::<Vec<_>>();
        assert!(!wait(0, 0), "nothing to wait for");
        assert!(wait(0, 10) && wait(1, 10) && wait(2, 11) && wait(3, 12));
        durable.advance(9);
        assert_eq!(woken(), [0, 0, 0, 0]);
        durable.forget(10, 1);
        durable.advance(11);
        assert_eq!((durable.now(), woken()), (11, vec![1, 0, 1, 0]));
        durable.advance(5);
        assert_eq!((durable.now(), woken()), (11, vec![1, 0, 1, 0]), "it never goes back");
        assert!(!wait(0, 11), "reached already");
        durable.advance(u64::MAX);
        assert_eq!(woken(), [1, 0, 1, 1]);
        assert!(durable.waiting.lock().is_empty());
        let again = Arc::<Count>::default();
        durable.restart_at(7);
        assert!(durable.wake_at(8, 1, Waker::from(Arc::clone(&again))));
        durable.restart_at(3);
        assert_eq!((durable.now(), again.0.load(Ordering::Acquire)), (3, 1));
    }

    #[test]
    fn nobody_sleeps_through_an_advance() {
        const OFFSETS: u64 = 20_000;
        let durable = Arc::new(DurableOffset::default());
        let writer = std::thread::spawn({
            let durable = Arc::clone(&durable);
            move || (1..=OFFSETS).for_each(|offset| durable.advance(offset))
        });
        let count = Arc::new(Count::default());
        let mut waited = 0;
        for offset in 1..=OFFSETS {
            waited += usize::from(durable.wake_at(offset, 1, Waker::from(Arc::clone(&count))));
        }
        writer.join().expect("it does not panic");
        assert_eq!(count.0.load(Ordering::Acquire), waited);
    }
}
