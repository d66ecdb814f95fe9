//! Commands that wait for keys, served by whoever makes a key ready.
//!
//! Invariants:
//! * A client is served before the one that made its key ready gets to its next request, and in the order in which clients began to
//!   wait (blocked.c of Valkey: `handleClientsBlockedOnKeys`).
//! * What a served command makes ready is served in turn, before anything else.
//! * No stripe is held between two clients, and nobody waits for a stripe on behalf of another: a client whose stripes somebody holds for
//!   long, or whose command may not run now, asks anew by itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use larder_proto::resp::ReplyBuf;

use super::completion::{complete_for_waiter, log, reply_error};
use super::context::{Args, Context};
use super::error::CmdError;
use super::shared::Shared;
use super::spec::{Attempt, Run, flag};
use super::{gate, route};
use crate::base::clock::{self, Now};
use crate::base::float::LongDouble;
use crate::base::number::parse_i64;
use crate::clients::{Caller, Client, Session, bit};
use crate::config::Config;
use crate::keyspace::access::{KeyAccess, Moment};
use crate::keyspace::blocked::{Holders, Nothing, Outcome, ReadyKey, Wait, Waiter, Written};
use crate::keyspace::key::{self, Key, ResolvedKey};
use crate::metrics::WorkerMetrics;

const ROLE_CHANGED: &str = "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";

/// Parses a timeout in seconds, which may be a fraction, to when it ends (monotonic milliseconds); 0 waits for ever.
///
/// # Errors
/// If it is no number, negative, or too far away.
pub fn until_ms(arg: &[u8]) -> Result<u64, CmdError> {
    let seconds = LongDouble::parse(arg).ok_or(CmdError::coded("ERR timeout is not a float or out of range"))?;
    let milliseconds = (seconds.to_f64() * 1000.0).ceil();
    if milliseconds >= i64::MAX as f64 {
        return Err(CmdError::coded("ERR timeout is out of range"));
    }
    end_of(milliseconds as i64)
}

/// As [`until_ms`], of a timeout in whole milliseconds.
///
/// # Errors
/// As there.
pub fn until_ms_of_milliseconds(arg: &[u8]) -> Result<u64, CmdError> {
    end_of(parse_i64(arg).ok_or(CmdError::coded("ERR timeout is not an integer or out of range"))?)
}

fn end_of(milliseconds: i64) -> Result<u64, CmdError> {
    let milliseconds = u64::try_from(milliseconds).map_err(|_| CmdError::coded("ERR timeout is negative"))?;
    if milliseconds > i64::MAX as u64 - clock::unix_ms().unsigned_abs() {
        return Err(CmdError::coded("ERR timeout is out of range"));
    }
    Ok(if milliseconds == 0 { 0 } else { clock::monotonic_ms() + milliseconds })
}

/// Replies that there was nothing, where nothing waits.
pub(super) fn reply_nothing(reply: &mut ReplyBuf, nothing: Nothing) {
    match nothing {
        Nothing::Null => reply.null(),
        Nothing::NullArray => reply.null_array(),
        Nothing::Number(number) => reply.integer(number as i64),
        Nothing::Counts(local, others) => {
            reply.array(2);
            reply.integer(local);
            reply.integer(others);
        }
    }
}

/// On how many disks of this node, and of others, everything before this offset of the write log is.
pub fn disks_with(shared: &Shared, offset: u64) -> (i64, i64) {
    (i64::from(shared.aof.has_flushed(offset)), shared.replication.disks_at(offset) as i64)
}

/// Waits until this node's disk has what a command waits for, or something has changed so that it has to be asked for anew. Whoever waits for
/// something else is told of it otherwise.
pub async fn on_own_disk(shared: &Shared, waiter: &Waiter, client: &Client) {
    /// Takes the wish back when nobody waits any more.
    struct Wish<'s>(&'s Shared, u64, u64);
    impl Drop for Wish<'_> {
        fn drop(&mut self) {
            self.0.aof.flushed.forget(self.1, self.2);
        }
    }
    let Some(Written { offset, holders: Holders::Disks { own: true, .. } }) = waiter.wait.written else {
        return std::future::pending().await;
    };
    let _wish = Wish(shared, offset, client.id);
    std::future::poll_fn(|cx| match shared.aof.flushed.wake_at(offset, client.id, cx.waker().clone()) {
        true => Poll::Pending,
        false => Poll::Ready(()),
    })
    .await;
}

