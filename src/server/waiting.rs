//! What a connection does that takes time: requests held by CLIENT PAUSE or by a stripe that somebody is at work on, sweeps that yield
//! between stripes, control commands, commands that wait for the other workers, the end of a connection.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use larder_proto::resp::ReplyBuf;
use tokio::sync::SemaphorePermit;
use tokio::sync::futures::Notified;

use super::connection::{Connection, Gone};
use super::executor::{BatchExecutor, Flow};
use super::output::Output;
use super::pipeline::{self, Postponed};
use super::worker::Worker;
use crate::base::clock::{self, Now};
use crate::base::limits::WAITING_INPUT_LEN_MAX;
use crate::clients::{Caller, Session, bit};
use crate::commands::connection;
use crate::engine::context::{Args, Context};
use crate::engine::shared::Shared;
use crate::engine::{scope, sweep};

/// How long a client that goes on sending is listened to when the node ends. Most clients hang up when they see the end of the replies.
const LINGER_MS_MAX: u64 = 2000;
/// A client that has been silent for so long then will not send anything more before it sees the end.
const LINGER_SILENCE: Duration = Duration::from_millis(20);

impl Connection {
    /// Runs postponed requests in order until all are done or have to wait again.
    pub(super) async fn run_postponed(&mut self) -> Result<(), Gone> {
        self.is_simple_round = false;
        let shared = Arc::clone(&self.worker.shared);
        let mut place = None;
        while !self.must_hold_back()
            && let Some(request) = self.postponed.pop_front()
        {
            // Listens before it looks, so that no change of a pause is missed.
            let mut changed = std::pin::pin!(shared.pause.changed.notified());
            changed.as_mut().enable();
            let flow = self.try_again(&request);
            if !matches!(flow, Flow::Plain | Flow::Done) {
                // Those who have their replies do not wait with the others.
                self.flush()?;
            }
            match flow {
                Flow::Plain | Flow::Done => {}
                Flow::Async(number) => self.run_async(number, &request).await,
                Flow::Offload(number, generation) => match place.take().or_else(|| shared.offload_places.try_acquire().ok()) {
                    Some(_place) => {
                        let again = self.run_offloaded(number, generation, request).await;
                        again.into_iter().for_each(|request| self.postponed.push_front(request));
                    }
                    None => {
                        // It is checked anew once there is a place: much may have changed by then.
                        self.postponed.push_front(request);
                        place = Some(self.wait_for_place(&shared).await?);
                    }
                },
                Flow::Busy(stripe) => {
                    self.postponed.push_front(request);
                    self.wait_for_stripe(stripe).await?;
                }
                Flow::Wait(until_ms) => {
                    self.postponed.push_front(request);
                    self.wait_until(until_ms, changed).await?;
                }
            }
            self.take_messages();
            self.relieve()?;
            self.check_closed()?;
            if self.session.close != crate::clients::session::Close::No {
                self.postponed.clear();
            }
        }
        Ok(())
    }

    fn try_again(&mut self, request: &Postponed) -> Flow {
        let worker = Rc::clone(&self.worker);
        let config = worker.config();
        self.limit_reply(&config);
        let before = self.output.reply.len();
        let connection = (&mut self.caller, &mut self.session);
        let mut executor = BatchExecutor::new(worker.turn(), &config, connection, &mut self.output.reply, Now::read(), usize::MAX);
        let words = pipeline::borrow(request);
        let found = executor.context.shared.table.lookup(words[0], words.get(1).copied());
        let flow = executor.execute(&words, found, None);
        executor.measure();
        self.gives_way |= executor.context.yields_to_waiters;
        let required_offset = executor.context.keys.required_offset;
        drop(executor);
        self.produced += self.output.reply.len() - before;
        self.hold(required_offset);
        flow
    }

