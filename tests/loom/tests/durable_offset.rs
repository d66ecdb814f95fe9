//! Who waits until the write log is durable.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use larder_loom::base::durable_offset::DurableOffset;
use larder_loom::base::sync::block_on;
use loom::thread;

fn durable() -> Arc<DurableOffset> {
    let durable = Arc::new(DurableOffset::default());
    assert_eq!(durable.now(), 0);
    durable
}

/// What a connection does (`server/output.rs`): it registers once, and looks again when it is woken.
fn wait_for(durable: &DurableOffset, offset: u64, who: u64) {
    let mut is_registered = false;
    block_on(poll_fn(|context| {
        if durable.now() >= offset {
            return Poll::Ready(());
        }
        if !is_registered {
            is_registered = durable.wake_at(offset, who, context.waker().clone());
        }
        if is_registered { Poll::Pending } else { Poll::Ready(()) }
    }));
    assert!(durable.now() >= offset);
}

#[test]
fn nobody_sleeps_through_an_advance() {
    loom::model(|| {
        let durable = durable();
        let writer = {
            let durable = Arc::clone(&durable);
            thread::spawn(move || (1..=2).for_each(|offset| durable.advance(offset)))
        };
        let other = {
            let durable = Arc::clone(&durable);
            thread::spawn(move || wait_for(&durable, 1, 1))
        };
        wait_for(&durable, 2, 2);
        writer.join().expect("it does not panic");
        other.join().expect("it does not panic");
    });
}

/// Two who advance out of order: it never goes back, and each of those who wait is woken by one of them.
#[test]
fn the_offset_only_grows() {
    loom::model(|| {
        let durable = durable();
        let writers = [1, 2].map(|offset| {
            let durable = Arc::clone(&durable);
            thread::spawn(move || durable.advance(offset))
        });
        wait_for(&durable, 2, 1);
        writers.into_iter().for_each(|writer| writer.join().expect("it does not panic"));
        assert_eq!(durable.now(), 2);
    });
}

/// One that goes takes back its own wish and no other.
#[test]
fn who_goes_takes_nobody_along() {
    loom::model(|| {
        let durable = durable();
        let goes = {
            let durable = Arc::clone(&durable);
            thread::spawn(move || {
                if durable.wake_at(1, 1, Waker::noop().clone()) {
                    durable.forget(1, 1);
                }
            })
        };
        let writer = {
            let durable = Arc::clone(&durable);
            thread::spawn(move || durable.advance(1))
        };
        wait_for(&durable, 1, 2);
        goes.join().expect("it does not panic");
        writer.join().expect("it does not panic");
    });
}
