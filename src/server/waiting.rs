//! What a connection does that takes time: requests held by CLIENT PAUSE, sweeps that yield between stripes, control commands.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use larder_proto::resp::ReplyBuf;

use super::connection::{Connection, Gone};
use super::dispatch::{Flow, Turn};
use super::pipeline;
use super::worker::Worker;
use crate::base::clock;
use crate::clients::{Session, bit};
use crate::commands::call::complete;
use crate::commands::context::{Args, CmdResult, Context};
use crate::commands::spec::{Run, StartSweep};
use crate::commands::{connection, notify};

/// Stripes a sweep visits before it lets other connections run.
const STRIPES_PER_STEP: u32 = 16;

impl Connection {
    /// Runs postponed requests in order until all are done.
    pub(super) async fn run_postponed(&mut self) -> Result<(), Gone> {
        while let Some(request) = self.postponed.pop_front() {
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
                self.wait_until(until_ms).await?;
                self.postponed.push_front(request);
            }
            self.take_messages();
            self.flush()?;
            if self.session.close != crate::clients::session::Close::No {
                self.postponed.clear();
            }
        }
        Ok(())
    }

    fn with_turn<R>(&mut self, run: impl FnOnce(&mut Turn<'_>) -> R) -> R {
        let worker = Rc::clone(&self.worker);
        let config = worker.config();
        let mut turn = Turn::new(&worker.shared, &config, &mut self.session, &mut self.reply, worker.number);
        run(&mut turn)
    }

    /// Waits until a pause ends, changes, or the client goes.
    async fn wait_until(&mut self, until_ms: i64) -> Result<(), Gone> {
        let shared = Arc::clone(&self.worker.shared);
        let client = Arc::clone(&self.session.client);
        client.set(bit::BLOCKED | bit::PAUSED, true);
        shared.blocked_clients.fetch_add(1, Ordering::Relaxed);
        let changed = shared.pause.changed.notified();
        let left_ms = (until_ms - clock::unix_ms()).max(0) as u64;
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep(Duration::from_millis(left_ms)) => {}
            () = std::future::poll_fn(|cx| self.poll_gone(cx)) => {}
        }
        shared.blocked_clients.fetch_sub(1, Ordering::Relaxed);
        client.set(bit::BLOCKED | bit::PAUSED, false);
        if client.must_close() || shared.stop.is_requested() { Err(Gone) } else { Ok(()) }
    }

    fn poll_gone(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        self.session.client.outbox.register(cx.waker());
        let ends = self.session.client.must_close() || self.worker.shared.stop.is_requested();
        if ends { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    }

    /// Runs a sweep or a control command whose checks have passed.
    async fn run_async(&mut self, number: u16, args: &Args<'_>) {
        let worker = Rc::clone(&self.worker);
        let config = worker.config();
        let started = clock::ticks();
        let before = self.reply.len();
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
