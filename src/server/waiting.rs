//! Requests that wait or take time: held by CLIENT PAUSE or by a stripe that somebody is at work on, run asynchronously, or on a thread of
//! their own. The worker serves others meanwhile.

use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::sync::futures::Notified;

use super::connection::{Connection, Gone};
use super::executor::{BatchExecutor, Executed, Flow};
use super::owned_request::OwnedRequest;
use crate::base::clock::{self, Now};
use crate::base::limits::WAITING_INPUT_LEN_MAX;
use crate::clients::bit;
use crate::engine::blocking::CountsAsBlocked;
use crate::engine::context::Args;
use crate::engine::shared::Shared;
use crate::engine::{blocking, scope, sweep};
use crate::keyspace::blocked::Outcome;

impl Connection {
    /// Runs postponed requests in order until all are done or have to wait again.
    pub(super) async fn run_postponed(&mut self) -> Result<(), Gone> {
        let shared = Arc::clone(&self.worker.shared);
        let mut place = None;
        while !self.must_hold_back()
            && let Some(request) = self.stage.next_postponed()
        {
            // Listens before it looks, so that no change of a pause is missed.
            let mut changed = std::pin::pin!(shared.pause.changed.notified());
            changed.as_mut().enable();
            let flow = if self.session.blocked.is_some() { Flow::Block } else { self.try_again(&request) };
            // A place is kept for what runs beside the worker now. Through a pause it would keep from it those who need not wait.
            let reserved = place.take().filter(|_| matches!(flow, Flow::Offload(..)));
            if !matches!(flow, Flow::Plain | Flow::Done) {
                // Those who have their replies do not wait with the others.
                self.flush()?;
            }
            match flow {
                Flow::Plain | Flow::Done => {}
                Flow::Async(number) => self.run_async(number, &request).await,
                Flow::Offload(number, generation) => match reserved.or_else(|| shared.offload_places.try_acquire().ok()) {
                    Some(_place) => {
                        let again = self.run_offloaded(number, generation, request).await;
                        again.into_iter().for_each(|request| self.stage.postpone_again(request));
                    }
                    None => {
                        // It is checked anew once there is a place: much may have changed by then.
                        self.stage.postpone_again(request);
                        place = Some(self.wait_for_place(&shared).await?);
                    }
                },
                Flow::Block => {
                    // What is asked again is with the waiter.
                    let until_ms = request.until_ms;
                    drop(request);
                    let again = self.wait_for_keys(until_ms).await?;
                    again.into_iter().for_each(|request| self.stage.postpone_again(request));
                }
                Flow::Busy(stripe) => {
                    self.stage.postpone_again(request);
                    self.wait_for_stripe(stripe).await?;
                }
                Flow::Wait(until_ms) => {
                    self.stage.postpone_again(request);
                    self.wait_until(until_ms, changed).await?;
                }
            }
            self.take_messages();
            self.relieve()?;
            self.check_closed()?;
        }
        Ok(())
    }

    fn try_again(&mut self, request: &OwnedRequest) -> Flow {
        let worker = Rc::clone(&self.worker);
        let config = worker.config();
        self.limit_reply(&config);
        let before = self.output.reply.len();
        let connection = (&mut self.caller, &mut self.session);
        let now = Now::read();
        let mut executor = BatchExecutor::new(worker.turn(), &config, connection, &mut self.output.reply, now, usize::MAX);
        let words = request.words();
        let found = executor.context.shared.table.lookup(words[0], words.get(1).copied());
        let flow = executor.execute(&words, found, None);
        let executed = executor.end();
        drop(executor);
        self.share.count_run(now.ticks, executed.ended);
        self.note_executed(executed, before);
        flow
    }

    /// Waits until a stripe was free for a moment, or the client goes. Others of this worker are served meanwhile.
    async fn wait_for_stripe(&mut self, stripe: u32) -> Result<(), Gone> {
        let shared = Arc::clone(&self.worker.shared);
        self.report();
        tokio::select! {
            () = sweep::freed(&shared, stripe) => Ok(()),
            gone = std::future::poll_fn(|cx| self.poll_gone(cx)) => Err(gone),
        }
    }

