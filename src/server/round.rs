//! A worker's round: the requests of all connections that were ready, once all of them have been read.
//!
//! A connection with short requests lets the others read theirs first (see [`super::inbox`]). Then one task runs the requests of all of
//! them: to wake the task of each a second time would take longer than a short command does. First all are run, then all replies
//! are sent, since the kernel, called in between, leaves little of a command's code in the caches.
//!
//! Invariants:
//! * A connection lies in its slot while its task sleeps after [`let_others_read`]; the round takes it out only while it runs it.
//! * The task is woken by whatever would wake it otherwise, as it went to sleep in full before the round. What it finds not run yet it
//!   runs itself. What the round cannot finish it leaves to the task, and wakes it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::connection::Connection;
use super::worker::Worker;
use crate::base::clock;

/// Replies wait for the commands of other connections for no longer than this, give or take one command.
const REPLIES_WAIT_NS: u64 = 50_000;

/// Where a connection is while its task sleeps.
#[derive(Default)]
pub(super) struct Slot(Cell<Option<Box<Connection>>>);

/// The connections that have let others read first, in the order in which they read.
#[derive(Default)]
pub(super) struct Ready {
    slots: RefCell<Vec<Rc<Slot>>>,
    /// The round's task, while it sleeps.
    waker: Cell<Option<Waker>>,
}

impl Ready {
    fn push(&self, slot: Rc<Slot>) {
        self.slots.borrow_mut().push(slot);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Takes all into `slots`, which is empty, once there is one.
    fn poll_take(&self, cx: &Context<'_>, slots: &mut Vec<Rc<Slot>>) -> Poll<()> {
        std::mem::swap(&mut *self.slots.borrow_mut(), slots);
        if slots.is_empty() {
            self.waker.set(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

/// Leaves the requests of `connection` that wait to the round, unless there is something else for its task to do. Ends when there is.
pub(super) async fn let_others_read(connection: Box<Connection>, slot: &Rc<Slot>) -> Box<Connection> {
    let mut connection = Some(connection);
    poll_fn(|cx| {
        let Some(mut mine) = connection.take() else {
            return Poll::Ready(slot.0.take().expect("the round puts it back before any task runs"));
        };
        if !mine.is_asleep(cx) {
            return Poll::Ready(mine);
        }
        let worker = Rc::clone(&mine.worker);
        slot.0.set(Some(mine));
        worker.ready.push(Rc::clone(slot));
        Poll::Pending
    })
    .await
}

/// Starts the task that runs the rounds. It ends with the worker's runtime.
pub(super) fn start(worker: &Rc<Worker>) {
    tokio::task::spawn_local(run(Rc::clone(worker)));
}

async fn run(worker: Rc<Worker>) {
    let (mut slots, mut ran) = (Vec::new(), Vec::new());
    loop {
        poll_fn(|cx| worker.ready.poll_take(cx, &mut slots)).await;
        let started = worker.begin_round();
        let (mut now, mut settled) = (started.ticks, started.ticks);
        for slot in slots.drain(..) {
            // Those whose tasks were woken meanwhile may have run theirs.
            let Some(mut connection) = slot.0.take() else { continue };
            if connection.waiting.is_some() {
                connection.now = now;
                connection.is_over = connection.run_waiting().is_err();
                now = connection.now;
            }
            ran.push((slot, connection));
            if clock::elapsed_ns(settled, now) > REPLIES_WAIT_NS {
                settle(&mut ran);
                now = clock::ticks();
                settled = now;
            }
        }
        settle(&mut ran);
        worker.end_round(started);
    }
}

/// Sends the replies of those that have run, and puts them back.
fn settle(ran: &mut Vec<(Rc<Slot>, Box<Connection>)>) {
    for (slot, mut connection) in ran.drain(..) {
        connection.is_over = connection.is_over || connection.settle().is_err();
        if connection.needs_its_task() {
            connection.caller.client.outbox.wake();
        }
        slot.0.set(Some(connection));
    }
}
