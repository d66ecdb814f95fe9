//! The command scope: the one place where commands run, whoever asks.
//!
//! ```text
//! lock the stripes -> ask the gate again -> execute -> record -> count -> commit, unlock, deliver
//! ```
//!
//! Invariants:
//! * A command's function is called here and nowhere else: by [`run_single_key`], by [`run_async`], and by [`call`] for all others. Of a
//!   command that visits all keys that is `engine/sweep.rs`, which these two call and nobody else. One that waits for keys is called again
//!   by `engine/blocking.rs`, once they may have something for it.
//! * Between the gate's answer and the execution nothing has changed that the answer rests on: the generation is compared under the
//!   lock, also for what had to wait for its stripes or runs on another thread. Who finds another one has executed nothing. A command that
//!   takes its stripes by itself is asked before the first: it works on no particular key. Whether expired keys may be deleted is
//!   asked of each ([`crate::keyspace::access`]).
//! * Locks are released by [`crate::keyspace::access::KeyAccess::unlock`], which commits before and delivers afterwards.

use super::completion::{begin_to_wait, complete, log};
use super::context::{Args, CmdResult, Context};
use super::error::CmdError;
use super::gate::Gate;
use super::shared::Shared;
use super::spec::{Locks, Place, Run};
use super::table::{ResolvedKeys, Row};
use super::{blocking, sweep, transaction};
use crate::base::clock::{self, Ticks};
use crate::base::limits::OFFLOAD_STEPS_MIN;
use crate::clients::Session;
use crate::keyspace::Busy;
use crate::keyspace::held::Stripes;
use crate::keyspace::lock::none_held_while_waiting;

/// Why a command did not run. It changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRun {
    /// Somebody holds this stripe for long.
    Busy(u32),
    /// What the gate's answer rests on has changed.
    GateChanged,
    /// It is to run on a thread that serves nobody else.
    Offload,
    /// It is to run asynchronously.
    Async,
    /// It found nothing, and waits for its keys.
    Blocked,
}

impl From<Busy> for NotRun {
    fn from(Busy(stripe): Busy) -> NotRun {
        NotRun::Busy(stripe)
    }
}

/// Runs a command on one key that the gate admits. `finish` counts it, while its stripe is held: with where its reply begins.
///
/// # Errors
/// If it could not run.
#[inline]
pub fn run_single_key<'c>(
    context: &mut Context<'c>,
    gate: &Gate,
    row: &Row,
    args: &Args<'_>,
    finish: impl FnOnce(&mut Context<'c>, &CmdResult, usize),
) -> Result<(), NotRun> {
    let Some(execute) = row.single_key else { unreachable!("the gate admits such commands only") };
    context.command = row.number;
    let reply_from = context.reply.len();
    hook::between_check_and_lock();
    context.keys.try_lock_one(args.resolved()[0].place.stripe)?;
    confirm(context, gate.generation())?;
    let result = execute(context, args);
    if context.keys.is_logging() {
        log(context, row, args.words());
    }
    if let Err(CmdError::TakesLong) = result {
        return Err(hand_on(context, row, args, reply_from));
    }
    finish(context, &result, reply_from);
    context.keys.unlock();
    serve_ready(context);
    Ok(())
}

/// Runs a command that passed the gate. Returns when it ended.
///
/// # Errors
/// If it could not run, or not here.
pub fn run(
    context: &mut Context<'_>,
    session: &mut Session,
    gate: &Gate,
    row: &Row,
    args: &Args<'_>,
    started: Ticks,
) -> Result<Ticks, NotRun> {
    if row.spec.place == Place::Async {
        return Err(NotRun::Async);
    }
    hook::between_check_and_lock();
    lock(context, session, row, args)?;
    confirm(context, gate.generation())?;
    let reply_from = context.reply.len();
    let Some(ended) = execute_locked(context, session, row, args, started) else {
        return Err(hand_on(context, row, args, reply_from));
    };
    context.keys.unlock();
    serve_ready(context);
    if session.blocked.is_some() { Err(NotRun::Blocked) } else { Ok(ended) }
}

/// Releases what a command holds that is to run on a thread of its own. What it has read it reads there again; what is opened to be written
/// counts as no hit.
#[cold]
fn hand_on(context: &mut Context<'_>, row: &Row, args: &Args<'_>, reply_from: usize) -> NotRun {
    context.reply.truncate(reply_from);
    // Who takes stripes by itself has read none of the keys that it names.
    if row.spec.locks == Locks::Keys && !row.spec.is_write() {
        args.keys().for_each(|key| context.keys.take_back_hit(key));
    }
    context.keys.unlock();
    NotRun::Offload
}

