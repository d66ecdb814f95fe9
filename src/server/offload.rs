//! Commands that run beside their worker, on a thread that serves nobody else: heavy ones on large values, and those that must wait for
//! a stripe which somebody holds for long.
//!
//! Invariants:
//! * Caller and replies go with the command, and the replies come back with it; the connection does nothing meanwhile.
//! * No more run at once than `Shared::offload_places` has places for; the others wait in order, each at most one command of its
//!   connection.
//! * A command that finds the gate changed when it has its stripes has run nothing, and is asked anew.

use std::sync::Arc;

use larder_proto::resp::ReplyBuf;

use super::connection::Connection;
use super::executor::{BatchExecutor, Executed};
use super::owned_request::OwnedRequest;
use crate::base::alloc;
use crate::base::clock::{self, Now, Ticks};
use crate::clients::Caller;
use crate::config::Config;
use crate::engine::completion::complete;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::scope::{self, NotRun};
use crate::engine::shared::Shared;

/// A command on its way out.
pub(super) struct Job {
    pub(super) shared: Arc<Shared>,
    pub(super) config: Arc<Config>,
    pub(super) caller: Caller,
    pub(super) reply: ReplyBuf,
    pub(super) request: OwnedRequest,
    pub(super) number: u16,
    pub(super) generation: u64,
    pub(super) worker: usize,
}

/// A command on its way back.
pub(super) struct Done {
    pub(super) reply: ReplyBuf,
    pub(super) request: OwnedRequest,
    /// Its result, and when it had its stripes.
    pub(super) result: Result<(CmdResult, Ticks), NotRun>,
    pub(super) yields_to_waiters: bool,
    /// What the reply depends on.
    pub(super) required_offset: u64,
    /// The offset behind what it wrote; 0 if nothing.
    pub(super) wrote_to: u64,
}

impl Connection {
    /// Runs a command that passed the gate of `generation`, and for which there is a place. Returns the request if it has to be asked for
    /// anew.
    pub(super) async fn run_offloaded(&mut self, number: u16, generation: u64, request: OwnedRequest) -> Option<OwnedRequest> {
        let shared = Arc::clone(&self.worker.shared);
        let config = Arc::clone(&self.worker.config());
        self.limit_reply(&config);
        let before = self.output.reply.len();
        let job = Job {
            shared: Arc::clone(&shared),
            config: Arc::clone(&config),
            caller: self.caller.clone(),
            reply: std::mem::take(&mut self.output.reply),
            request,
            number,
            generation,
            worker: self.worker.number,
        };
        // Neither thread holds anything back from the other: INFO and `maxmemory` are as exact there as here.
        alloc::flush_thread();
        let done = shared.timers.spawn_blocking(|| job.run()).await.expect("a bug ends the process, and nobody cancels it");
        self.output.reply = done.reply;
        self.caller.wrote_to = self.caller.wrote_to.max(done.wrote_to);
        let Ok((result, started)) = done.result else {
            self.share.yield_to_waiters(done.yields_to_waiters);
            return Some(done.request);
        };
        // Here, since a worker's figures are written by the worker alone.
        let words = done.request.words();
        let connection = (&mut self.caller, &mut self.session);
        let mut executor = BatchExecutor::new(self.worker.turn(), &config, connection, &mut self.output.reply, Now::read(), usize::MAX);
        executor.context.command = number;
        let args = Args::new(&words, &[]);
        let nanoseconds = clock::elapsed_ns(started, clock::ticks());
        complete(&mut executor.context, shared.table.row(number), &args, &result, before, nanoseconds);
        executor.settle_reply(before);
        let executed = executor.end();
        drop(executor);
        let (required_offset, yields_to_waiters) = (done.required_offset, done.yields_to_waiters);
        self.note_executed(Executed { required_offset, yields_to_waiters, is_simple: false, ..executed }, before);
        None
    }
}

impl Job {
    /// Runs it on this thread.
    pub(super) fn run(mut self) -> Done {
        let (result, yields_to_waiters, (required_offset, wrote_to)) = self.execute();
        alloc::flush_thread();
        Done { reply: self.reply, request: self.request, result, yields_to_waiters, required_offset, wrote_to }
    }

    fn execute(&mut self) -> (Result<(CmdResult, Ticks), NotRun>, bool, (u64, u64)) {
        let row = self.shared.table.row(self.number);
        let words = self.request.words();
        let keys = row.resolve(&self.shared.keyspace, &words);
        let worker = (&self.shared, &self.shared.workers[self.worker]);
        let mut context = Context::new(worker, &self.config, &mut self.caller, &mut self.reply, Now::read(), usize::MAX);
        let result = scope::run_offloaded(&mut context, self.generation, row, &Args::new(&words, &keys));
        (result, context.yields_to_waiters, (context.keys.required_offset, context.keys.wrote_to))
    }
}
