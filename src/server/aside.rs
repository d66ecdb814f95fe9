//! Commands that run beside their worker, on a thread that serves nobody else: heavy ones on large values, and those that must wait for
//! a stripe which somebody holds for long.
//!
//! Invariants:
//! * Session and replies go with the command and come back with it; the connection does nothing meanwhile.
//! * No more run at once than `Shared::aside` has places for; the others wait in order, each at most one command of its connection.

use std::sync::Arc;

use larder_proto::resp::ReplyBuf;

use super::connection::Connection;
use super::dispatch::Turn;
use super::pipeline::{self, Postponed};
use crate::base::alloc;
use crate::base::clock::{self, Now, Ticks};
use crate::clients::Session;
use crate::config::Config;
use crate::engine::call::complete;
use crate::engine::context::{Args, CmdResult};
use crate::engine::notify;
use crate::engine::shared::Shared;
use crate::engine::spec::Run;

/// A command on its way out.
struct Job {
    shared: Arc<Shared>,
    config: Arc<Config>,
    session: Session,
    reply: ReplyBuf,
    request: Postponed,
    number: u16,
    worker: usize,
}

/// A command on its way back.
struct Done {
    session: Session,
    reply: ReplyBuf,
    request: Postponed,
    result: CmdResult,
    /// When it had its stripes.
    started: Ticks,
    gives_way: bool,
}

impl Connection {
    /// Runs a command whose checks have passed, and for which there is a place.
    pub(super) async fn run_aside(&mut self, number: u16, request: Postponed) {
        let shared = Arc::clone(&self.worker.shared);
        let config = Arc::clone(&self.worker.config());
        self.limit_reply(&config);
        let before = self.reply.len();
        let absent = Session::new(Arc::clone(&self.session.client), self.session.authenticated);
        let job = Job {
            shared: Arc::clone(&shared),
            config: Arc::clone(&config),
            session: std::mem::replace(&mut self.session, absent),
            reply: std::mem::take(&mut self.reply),
            request,
            number,
            worker: self.worker.number,
        };
        // Neither thread holds anything back from the other: INFO and `maxmemory` are as exact there as here.
        alloc::flush_thread();
        let done = tokio::task::spawn_blocking(|| job.run()).await.expect("a bug ends the process, and nobody cancels it");
        self.session = done.session;
        self.reply = done.reply;
        self.gives_way |= done.gives_way;
        // Here, since a worker's figures are written by the worker alone.
        let args = pipeline::borrow(&done.request);
        let mut turn = Turn::new(self.worker.turn(), &config, &mut self.session, &mut self.reply, Now::read(), usize::MAX);
        turn.context.command = number;
        complete(&mut turn.context, shared.table.row(number), &Args(&args), &done.result, before, done.started);
        turn.settle_reply(before);
    }
}

impl Job {
    fn run(mut self) -> Done {
        let (result, started, gives_way) = self.execute();
        alloc::flush_thread();
        Done { session: self.session, reply: self.reply, request: self.request, result, started, gives_way }
    }

    fn execute(&mut self) -> (CmdResult, Ticks, bool) {
        let row = self.shared.table.row(self.number);
        let args = pipeline::borrow(&self.request);
        let args = Args(&args);
        let metrics = &self.shared.workers[self.worker];
        let mut turn = Turn::new((&self.shared, metrics), &self.config, &mut self.session, &mut self.reply, Now::read(), usize::MAX);
        let context = &mut turn.context;
        context.command = self.number;
        match row.spec.run {
            Run::Heavy(..) => context.keys.lock_keys(row.shape.positions(row.spec, &args).into_iter().map(|at| args[at])),
            Run::All(_) => context.keys.lock_all(),
            _ => {}
        }
        let started = clock::ticks();
        let result = match row.spec.run {
            Run::Heavy(run, _) | Run::All(run) | Run::Stripes(run) => run(context, &args),
            _ => unreachable!("other kinds run on the worker"),
        };
        let gives_way = context.keys.is_wanted();
        if let Some(outcome) = context.keys.finish() {
            notify::publish(&self.shared, &outcome.events);
        }
        (result, started, gives_way)
    }
}
