//! A batch of complete requests: look up, hash, prefetch buckets, prefetch entries, then execute in order.
//!
//! The prefetches turn a batch's cache misses into one: while the first bucket is on its way, the others are asked for. They need
//! the stripe's lock for an instant each, which costs about 10 ns where a miss costs 80.

use larder_proto::resp::{ArgRange, Batch, Request};
use smallvec::SmallVec;

use super::dispatch::{Flow, Turn};
use crate::base::bytes::same;
use crate::base::limits::BATCH_REQUESTS_MAX;
use crate::commands::context::Args;
use crate::commands::shared::Shared;
use crate::commands::table::Lookup;
use crate::keyspace::table::{Ahead, Table};
use crate::keyspace::{Keyspace, Located, Place};

/// Arguments of a batch that need no allocation: a few short requests.
const ARGS_INLINE: usize = 16;

/// Below this many requests there is nothing to overlap.
const PREFETCH_FROM: usize = 2;

/// A request that could not run at once, with its arguments copied.
#[derive(Debug)]
pub(super) struct Postponed {
    pub(super) args: Vec<bytes::Bytes>,
}

impl Postponed {
    fn copy(args: &[ArgRange], buffer: &[u8]) -> Self {
        Postponed { args: args.iter().map(|arg| bytes::Bytes::copy_from_slice(arg.of(buffer))).collect() }
    }
}

/// The arguments of one request.
type ArgList<'b> = SmallVec<[&'b [u8]; 8]>;

/// Those of one request.
#[inline]
fn args_of<'a, 'b>(args: &'a [&'b [u8]], request: Request) -> &'a [&'b [u8]] {
    let first = request.first_arg as usize;
    &args[first..first + request.argc as usize]
}

/// How far a batch got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// To its end.
    Done,
    /// To this request, because `stop` said so after the one before it.
    Stopped(usize),
    /// To this request, which has to wait or to run asynchronously; or the one before it changed the options, which a turn holds from
    /// its start.
    Postponed(usize),
}

/// Executes a batch's requests in order, from number `from` on. `stop` is asked after each.
pub(super) fn execute(turn: &mut Turn<'_>, buffer: &[u8], batch: &Batch, from: usize, stop: impl Fn(&Turn<'_>) -> bool) -> Progress {
    let shared = turn.context.shared;
    let count = batch.requests.len();
    let version = shared.config.version();
    debug_assert!(count <= BATCH_REQUESTS_MAX);
    // Filled by hand, since the list's own ways take several times as long.
    let mut args: SmallVec<[&[u8]; ARGS_INLINE]> = SmallVec::with_capacity(batch.args.len());
    for range in &batch.args {
        args.push(range.of(buffer));
    }
    let requests = &batch.requests[from..];
    let mut prepared: SmallVec<[Prepared<'_>; BATCH_REQUESTS_MAX]> = SmallVec::new();
    prepare(shared, &args, requests, &mut prepared);
    if requests.len() >= PREFETCH_FROM && turn.context.session.multi.is_none() {
        prefetch(&shared.keyspace, turn.context.session.db, &mut prepared);
    }
    for (number, (request, ready)) in (from..).zip(requests.iter().zip(&prepared)) {
        match turn.dispatch(&Args(args_of(&args, *request)), ready.found, ready.key.as_ref()) {
            Flow::Done => {}
            Flow::Wait(_) | Flow::Busy(_) | Flow::Async(_) | Flow::Aside(_) => return Progress::Postponed(number),
        }
        if shared.config.version() != version {
            return Progress::Postponed(number + 1);
        }
        if stop(turn) {
            return Progress::Stopped(number + 1);
        }
    }
    Progress::Done
}

/// Copies of the requests from `number` on.
pub(super) fn rest(buffer: &[u8], batch: &Batch, number: usize) -> impl Iterator<Item = Postponed> {
    batch.requests[number..].iter().map(move |request| Postponed::copy(batch.args_of(request), buffer))
}

/// What is known of a request before it runs.
struct Prepared<'t> {
    found: Lookup<'t>,
    /// Where its key lies, if its command works on exactly one at the usual place.
    key: Option<Located>,
}

/// Looks the requests up and hashes their keys.
#[inline]
fn prepare<'t>(shared: &'t Shared, args: &[&[u8]], requests: &[Request], prepared: &mut SmallVec<[Prepared<'t>; BATCH_REQUESTS_MAX]>) {
    let mut last = (&b""[..], Lookup::Unknown);
    for request in requests {
        let args = args_of(args, *request);
        // A pipeline mostly repeats one command, spelled the same way.
        let found = if let (true, Lookup::Found(row)) = (same(args[0], last.0), last.1)
            && row.subcommands.is_empty()
        {
            last.1
        } else {
            shared.table.lookup(args[0], args.get(1).copied())
        };
        last = (args[0], found);
        let key = match (found, args.get(1)) {
            (Lookup::Found(row), Some(key)) if row.single_key.is_some() => Some(Located { place: shared.keyspace.place(key), hint: None }),
            _ => None,
        };
        prepared.push(Prepared { found, key });
    }
}

/// Asks the processor for what the requests will need, and notes where it is.
fn prefetch(keyspace: &Keyspace, db: u32, prepared: &mut [Prepared<'_>]) {
    for place in prepared.iter().filter_map(|request| request.key.map(|key| key.place)) {
        peek(keyspace, db, place, |table| table.prefetch_bucket(place.hash));
    }
    let mut chained: SmallVec<[u8; BATCH_REQUESTS_MAX]> = SmallVec::new();
    for (number, request) in prepared.iter_mut().enumerate() {
        let Some(key) = &mut request.key else { continue };
        match peek(keyspace, db, key.place, |table| table.prefetch_entry(key.place.hash)) {
            Some(Ahead::Entry(hint)) => key.hint = Some(hint),
            Some(Ahead::Chain) => chained.push(number as u8),
            Some(Ahead::Nothing) | None => {}
        }
    }
    for number in chained {
        if let Some(key) = &mut prepared[number as usize].key {
            key.hint = peek(keyspace, db, key.place, |table| table.prefetch_chained_entry(key.place.hash)).flatten();
        }
    }
}

/// Looks at the table of a place, unless its stripe is busy or the table was never used.
#[inline]
fn peek<R>(keyspace: &Keyspace, db: u32, place: Place, look: impl FnOnce(&Table) -> R) -> Option<R> {
    let stripe = keyspace.try_lock(place.stripe)?;
    Some(look(&stripe.table(keyspace.table_number(db, place))?.table))
}

const _: () = assert!(BATCH_REQUESTS_MAX <= u8::MAX as usize + 1, "a request's number in its batch fits a byte");

/// The arguments of a postponed request, as a command takes them.
pub(super) fn borrow(postponed: &Postponed) -> ArgList<'_> {
    postponed.args.iter().map(|arg| &arg[..]).collect()
}

/// The row of a postponed request.
pub(super) fn lookup<'t>(turn: &Turn<'t>, args: &[&[u8]]) -> Lookup<'t> {
    turn.context.shared.table.lookup(args[0], args.get(1).copied())
}
