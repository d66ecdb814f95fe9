//! Requests that were parsed and not run yet, and what is known of them: the command's row, where the key lies, the entry that was found
//! there.
//!
//! Memory is asked for in two waves over all requests, first the buckets, then the entries: while the first is on its way, the others are
//! asked for, so that the cache misses of a batch become one ([`crate::performance`], *Lookahead*). Then come the elements that commands
//! look up in large collections, step by step: what one step asks for, the next one reads.
//!
//! Invariant: what is noted of an entry is a hint: it holds until the entry's table changes.

use std::ops::Range;

use larder_proto::resp::{ArgRange, Batch, Request};
use smallvec::SmallVec;

use super::shared::Shared;
use super::table::{Lookup, Row, Table as CommandTable};
use crate::base::bytes::same;
use crate::base::limits::{BATCH_REQUESTS_MAX, WAITING_REQUESTS_MAX};
use crate::datatypes::items;
use crate::keyspace::hash::KeyHash;
use crate::keyspace::key::ResolvedKey;
use crate::keyspace::table::{Ahead, Table};
use crate::keyspace::value::{ELEMENT_PREFETCH_STEPS, Value};
use crate::keyspace::{KeyPlace, Keyspace};

/// Parsed requests, and what is known of them.
#[derive(Debug, Default)]
pub struct Parsed {
    /// The requests, as they were parsed.
    pub batch: Batch,
    /// What is known of each.
    pub prepared: Vec<Prepared>,
    /// For so many of them memory was asked.
    asked: usize,
}

/// How much was there before a batch was parsed.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    requests: usize,
    args: usize,
}

impl Parsed {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.batch.clear();
        self.prepared.clear();
        self.asked = 0;
    }

    /// How much is there.
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark { requests: self.batch.requests.len(), args: self.batch.args.len() }
    }

    /// The requests that were parsed since `mark`.
    #[inline]
    pub fn since(&self, mark: Mark) -> Range<usize> {
        mark.requests..self.batch.requests.len()
    }

    /// Forgets what was parsed since `mark`.
    #[inline]
    pub fn forget(&mut self, mark: Mark) {
        if mark.requests == 0 {
            self.clear();
            return;
        }
        self.batch.requests.truncate(mark.requests);
        self.batch.args.truncate(mark.args);
        self.prepared.truncate(mark.requests);
        self.asked = self.asked.min(mark.requests);
    }

    /// Takes requests that somebody else has found, by where their words lie; none of them if that is farther than a [`Batch`] can say.
    pub fn take<'a>(&mut self, requests: impl Iterator<Item = &'a [Range<usize>]>) {
        self.clear();
        let place = |at: usize| u32::try_from(at).ok();
        for words in requests {
            let first_arg = self.batch.args.len();
            let ranges = words.iter().map_while(|word| Some(ArgRange { start: place(word.start)?, end: place(word.end)? }));
            self.batch.args.extend(ranges);
            let argc = self.batch.args.len() - first_arg;
            if argc < words.len() {
                return self.clear();
            }
            // Nobody asks for what it took on a wire that it did not come by.
            self.batch.requests.push(Request { first_arg: first_arg as u32, argc: argc as u32, wire_len: 0 });
        }
    }

    /// Looks up what was parsed from `buffer` since the last time. With `db` its keys are located, which is where they are then looked
    /// for.
    #[inline]
    pub fn prepare(&mut self, shared: &Shared, buffer: &[u8], db: Option<u32>) {
        // A pipeline mostly repeats a command. One with subcommands is looked up each time: its row does not follow from its name alone.
        let mut before: Option<(&[u8], u16)> = None;
        for request in &self.batch.requests[self.prepared.len()..] {
            let args = self.batch.args_of(request);
            let name = args[0].of(buffer);
            let found = match before {
                Some((previous, number)) if same(name, previous) => Lookup::Found(shared.table.row(number)),
                _ => shared.table.lookup(name, args.get(1).map(|arg| arg.of(buffer))),
            };
            before = match found {
                Lookup::Found(row) if row.parent.is_none() && row.subcommands.is_empty() => Some((name, row.number)),
                _ => None,
            };
            let mut ready = Prepared { found: Found::of(found), table: 0, key: None, element_at: 0, score_at: 0 };
            if let (Lookup::Found(row), Some(key), Some(db)) = (found, args.get(1), db)
                && row.is_single_key()
            {
                let place = shared.keyspace.place(key.of(buffer));
                ready.table = shared.keyspace.table_number(db, place) as u32;
                ready.key = Some(ResolvedKey { place, hint: None, argument: 1 });
                (ready.element_at, ready.score_at) = (row.spec.element_at, row.spec.score_at);
                shared.keyspace.prefetch_stripe(place.stripe);
            }
            self.prepared.push(ready);
        }
    }

    /// Asks the processor for what `own` requests, which were parsed from `buffer`, need, and with it for what all others need that wait:
    /// the words of those lie elsewhere.
    #[inline]
    pub fn look_ahead(&mut self, keyspace: &Keyspace, buffer: &[u8], own: Range<usize>) {
        if self.asked < own.end {
            prefetch(keyspace, &mut self.prepared[self.asked..]);
            self.asked = self.prepared.len();
        }
        // A single one would wait for itself.
        if own.len() > 1 {
            self.prefetch_elements(keyspace, buffer, own);
        }
    }

    /// Asks the processor for the elements of large collections that requests, parsed from `buffer`, look up.
    #[inline]
    fn prefetch_elements(&self, keyspace: &Keyspace, buffer: &[u8], requests: Range<usize>) {
        let mut elements: SmallVec<[(usize, KeyHash); BATCH_REQUESTS_MAX]> = SmallVec::new();
        for number in requests {
            let request = &self.prepared[number];
            if request.element_at == 0 {
                continue;
            }
            let args = self.batch.args_of(&self.batch.requests[number]);
            if let Some(element) = args.get(request.element_at as usize)
                && request.with_value(keyspace, args[1].of(buffer), |_| ()).is_some()
            {
                elements.push((number, keyspace.hasher().hash(&items::packed(element.of(buffer)))));
            }
        }
        for step in 0..ELEMENT_PREFETCH_STEPS {
            for (number, hash) in &elements {
                let args = self.batch.args_of(&self.batch.requests[*number]);
                let prepared = &self.prepared[*number];
                prepared.with_value(keyspace, args[1].of(buffer), |value| {
                    value.prefetch_element(*hash, step);
                    if step == 0 && prepared.score_at > 0 {
                        value.prefetch_score(args[prepared.score_at as usize].of(buffer));
                    }
                });
            }
        }
    }
}

