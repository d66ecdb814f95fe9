//! From a parsed request to its execution: asks the gate, hands the command to the scope, and says what is left to do.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use larder_proto::resp::ReplyBuf;

use super::stopwatch::Stopwatch;
use crate::base::clock::{self, Now, Ticks};
use crate::clients::session::ReplyMode;
use crate::clients::{Caller, ClientClass, Session};
use crate::config::Config;
use crate::engine::completion::{complete, complete_many};
use crate::engine::context::{Args, Context};
use crate::engine::gate::{self, Gate, Verdict};
use crate::engine::scope::{self, NotRun};
use crate::engine::shared::Shared;
use crate::engine::spec::flag;
use crate::engine::table::{Lookup, Row};
use crate::engine::transaction;
use crate::keyspace::key::ResolvedKey;
use crate::metrics::WorkerMetrics;

/// Executes requests of one connection for one batch. The context is built once and follows the caller from command to command.
pub(super) struct BatchExecutor<'c> {
    pub(super) context: Context<'c>,
    pub(super) session: &'c mut Session,
    gate: Gate,
    stopwatch: Stopwatch,
    /// Only commands on one key have run, without checks.
    is_simple: bool,
    /// Of which class the client was when the batch began.
    class: ClientClass,
}

/// What requests left behind beside their replies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Executed {
    /// The offset of the write log that the replies depend on.
    pub(super) required_offset: u64,
    /// A command held stripes for long that others wait for.
    pub(super) yields_to_waiters: bool,
    /// Only commands on one key have run, without checks.
    pub(super) is_simple: bool,
    /// When the last of them ended.
    pub(super) ended: Ticks,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// It was answered, by a command on one key that needed no checks: nothing but that key, the reply and figures may have changed.
    Plain,
    /// It was answered.
    Done,
    /// It must wait until this time (monotonic milliseconds; CLIENT PAUSE) and be tried again.
    Wait(u64),
    /// It must wait until this stripe is free and be tried again.
    Busy(u32),
    /// It must be run asynchronously: all checks have passed.
    Async(u16),
    /// It waits for its keys: [`Session::blocked`] knows what it waits for.
    Block,
    /// It must be run on a thread of its own: all checks have passed, at this generation of the node.
    Offload(u16, u64),
}

impl<'c> BatchExecutor<'c> {
    /// The state of a connection now, with nothing locked, for requests that have up to `requests_len` bytes on the wire.
    // See `crate::performance`, *State that stays in its place*.
    #[inline(always)]
    pub(super) fn new(
        worker: (&'c Arc<Shared>, &'c WorkerMetrics),
        config: &'c Config,
        (caller, session): (&'c mut Caller, &'c mut Session),
        reply: &'c mut ReplyBuf,
        now: Now,
        requests_len: usize,
    ) -> Self {
        let mut context = Context::new(worker, config, caller, reply, now, requests_len);
        context.may_leave = true;
        let gate = Gate::new(&context, session);
        let class = context.caller.client.class();
        BatchExecutor { context, session, gate, stopwatch: Stopwatch::new(now.ticks), is_simple: true, class }
    }

    /// Asks for a request and runs it if it can run at once. `key` is its only key, if it has one and the pipeline knows where it lies.
    #[inline]
    pub(super) fn execute(&mut self, words: &[&[u8]], found: Lookup<'_>, key: Option<&ResolvedKey>) -> Flow {
        if let (Lookup::Found(row), Some(key)) = (found, key) {
            let args = Args::new(words, std::slice::from_ref(key));
            if self.gate.admits(&self.context, row, &args) {
                match self.run_single_key(row, &args) {
                    Ok(()) => return Flow::Plain,
                    Err(NotRun::Busy(stripe)) => return Flow::Busy(stripe),
                    Err(_) => {}
                }
            }
        }
        self.measure();
        self.is_simple = false;
        let flow = self.execute_with_checks(words, found);
        self.append_messages();
        self.context.follow_caller();
        self.gate.compile(&self.context, self.session);
        flow
    }

    /// Runs a command on one key for which nothing has to be checked.
    #[inline]
    fn run_single_key(&mut self, row: &Row, args: &Args<'_>) -> Result<(), NotRun> {
        if !self.stopwatch.is_of(row.number) {
            self.measure();
        }
        self.context.caller.client.last_command.store(row.number, Ordering::Relaxed);
        let stopwatch = &mut self.stopwatch;
        scope::run_single_key(&mut self.context, &self.gate, row, args, |context, result, reply_from| {
            let reply_len = context.reply.len() - reply_from;
            let shares = result.is_ok()
                && row.spec.has(flag::CONSTANT_TIME)
                && context.thresholds.may_share_time(&context.shared.monitor_count, args.len(), reply_len);
            if !(shares && stopwatch.run_on(row.number)) {
                let lap = stopwatch.lap(clock::ticks(), 1);
                if lap.executions > 0 {
                    complete_many(context, lap.command, lap.each_ns, u64::from(lap.executions));
                }
                complete(context, row, args, result, reply_from, lap.each_ns);
            }
        })
    }

