//! Requests of connections that are ready together run together.
//!
//! Within a pipeline [`crate::engine::lookahead`] turns the cache misses of all requests into one; this does so across the connections of a
//! worker. A connection that has read a few complete requests parks them, and lets those that are ready read theirs. Then one task, the
//! *round*, asks for the memory that all of them need and runs them. It sends no reply before all have run: the kernel, called in between,
//! leaves little of a command's code in the caches. What this gains: [`crate::performance`], *Gathering*.
//!
//! Switched off ([`Gather::new`]), it parks nothing: every connection runs its own requests at once.
//!
//! Invariants:
//! * What is parked is bounded: by [`READ_BUFFER_LEN`] bytes and [`WAITING_REQUESTS_MAX`] requests. Who finds it full runs at once.
//! * The bytes below `used`, and parked requests, stay where they are until all of them have run.
//! * What is parked is run by the round or by its connection's task, whoever comes first. The round takes a connection out of its slot
//!   only while it runs it; what it cannot finish it leaves to the task, and wakes it ([`Parker::settle`]).

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use crate::base::clock::{self, Ticks};
use crate::base::limits::{READ_BUFFER_LEN, WAITING_REQUESTS_MAX};
use crate::engine::lookahead::Parsed;

/// So many connections that read between two looks for events are likely to have company the next time.
const READERS_MIN: u32 = 2;
/// Replies wait for the commands of other connections for no longer than this, give or take one command.
const REPLIES_WAIT_NS: u64 = 50_000;

/// See the module's page.
pub(super) struct Gather {
    is_on: bool,
    /// Where sockets are read into: what is parked, then room for one more read.
    pub(super) buffer: RefCell<Box<[u8]>>,
    pub(super) parsed: RefCell<Parsed>,
    used: Cell<usize>,
    /// Tickets that were given out.
    parked: Cell<usize>,
    estimate: Arc<ReadyEstimate>,
}

/// How many connections find something to read each time that the worker looks for events. Shared with what its runtime calls then, on
/// the same thread.
#[derive(Debug, Default)]
pub(super) struct ReadyEstimate {
    /// Since the last look.
    now: AtomicU32,
    /// Between the two looks before.
    before: AtomicU32,
}

impl ReadyEstimate {
    /// The worker looks for events.
    pub(super) fn look(&self) {
        self.before.store(self.now.load(Ordering::Relaxed), Ordering::Relaxed);
        self.now.store(0, Ordering::Relaxed);
    }

    /// A connection has read. True if others are likely to be ready as well, as others were the last time.
    #[inline]
    fn note_reader(&self) -> bool {
        let readers = self.now.load(Ordering::Relaxed) + 1;
        self.now.store(readers, Ordering::Relaxed);
        readers.max(self.before.load(Ordering::Relaxed)) >= READERS_MIN
    }
}

/// What a connection has parked.
#[derive(Debug)]
pub(super) struct Ticket {
    bytes: Range<u32>,
    requests: Range<u32>,
}

impl Ticket {
    /// Where it lies in the buffer.
    #[inline]
    pub(super) fn bytes(&self) -> Range<usize> {
        self.bytes.start as usize..self.bytes.end as usize
    }

    /// Requests of the batch.
    #[inline]
    pub(super) fn requests(&self) -> Range<usize> {
        self.requests.start as usize..self.requests.end as usize
    }
}

/// A connection, as the round sees it.
pub(super) trait Parker {
    /// Runs what is parked, if its task has not done that. `now` is when the one before it ended. Returns when this one did.
    fn run(&mut self, now: Ticks) -> Ticks;
    /// Sends the replies, and wakes its task if there is something left to do.
    fn settle(&mut self);
}

/// Where a connection is while its task sleeps with parked requests. The round takes it out while it works on it.
pub(super) struct Slot<P>(Cell<Option<Box<P>>>);

/// Those of a worker who have parked requests, in the order in which they read, and the task that runs them.
pub(super) struct Round<P> {
    slots: RefCell<Vec<Rc<Slot<P>>>>,
    /// The task, while it sleeps.
    waker: Cell<Option<Waker>>,
}

impl Gather {
    pub(super) fn new(estimate: Arc<ReadyEstimate>, is_on: bool) -> Gather {
        Gather {
            is_on,
            buffer: RefCell::new(vec![0; 2 * READ_BUFFER_LEN].into_boxed_slice()),
            parsed: RefCell::default(),
            used: Cell::new(0),
            parked: Cell::new(0),
            estimate,
        }
    }

    /// Where the next read goes to.
    #[inline]
    pub(super) fn free(&self) -> Range<usize> {
        self.used.get()..self.used.get() + READ_BUFFER_LEN
    }

    /// Notes that a connection has read. True if it should park what it has read: others are likely to be ready as well.
    #[inline]
    pub(super) fn note_reader(&self) -> bool {
        self.is_on && self.estimate.note_reader()
    }

    /// Keeps `len` bytes that were just read, all of them `requests`, until [`Gather::release`]. None if there is no room.
    #[inline]
    pub(super) fn park(&self, len: usize, requests: &Range<usize>) -> Option<Ticket> {
        let used = self.used.get();
        if used + len > READ_BUFFER_LEN || requests.end > WAITING_REQUESTS_MAX {
            return None;
        }
        self.used.set(used + len);
        self.parked.set(self.parked.get() + 1);
        Some(Ticket { bytes: used as u32..(used + len) as u32, requests: requests.start as u32..requests.end as u32 })
    }

    /// True if requests wait for the round.
    #[inline]
    pub(super) fn has_parked(&self) -> bool {
        self.parked.get() > 0
    }

