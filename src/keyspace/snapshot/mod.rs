//! Snapshots without fork: the whole keyspace as it was at one moment, while everybody goes on.
//!
//! A snapshot begins under all locks, for as long as it takes to tell each table ([`Snapshot::begin`]). From then on two hand over what was
//! there ([`super::handover`]):
//!
//! * its walk ([`Snapshot::step`]), which holds one stripe for a slice of a fraction of a millisecond, and gives way when somebody waits;
//! * whoever changes something that the walk has not reached, before the change: the entry of the table that it changes ([`super::table`]), or
//!   the part of a large collection ([`super::value::chunk`]).
//!
//! | what | unit | how it survives changes |
//! |---|---|---|
//! | a table of keys | entry, by its place in a bucket of some number | before a bucket is split, merged or chained all of it is handed over |
//! | hashes, sets | bucket of the packed table | likewise |
//! | sorted sets | leaf, by its place | a leaf gives its elements away only after it was handed over |
//! | lists | node | numbered at the beginning; the sink gets them in that order, early ones wait |
//! | streams | heads of groups, what is pending under an ID, node | by ascending IDs, which are no other's; nodes that were changed early wait |
//! | strings of more than 8 MB | chunk | in order; who overwrites what was not reached keeps the kilobyte around it as it was |
//! | shorter strings in chunks | all of it | the chunks are shared, and given back as they are delivered |
//! | what lies inside an entry, and small collections | entry | copied |
//!
//! A value that is deleted or replaced while it is being saved goes over to the snapshot, which frees it; so does a table (FLUSHALL). One
//! that is renamed or moved takes the knowledge of what was saved along, and tells its new key. A database that is exchanged takes along
//! which one it was.
//!
//! Everything goes through one queue to the sink, which works without any lock. The queue has a bound: 64 MB and a twentieth of the memory
//! in use when the snapshot began, as much as a node may grow for it. If the sink cannot keep up, writers wait once half of it is full
//! ([`Keyspace::snapshot_is_behind`]); a sink that takes nothing at all ends the snapshot with an error.
//!
//! Invariants:
//! * What the sink gets is what was there when the snapshot began, each key once.
//! * When a snapshot has ended, however, no table and no value knows of it. There is at most one.

mod delivery;
pub mod sink;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use self::delivery::Delivery;
use self::sink::{Sink, Tag};
use super::Keyspace;
use super::access::{KeyAccess, Moment};
use super::entry::Value;
pub use super::handover::Fault;
use super::handover::{Message, Queue, Walk};
use super::stripe::Stripe;
use super::value::chunk::Chunked;
use crate::base::{alloc, clock};

/// What a node may grow by for a snapshot, beside a share of its memory.
const GROWTH_LEN: usize = 64 * 1024 * 1024;
/// That share: one part in so many.
const GROWTH_SHARE: usize = 20;
/// Pause after a slice that ended because somebody waited for its stripe: before it is taken again, they get it.
const PAUSE: Duration = Duration::from_micros(100);
/// A thread whose turn on its processor ends while it holds a stripe keeps everybody from it for milliseconds. So it ends its turn by itself,
/// while it holds none, after so many microseconds: half of what a system with few processors gives.
const TURN_US: u64 = 500;
/// Handed over in one slice: beyond it the sink gets its turn.
const SLICE_LEN_MAX: usize = 1024 * 1024;

/// How long a slice holds a stripe.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Microseconds.
    pub us: u64,
    /// Buckets, leaves and nodes.
    pub parts: usize,
}

/// Short enough that who waits for the stripe is served as soon as after a few usual commands.
pub const USUAL_BUDGET: Budget = Budget { us: 50, parts: 256 };

/// How far a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It goes on.
    Going,
    /// The sink has everything.
    Done,
}