/// Enters a command that found nothing in the tables of its keys, whose stripes are held.
pub(super) fn enter(context: &mut Context<'_>, args: &Args<'_>, wait: Wait) -> Arc<Waiter> {
    let client = Arc::clone(&context.caller.client);
    let number = context.keys.keyspace().waits.next_number();
    let waiter = Waiter::new(number, client.id, (context.keys.db, context.command), args.words(), keys_of(args, &wait), wait);
    let waiter = Arc::new(waiter);
    for name in waiter.names() {
        let stripe = context.keys.keyspace().place(name).stripe;
        context.keys.stripe(stripe).blocked.add(name, &waiter);
    }
    client.set(bit::BLOCKED, true);
    context.shared.blocked_clients.fetch_add(1, Ordering::Relaxed);
    *client.waiter.lock() = Some(Arc::clone(&waiter));
    if let Some(written) = waiter.wait.written {
        context.shared.replication.enter(written, Arc::clone(&waiter));
    }
    waiter
}

/// A client that counts as blocked for as long as this is there: one that waits, and not for keys.
pub struct CountsAsBlocked<'s> {
    shared: &'s Shared,
    client: &'s Client,
    bits: u32,
}

impl<'s> CountsAsBlocked<'s> {
    /// With these bits of [`bit`] beside that of all who wait.
    pub fn new(shared: &'s Shared, client: &'s Client, bits: u32) -> Self {
        client.set(bit::BLOCKED | bits, true);
        shared.blocked_clients.fetch_add(1, Ordering::Relaxed);
        CountsAsBlocked { shared, client, bits }
    }
}