/// Runs a command whose stripes are held: for EXEC, which holds those of all its commands. Returns when it ended.
pub fn run_locked(context: &mut Context<'_>, session: &mut Session, row: &Row, args: &Args<'_>, started: Ticks) -> Ticks {
    execute_locked(context, session, row, args, started).expect("in a transaction no command has to be quick")
}

/// `None` if the command is to run on a thread of its own.
fn execute_locked(context: &mut Context<'_>, session: &mut Session, row: &Row, args: &Args<'_>, started: Ticks) -> Option<Ticks> {
    context.command = row.number;
    let reply_from = context.reply.len();
    let result = call(context, Some(&mut *session), row, args);
    let ended = clock::ticks();
    if session.blocked.is_some() {
        begin_to_wait(context, row, args);
        return Some(ended);
    }
    if let Err(CmdError::TakesLong) = result {
        return None;
    }
    complete(context, row, args, &result, reply_from, clock::elapsed_ns(started, ended));
    Some(ended)
}

/// Runs a command that passed the gate of `generation` on a thread that serves nobody else, so that it may wait for its stripes. Returns
/// its result and when it had them; the worker counts it.
///
/// # Errors
/// [`NotRun::GateChanged`].
pub fn run_offloaded(context: &mut Context<'_>, generation: u64, row: &Row, args: &Args<'_>) -> Result<(CmdResult, Ticks), NotRun> {
    context.command = row.number;
    hook::between_check_and_lock();
    match row.spec.locks {
        Locks::Keys if row.holds_all(context.keys.keyspace(), args.words()) => context.keys.lock_all(),
        Locks::Keys => context.keys.lock_keys(args.resolved()),
        Locks::All => context.keys.lock_all(),
        Locks::None | Locks::Each | Locks::Few | Locks::Queued => {}
    }
    confirm(context, generation)?;
    let started = clock::ticks();
    let result = call(context, None, row, args);
    context.yields_to_waiters |= context.keys.is_wanted();
    context.keys.unlock();
    serve_ready(context);
    Ok((result, started))
}

/// A command of a record of a log.
#[derive(Debug)]
pub struct Logged<'a> {
    /// The command.
    pub row: &'a Row,
    /// Its words.
    pub words: &'a [&'a [u8]],
    /// Its keys.
    pub keys: ResolvedKeys,
    /// Its database.
    pub db: u32,
}