/// Why a snapshot could not be taken.
#[derive(Debug)]
pub enum Failure {
    /// Another one is being taken.
    Busy,
    /// It cannot be finished.
    Fault(Fault),
    /// The sink's error.
    Sink(io::Error),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Busy => f.write_str("another snapshot is being taken"),
            Failure::Fault(Fault::Overrun) => f.write_str("the snapshot could not keep up with the writes"),
            Failure::Fault(Fault::Lost) => f.write_str("the snapshot lost a value"),
            Failure::Sink(error) => write!(f, "the snapshot could not be written: {error}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Sink(error)
    }
}

/// What a snapshot has cost so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Keys delivered.
    pub keys: u64,
    /// Elements of collections.
    pub elements: u64,
    /// Bytes of strings and elements.
    pub bytes: u64,
    /// Times that a writer handed something over.
    pub preimages: u64,
    /// Most that was handed over and not delivered, in bytes.
    pub queued_bytes_max: usize,
    /// Longest time for which its walk held a stripe, in microseconds.
    pub slice_us_max: u64,
    /// How long it held all stripes when it began, in microseconds.
    pub begin_us: u64,
}

/// A snapshot that is being taken. See the module's page.
#[derive(Debug)]
pub struct Snapshot<'k> {
    keyspace: &'k Keyspace,
    queue: Arc<Queue>,
    delivery: Delivery,
    /// The stripe that the walk is in.
    stripe: u32,
    /// The table of that stripe in which it was last: a stripe has thousands of them in a cluster. Those before it are done, unless
    /// databases changed places meanwhile.
    table: usize,
    begin_us: u64,
    slice_us_max: u64,
    /// Since when its thread has its processor, about.
    turn: clock::Ticks,
}

/// Ends when the slice has lasted long enough.
struct Slice<'k> {
    keyspace: &'k Keyspace,
    /// The stripe that is held, if one is.
    stripe: Option<u32>,
    started: clock::Ticks,
    budget: Budget,
    parts: usize,
}

impl Slice<'_> {
    fn goes_on(&mut self, handed_over: usize) -> bool {
        self.parts += 1;
        self.parts <= self.budget.parts
            && handed_over < SLICE_LEN_MAX
            && clock::elapsed_us(self.started, clock::ticks()) < self.budget.us
            && !self.stripe.is_some_and(|stripe| self.keyspace.is_wanted(stripe))
    }
}

/// The value under `key` that is being saved as `tag`, whatever its database is now.
fn saved_value<'s>(stripe: &'s mut Stripe, keyspace: &Keyspace, key: &[u8], tag: Tag) -> Option<&'s mut dyn Chunked> {
    let place = keyspace.place(key);
    let tables = (0..keyspace.databases() as u32).map(|db| keyspace.table_number(db, place));
    let find = |number: usize| {
        let table = &stripe.table(number)?.table;
        let position = table.find(place.hash, key)?;
        (table.get(position).boxed().and_then(Value::saving_tag) == Some(tag)).then_some((number, position))
    };
    let (number, position) = tables.filter_map(find).next()?;
    stripe.table_if_used(number)?.table.get_to_touch(position).into_boxed()?.chunked_mut()
}

impl<'k> Snapshot<'k> {
    /// Begins one: from this moment on what is there belongs to it. Holds all stripes for that, so none may be held by the caller.
    ///
    /// # Errors
    /// [`Failure::Busy`].
    pub fn begin(keyspace: &'k Keyspace) -> Result<Snapshot<'k>, Failure> {
        Snapshot::begin_and_look(keyspace, |_| ()).map(|(snapshot, ())| snapshot)
    }

    /// As [`Snapshot::begin`], and has somebody look at what is there in that moment.
    ///
    /// # Errors
    /// [`Failure::Busy`].
    pub fn begin_and_look<R>(keyspace: &'k Keyspace, look: impl FnOnce(&mut KeyAccess<'_>) -> R) -> Result<(Snapshot<'k>, R), Failure> {
        Snapshot::begin_with(keyspace, GROWTH_LEN + alloc::used_bytes() / GROWTH_SHARE, look)
    }

