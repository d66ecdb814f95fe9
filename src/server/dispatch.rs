//! From a parsed request to its execution: the checks, in Valkey's order, and the choice of how it runs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use larder_proto::resp::ReplyBuf;

use super::redirect;
use crate::base::alloc;
use crate::base::clock::{self, Now, Ticks};
use crate::base::limits::ASIDE_STEPS_MIN;
use crate::clients::session::{Close, Queued, ReplyMode};
use crate::clients::{ClientClass, Session, bit};
use crate::commands::transaction;
use crate::config::Config;
use crate::engine::call::{call, complete_many, complete_measured, reply_error};
use crate::engine::context::{Args, Context};
use crate::engine::error::{NAME_SHOWN_LEN_MAX, as_shown};
use crate::engine::log_thresholds::Attention;
use crate::engine::shared::Shared;
use crate::engine::spec::{Execute, Run, flag};
use crate::engine::table::{Lookup, Row};
use crate::engine::{keys, memory_limit};
use crate::keyspace::access::{KeyAccess, Moment};
use crate::keyspace::{Busy, Located, Place};
use crate::metrics::WorkerMetrics;
use crate::topology::Topology;

/// What the dispatcher works with: one connection's state for one batch. The context is built once and set to each command.
pub(super) struct Turn<'c> {
    pub(super) context: Context<'c>,
    /// When the last command that was measured ended, which is when the next begins.
    pub(super) ticks: Ticks,
    /// Executions of one command since then.
    unmeasured: Unmeasured,
    /// The session is in no state that a command on one key would have to be checked against: see [`Turn::is_plain`].
    plain: bool,
    /// Only commands on one key have run, without checks.
    pub(super) is_simple: bool,
    /// Of which class the client was when the batch began.
    class: ClientClass,
    /// The map of the cluster, in cluster mode, as it was when the batch began.
    topology: Option<arc_swap::Guard<Arc<Topology>>>,
}

/// Reading the processor's counter takes a tenth of a short command's time. Executions of one short command that follow each other share
/// a reading, and its time equally: less than the microsecond to which times are told.
#[derive(Debug, Default)]
struct Unmeasured {
    command: u16,
    count: u16,
}

/// Most executions that share a reading of the clock.
const UNMEASURED_MAX: u16 = 8;

/// Why a request may not run: what is answered after `-`. It may name what the client sent, and so hold any byte.
type Refusal = Vec<u8>;

/// About how much of an unknown command's arguments its error shows, in bytes.
const ARGS_SHOWN_LEN_MAX: usize = 128;

/// What an error shows of an argument.
fn shown(arg: &[u8], most: usize) -> &[u8] {
    as_shown(&arg[..arg.len().min(most)])
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// It was answered, by a command on one key that needed no checks: nothing but that key, the reply and figures may have changed.
    Plain,
    /// It was answered.
    Done,
    /// It must wait until this time (unix milliseconds; CLIENT PAUSE) and be tried again.
    Wait(i64),
    /// It must wait until this stripe is free and be tried again.
    Busy(u32),
    /// It must be run asynchronously: all checks have passed.
    Async(u16),
    /// It must be run beside the worker: all checks have passed.
    Aside(u16),
}

impl<'c> Turn<'c> {
    /// Checks a request and runs it if it can run at once. `key` is where its key lies, if it has one and the pipeline knows.
    #[inline]
    pub(super) fn dispatch(&mut self, args: &Args<'_>, found: Lookup<'_>, key: Option<&Located>) -> Flow {
        if self.plain
            && let (Lookup::Found(row), Some(key)) = (found, key)
            && let Some(execute) = row.single_key
            && row.takes(args.len())
            && self.needs_no_check(row, key.place)
        {
            return self.run_single_key(row, execute, args, key);
        }
        self.measure();
        self.is_simple = false;
        let flow = self.dispatch_with_checks(args, found, key);
        self.append_messages();
        self.begin();
        flow
    }