    /// Waits until a command may run beside the worker, or the client goes.
    async fn wait_for_place<'s>(&mut self, shared: &'s Shared) -> Result<SemaphorePermit<'s>, Gone> {
        self.report();
        tokio::select! {
            place = shared.offload_places.acquire() => Ok(place.expect("it is never closed")),
            gone = std::future::poll_fn(|cx| self.poll_gone(cx)) => Err(gone),
        }
    }

    /// Waits until a pause ends, changes, or the client goes.
    async fn wait_until(&mut self, until_ms: u64, changed: std::pin::Pin<&mut Notified<'_>>) -> Result<(), Gone> {
        let shared = Arc::clone(&self.worker.shared);
        let client = Arc::clone(&self.caller.client);
        self.report();
        let _waits = CountsAsBlocked::new(&shared, &client, bit::PAUSED);
        let left_ms = until_ms.saturating_sub(clock::monotonic_ms());
        tokio::select! {
            () = changed => Ok(()),
            () = shared.timers.sleep(Duration::from_millis(left_ms)) => Ok(()),
            gone = std::future::poll_fn(|cx| self.poll_gone_or_stop(cx)) => Err(gone),
        }
    }

    /// Waits until somebody serves a command that waits for keys, its time is over (which is `until_ms` if it has waited before), or the client
    /// goes. Returns the request if it has to be asked for anew.
    async fn wait_for_keys(&mut self, until_ms: Option<u64>) -> Result<Option<OwnedRequest>, Gone> {
        let shared = Arc::clone(&self.worker.shared);
        let waiter = self.session.blocked.clone().expect("the flow says that it waits");
        let client = Arc::clone(&self.caller.client);
        let until_ms = until_ms.unwrap_or(waiter.wait.until_ms);
        let left_ms = until_ms.saturating_sub(clock::monotonic_ms());
        self.report();
        let outcome = loop {
            tokio::select! {
                outcome = waiter.over() => break outcome,
                () = blocking::on_own_disk(&shared, &waiter, &client), if waiter.is_waiting() => {
                    waiter.end(Outcome::Retry);
                }
                () = shared.timers.sleep(Duration::from_millis(left_ms)), if until_ms > 0 && waiter.is_waiting() => {
                    waiter.end(Outcome::TimedOut);
                }
                gone = std::future::poll_fn(|cx| self.poll_gone_or_stop(cx)) => return Err(gone),
            }
        };
        blocking::leave(&shared, &mut self.session, &self.caller.client);
        if outcome == Outcome::Retry {
            return Ok(Some(OwnedRequest::of_waiter(&waiter.words, until_ms)));
        }
        let worker = Rc::clone(&self.worker);
        worker.answers.pass().await;
        let config = worker.config();
        self.limit_reply(&config);
        let before = self.output.reply.len();
        let connection = (&mut self.caller, &mut self.session);
        let mut executor = BatchExecutor::new(worker.turn(), &config, connection, &mut self.output.reply, Now::read(), usize::MAX);
        let must_close = outcome == Outcome::RoleChanged;
        blocking::answer(&mut executor.context, &waiter, outcome);
        if must_close {
            // It finds out where the keys are now by connecting anew.
            let client = Arc::clone(&executor.context.caller.client);
            executor.session.close_after_reply(&client);
        }
        executor.settle_reply(before);
        let executed = Executed { is_simple: false, ..executor.end() };
        drop(executor);
        self.note_executed(executed, before);
        self.touch();
        Ok(None)
    }

    /// As [`Connection::poll_gone`]; and the end of the node does not wait for the end of a pause.
    fn poll_gone_or_stop(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Gone> {
        match self.poll_gone(cx) {
            Poll::Pending if self.worker.shared.stop.is_requested() => Poll::Ready(Gone),
            poll => poll,
        }
    }

    /// While a request waits: sends messages from others and takes in what the client sends, which is how its end is noticed.
    fn poll_gone(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Gone> {
        self.caller.client.outbox.register(cx.waker());
        if let Err(gone) = self.check_closed() {
            return Poll::Ready(gone);
        }
        self.take_messages();
        self.release();
        while self.output.has_sendable() {
            if self.flush().is_err() {
                return Poll::Ready(Gone);
            }
            if self.output.has_sendable() && self.stream.poll_write_ready(cx).is_pending() {
                break;
            }
        }
        let worker = Rc::clone(&self.worker);
        while self.input.len() < WAITING_INPUT_LEN_MAX && !worker.shared.stop.is_requested() {
            let mut buffer = worker.gather.buffer.borrow_mut();
            let free = &mut buffer[worker.gather.free()];
            match self.stream.poll_read(cx, free) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Gone),
                Poll::Ready(Ok(len)) => {
                    self.count_input(len);
                    self.keep_input(&free[..len]);
                }
            }
            self.report();
            if let Err(gone) = self.check_query_buffer(&worker.config()).and_then(|()| self.check_closed()) {
                return Poll::Ready(gone);
            }
        }
        Poll::Pending
    }

    /// Runs a command that waits, and whose checks have passed.
    async fn run_async(&mut self, number: u16, request: &OwnedRequest) {
        let worker = Rc::clone(&self.worker);
        let config = worker.config();
        let before = self.output.reply.len();
        self.limit_reply(&config);
        let words = request.words();
        let connection = (&mut self.caller, &mut self.session);
        let mut executor = BatchExecutor::new(worker.turn(), &config, connection, &mut self.output.reply, Now::read(), usize::MAX);
        scope::run_async(&mut executor.context, executor.session, worker.shared.table.row(number), &Args::new(&words, &[])).await;
        executor.settle_reply(before);
        let executed = Executed { is_simple: false, ..executor.end() };
        drop(executor);
        self.note_executed(executed, before);
    }
}