/// What is known of a request before it runs.
#[derive(Debug)]
pub struct Prepared {
    found: Found,
    /// Number of the table that it is looked for in.
    table: u32,
    /// Where its key lies, if its command works on exactly one at the usual place.
    pub key: Option<ResolvedKey>,
    /// Which argument is looked up in the collection under its key; 0: none.
    element_at: u8,
    /// Which argument is the score by which it will be placed; 0: none.
    score_at: u8,
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
    /// Calls `look` with the large value under its key, if its entry was found and nobody is at work on it.
    #[inline]
    fn with_value<R>(&self, keyspace: &Keyspace, name: &[u8], look: impl FnOnce(&Value) -> R) -> Option<R> {
        let key = self.key.as_ref()?;
        let hint = key.hint.as_ref()?;
        peek(keyspace, self.table, key.place, |table| {
            let position = table.find_from(Some(hint), key.place.hash, name)?;
            table.get(position).boxed().map(look)
        })?
    }

    /// Its key, if it is a request of this command.
    pub fn key_for(&self, row: &Row) -> Option<ResolvedKey> {
        self.key.filter(|_| matches!(self.found, Found::Row(number) if number == row.number))
    }

    /// What was found in the table of commands.
    #[inline]
    pub fn lookup<'t>(&self, table: &'t CommandTable) -> Lookup<'t> {
        self.found.lookup(table)
    }
}

/// Asks the processor for what the requests will need, and notes where it is.
fn prefetch(keyspace: &Keyspace, prepared: &mut [Prepared]) {
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
fn peek<R>(keyspace: &Keyspace, table: u32, place: KeyPlace, look: impl FnOnce(&Table) -> R) -> Option<R> {
    let stripe = keyspace.try_lock(place.stripe)?;
    Some(look(&stripe.table(table as usize)?.table))
}

const _: () = assert!(WAITING_REQUESTS_MAX + BATCH_REQUESTS_MAX <= u16::MAX as usize + 1, "a request's number fits 16 bits");
