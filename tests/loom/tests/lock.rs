//! The stripe lock, and what is confirmed under it.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use larder_loom::base::generation::Generation;
use larder_loom::base::sync::{AtomicBool, AtomicU32, Ordering, block_on};
use larder_loom::keyspace::lock::{StripeMutex, freed, is_wanted, lock_soon};
use loom::cell::UnsafeCell;
use loom::thread;

/// What a stripe holds. loom fails when two are inside at once, or one has not seen what the last one left.
struct Data(UnsafeCell<u32>);

// SAFETY: reached under the lock alone; loom checks that.
unsafe impl Sync for Data {}
// SAFETY: as above.
unsafe impl Send for Data {}

impl Data {
    fn add(&self) {
        // SAFETY: loom fails the model if somebody else is inside.
        self.0.with_mut(|data| unsafe { *data += 1 });
    }

    fn get(&self) -> u32 {
        // SAFETY: as above.
        self.0.with(|data| unsafe { *data })
    }
}

/// A stripe that is made in this thread, so that all may use it.
fn stripe() -> Arc<StripeMutex<Data>> {
    let stripe = Arc::new(StripeMutex::new(Data(UnsafeCell::new(0))));
    assert!(!stripe.is_locked() && !is_wanted(&stripe));
    let waits = freed(&stripe);
    assert!(std::pin::pin!(waits).poll(&mut Context::from_waker(Waker::noop())).is_ready(), "it is free");
    stripe
}

/// Counts how often it wakes.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

fn bounded(preemptions: usize) -> loom::model::Builder {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model
}

#[test]
fn one_is_inside_and_sees_what_the_last_one_left() {
    bounded(3).check(|| {
        let stripe = stripe();
        let other = {
            let stripe = Arc::clone(&stripe);
            thread::spawn(move || {
                stripe.lock().add();
                stripe.lock().add();
            })
        };
        stripe.lock().add();
        stripe.lock().add();
        other.join().expect("it does not panic");
        assert_eq!(stripe.lock().get(), 4);
        assert!(!is_wanted(&stripe), "nobody waits");
    });
}

#[test]
fn who_does_not_wait_gets_it_alone_or_not_at_all() {
    bounded(3).check(|| {
        let stripe = stripe();
        let others = [(); 2].map(|()| {
            let stripe = Arc::clone(&stripe);
            thread::spawn(move || lock_soon(&stripe).map(|data| data.add()).is_some())
        });
        let mut inside = u32::from(stripe.try_lock().map(|data| data.add()).is_some());
        for other in others {
            inside += u32::from(other.join().expect("it does not panic"));
        }
        assert!(inside > 0, "whoever came first got it");
        assert_eq!(stripe.lock().get(), inside);
    });
}

/// Who began to wait before the holder began to release is woken, whatever else happens.
#[test]
fn who_waited_before_the_release_is_woken() {
    loom::model(|| {
        let stripe = stripe();
        let waits = Arc::new(AtomicBool::new(false));
        assert!(!waits.load(Ordering::Acquire));
        let held = stripe.lock();
        let holder = {
            let (stripe, waits) = (Arc::clone(&stripe), Arc::clone(&waits));
            std::mem::forget(held);
            thread::spawn(move || {
                while !waits.load(Ordering::Acquire) {
                    thread::yield_now();
                }
                // SAFETY: it was taken above, and its guard forgotten.
                unsafe { stripe.force_unlock() };
            })
        };
        let woken = Arc::new(Woken::default());
        assert_eq!(woken.0.load(Ordering::Acquire), 0);
        let waker = Waker::from(Arc::clone(&woken));
        let mut wait = Box::pin(freed(&stripe));
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "it is held");
        waits.store(true, Ordering::Release);
        holder.join().expect("it does not panic");
        assert_eq!(woken.0.load(Ordering::Acquire), 1);
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    });
}

/// A stripe that another thread is about to release.
fn about_to_be_free() -> (Arc<StripeMutex<Data>>, thread::JoinHandle<()>) {
    let stripe = stripe();
    std::mem::forget(stripe.lock());
    let holder = {
        let stripe = Arc::clone(&stripe);
        // SAFETY: it was taken above, and its guard forgotten.
        thread::spawn(move || unsafe { stripe.force_unlock() })
    };
    (stripe, holder)
}

/// The release and the look at who waits are not ordered: so one may be overlooked who begins to wait just then. This test is what says
/// that the second look is needed (`LOOK_AGAIN` of `engine/sweep.rs`): should it fail one day, that look may go.
#[test]
#[should_panic(expected = "deadlock")]
fn one_look_alone_may_sleep_for_ever() {
    loom::model(|| {
        let (stripe, holder) = about_to_be_free();
        block_on(freed(&stripe));
        holder.join().expect("it does not panic");
    });
}

/// With a second look, which comes after the release in time, nobody sleeps: woken, or it finds the stripe free.
#[test]
fn who_looks_again_finds_it_free() {
    loom::model(|| {
        let (stripe, holder) = about_to_be_free();
        let woken = Arc::new(Woken::default());
        assert_eq!(woken.0.load(Ordering::Acquire), 0);
        let waker = Waker::from(Arc::clone(&woken));
        {
            let mut first = Box::pin(freed(&stripe));
            let is_ready = first.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
            holder.join().expect("it does not panic");
            if !is_ready && woken.0.load(Ordering::Acquire) > 0 {
                assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_ready(), "woken for this");
            }
        }
        assert!(!is_wanted(&stripe));
        assert_eq!(Box::pin(freed(&stripe)).as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(()));
        assert!(lock_soon(&stripe).is_some());
    });
}

/// The command scope and `sweep::fence`: a command looks whether it may run, takes its stripe, and runs if nothing has changed since. Who
/// changes that says so (`Generation::advance`) and passes every stripe once; from then on the data is its own.
#[test]
fn nothing_runs_by_an_answer_that_holds_no_more() {
    loom::model(|| {
        let stripe = stripe();
        let may_run = Arc::new(AtomicBool::new(true));
        let generation = Arc::new(Generation::default());
        assert!(may_run.load(Ordering::Acquire) && generation.now() == 0);
        let command = {
            let (stripe, may_run, generation) = (Arc::clone(&stripe), Arc::clone(&may_run), Arc::clone(&generation));
            thread::spawn(move || {
                loop {
                    let before = generation.now();
                    if !may_run.load(Ordering::Acquire) {
                        return false;
                    }
                    let data = stripe.lock();
                    if generation.now() == before {
                        data.add();
                        return true;
                    }
                }
            })
        };
        may_run.store(false, Ordering::Release);
        generation.advance();
        drop(stripe.lock());
        // SAFETY: read without the lock: that nobody is inside any more is what loom proves here.
        let seen = unsafe { &*stripe.data_ptr() }.get();
        let has_run = command.join().expect("it does not panic");
        assert_eq!(seen, u32::from(has_run));
    });
}
