//! A batch of complete requests: look up, hash, prefetch buckets, prefetch entries, then execute in order.
//!
//! The prefetches turn a batch's cache misses into one: while the first bucket is on its way, the others are asked for. They need
//! the stripe's lock for an instant each, which costs about 10 ns where a miss costs 80.

use larder_proto::resp::Batch;
use smallvec::SmallVec;

use super::dispatch::{Flow, Turn};
use crate::base::limits::BATCH_REQUESTS_MAX;
use crate::commands::context::Args;
use crate::commands::keys::KeyShape;
use crate::commands::shared::Shared;
use crate::commands::spec::Run;
use crate::commands::table::Lookup;
use crate::keyspace::{Keyspace, Place};

/// Below this many requests there is nothing to overlap.
const PREFETCH_FROM: usize = 2;

/// A request that could not run at once, with its arguments copied.
#[derive(Debug)]
pub(super) struct Postponed {
    pub(super) args: Vec<bytes::Bytes>,
}

impl Postponed {
    fn copy(args: &[&[u8]]) -> Self {
        Postponed { args: args.iter().map(|arg| bytes::Bytes::copy_from_slice(arg)).collect() }
    }
}

/// The arguments of one request.
pub(super) type ArgList<'b> = SmallVec<[&'b [u8]; 8]>;

fn args_of<'b>(buffer: &'b [u8], batch: &Batch, number: usize) -> ArgList<'b> {
    let request = batch.requests[number];
    let first = request.first_arg as usize;
    batch.args[first..first + request.argc as usize].iter().map(|range| &buffer[range.start as usize..range.end as usize]).collect()
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
    let mut prepared: SmallVec<[Prepared<'_>; BATCH_REQUESTS_MAX]> = SmallVec::new();
    for number in from..count {
        prepared.push(prepare(shared, buffer, batch, number));
    }
    if prepared.len() >= PREFETCH_FROM && turn.context.session.multi.is_none() {
        prefetch(&shared.keyspace, turn.context.session.db, &prepared);
    }
    for (number, ready) in (from..).zip(&prepared) {
        let args = args_of(buffer, batch, number);
        match turn.dispatch(&Args(&args), ready.found, ready.place) {
            Flow::Done => turn.append_messages(),
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
    (number..batch.requests.len()).map(move |later| Postponed::copy(&args_of(buffer, batch, later)))
}

/// What is known of a request before it runs.
struct Prepared<'t> {
    found: Lookup<'t>,
    /// Where its key lies, if its command has exactly one at the usual place.
    place: Option<Place>,
}

#[inline]
fn prepare<'t>(shared: &'t Shared, buffer: &[u8], batch: &Batch, number: usize) -> Prepared<'t> {
    let request = batch.requests[number];
    let first = request.first_arg as usize;
    let arg = |at: usize| &buffer[batch.args[first + at].start as usize..batch.args[first + at].end as usize];
    let found = shared.table.lookup(arg(0), (request.argc > 1).then(|| arg(1)));
    let place = match found {
        Lookup::Found(row) if row.shape == KeyShape::First && request.argc > 1 && matches!(row.spec.run, Run::Keys(_) | Run::Heavy(..)) => {
            Some(shared.keyspace.place(arg(1)))
        }
        _ => None,
    };
    Prepared { found, place }
}

fn prefetch(keyspace: &Keyspace, db: u32, prepared: &[Prepared<'_>]) {
    for place in prepared.iter().filter_map(|request| request.place) {
        if let Some(stripe) = keyspace.try_lock(place.stripe)
            && let Some(keys) = stripe.table(keyspace.table_number(db, place))
        {
            keys.table.prefetch_bucket(place.hash);
        }
    }
    for place in prepared.iter().filter_map(|request| request.place) {
        if let Some(stripe) = keyspace.try_lock(place.stripe)
            && let Some(keys) = stripe.table(keyspace.table_number(db, place))
        {
            keys.table.prefetch_entry(place.hash);
        }
    }
}

/// The arguments of a postponed request, as a command takes them.
pub(super) fn borrow(postponed: &Postponed) -> ArgList<'_> {
    postponed.args.iter().map(|arg| &arg[..]).collect()
}

/// The row of a postponed request.
pub(super) fn lookup<'t>(turn: &Turn<'t>, args: &[&[u8]]) -> Lookup<'t> {
    turn.context.shared.table.lookup(args[0], args.get(1).copied())
}
