//! A batch of complete requests: look up, hash, prefetch buckets, prefetch entries, then execute in order.
//!
//! The prefetches turn a batch's cache misses into one: while the first bucket is on its way, the others are asked for. They need
//! the stripe's lock for an instant each, which costs about 10 ns where a miss costs 80.

use std::ops::Range;

use larder_proto::resp::{ArgRange, Batch};
use smallvec::SmallVec;

use super::executor::{BatchExecutor, Flow};
use super::inbox::Parsed;
use crate::base::bytes::same;
use crate::base::limits::{BATCH_REQUESTS_MAX, WAITING_REQUESTS_MAX};
use crate::engine::shared::Shared;
use crate::engine::table::{Lookup, Table as CommandTable};
use crate::keyspace::key::ResolvedKey;
use crate::keyspace::table::{Ahead, Table};
use crate::keyspace::{Keyspace, Place};

/// Longer names of commands are looked up each time.
const NAME_LEN_MAX: usize = 16;

/// A request that could not run at once, with its arguments copied.
#[derive(Debug)]
pub(super) struct Postponed {
    pub(super) args: Vec<bytes::Bytes>,
}

impl Postponed {
    /// Copies of these words.
    #[cfg(test)]
    pub(super) fn of(words: &[&[u8]]) -> Self {
        Postponed { args: words.iter().map(|word| bytes::Bytes::copy_from_slice(word)).collect() }
    }

    fn copy(args: &[ArgRange], buffer: &[u8]) -> Self {
        Postponed { args: args.iter().map(|arg| bytes::Bytes::copy_from_slice(arg.of(buffer))).collect() }
    }
}

/// The arguments of one request.
type ArgList<'b> = SmallVec<[&'b [u8]; 8]>;

/// How far a batch got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// To its end.
    Done,
    /// To this request, since the one before it left something to do first.
    Stopped(usize),
    /// To this request, which has to wait or to run asynchronously; or the one before it changed the options, which an executor holds from
    /// its start.
    Postponed(usize),
}

/// Executes requests of `parsed` in order, until the replies are longer than `reply_len_max` or the connection has something else to do
/// (see [`BatchExecutor::must_stop`]). The caller has what ran measured ([`BatchExecutor::measure`]).
pub(super) fn execute(
    executor: &mut BatchExecutor<'_>,
    buffer: &[u8],
    parsed: &Parsed,
    requests: Range<usize>,
    reply_len_max: usize,
) -> Progress {
    let shared = executor.context.shared;
    let version = shared.config.version();
    let batch = &parsed.batch;
    let ready = &parsed.prepared[requests.clone()];
    let (mut few, mut many);
    for (number, (request, ready)) in requests.clone().zip(batch.requests[requests].iter().zip(ready)) {
        // Most requests have two or three arguments, for which a list would do several times the work.
        let args: &[&[u8]] = match *batch.args_of(request) {
            [name, key] => {
                few = [name.of(buffer), key.of(buffer), &[]];
                &few[..2]
            }
            [name, key, value] => {
                few = [name.of(buffer), key.of(buffer), value.of(buffer)];
                &few
            }
            ref ranges => {
                many = ranges.iter().map(|range| range.of(buffer)).collect::<ArgList<'_>>();
                &many
            }
        };
        let flow = executor.execute(args, ready.found.lookup(&shared.table), ready.key.as_ref());
        match flow {
            Flow::Plain | Flow::Done => {}
            Flow::Wait(_) | Flow::Busy(_) | Flow::Async(_) | Flow::Offload(..) => return Progress::Postponed(number),
        }
        // A plain command changes neither the options nor the client.
        if flow == Flow::Done && shared.config.version() != version {
            return Progress::Postponed(number + 1);
        }
        if executor.must_stop(flow, reply_len_max) {
            return Progress::Stopped(number + 1);
        }
    }
    Progress::Done
}

/// Copies of requests.
pub(super) fn rest(buffer: &[u8], batch: &Batch, requests: Range<usize>) -> impl Iterator<Item = Postponed> {
    batch.requests[requests].iter().map(move |request| Postponed::copy(batch.args_of(request), buffer))
}

/// What is known of a request before it runs.
#[derive(Debug)]
pub(super) struct Prepared {
    found: Found,
    /// Number of the table that it is looked for in.
    table: u32,
    /// Where its key lies, if its command works on exactly one at the usual place.
    key: Option<ResolvedKey>,
}

/// A [`Lookup`] by the row's number.
#[derive(Debug, Clone, Copy)]
enum Found {
    Row(u16),
    UnknownSubcommand(u16),
    Nothing,
}

impl Found {
    #[inline]
    fn of(lookup: Lookup<'_>) -> Found {
        match lookup {
            Lookup::Found(row) => Found::Row(row.number),
            Lookup::UnknownSubcommand(row) => Found::UnknownSubcommand(row.number),
            Lookup::Unknown => Found::Nothing,
        }
    }