    /// What a ticket stands for has run, or its connection has gone.
    #[inline]
    pub(super) fn release(&self, _: Ticket) {
        let left = self.parked.get() - 1;
        self.parked.set(left);
        if left == 0 {
            self.used.set(0);
            self.parsed.borrow_mut().clear();
        }
    }
}

impl<P> Slot<P> {
    pub(super) fn put(&self, parker: Box<P>) {
        self.0.set(Some(parker));
    }

    pub(super) fn take(&self) -> Option<Box<P>> {
        self.0.take()
    }
}

impl<P> Default for Slot<P> {
    fn default() -> Self {
        Slot(Cell::new(None))
    }
}

impl<P> Default for Round<P> {
    fn default() -> Self {
        Round { slots: RefCell::default(), waker: Cell::default() }
    }
}

impl<P: Parker> Round<P> {
    /// Has the next round run what lies in `slot`.
    pub(super) fn join(&self, slot: Rc<Slot<P>>) {
        self.slots.borrow_mut().push(slot);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Runs round after round, for ever. `begin` says when one begins, and what `end` is told when it ends.
    pub(super) async fn run<R>(&self, begin: impl Fn() -> (Ticks, R), end: impl Fn(R)) {
        let (mut slots, mut ran) = (Vec::new(), Vec::new());
        loop {
            poll_fn(|cx| self.poll_slots(cx, &mut slots)).await;
            let (started, round) = begin();
            let (mut now, mut settled) = (started, started);
            for slot in slots.drain(..) {
                // Those whose tasks were woken meanwhile may have gone on.
                let Some(mut parker) = slot.take() else { continue };
                now = parker.run(now);
                ran.push((slot, parker));
                if clock::elapsed_ns(settled, now) > REPLIES_WAIT_NS {
                    settle(&mut ran);
                    now = clock::ticks();
                    settled = now;
                }
            }
            settle(&mut ran);
            end(round);
        }
    }

    /// Takes all slots into `into`, which is empty, once there is one.
    fn poll_slots(&self, cx: &Context<'_>, into: &mut Vec<Rc<Slot<P>>>) -> Poll<()> {
        std::mem::swap(&mut *self.slots.borrow_mut(), into);
        if into.is_empty() {
            self.waker.set(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

/// Settles those that have run, and puts them back.
fn settle<P: Parker>(ran: &mut Vec<(Rc<Slot<P>>, Box<P>)>) {
    for (slot, mut parker) in ran.drain(..) {
        parker.settle();
        slot.put(parker);
    }
}

impl std::fmt::Debug for Gather {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gather").field("is_on", &self.is_on).field("used", &self.used).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes what becomes of it.
    struct Noted(Rc<RefCell<Vec<String>>>, &'static str);

    impl Parker for Noted {
        fn run(&mut self, now: Ticks) -> Ticks {
            self.0.borrow_mut().push(format!("run {}", self.1));
            now
        }
        fn settle(&mut self) {
            self.0.borrow_mut().push(format!("settle {}", self.1));
        }
    }

    #[test]
    fn all_run_before_any_is_settled_and_again_in_the_next_round() {
        let round = Round::default();
        let notes: Rc<RefCell<Vec<String>>> = Rc::default();
        let begin = || {
            notes.borrow_mut().push("begin".into());
            (clock::ticks(), ())
        };
        let mut rounds = Box::pin(round.run(begin, |()| notes.borrow_mut().push("end".into())));
        let mut poll = || assert!(rounds.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        poll();
        let slot = |name| {
            let slot: Rc<Slot<Noted>> = Rc::default();
            slot.put(Box::new(Noted(Rc::clone(&notes), name)));
            slot
        };
        let slots = [slot("a"), slot("b"), slot("c")];
        slots[..2].iter().for_each(|slot| round.join(Rc::clone(slot)));
        poll();
        assert!(slots.iter().all(|slot| slot.take().map(|noted| slot.put(noted)).is_some()), "all lie in their slots again");
        slots.iter().for_each(|slot| round.join(Rc::clone(slot)));
        // Its task was woken, and has gone on.
        drop(slots[1].take());
        poll();
        let expected = ["begin", "run a", "run b", "settle a", "settle b", "end", "begin", "run a", "run c", "settle a", "settle c", "end"];
        assert_eq!(*notes.borrow(), expected);
    }

    #[test]
    fn what_is_parked_stays_where_it_is_until_all_have_run() {
        let gather = Gather::new(Arc::default(), true);
        let first = gather.park(100, &(0..2)).expect("there is room");
        let second = gather.park(READ_BUFFER_LEN - 100, &(2..3)).expect("there is room");
        assert_eq!((first.bytes(), second.bytes(), second.requests()), (0..100, 100..READ_BUFFER_LEN, 2..3));
        assert!(gather.park(1, &(3..4)).is_none(), "no room for bytes");
        gather.release(first);
        assert_eq!(gather.free(), READ_BUFFER_LEN..2 * READ_BUFFER_LEN);
        gather.release(second);
        assert_eq!(gather.free(), 0..READ_BUFFER_LEN);
        assert!(gather.park(1, &(WAITING_REQUESTS_MAX..WAITING_REQUESTS_MAX + 1)).is_none(), "no room for requests");
    }

    #[test]
    fn a_connection_parks_if_it_has_company_and_gathering_is_on() {
        for is_on in [true, false] {
            let estimate: Arc<ReadyEstimate> = Arc::default();
            let gather = Gather::new(Arc::clone(&estimate), is_on);
            let readers = |count: usize| (0..count).map(|_| gather.note_reader()).collect::<Vec<_>>();
            assert_eq!(readers(2), [false, is_on], "the second has company");
            estimate.look();
            assert_eq!(readers(1), [is_on], "as there was the last time");
            estimate.look();
            assert_eq!(readers(1), [false], "nobody else came");
        }
    }
}