    /// As [`Snapshot::begin_and_look`], with a bound of what may be handed over and not delivered, in bytes.
    fn begin_with<R>(
        keyspace: &'k Keyspace,
        limit: usize,
        look: impl FnOnce(&mut KeyAccess<'_>) -> R,
    ) -> Result<(Snapshot<'k>, R), Failure> {
        let mut access = KeyAccess::new(keyspace, 0, &Moment::new(keyspace, clock::unix_ms()), 0);
        let begun = access.with_all(|access| {
            let started = clock::ticks();
            let queue = keyspace.handover.begin(limit)?;
            for number in 0..keyspace.stripes() as u32 {
                for (table, keys) in access.stripe(number).tables_mut() {
                    keys.table.begin_walk(|buckets| Walk::new(Arc::clone(&queue), keyspace.db_of(table), buckets));
                }
            }
            Some((queue, clock::elapsed_us(started, clock::ticks()), look(access)))
        });
        let (queue, begin_us, seen) = begun.ok_or(Failure::Busy)?;
        Ok((
            Snapshot {
                keyspace,
                queue,
                delivery: Delivery::default(),
                stripe: 0,
                table: 0,
                begin_us,
                slice_us_max: 0,
                turn: clock::ticks(),
            },
            seen,
        ))
    }

    /// Delivers what was handed over, or walks on for a slice.
    ///
    /// # Errors
    /// If it cannot be finished, so that it is to be dropped.
    pub fn step(&mut self, sink: &mut dyn Sink, budget: Budget) -> Result<Progress, Failure> {
        if self.delivery.deliver(&self.queue, sink)? {
            return self.queue.fault().map_or(Ok(Progress::Going), |fault| Err(Failure::Fault(fault)));
        }
        if let Some(fault) = self.queue.fault() {
            return Err(Failure::Fault(fault));
        }
        self.queue.look_at_writers();
        if self.stripe as usize == self.keyspace.stripes() && self.delivery.is_idle() {
            self.keyspace.handover.end();
            return Ok(Progress::Done);
        }
        self.slice(budget)?;
        Ok(Progress::Going)
    }

    /// What it has cost so far.
    pub fn figures(&self) -> Figures {
        Figures {
            keys: self.delivery.keys,
            elements: self.delivery.elements,
            bytes: self.delivery.bytes,
            preimages: self.queue.preimages(),
            queued_bytes_max: self.queue.bytes_max(),
            slice_us_max: self.slice_us_max,
            begin_us: self.begin_us,
        }
    }

    /// Gives it up, as dropping it does.
    pub fn abort(self) {}

    /// Walks on for a slice: first in what was begun, of which writers hand over more and more.
    fn slice(&mut self, budget: Budget) -> Result<(), Failure> {
        let mut out = Vec::new();
        if clock::elapsed_us(self.turn, clock::ticks()) > TURN_US {
            std::thread::yield_now();
            self.turn = clock::ticks();
        }
        let mut slice = Slice { keyspace: self.keyspace, stripe: None, started: clock::ticks(), budget, parts: 0 };
        if let Some(entry) = self.delivery.orphans.last_mut() {
            let tag = entry.borrow().boxed().and_then(Value::saving_tag);
            let is_done = match (tag, entry.borrow_mut().boxed_mut().and_then(Value::chunked_mut)) {
                (Some(tag), Some(chunked)) => save_on(chunked, tag, &mut slice, &mut out),
                _ => true,
            };
            if is_done {
                self.delivery.orphans.pop();
            }
            self.queue.put(out);
        } else if let Some(remains) = self.delivery.remains.last_mut() {
            let mut goes_on = true;
            while goes_on && slice.goes_on(0) {
                goes_on = remains.hand_over_some(&mut out);
            }
            if !goes_on {
                self.delivery.remains.pop();
            }
            self.queue.put(out);
        } else if let Some((tag, active)) = self.delivery.next_active() {
            let number = self.keyspace.place(&active.key).stripe;
            let mut stripe = self.keyspace.lock(number);
            (slice.stripe, slice.started) = (Some(number), clock::ticks());
            match saved_value(&mut stripe, self.keyspace, &active.key, *tag) {
                Some(chunked) => _ = save_on(chunked, *tag, &mut slice, &mut out),
                // Where it is now the queue says.
                None if self.queue.is_empty() => self.queue.fail(Fault::Lost),
                None => {}
            }
            self.queue.put(out);
            self.note_slice(&slice);
            drop(stripe);
            give_way(self.keyspace, number);
        } else {
            let mut stripe = self.keyspace.lock(self.stripe);
            (slice.stripe, slice.started) = (Some(self.stripe), clock::ticks());
            let mut handed_over = 0;
            let is_done = loop {
                let Some((number, keys)) = stripe.tables_mut().skip(self.table).find(|(_, keys)| keys.table.is_walked()) else {
                    if std::mem::take(&mut self.table) > 0 {
                        continue;
                    }
                    break true;
                };
                self.table = number;
                let mut goes_on = slice.goes_on(handed_over);
                let mut counted = out.len();
                while goes_on && keys.table.walk_on(&mut out) {
                    handed_over += out[counted..].iter().map(Message::bytes).sum::<usize>();
                    counted = out.len();
                    goes_on = slice.goes_on(handed_over);
                }
                if !goes_on {
                    break false;
                }
            };
            self.queue.put(out);
            self.note_slice(&slice);
            drop(stripe);
            give_way(self.keyspace, self.stripe);
            self.stripe += u32::from(is_done);
        }
        Ok(())
    }

    fn note_slice(&mut self, slice: &Slice<'_>) {
        self.slice_us_max = self.slice_us_max.max(clock::elapsed_us(slice.started, clock::ticks()));
    }

    /// Has every table and value forget it.
    fn forget(&mut self) {
        self.queue.give_up();
        for number in 0..self.keyspace.stripes() as u32 {
            self.keyspace.lock(number).tables_mut().for_each(|(_, keys)| keys.table.end_walk());
        }
        // No value begins to be saved any more. Those that were are where the queue says.
        loop {
            let is_any = self.delivery.discard(&self.queue);
            let keyspace = self.keyspace;
            self.delivery.active.retain(|tag, active| {
                let mut stripe = keyspace.lock(keyspace.place(&active.key).stripe);
                let found = saved_value(&mut stripe, keyspace, &active.key, *tag);
                found.map(|chunked| chunked.stop_saving()).is_none()
            });
            if self.delivery.active.is_empty() || !is_any && self.queue.is_empty() {
                break;
            }
        }
        self.keyspace.handover.end();
    }
}

impl Keyspace {
    /// True while so much waits for who takes a snapshot that commands should change nothing. Who cannot wait may go on.
    #[inline]
    pub fn snapshot_is_behind(&self) -> bool {
        self.handover.is_behind()
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if self.keyspace.handover.is_of(&self.queue) {
            self.forget();
        }
    }
}

/// Lets those have the stripe who wait for it.
fn give_way(keyspace: &Keyspace, stripe: u32) {
    if keyspace.is_wanted(stripe) {
        std::thread::sleep(PAUSE);
    }
}

/// Saves parts of a value until the slice is over. True if it has all, which it says.
fn save_on(chunked: &mut dyn Chunked, tag: Tag, slice: &mut Slice<'_>, out: &mut Vec<Message>) -> bool {
    let mut handed_over = 0;
    while slice.goes_on(handed_over) {
        let goes_on = chunked.save_next(&mut |chunk| {
            handed_over += chunk.bytes();
            out.push(Message::Chunk(tag, chunk));
        });
        if !goes_on {
            out.push(Message::End(tag));
            return true;
        }
    }
    false
}