    #[inline]
    fn lookup(self, table: &CommandTable) -> Lookup<'_> {
        match self {
            Found::Row(number) => Lookup::Found(table.row(number)),
            Found::UnknownSubcommand(number) => Lookup::UnknownSubcommand(table.row(number)),
            Found::Nothing => Lookup::Unknown,
        }
    }
}

impl Prepared {
    /// True if something can be asked for ahead of it.
    #[inline]
    pub(super) fn has_key(&self) -> bool {
        self.key.is_some()
    }
}

/// The command that was looked up last, as it was spelled: mostly it is the next one, too.
#[derive(Debug, Default)]
pub(super) struct LastCommand {
    name: SmallVec<[u8; NAME_LEN_MAX]>,
    /// Its row, if that follows from the name alone.
    number: Option<u16>,
}

impl LastCommand {
    #[inline]
    fn lookup<'t>(&mut self, table: &'t CommandTable, name: &[u8], second: Option<&[u8]>) -> Lookup<'t> {
        match self.number {
            Some(number) if same(name, &self.name) => Lookup::Found(table.row(number)),
            _ => self.look_up_another(table, name, second),
        }
    }

    #[inline(never)]
    fn look_up_another<'t>(&mut self, table: &'t CommandTable, name: &[u8], second: Option<&[u8]>) -> Lookup<'t> {
        let found = table.lookup(name, second);
        self.number = match found {
            Lookup::Found(row) if row.subcommands.is_empty() && row.parent.is_none() && name.len() <= NAME_LEN_MAX => Some(row.number),
            _ => None,
        };
        self.name.clear();
        if self.number.is_some() {
            self.name.extend_from_slice(name);
        }
        found
    }
}

/// Looks the requests from `from` on up, and hashes their keys if the database is given that they are in.
#[inline]
pub(super) fn prepare(
    shared: &Shared,
    buffer: &[u8],
    batch: &Batch,
    from: usize,
    db: Option<u32>,
    last: &mut LastCommand,
    prepared: &mut Vec<Prepared>,
) {
    for request in &batch.requests[from..] {
        let args = batch.args_of(request);
        let found = last.lookup(&shared.table, args[0].of(buffer), args.get(1).map(|arg| arg.of(buffer)));
        let mut ready = Prepared { found: Found::of(found), table: 0, key: None };
        if let (Lookup::Found(row), Some(key), Some(db)) = (found, args.get(1), db)
            && row.is_single_key()
        {
            let place = shared.keyspace.place(key.of(buffer));
            ready.table = shared.keyspace.table_number(db, place) as u32;
            ready.key = Some(ResolvedKey { place, hint: None, argument: 1 });
            shared.keyspace.prefetch_stripe(place.stripe);
        }
        prepared.push(ready);
    }
}

/// Asks the processor for what the requests will need, and notes where it is.
pub(super) fn prefetch(keyspace: &Keyspace, prepared: &mut [Prepared]) {
    for request in prepared.iter() {
        if let Some(key) = &request.key {
            peek(keyspace, request.table, key.place, |table| table.prefetch_bucket(key.place.hash));
        }
    }
    let mut chained: SmallVec<[u16; BATCH_REQUESTS_MAX]> = SmallVec::new();
    for (number, request) in prepared.iter_mut().enumerate() {
        let Some(key) = &mut request.key else { continue };
        match peek(keyspace, request.table, key.place, |table| table.prefetch_entry(key.place.hash)) {
            Some(Ahead::Entry(hint)) => key.hint = Some(hint),
            Some(Ahead::Chain) => chained.push(number as u16),
            Some(Ahead::Nothing) | None => {}
        }
    }
    for number in chained {
        let request = &mut prepared[number as usize];
        if let Some(key) = &mut request.key {
            key.hint = peek(keyspace, request.table, key.place, |table| table.prefetch_chained_entry(key.place.hash)).flatten();
        }
    }
}

/// Looks at the table of a place, unless its stripe is busy or the table was never used.
#[inline]
fn peek<R>(keyspace: &Keyspace, table: u32, place: Place, look: impl FnOnce(&Table) -> R) -> Option<R> {
    let stripe = keyspace.try_lock(place.stripe)?;
    Some(look(&stripe.table(table as usize)?.table))
}

const _: () = assert!(WAITING_REQUESTS_MAX + BATCH_REQUESTS_MAX <= u16::MAX as usize + 1, "a request's number fits 16 bits");

/// The arguments of a postponed request, as a command takes them.
pub(super) fn borrow(postponed: &Postponed) -> ArgList<'_> {
    postponed.args.iter().map(|arg| &arg[..]).collect()
}