impl Drop for CountsAsBlocked<'_> {
    fn drop(&mut self) {
        self.client.set(bit::BLOCKED | self.bits, false);
        self.shared.blocked_clients.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Which words of a command that begins to wait are its keys when it is run again, and which of them it waits for: each name once, at its
/// first place.
fn keys_of(args: &Args<'_>, wait: &Wait) -> (Vec<u32>, Vec<u32>) {
    let named: Vec<Key<'_>> = args.keys().take(wait.keys).collect();
    let all = args.resolved().iter().map(|key| key.argument);
    let firsts = key::first_of_same_name(&named).into_iter().zip(all.clone()).enumerate();
    let awaited: Vec<u32> = firsts.filter_map(|(number, (first, word))| (number == first).then_some(word)).collect();
    let keys = if wait.reads_repeats { all.collect() } else { awaited.iter().copied().chain(all.skip(named.len())).collect() };
    (keys, awaited)
}

/// Ends what the client's session waits for, if that has not ended yet. Never waits for a stripe.
pub fn leave(shared: &Shared, session: &mut Session, client: &Client) {
    let Some(waiter) = session.blocked.take() else { return };
    waiter.end(Outcome::Gone);
    *client.waiter.lock() = None;
    client.set(bit::BLOCKED, false);
    shared.blocked_clients.fetch_sub(1, Ordering::Relaxed);
    for name in waiter.names() {
        match shared.keyspace.lock_soon(shared.keyspace.place(name).stripe) {
            Some(mut stripe) => stripe.blocked.forget(name, &waiter),
            None => shared.keyspace.note_dead_watchers(),
        }
    }
}

/// Replies how a client's waiting ended, and counts the command.
pub fn answer(context: &mut Context<'_>, waiter: &Waiter, outcome: Outcome) {
    context.command = waiter.command;
    match outcome {
        Outcome::Served(reply, offset) => {
            context.reply.raw(&reply);
            context.keys.required_offset = context.keys.required_offset.max(offset);
            context.caller.wrote_to = context.caller.wrote_to.max(offset);
        }
        Outcome::TimedOut => {
            let nothing = match waiter.wait.written {
                Some(Written { offset, holders: Holders::Replicas(_) }) => Nothing::Number(context.shared.replication.replicas_at(offset)),
                Some(Written { offset, holders: Holders::Disks { .. } }) => {
                    let (local, others) = disks_with(context.shared, offset);
                    Nothing::Counts(local, others)
                }
                None => Nothing::NullArray,
            };
            reply_nothing(context.reply, nothing);
            complete_for_waiter(context, waiter.command, false, 0);
        }
        Outcome::Unblocked => {
            let reply_from = context.reply.len();
            reply_error(context, &CmdError::coded("UNBLOCKED client unblocked via CLIENT UNBLOCK"), reply_from);
            complete_for_waiter(context, waiter.command, true, 0);
        }
        Outcome::RoleChanged => {
            let reply_from = context.reply.len();
            reply_error(context, &CmdError::coded(ROLE_CHANGED), reply_from);
            // As one that the gate refuses: it has not run.
            context.metrics.commands[waiter.command as usize].reject();
        }
        Outcome::Retry | Outcome::Gone => {}
    }
}

/// Has a client ask anew that waits for keys which are no longer served here, and ends the waiting of one that came when the node had another
/// role.
pub fn redirect(shared: &Shared, client: &Client) {
    let Some(waiter) = client.waiter.lock().clone() else { return };
    if let Some(outcome) = end_by_role(shared, client, &waiter) {
        waiter.end(outcome);
    } else if !route::serves_waiter(shared, client, &waiter) {
        waiter.end(Outcome::Retry);
    }
}

/// How the waiting ends of one that came before the node became a replica. `None` if it came later, or only reads and may do so on a replica; and
/// while the node hands over, since it leads again if that fails.
fn end_by_role(shared: &Shared, client: &Client, waiter: &Waiter) -> Option<Outcome> {
    let flags = shared.table.row(waiter.command).spec.flags;
    let may_stay = client.has(bit::READONLY) && flags & flag::WRITE == 0;
    let came_later = waiter.number > shared.replication.role_border.load(Ordering::Relaxed);
    if may_stay || came_later || shared.replication.look().failover.is_some() {
        return None;
    }
    // Who goes to the primary is told so when it asks again.
    let goes = waiter.names().next().is_some() && route::goes_to_primary(shared, client, flags);
    Some(if goes { Outcome::Retry } else { Outcome::RoleChanged })
}

/// Serves those who wait for the keys that this context's commands have changed. Nothing is held.
#[cold]
pub(super) fn serve(context: &mut Context<'_>) {
    let ready = context.keys.take_ready();
    Serving { shared: context.shared, config: context.config, metrics: context.metrics, now_ms: context.now_ms }.serve(ready);
}

/// Serves those who wait for keys that were changed where no command runs: by expiry and eviction.
pub fn serve_left(shared: &Arc<Shared>, config: &Config, metrics: &WorkerMetrics) {
    let ready = shared.keyspace.waits.take_left();
    if !ready.is_empty() {
        Serving { shared, config, metrics, now_ms: clock::unix_ms() }.serve(ready);
    }
}

/// Who serves.
struct Serving<'s> {
    shared: &'s Arc<Shared>,
    config: &'s Config,
    metrics: &'s WorkerMetrics,
    now_ms: i64,
}

