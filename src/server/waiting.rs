//! What a connection does that takes time: requests held by CLIENT PAUSE, sweeps that yield between stripes, control commands.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use larder_proto::resp::ReplyBuf;
use tokio::sync::futures::Notified;

use super::connection::{Connection, Gone};
use super::dispatch::{Flow, Turn};
use super::pipeline;
use super::worker::Worker;
use crate::base::clock;
use crate::base::limits::WAITING_INPUT_LEN_MAX;
use crate::clients::{Session, bit};
use crate::commands::call::complete;
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{Run, StartSweep};
use crate::commands::{connection, notify};

/// Stripes a sweep visits before it lets other connections run.
const STRIPES_PER_STEP: u32 = 16;

impl Connection {
    /// Runs postponed requests in order until all are done or have to wait again.
    pub(super) async fn run_postponed(&mut self) -> Result<(), Gone> {
        let shared = Arc::clone(&self.worker.shared);
        while !self.must_hold_back()
            && let Some(request) = self.postponed.pop_front()
        {
            // Listens before it looks, so that no change of a pause is missed.
            let mut changed = std::pin::pin!(shared.pause.changed.notified());
            changed.as_mut().enable();
            let before = self.reply.len();
            let flow = {
                let args = pipeline::borrow(&request);
                let args = Args(&args);
                let flow = self.with_turn(|turn| {
                    let found = pipeline::lookup(turn, &args);
                    turn.dispatch(&args, found, None)
                });
                if let Flow::Async(number) = flow {
                    self.run_async(number, &args).await;
                }
                flow
            };
            if let Flow::Wait(until_ms) = flow {
                self.postponed.push_front(request);
                self.wait_until(until_ms, changed).await?;
            }
            self.produced += self.reply.len().saturating_sub(before);
            self.take_messages();
            self.flush()?;
            if self.session.client.must_close() {
                return Err(Gone);
            }
            if self.session.close != crate::clients::session::Close::No {
                self.postponed.clear();
            }
        }
        Ok(())
    }

    fn with_turn<R>(&mut self, run: impl FnOnce(&mut Turn<'_>) -> R) -> R {
        let worker = Rc::clone(&self.worker);
        let config = worker.config();
        self.limit_reply(&config);
        let mut turn = Turn::new(&worker.shared, &config, &mut self.session, &mut self.reply, worker.number);
        run(&mut turn)
    }

    /// Waits until a pause ends, changes, or the client goes.
    async fn wait_until(&mut self, until_ms: i64, changed: std::pin::Pin<&mut Notified<'_>>) -> Result<(), Gone> {
        let shared = Arc::clone(&self.worker.shared);
        let client = Arc::clone(&self.session.client);
        self.report();
        client.set(bit::BLOCKED | bit::PAUSED, true);
        shared.blocked_clients.fetch_add(1, Ordering::Relaxed);
        let left_ms = (until_ms - clock::unix_ms()).max(0) as u64;
        let outcome = tokio::select! {
            () = changed => Ok(()),
            () = tokio::time::sleep(Duration::from_millis(left_ms)) => Ok(()),
            gone = std::future::poll_fn(|cx| self.poll_gone(cx)) => Err(gone),
        };
        shared.blocked_clients.fetch_sub(1, Ordering::Relaxed);
        client.set(bit::BLOCKED | bit::PAUSED, false);
        outcome
    }

    /// While a request waits: sends messages from others and takes in what the client sends, which is how its end is noticed.
    fn poll_gone(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Gone> {
        self.session.client.outbox.register(cx.waker());
        if self.session.client.must_close() || self.worker.shared.stop.is_requested() {
            return Poll::Ready(Gone);
        }
        self.take_messages();
        while !self.reply.is_empty() {
            if self.flush().is_err() {
                return Poll::Ready(Gone);
            }
            if !self.reply.is_empty() && self.stream.poll_write_ready(cx).is_pending() {
                break;
            }
        }
        let worker = Rc::clone(&self.worker);
        while self.input.len() < WAITING_INPUT_LEN_MAX {
            let mut scratch = worker.scratch.borrow_mut();
            match self.stream.poll_read(cx, &mut scratch) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Gone),
                Poll::Ready(Ok(len)) => {
                    self.count_input(len);
                    self.keep_input(&scratch[..len]);
                }
            }
            self.report();
            if self.check_query_buffer(&worker.config()).is_err() || self.session.client.must_close() {
                return Poll::Ready(Gone);
            }
        }
        Poll::Pending
    }

    /// Runs a sweep or a control command whose checks have passed.
    async fn run_async(&mut self, number: u16, args: &Args<'_>) {
        let worker = Rc::clone(&self.worker);
        let config = worker.config();
        let started = clock::ticks();
        let before = self.reply.len();
        self.limit_reply(&config);
        let mut turn = Turn::new(&worker.shared, &config, &mut self.session, &mut self.reply, worker.number);
        let row = worker.shared.table.row(number);
        turn.begin();
        let context = &mut turn.context;
        context.command = number;
        let result = match row.spec.run {
            Run::Sweep(start) => sweep(context, start, args).await,
            Run::Control(run) => run(context, args).await,
            _ => unreachable!("other kinds run at once"),
        };
        complete(context, row, args, &result, before, started);
        if let Some(outcome) = context.keys.finish() {
            notify::publish(&worker.shared, &outcome.events);
        }
        turn.settle_reply(before);
    }
}

async fn sweep(context: &mut Context<'_>, start: StartSweep, args: &Args<'_>) -> CmdResult {
    let mut sweep = start(context, args)?;
    for number in 0..context.keys.keyspace().stripes() as u32 {
        if !context.keys.with_stripe(number, |keys| sweep.visit(keys, number)) {
            break;
        }
        if number % STRIPES_PER_STEP == STRIPES_PER_STEP - 1 {
            tokio::task::yield_now().await;
        }
    }
    sweep.finish(context)
}

/// Undoes what a connection's commands left behind: transaction, watches, subscriptions, MONITOR.
pub(super) fn leave(worker: &Worker, session: &mut Session, reply: &mut ReplyBuf) {
    let config = worker.config();
    let mut turn = Turn::new(&worker.shared, &config, session, reply, worker.number);
    turn.begin();
    connection::cleanup(&mut turn.context);
}