    /// Waits until a stripe was free for a moment, or the client goes. Others of this worker are served meanwhile.
    async fn wait_for_stripe(&mut self, stripe: u32) -> Result<(), Gone> {
        let shared = Arc::clone(&self.worker.shared);
        self.report();
        tokio::select! {
            () = sweep::freed(&shared.keyspace, stripe) => Ok(()),
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

    /// Takes the client out of everything it is part of.
    pub(super) fn end(mut self) {
        let (worker, client) = (Rc::clone(&self.worker), Arc::clone(&self.caller.client));
        self.with_holder(Output::forget);
        leave(&worker, &mut self.caller, &mut self.session, &mut self.output.reply);
        // Nobody sees it any more once its peer knows that it is over.
        worker.shared.clients.remove(client.id);
        worker.clients.borrow_mut().remove(&client.id);
        worker.connections.fetch_sub(1, Ordering::Relaxed);
        // Its memory is free before it stops counting as memory that is about to be free, lest keys go for it.
        drop(self);
        client.outbox.take();
        worker.shared.clients.end(&client);
    }

    /// Tells the peer that nothing more comes, and throws away what it still sends, until it hangs up or falls silent: a socket that
    /// closes with unread input resets the connection, and replies that are still on their way are lost.
    pub(super) async fn linger(&mut self) {
        let worker = Rc::clone(&self.worker);
        self.stream.end_output();
        let until_ms = clock::monotonic_ms() + LINGER_MS_MAX;
        while clock::monotonic_ms() < until_ms {
            let read = std::future::poll_fn(|cx| self.stream.poll_read(cx, &mut worker.inbox.buffer.borrow_mut()[worker.inbox.free()]));
            if !matches!(tokio::time::timeout(LINGER_SILENCE, read).await, Ok(Ok(len)) if len > 0) {
                break;
            }
        }
    }

    /// Waits until a pause ends, changes, or the client goes.
    async fn wait_until(&mut self, until_ms: i64, changed: std::pin::Pin<&mut Notified<'_>>) -> Result<(), Gone> {
        let shared = Arc::clone(&self.worker.shared);
        let client = Arc::clone(&self.caller.client);
        self.report();
        client.set(bit::BLOCKED | bit::PAUSED, true);
        shared.blocked_clients.fetch_add(1, Ordering::Relaxed);
        let left_ms = (until_ms - clock::unix_ms()).max(0) as u64;
        let outcome = tokio::select! {
            () = changed => Ok(()),
            () = tokio::time::sleep(Duration::from_millis(left_ms)) => Ok(()),
            gone = std::future::poll_fn(|cx| self.poll_gone_or_stop(cx)) => Err(gone),
        };
        shared.blocked_clients.fetch_sub(1, Ordering::Relaxed);
        client.set(bit::BLOCKED | bit::PAUSED, false);
        outcome
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
            let mut buffer = worker.inbox.buffer.borrow_mut();
            let free = &mut buffer[worker.inbox.free()];
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
    async fn run_async(&mut self, number: u16, request: &Postponed) {
        let worker = Rc::clone(&self.worker);
        let config = worker.config();
        let before = self.output.reply.len();
        self.limit_reply(&config);
        let words = pipeline::borrow(request);
        let connection = (&mut self.caller, &mut self.session);
        let mut executor = BatchExecutor::new(worker.turn(), &config, connection, &mut self.output.reply, Now::read(), usize::MAX);
        scope::run_async(&mut executor.context, executor.session, worker.shared.table.row(number), &Args::new(&words, &[])).await;
        executor.settle_reply(before);
        let required_offset = executor.context.keys.required_offset;
        drop(executor);
        self.produced += self.output.reply.len() - before;
        self.hold(required_offset);
    }
}

/// Undoes what a connection's commands left behind: transaction, watches, subscriptions, MONITOR.
fn leave(worker: &Worker, caller: &mut Caller, session: &mut Session, reply: &mut ReplyBuf) {
    let config = worker.config();
    let mut context = Context::new(worker.turn(), &config, caller, reply, Now::read(), usize::MAX);
    connection::cleanup(&mut context, session);
}
