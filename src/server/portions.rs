//! Letting many pass who are woken at the same moment: a portion of them at a time, and between two portions whoever else has something to do.
//!
//! Without it one command that serves five thousand waiting clients keeps everybody else of the worker waiting until all of them have their
//! replies: tasks run in the order in which they were woken, and sockets are looked at in between, but who was found there comes last.
//!
//! Invariants: they pass in the order in which they came; whoever passes as the last of its portion opens the way for the next one, even if
//! it is dropped meanwhile.

use std::cell::Cell;

use tokio::sync::Semaphore;

/// How many pass at a time: sending a reply takes some 10 µs, so that a portion takes less than a turn
/// ([`TURN_US_MAX`](crate::base::limits::TURN_US_MAX)).
const PORTION: usize = 32;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Portions {
    /// Places of this portion that nobody has taken.
    places: Semaphore,
    /// How many have taken one.
    passed: Cell<usize>,
}

impl Default for Portions {
    fn default() -> Portions {
        Portions { places: Semaphore::new(PORTION), passed: Cell::new(0) }
    }
}

impl Portions {
    /// Waits for a place.
    pub(super) async fn pass(&self) {
        // It is closed by nobody.
        if let Ok(place) = self.places.acquire().await {
            place.forget();
        }
        self.passed.set((self.passed.get() + 1) % PORTION);
        if self.passed.get() == 0 {
            let _next = Next(&self.places);
            tokio::task::yield_now().await;
        }
    }
}

/// Opens the way for the next portion at its end.
struct Next<'p>(&'p Semaphore);

impl Drop for Next<'_> {
    fn drop(&mut self) {
        self.0.add_permits(PORTION);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::task::Poll;

    use super::*;

    const MANY: usize = 1000;

    #[test]
    fn others_run_between_two_portions_and_all_pass_in_order() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let (portions, passed) = (Rc::new(Portions::default()), Rc::new(RefCell::new(Vec::new())));
            for number in 0..MANY {
                let (portions, passed) = (Rc::clone(&portions), Rc::clone(&passed));
                tokio::task::spawn_local(async move {
                    portions.pass().await;
                    passed.borrow_mut().push(number);
                });
            }
            let all = Rc::clone(&passed);
            let bystander = tokio::task::spawn_local(async move {
                let (mut before, mut most) = (0, 0);
                while before < MANY {
                    tokio::task::yield_now().await;
                    let now = all.borrow().len();
                    (most, before) = (most.max(now - before), now);
                }
                most
            });
            let most = bystander.await.expect("it ends");
            assert!(most <= 2 * PORTION, "{most} at once");
            assert_eq!(*passed.borrow(), (0..MANY).collect::<Vec<_>>());
        });
    }

    #[test]
    fn who_leaves_while_it_is_the_last_of_its_portion_keeps_nobody_waiting() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let portions = Portions::default();
            for _ in 0..PORTION - 1 {
                portions.pass().await;
            }
            {
                let mut last = std::pin::pin!(portions.pass());
                let poll = std::future::poll_fn(|cx| Poll::Ready(last.as_mut().poll(cx))).await;
                assert!(poll.is_pending(), "the last one lets others run");
            }
            portions.pass().await;
        });
    }
}
