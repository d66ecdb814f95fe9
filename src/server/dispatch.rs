//! From a parsed request to its execution: the checks, in Valkey's order, and the choice of how it runs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use larder_proto::resp::ReplyBuf;

use super::redirect;
use crate::base::clock::{self, Ticks};
use crate::base::limits::ASIDE_STEPS_MIN;
use crate::clients::session::{Close, Queued, ReplyMode};
use crate::clients::{Session, bit};
use crate::commands::call::call;
use crate::commands::context::{Args, Context};
use crate::commands::shared::Shared;
use crate::commands::spec::{Run, flag};
use crate::commands::table::{Lookup, Row};
use crate::commands::{keys, room, transaction};
use crate::config::Config;
use crate::keyspace::access::{KeyAccess, Moment};
use crate::keyspace::{Busy, Place};

/// What the dispatcher works with: one connection's state for one batch. The context is built once and set to each command.
pub(super) struct Turn<'c> {
    pub(super) context: Context<'c>,
    /// When the last command ended, which is when the next begins.
    pub(super) ticks: Ticks,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
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
    /// Checks a request and runs it if it can run at once. `place` is where its first key lies, if the pipeline knows.
    #[inline]
    pub(super) fn dispatch(&mut self, args: &Args<'_>, found: Lookup<'_>, place: Option<Place>) -> Flow {
        let before = self.context.reply.len();
        if self.context.session.reply_mode == ReplyMode::SkipNext {
            self.context.session.reply_mode = ReplyMode::Skip;
        }
        let flow = match self.check(args, found, place) {
            Ok(Checked::Run(row)) => self.run(row, args, place),
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

    /// All checks before execution. `Err` is the text of the refusal, after `-`.
    #[inline]
    fn check<'t>(&mut self, args: &Args<'_>, found: Lookup<'t>, place: Option<Place>) -> Result<Checked<'t>, String> {
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
            return Err(format!("ERR wrong number of arguments for '{}' command", row.full_name));
        }
        if let Run::Container = spec.run {
            return Err(format!("ERR wrong number of arguments for '{}' command", row.full_name));
        }
        if spec.has(flag::PROTECTED) {
            self.check_protected(row)?;
        }
        let in_multi = self.context.session.multi.is_some();
        if in_multi && spec.has(flag::NO_MULTI) {
            return Err(format!("ERR Command '{}' not allowed inside a transaction", row.full_name));
        }
        if let Some(cluster) = &self.context.shared.cluster {
            redirect::check(&self.context, cluster, row, args, place)?;
        }
        let is_exec = in_multi && spec.name == "exec";
        let mut is_write = spec.flags & (flag::WRITE | flag::MAY_REPLICATE) != 0;
        if is_exec && let Some(multi) = &self.context.session.multi {
            is_write |= multi.has_write;
        }
        if self.context.config.maxmemory > 0 {
            self.check_memory(row, in_multi)?;
        }
        if self.context.config.min_replicas_to_write > 0 {
            self.check_replicas(row, is_exec)?;
        }
        if self.context.session.subscriptions.count() + self.context.session.subscriptions.shard_channels.len() > 0
            && !self.context.reply.is_resp3()
            && !matches!(
                spec.name,
                "ping" | "subscribe" | "ssubscribe" | "unsubscribe" | "sunsubscribe" | "psubscribe" | "punsubscribe" | "quit" | "reset"
            )
        {
            return Err(format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
                row.full_name
            ));
        }
        let paused_until_ms = self.context.shared.pause.until_ms(is_write, self.context.now_ms);
        if paused_until_ms > 0 {
            return Ok(Checked::Wait(paused_until_ms));
        }
        if in_multi && !matches!(spec.name, "exec" | "discard" | "quit" | "reset") {
            return Ok(Checked::Queue(row));
        }
        Ok(Checked::Run(row))
    }

    /// True if the client has to prove who it is first. A password that was removed since it connected is no longer asked for.
    #[inline]
    fn must_authenticate(&self) -> bool {
        !self.context.session.authenticated && !self.context.config.requirepass.is_empty()
    }

    /// Evicts keys where memory is above its limit. What may use more memory is refused if that did not help; so is whatever
    /// would be queued, since a queue may grow without end.
    fn check_memory(&self, row: &Row, in_multi: bool) -> Result<(), String> {
        let context = &self.context;
        if room::make_room(context.shared, context.config, context.now_ms).is_ok() {
            return Ok(());
        }
        let refused = match row.spec.name {
            "exec" => context.session.multi.as_ref().is_some_and(|multi| multi.has_denyoom),
            "discard" | "quit" | "reset" => false,
            _ => in_multi || row.spec.has(flag::DENYOOM),
        };
        if refused { Err("OOM command not allowed when used memory > 'maxmemory'.".into()) } else { Ok(()) }
    }

    /// Refuses writes while fewer replicas follow than the options ask for.
    #[cold]
    fn check_replicas(&self, row: &Row, is_exec: bool) -> Result<(), String> {
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
    fn check_unknown<'t>(&mut self, args: &Args<'_>, found: Lookup<'t>) -> Result<Checked<'t>, String> {
        if self.must_authenticate() {
            return Err("NOAUTH Authentication required.".into());
        }
        if let Lookup::UnknownSubcommand(container) = found {
            let sub = String::from_utf8_lossy(&args[1][..args[1].len().min(128)]).into_owned();
            return Err(format!("ERR unknown subcommand '{sub}'. Try {} HELP.", container.spec.name.to_ascii_uppercase()));
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
        let mut shown = String::new();
        for arg in args.iter().skip(1) {
            if shown.len() >= 128 {
                break;
            }
            let most = 128 - shown.len();
            shown.push_str(&format!("'{}' ", String::from_utf8_lossy(&arg[..arg.len().min(most)])));
        }
        let name = String::from_utf8_lossy(&args[0][..args[0].len().min(128)]).into_owned();
        Err(format!("ERR unknown command '{name}', with args beginning with: {shown}"))
    }

    /// DEBUG and MODULE are for those whom an option allows them.
    fn check_protected(&self, row: &Row) -> Result<(), String> {
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
        ))
    }

    /// Answers a request that may not run. Within a transaction it makes EXEC fail; a refused EXEC aborts it.
    #[cold]
    pub(super) fn reject(&mut self, row: Option<&Row>, text: &str) {
        if let Some(row) = row {
            self.context.shared.workers[self.context.worker].commands[row.number as usize].reject();
        }
        if let Some(multi) = &mut self.context.session.multi {
            multi.failed = true;
        }
        if row.is_some_and(|row| row.spec.name == "exec") {
            self.begin();
            transaction::discard(&mut self.context);
            if redirect::is_redirection(text) {
                self.context.shared.errors.count(text);
                self.context.reply.error(text);
                return;
            }
            let reason = text.strip_prefix("ERR ").unwrap_or(text);
            let text = format!("EXECABORT Transaction discarded because of: {reason}");
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
    #[inline]
    pub(super) fn append_messages(&mut self) {
        if self.context.session.client.outbox.is_empty() {
            return;
        }
        self.context.session.client.outbox.take().iter().for_each(|message| self.context.reply.raw(message));
    }

    /// The state of `session` on worker number `worker`, now, with nothing locked.
    pub(super) fn new(
        shared: &'c Arc<Shared>,
        config: &'c Config,
        session: &'c mut Session,
        reply: &'c mut ReplyBuf,
        worker: usize,
    ) -> Self {
        let moment = Moment::new(&shared.keyspace, clock::unix_ms());
        let ticks = clock::ticks();
        let keys = KeyAccess::new(&shared.keyspace, session.db, &moment, ticks);
        let now_ms = moment.now_ms;
        let context = Context { shared, config, keys, session, reply, now_ms, command: 0, worker, gives_way: false };
        Turn { context, ticks }
    }

    /// Sets the context to the session's database and manners, for the next command.
    #[inline]
    pub(super) fn begin(&mut self) {
        let context = &mut self.context;
        let imports = context.config.import_mode && context.session.client.has(bit::IMPORT_SOURCE);
        context.keys.begin(context.session.db, !context.session.no_touch, imports);
    }

    /// Runs a command that passed all checks.
    #[inline]
    fn run(&mut self, row: &Row, args: &Args<'_>, place: Option<Place>) -> Flow {
        if matches!(row.spec.run, Run::Sweep(_) | Run::Control(_)) {
            return Flow::Async(row.number);
        }
        let started = self.ticks;
        self.begin();
        if let Err(flow) = self.lock(row, args, place) {
            return flow;
        }
        let context = &mut self.context;
        let ended = call(context, row, args, started);
        if let Some(outcome) = context.keys.finish() {
            crate::commands::notify::publish(context.shared, &outcome.events);
        }
        self.ticks = ended;
        if self.context.session.close == Close::AfterReply {
            self.context.session.client.set(crate::clients::bit::CLOSE_AFTER_REPLY, true);
        }
        Flow::Done
    }

    /// Locks what the command needs, unless a worker that serves others should not do that, or not run the command.
    #[inline]
    fn lock(&mut self, row: &Row, args: &Args<'_>, place: Option<Place>) -> Result<(), Flow> {
        let context = &mut self.context;
        match row.spec.run {
            Run::Keys(_) => lock_keys(&mut context.keys, row, args, place).map_err(|Busy(stripe)| Flow::Busy(stripe)),
            Run::Heavy(_, effort) => {
                lock_keys(&mut context.keys, row, args, place).map_err(|Busy(stripe)| Flow::Busy(stripe))?;
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
fn lock_keys(access: &mut KeyAccess<'_>, row: &Row, args: &Args<'_>, place: Option<Place>) -> Result<(), Busy> {
    if row.shape == keys::KeyShape::First {
        let place = place.unwrap_or_else(|| access.keyspace().place(args[1]));
        access.remember(args[1], place);
        return access.try_lock_one(place.stripe);
    }
    access.try_lock_keys(row.shape.positions(row.spec, args).into_iter().map(|at| args[at]))
}