    /// True if none of the session's states asks for a check or a change of the reply: no transaction, no subscription that forbids
    /// commands or brings messages, replies wanted, a known client.
    fn is_plain(&self) -> bool {
        let session = &self.context.session;
        session.multi.is_none()
            && session.subscriptions.is_empty()
            && session.reply_mode == ReplyMode::On
            && session.close == Close::No
            && !session.monitor
            && !self.must_authenticate()
            && self.context.config.min_replicas_to_write == 0
    }

    /// True if the node as it is now lets a command on one key run: memory, pauses, and in cluster mode the owner of its slot.
    #[inline]
    fn needs_no_check(&self, row: &Row, place: Place) -> bool {
        let context = &self.context;
        let write = row.spec.has(flag::WRITE);
        !memory_limit::is_needed(context.shared, context.config)
            && context.shared.pause.until_ms(write, context.now_ms) == 0
            && self.topology.as_ref().is_none_or(|topology| redirect::serves(context, topology, place, write))
    }

    /// Runs a command on one key for which nothing has to be checked.
    #[inline]
    fn run_single_key(&mut self, row: &Row, execute: Execute, args: &Args<'_>, key: &Located) -> Flow {
        if self.unmeasured.command != row.number {
            self.measure();
        }
        let context = &mut self.context;
        context.session.client.last_command.store(row.number, Ordering::Relaxed);
        context.command = row.number;
        let reply_from = context.reply.len();
        if let Err(Busy(stripe)) = context.keys.try_lock_key(args[1], key) {
            return Flow::Busy(stripe);
        }
        let result = execute(context, args);
        if self.unmeasured.count + 1 < UNMEASURED_MAX
            && row.is_brief
            && result.is_ok()
            && context.attention.may_share_time(context.shared, context.reply.len() - reply_from)
        {
            self.unmeasured = Unmeasured { command: row.number, count: self.unmeasured.count + 1 };
        } else {
            if let Err(error) = &result {
                reply_error(context, error, reply_from);
            }
            let nanoseconds = self.share_time(1);
            complete_measured(&mut self.context, row, args, &result, reply_from, nanoseconds);
        }
        self.finish();
        Flow::Plain
    }

    /// After a request that went like `flow`: true if the connection has something else to do before the next one: replies longer than
    /// `reply_len_max`, an end, other limits, others who wait.
    #[inline]
    pub(super) fn must_stop(&self, flow: Flow, reply_len_max: usize) -> bool {
        let context = &self.context;
        let has_grown = context.reply.len() > reply_len_max || context.reply.overflow_len().is_some();
        if has_grown || context.gives_way || flow == Flow::Plain {
            return has_grown || context.gives_way;
        }
        let client = &context.session.client;
        context.session.close != Close::No || client.must_close() || client.class() != self.class
    }

    /// Counts the executions that are not measured yet.
    #[inline]
    pub(super) fn measure(&mut self) {
        if self.unmeasured.count > 0 {
            self.share_time(0);
        }
    }

    /// Counts the executions that are not measured yet. Returns the share of each of `more` that are counted by the caller, in nanoseconds.
    #[inline]
    fn share_time(&mut self, more: u16) -> u64 {
        let ended = clock::ticks();
        let Unmeasured { command, count } = std::mem::take(&mut self.unmeasured);
        let all = clock::elapsed_ns(self.ticks, ended);
        self.ticks = ended;
        if count == 0 {
            return all;
        }
        let each = all / u64::from(count + more);
        complete_many(&mut self.context, command, each, u64::from(count));
        each
    }

    /// Releases the stripes, and publishes what there is to be told.
    #[inline]
    fn finish(&mut self) {
        self.context.keys.unlock();
        if self.context.keys.has_outcome() {
            self.publish();
        }
    }

    #[cold]
    fn publish(&mut self) {
        if let Some(outcome) = self.context.keys.finish() {
            crate::engine::notify::publish(self.context.shared, &outcome.events);
        }
    }