/// Runs the commands of one record of a log as one: what they need is held from the first to the last, and a stripe in any case, under which
/// the node's role does not change. `end` is called before it is released. Returns the first error: as to who wrote the log, a command that
/// fails is no reason not to run the others. The caller is in the database of the last one then.
///
/// # Errors
/// [`NotRun::GateChanged`].
pub fn run_record(
    context: &mut Context<'_>,
    generation: u64,
    commands: &[Logged<'_>],
    end: impl FnOnce(&mut Context<'_>),
) -> Result<CmdResult, NotRun> {
    let keyspace = context.keys.keyspace();
    let needs_all = |command: &Logged<'_>| match command.row.spec.locks {
        Locks::Keys => command.row.holds_all(keyspace, command.words),
        Locks::All | Locks::Each | Locks::Few | Locks::Queued => true,
        Locks::None => false,
    };
    if commands.iter().any(needs_all) {
        context.keys.lock_all();
    } else {
        let mut stripes: Stripes = commands.iter().flat_map(|command| &command.keys).map(|key| key.place.stripe).collect();
        if stripes.is_empty() {
            stripes.push(0);
        }
        context.keys.lock_stripes(stripes);
    }
    confirm(context, generation)?;
    let is_transaction = commands.len() > 1;
    (context.caller.in_exec, context.keys.keeps_locks) = (is_transaction, is_transaction);
    let mut first = Ok(());
    for command in commands {
        context.command = command.row.number;
        context.caller.select(command.db);
        context.follow_caller();
        let result = call(context, None, command.row, &Args::new(command.words, &command.keys));
        context.reply.truncate(0);
        first = first.and(result);
    }
    (context.caller.in_exec, context.keys.keeps_locks) = (false, false);
    end(context);
    context.keys.unlock();
    serve_ready(context);
    Ok(first)
}

/// Runs a command that waits, and passed the gate. Others of its worker are served meanwhile, so that it may hold no stripe at any
/// `.await`.
pub async fn run_async(context: &mut Context<'_>, session: &mut Session, row: &Row, args: &Args<'_>) {
    context.command = row.number;
    let reply_from = context.reply.len();
    let started = clock::ticks();
    assert!(context.keys.holds_nothing(), "what waits locks what it needs, and for moments");
    let result = match row.spec.run {
        Run::Sweep(start) => none_held_while_waiting(sweep::run(context, start, args)).await,
        // Commands that ask the cluster wait by timers as its own threads have them.
        Run::Async(run, _) => {
            let timers = &context.shared.timers;
            timers.within(none_held_while_waiting(run(context, session, args))).await
        }
        Run::Data(_) | Run::Session(_) | Run::Blocking(_) | Run::Container => unreachable!("other commands run at once"),
    };
    complete(context, row, args, &result, reply_from, clock::elapsed_ns(started, clock::ticks()));
    context.keys.unlock();
    serve_ready(context);
}

/// Serves those who wait for what was changed. Nothing is held.
#[inline]
fn serve_ready(context: &mut Context<'_>) {
    if context.keys.has_ready() {
        blocking::serve(context);
    }
}

/// Calls a command's function, and has what it changed become part of the write log. `session` is there if its connection's own task runs it.
fn call(context: &mut Context<'_>, session: Option<&mut Session>, row: &Row, args: &Args<'_>) -> CmdResult {
    let result = call_function(context, session, row, args);
    if context.keys.is_logging() {
        log(context, row, args.words());
    }
    result
}

fn call_function(context: &mut Context<'_>, session: Option<&mut Session>, row: &Row, args: &Args<'_>) -> CmdResult {
    // A command gets the keys whose stripes are held for it, and no others.
    let without_keys = Args::new(args.words(), &[]);
    let args = if row.spec.locks == Locks::Keys { args } else { &without_keys };
    match (row.spec.run, session) {
        (Run::Data(run), _) => run(context, args),
        (Run::Session(run) | Run::Async(_, Some(run)), Some(session)) => run(context, session, args),
        (Run::Blocking(attempt), session) => {
            // On another thread it could not wait.
            let may_leave = std::mem::replace(&mut context.may_leave, false);
            let wait = attempt(context, args);
            context.may_leave = may_leave;
            let Some(wait) = wait? else { return Ok(()) };
            match session.filter(|_| !context.caller.in_exec) {
                Some(session) => session.blocked = Some(blocking::enter(context, args, wait)),
                None => blocking::reply_nothing(context.reply, wait.nothing),
            }
            Ok(())
        }
        (Run::Sweep(start), _) => sweep::run_at_once(context, start, args),
        (Run::Async(..), _) => Err(CmdError::coded("ERR Command not allowed inside a transaction")),
        (Run::Session(_), None) => Err(CmdError::coded("ERR Command not allowed without a connection")),
        (Run::Container, _) => unreachable!("the gate refuses a container without subcommand"),
    }
}

/// Locks what the command needs, unless a worker that serves others should not do that, or not run the command.
fn lock(context: &mut Context<'_>, session: &Session, row: &Row, args: &Args<'_>) -> Result<(), NotRun> {
    match row.spec.locks {
        Locks::None => {}
        Locks::Keys => {
            if row.holds_all(context.keys.keyspace(), args.words()) {
                context.keys.try_lock_all().map_err(|_| NotRun::Offload)?;
            } else {
                context.keys.try_lock_keys(args.resolved())?;
            }
            if let Place::Offload(effort) = row.spec.place
                && effort.steps(args.words(), args.keys().map(|key| context.keys.value_len(key))) >= OFFLOAD_STEPS_MIN
            {
                context.keys.unlock();
                return Err(NotRun::Offload);
            }
        }
        // These would meet the stripe sooner or later: there somebody can wait for it who serves nobody else.
        Locks::Each if context.keys.keyspace().is_busy(clock::monotonic_ms()) => return Err(NotRun::Offload),
        // Whoever meets few stripes need not fear what was held of late.
        Locks::Few if context.keys.keyspace().is_held() => return Err(NotRun::Offload),
        Locks::Each | Locks::Few => {}
        Locks::All => context.keys.try_lock_all().map_err(|_| NotRun::Offload)?,
        Locks::Queued => match transaction::stripes(context, session) {
            Some(stripes) => context.keys.try_lock_stripes(stripes)?,
            None => context.keys.try_lock_all()?,
        },
    }
    Ok(())
}

/// Releases what is held if what the gate's answer rests on has changed.
#[inline]
fn confirm(context: &mut Context<'_>, generation: u64) -> Result<(), NotRun> {
    let shared: &Shared = context.shared;
    if shared.gate.now() == generation {
        return Ok(());
    }
    context.keys.unlock();
    Err(NotRun::GateChanged)
}

/// For tests: something that happens on this thread between the gate's answer and the lock.
#[cfg(test)]
pub(crate) mod hook {
    use std::cell::RefCell;

    thread_local! {
        static HOOK: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    }

    /// Calls `what` once, before the next command locks its stripes.
    pub(crate) fn once(what: impl FnOnce() + 'static) {
        HOOK.set(Some(Box::new(what)));
    }

    pub(super) fn between_check_and_lock() {
        if let Some(what) = HOOK.take() {
            what();
        }
    }
}

#[cfg(not(test))]
mod hook {
    #[inline(always)]
    pub(super) fn between_check_and_lock() {}
}