impl Serving<'_> {
    fn serve(&self, ready: Vec<ReadyKey>) {
        let mut queue = VecDeque::from(ready);
        while let Some(ready) = queue.pop_front() {
            let place = self.shared.keyspace.place(&ready.key);
            let key = ResolvedKey { place, hint: None, argument: 0 };
            let mut last = 0;
            while let Some(waiter) = self.next(&ready, &key, last, &mut queue) {
                last = waiter.number;
                waiter.serve(|| self.attempt(&waiter, &ready, &mut queue));
            }
        }
    }

    /// The first behind number `last` for whom the key, as it is now, may have something.
    fn next(&self, ready: &ReadyKey, key: &ResolvedKey, last: u64, queue: &mut VecDeque<ReadyKey>) -> Option<Arc<Waiter>> {
        let moment = Moment::new(&self.shared.keyspace, self.now_ms);
        let mut keys = KeyAccess::new(&self.shared.keyspace, ready.db, &moment, clock::ticks());
        keys.lock_one(key.place.stripe);
        let kind = keys.peek(Key::new(&ready.key, key)).map(|entry| entry.kind());
        let waiter = keys.stripe(key.place.stripe).blocked.next(ready.db, &ready.key, last, kind);
        keys.unlock();
        queue.extend(keys.take_ready());
        waiter
    }

    /// Runs the command of one that waits. Says how its waiting ends, if it does.
    fn attempt(&self, waiter: &Waiter, ready: &ReadyKey, queue: &mut VecDeque<ReadyKey>) -> Option<Outcome> {
        let shared = self.shared;
        let client = shared.clients.get(waiter.client)?;
        let spec = shared.table.row(waiter.command).spec;
        let Run::Blocking(attempt) = spec.run else { unreachable!("such a command waits") };
        if let Some(outcome) = end_by_role(shared, &client, waiter) {
            return Some(outcome);
        }
        if shared.keyspace.settings.is_frozen() || !gate::admits_waiter(shared, spec.flags, self.now_ms) {
            // Once it may run again, its client asks for it.
            return Some(Outcome::Retry);
        }
        let mut caller = Caller::of_waiting(client, waiter.db);
        let mut reply = ReplyBuf::default();
        reply.set_resp3(caller.client.has(bit::RESP3));
        let now = Now { ticks: clock::ticks(), unix_ms: self.now_ms };
        let mut context = Context::new((shared, self.metrics), self.config, &mut caller, &mut reply, now, usize::MAX);
        context.command = waiter.command;
        let keys = resolve(shared, waiter);
        if context.keys.try_lock_keys(&keys).is_err() {
            return Some(Outcome::Retry);
        }
        let found = context.keys.resolve(&ready.key).expect("it is one of the keys that are held");
        let kind = context.keys.peek(Key::new(&ready.key, &found)).map(|entry| entry.kind());
        let is_ready = kind == Some(waiter.wait.kind) || waiter.wait.ends_without_key;
        let ended = is_ready && run(&mut context, waiter, &keys, attempt);
        if ended {
            for name in waiter.names() {
                context.keys.stripe(shared.keyspace.place(name).stripe).blocked.forget(name, waiter);
            }
        }
        context.keys.unlock();
        queue.extend(context.keys.take_ready());
        let offset = context.keys.required_offset;
        drop(context);
        ended.then(|| Outcome::Served(reply.take_bytes(), offset))
    }
}

/// True if the command no longer waits: it has replied, be it with an error.
fn run(context: &mut Context<'_>, waiter: &Waiter, keys: &[ResolvedKey], attempt: Attempt) -> bool {
    let started = clock::ticks();
    let words: Vec<&[u8]> = waiter.words.iter().collect();
    let result = attempt(context, &Args::new(&words, keys));
    if context.keys.is_logging() {
        log(context, context.shared.table.row(waiter.command), &words);
    }
    if let Ok(Some(_)) = result {
        return false;
    }
    if let Err(error) = &result {
        reply_error(context, error, 0);
    }
    complete_for_waiter(context, waiter.command, result.is_err(), clock::elapsed_ns(started, clock::ticks()));
    true
}

/// Where its keys lie.
fn resolve(shared: &Shared, waiter: &Waiter) -> Vec<ResolvedKey> {
    let place = |at: u32| shared.keyspace.place(waiter.words.word(at as usize));
    waiter.keys.iter().map(|at| ResolvedKey { place: place(*at), hint: None, argument: *at }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_seconds_that_may_be_fractions() {
        let error = |arg: &[u8]| until_ms(arg).map_err(|error| String::from_utf8_lossy(error.line()).into_owned());
        assert_eq!(error(b"0"), Ok(0));
        for (arg, text) in [
            ("x", "ERR timeout is not a float or out of range"),
            ("1e5000", "ERR timeout is not a float or out of range"),
            ("nan", "ERR timeout is not a float or out of range"),
            ("-1", "ERR timeout is negative"),
            ("-inf", "ERR timeout is negative"),
            ("inf", "ERR timeout is out of range"),
            ("1e300", "ERR timeout is out of range"),
            ("9223372036854775", "ERR timeout is out of range"),
        ] {
            assert_eq!(error(arg.as_bytes()), Err(text.to_owned()), "{arg}");
        }
        let before = clock::monotonic_ms();
        for arg in ["0.0001", "1e-400", "0x10"] {
            assert!(until_ms(arg.as_bytes()).is_ok_and(|until_ms| until_ms > before), "{arg} is rounded up");
        }
        assert!(until_ms_of_milliseconds(b"1.5").is_err());
    }
}