    #[inline(never)]
    fn dispatch_with_checks(&mut self, args: &Args<'_>, found: Lookup<'_>, key: Option<&Located>) -> Flow {
        let before = self.context.reply.len();
        if self.context.session.reply_mode == ReplyMode::SkipNext {
            self.context.session.reply_mode = ReplyMode::Skip;
        }
        let flow = match self.check(args, found, key) {
            Ok(Checked::Run(row)) => self.run(row, args, key),
            Ok(Checked::Queue(row)) => {
                self.queue(row, args);
                Flow::Done
            }
            Ok(Checked::Answered) => Flow::Done,
            Ok(Checked::Wait(until_ms)) => return Flow::Wait(until_ms),
            Err(text) => {
                let row = if let Lookup::Found(row) = found { Some(row) } else { None };
                self.reject(row, &text);
                Flow::Done
            }
        };
        if flow == Flow::Done {
            self.settle_reply(before);
        }
        flow
    }

    /// Takes a reply back that the client does not want (CLIENT REPLY).
    #[inline]
    pub(super) fn settle_reply(&mut self, before: usize) {
        match self.context.session.reply_mode {
            ReplyMode::On => {}
            ReplyMode::Off | ReplyMode::SkipNext => self.context.reply.truncate(before),
            ReplyMode::Skip => {
                self.context.reply.truncate(before);
                self.context.session.reply_mode = ReplyMode::On;
            }
        }
    }