    /// After a request that went like `flow`: true if the connection has something else to do before the next one: replies longer than
    /// `reply_len_max`, an end, other limits, others who wait.
    #[inline]
    pub(super) fn must_stop(&self, flow: Flow, reply_len_max: usize) -> bool {
        let context = &self.context;
        let has_grown = context.reply.len() > reply_len_max || context.reply.overflow_len().is_some();
        if has_grown || context.yields_to_waiters || flow == Flow::Plain {
            return has_grown || context.yields_to_waiters;
        }
        let client = &context.caller.client;
        self.session.close != crate::clients::session::Close::No || client.must_close() || client.class() != self.class
    }

    /// Counts the executions that are not measured yet.
    #[inline]
    pub(super) fn measure(&mut self) {
        if self.stopwatch.is_running() {
            let lap = self.stopwatch.lap(clock::ticks(), 0);
            complete_many(&mut self.context, lap.command, lap.each_ns, u64::from(lap.executions));
        }
    }

    /// Counts what is not measured yet: the batch has ended.
    #[inline(always)]
    pub(super) fn end(&mut self) -> Executed {
        self.measure();
        self.context.note_written();
        Executed {
            required_offset: self.context.keys.required_offset,
            yields_to_waiters: self.context.yields_to_waiters,
            is_simple: self.is_simple,
            ended: self.stopwatch.started(),
        }
    }

    #[inline(never)]
    fn execute_with_checks(&mut self, words: &[&[u8]], found: Lookup<'_>) -> Flow {
        let before = self.context.reply.len();
        if self.session.reply_mode == ReplyMode::SkipNext {
            self.session.reply_mode = ReplyMode::Skip;
        }
        let row = if let Lookup::Found(row) = found { Some(row) } else { None };
        self.context.caller.client.last_command.store(row.map_or(u16::MAX, |row| row.number), Ordering::Relaxed);
        let outcome = match row {
            Some(row) if row.takes(words.len()) => {
                let keys = row.resolve(&self.context.shared.keyspace, words);
                self.check_and_run(row, &Args::new(words, &keys))
            }
            // Without keys: there are arguments too few to look for them.
            Some(row) => self.check_and_run(row, &Args::new(words, &[])),
            None => Gate::refuse_unknown(&self.context, found, words).map(|_| Flow::Done),
        };
        let flow = outcome.unwrap_or_else(|text| {
            gate::refuse(&mut self.context, self.session, row, &text);
            Flow::Done
        });
        if flow == Flow::Done {
            self.settle_reply(before);
        }
        flow
    }

    fn check_and_run(&mut self, row: &Row, args: &Args<'_>) -> Result<Flow, gate::Refusal> {
        loop {
            match self.gate.check(&self.context, self.session, row, args)? {
                Verdict::Run => {}
                Verdict::Nothing => return Ok(Flow::Done),
                Verdict::Wait(until_ms) => return Ok(Flow::Wait(until_ms)),
                Verdict::Queue => {
                    transaction::queue(&mut self.context, self.session, row, args);
                    return Ok(Flow::Done);
                }
            }
            let started = self.stopwatch.started();
            match scope::run(&mut self.context, self.session, &self.gate, row, args, started) {
                Ok(ended) => {
                    self.stopwatch = Stopwatch::new(ended);
                    return Ok(Flow::Done);
                }
                Err(NotRun::Busy(stripe)) => return Ok(Flow::Busy(stripe)),
                Err(NotRun::Offload) => return Ok(Flow::Offload(row.number, self.gate.generation())),
                Err(NotRun::Async) => return Ok(Flow::Async(row.number)),
                Err(NotRun::Blocked) => return Ok(Flow::Block),
                // Another look: the gate takes the node as it is now.
                Err(NotRun::GateChanged) => {}
            }
        }
    }

    /// Takes a reply back that the client does not want (CLIENT REPLY).
    #[inline]
    pub(super) fn settle_reply(&mut self, before: usize) {
        match self.session.reply_mode {
            ReplyMode::On => {}
            ReplyMode::Off | ReplyMode::SkipNext => self.context.reply.truncate(before),
            ReplyMode::Skip => {
                self.context.reply.truncate(before);
                self.session.reply_mode = ReplyMode::On;
            }
        }
    }

    /// Appends what others (or the client's own PUBLISH) put into the outbox: after a reply, never inside one.
    fn append_messages(&mut self) {
        if self.context.caller.client.outbox.is_empty() {
            return;
        }
        for message in self.context.caller.client.outbox.take() {
            self.context.reply.raw(&message.bytes);
            // Replies and messages of one batch leave together.
            self.context.keys.required_offset = self.context.keys.required_offset.max(message.offset);
        }
    }
}