    /// All checks before execution.
    #[inline]
    fn check<'t>(&mut self, args: &Args<'_>, found: Lookup<'t>, key: Option<&Located>) -> Result<Checked<'t>, Refusal> {
        let Lookup::Found(row) = found else {
            self.context.session.client.last_command.store(u16::MAX, Ordering::Relaxed);
            return self.check_unknown(args, found);
        };
        let spec = row.spec;
        self.context.session.client.last_command.store(row.number, Ordering::Relaxed);
        if self.must_authenticate() && !spec.has(flag::NO_AUTH) {
            return Err("NOAUTH Authentication required.".into());
        }
        let len = args.len() as i32;
        if (spec.arity > 0 && spec.arity != len) || len < -spec.arity {
            return Err(format!("ERR wrong number of arguments for '{}' command", row.full_name).into());
        }
        if let Run::Container = spec.run {
            return Err(format!("ERR wrong number of arguments for '{}' command", row.full_name).into());
        }
        if spec.has(flag::PROTECTED) {
            self.check_protected(row)?;
        }
        let in_multi = self.context.session.multi.is_some();
        if in_multi && spec.has(flag::NO_MULTI) {
            return Err(format!("ERR Command '{}' not allowed inside a transaction", row.full_name).into());
        }
        if let Some(cluster) = &self.context.shared.cluster {
            redirect::check(&self.context, cluster, row, args, key.map(|key| key.place)).map_err(String::into_bytes)?;
        }
        let is_exec = in_multi && row.full_name == "exec";
        let mut is_write = spec.flags & (flag::WRITE | flag::MAY_REPLICATE) != 0;
        if is_exec && let Some(multi) = &self.context.session.multi {
            is_write |= multi.has_write;
        }
        if self.context.config.maxmemory > 0 {
            self.check_memory(row, is_exec)?;
            // Room may have been made by ending this very client: it gets no answer.
            if self.context.session.client.must_close() {
                return Ok(Checked::Answered);
            }
        }
        if self.context.config.min_replicas_to_write > 0 {
            self.check_replicas(row, is_exec)?;
        }
        if self.context.session.subscriptions.count() + self.context.session.subscriptions.shard_channels.len() > 0
            && !self.context.reply.is_resp3()
            && !matches!(
                row.full_name.as_str(),
                "ping" | "subscribe" | "ssubscribe" | "unsubscribe" | "sunsubscribe" | "psubscribe" | "punsubscribe" | "quit" | "reset"
            )
        {
            return Err(format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
                row.full_name
            )
            .into());
        }
        // A client in MONITOR is something of a replica, as in Valkey: it may not touch data, and a pause does not hold it.
        if self.context.session.monitor {
            if spec.flags & (flag::WRITE | flag::MAY_REPLICATE | flag::READONLY) != 0 {
                return Err("ERR Replica can't interact with the keyspace".into());
            }
        } else {
            let paused_until_ms = self.context.shared.pause.until_ms(is_write, self.context.now_ms);
            if paused_until_ms > 0 {
                return Ok(Checked::Wait(paused_until_ms));
            }
        }
        if in_multi && !matches!(row.full_name.as_str(), "exec" | "discard" | "quit" | "reset") {
            return Ok(Checked::Queue(row));
        }
        Ok(Checked::Run(row))
    }

    /// True if the client has to prove who it is first. A password that was removed since it connected is no longer asked for.
    #[inline]
    fn must_authenticate(&self) -> bool {
        !self.context.session.authenticated && !self.context.config.requirepass.is_empty()
    }

    /// Evicts clients and keys where memory is above its limit. What may use more memory is refused if that did not help.
    fn check_memory(&self, row: &Row, is_exec: bool) -> Result<(), Refusal> {
        let context = &self.context;
        // What this client's own replies of the batch take so far counts, too.
        if memory_limit::is_needed(context.shared, context.config) {
            let figures = &context.session.client.figures;
            figures.output.store(context.reply.len() as u64, Ordering::Relaxed);
            figures.output_capacity.store(alloc::block_len(context.reply.buf.capacity()) as u64, Ordering::Relaxed);
            context.shared.clients.report(&context.session.client);
        }
        if memory_limit::make_room(context.shared, context.config, context.now_ms).is_ok() {
            return Ok(());
        }
        let has_denyoom = || context.session.multi.as_ref().is_some_and(|multi| multi.has_denyoom);
        if row.spec.has(flag::DENYOOM) || (is_exec && has_denyoom()) {
            Err("OOM command not allowed when used memory > 'maxmemory'.".into())
        } else {
            Ok(())
        }
    }

    /// Refuses writes while fewer replicas follow than the options ask for.
    #[cold]
    fn check_replicas(&self, row: &Row, is_exec: bool) -> Result<(), Refusal> {
        // This version has no replicas.
        const GOOD_REPLICAS: u32 = 0;
        let context = &self.context;
        let queued = context.session.multi.as_ref().filter(|_| is_exec).map_or(&[][..], |multi| &multi.queue);
        let is_write =
            row.spec.has(flag::WRITE) || queued.iter().any(|queued| context.shared.table.row(queued.command).spec.has(flag::WRITE));
        if is_write && context.config.min_replicas_max_lag > 0 && GOOD_REPLICAS < context.config.min_replicas_to_write {
            return Err("NOREPLICAS Not enough good replicas to write.".into());
        }
        Ok(())
    }

    #[cold]
    fn check_unknown<'t>(&mut self, args: &Args<'_>, found: Lookup<'t>) -> Result<Checked<'t>, Refusal> {
        if self.must_authenticate() {
            return Err("NOAUTH Authentication required.".into());
        }
        if let Lookup::UnknownSubcommand(container) = found {
            let help = format!("'. Try {} HELP.", container.spec.name.to_ascii_uppercase());
            return Err([b"ERR unknown subcommand '", shown(args[1], NAME_SHOWN_LEN_MAX), help.as_bytes()].concat());
        }
        if args[0].eq_ignore_ascii_case(b"host:") || args[0].eq_ignore_ascii_case(b"post") {
            // A web page tricked a browser into sending HTTP here: nothing after it may be taken for commands.
            tracing::warn!(
                "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Larder. This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Larder instance. Connection from {} aborted.",
                self.context.session.client.addr
            );
            self.context.session.client.close_asap();
            return Ok(Checked::Answered);
        }
        let mut beginning = Vec::new();
        for arg in args.iter().skip(1) {
            if beginning.len() >= ARGS_SHOWN_LEN_MAX {
                break;
            }
            let most = ARGS_SHOWN_LEN_MAX - beginning.len();
            beginning.extend_from_slice(&[b"'", shown(arg, most), b"' "].concat());
        }
        let name = shown(args[0], NAME_SHOWN_LEN_MAX);
        Err([b"ERR unknown command '", name, b"', with args beginning with: ", &beginning].concat())
    }

    /// DEBUG and MODULE are for those whom an option allows them.
    fn check_protected(&self, row: &Row) -> Result<(), Refusal> {
        let container = row.full_name.split('|').next().unwrap_or_default();
        let (option, allowed) = match container {
            "debug" => ("enable-debug-command", self.context.config.enable_debug_command),
            _ => ("enable-module-command", self.context.config.enable_module_command),
        };
        if allowed.allows(self.context.session.client.is_local()) {
            return Ok(());
        }
        Err(format!(
            "ERR {} command not allowed. If the {option} option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
            container.to_ascii_uppercase()
        )
        .into())
    }

    /// Answers a request that may not run. Within a transaction it makes EXEC fail; a refused EXEC aborts it.
    #[cold]
    pub(super) fn reject(&mut self, row: Option<&Row>, text: &[u8]) {
        if let Some(row) = row {
            self.context.metrics.commands[row.number as usize].reject();
        }
        if let Some(multi) = &mut self.context.session.multi {
            multi.failed = true;
        }
        if row.is_some_and(|row| row.full_name == "exec") {
            transaction::discard(&mut self.context);
            if redirect::is_redirection(text) {
                self.context.shared.errors.count(text);
                self.context.reply.error(text);
                return;
            }
            let reason = text.strip_prefix(b"ERR ").unwrap_or(text);
            let text = [b"EXECABORT Transaction discarded because of: ", reason].concat();
            self.context.shared.errors.count(&text);
            self.context.reply.error(text);
            return;
        }
        self.context.shared.errors.count(text);
        self.context.reply.error(text);
    }

    fn queue(&mut self, row: &Row, args: &Args<'_>) {
        let multi = self.context.session.multi.as_mut().expect("checked by the caller");
        multi.has_write |= row.spec.flags & (flag::WRITE | flag::MAY_REPLICATE) != 0;
        multi.has_denyoom |= row.spec.has(flag::DENYOOM);
        let args: Vec<_> = args.iter().map(|arg| bytes::Bytes::copy_from_slice(arg)).collect();
        multi.bytes += args.iter().map(|arg| arg.len()).sum::<usize>();
        // A transaction that has already failed keeps nothing: it cannot run.
        if !multi.failed {
            multi.queue.push(Queued { command: row.number, args });
        }
        self.context.session.client.figures.multi_queued.store(multi.queue.len() as i64, Ordering::Relaxed);
        self.context.session.client.figures.multi.store(multi.bytes as u64, Ordering::Relaxed);
        self.context.reply.simple("QUEUED");
    }

    /// Appends what others (or the client's own PUBLISH) put into the outbox: after a reply, never inside one.
    fn append_messages(&mut self) {
        if self.context.session.client.outbox.is_empty() {
            return;
        }
        self.context.session.client.outbox.take().iter().for_each(|message| self.context.reply.raw(message));
    }

    /// The state of `session` now, with nothing locked, for requests that have up to `requests_len` bytes on the wire.
    // Inlined, so that these several hundred bytes are written where they stay.
    #[inline(always)]
    pub(super) fn new(
        (shared, metrics): (&'c Arc<Shared>, &'c WorkerMetrics),
        config: &'c Config,
        session: &'c mut Session,
        reply: &'c mut ReplyBuf,
        now: Now,
        requests_len: usize,
    ) -> Self {
        let moment = Moment::new(&shared.keyspace, now.unix_ms);
        let attention = Attention::new(shared, config, requests_len);
        let keys = KeyAccess::new(&shared.keyspace, session.db, &moment, now.ticks);
        let now_ms = now.unix_ms;
        let context = Context { shared, config, keys, session, reply, now_ms, command: 0, attention, metrics, gives_way: false };
        let topology = shared.cluster.as_ref().map(|cluster| cluster.topology.load());
        let class = context.session.client.class();
        let mut turn =
            Turn { context, ticks: now.ticks, unmeasured: Unmeasured::default(), plain: false, is_simple: true, class, topology };
        turn.begin();
        turn
    }

    /// Sets the context to the session's database and manners: at the start, and after each command that may change them.
    fn begin(&mut self) {
        let context = &mut self.context;
        let imports = context.config.import_mode && context.session.client.has(bit::IMPORT_SOURCE);
        context.keys.begin(context.session.db, !context.session.no_touch, imports);
        self.plain = self.is_plain();
    }

    /// Runs a command that passed all checks.
    #[inline]
    fn run(&mut self, row: &Row, args: &Args<'_>, key: Option<&Located>) -> Flow {
        if matches!(row.spec.run, Run::Sweep(_) | Run::Control(_) | Run::Settled(_)) {
            return Flow::Async(row.number);
        }
        let started = self.ticks;
        if let Err(flow) = self.lock(row, args, key) {
            return flow;
        }
        self.ticks = call(&mut self.context, row, args, started);
        self.finish();
        if self.context.session.close == Close::AfterReply {
            self.context.session.client.set(crate::clients::bit::CLOSE_AFTER_REPLY, true);
        }
        Flow::Done
    }

    /// Locks what the command needs, unless a worker that serves others should not do that, or not run the command.
    #[inline]
    fn lock(&mut self, row: &Row, args: &Args<'_>, key: Option<&Located>) -> Result<(), Flow> {
        let context = &mut self.context;
        match row.spec.run {
            Run::Keys(_) => lock_keys(&mut context.keys, row, args, key).map_err(|Busy(stripe)| Flow::Busy(stripe)),
            Run::Heavy(_, effort) => {
                lock_keys(&mut context.keys, row, args, key).map_err(|Busy(stripe)| Flow::Busy(stripe))?;
                let keys = row.shape.positions(row.spec, args);
                let steps = effort.steps(keys.into_iter().map(|at| context.keys.value_len(args[at])));
                if steps >= ASIDE_STEPS_MIN {
                    context.keys.unlock();
                    return Err(Flow::Aside(row.number));
                }
                Ok(())
            }
            Run::Exec(_) => transaction::lock(context).map_err(|Busy(stripe)| Flow::Busy(stripe)),
            // It may forget the watched keys.
            Run::Conn(_) if !context.session.watched.is_empty() => {
                transaction::watched_are_free(context).map_err(|Busy(stripe)| Flow::Busy(stripe))
            }
            // These would meet the stripe sooner or later: there somebody can wait for it who serves nobody else.
            Run::All(_) => context.keys.try_lock_all().map_err(|_| Flow::Aside(row.number)),
            Run::Stripes(_) if context.keys.keyspace().is_busy(context.now_ms) => Err(Flow::Aside(row.number)),
            _ => Ok(()),
        }
    }
}

enum Checked<'t> {
    Run(&'t Row),
    Queue(&'t Row),
    Answered,
    Wait(i64),
}

/// Locks the stripes of a request's keys.
///
/// # Errors
/// If one of them is held for long: then none is locked.
#[inline]
fn lock_keys(access: &mut KeyAccess<'_>, row: &Row, args: &Args<'_>, key: Option<&Located>) -> Result<(), Busy> {
    if row.shape == keys::KeyShape::First {
        let located = key.copied().unwrap_or_else(|| Located { place: access.keyspace().place(args[1]), hint: None });
        return access.try_lock_key(args[1], &located);
    }
    access.try_lock_keys(row.shape.positions(row.spec, args).into_iter().map(|at| args[at]))
}
