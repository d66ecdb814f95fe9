//! Clients that wait for keys: BLPOP and its like.
//!
//! A command that would wait is entered, while it still holds the stripes of its keys, in the table of each. Who changes such a key finds it
//! there, and runs the command for its client once its own stripes are released (`engine/blocking.rs`). So nobody takes away in between
//! what the client waited for.
//!
//! Invariants:
//! * A stripe's table holds only keys of that stripe, and is changed and read only under its lock. Clients of a key stand in the order in
//!   which they came, which is that of their numbers: a number is given while the stripes of all its keys are held. Each stands there once,
//!   however often its request names the key.
//! * A waiter ends once: [`Waiter::end`] and [`Waiter::serve`] exclude each other. One that has ended is void wherever it still stands.
//! * Who serves takes the waiter's outcome before stripes. So nobody who holds a stripe waits for an outcome ([`Waiter::is_waiting`]).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::value::Type;
use crate::base::words::PackedWords;

/// How the waiting ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The command was run: its reply as it goes over the wire, and the offset of the write log that it depends on.
    Served(Vec<u8>, u64),
    /// Its time is over.
    TimedOut,
    /// By CLIENT UNBLOCK, with an error.
    Unblocked,
    /// It must be asked for anew: what the gate's answer rested on has changed.
    Retry,
    /// The node has another role: what is waited for is decided elsewhere.
    RoleChanged,
    /// The client has gone.
    Gone,
}

/// What is answered at once where nothing waits, as in EXEC. A client that waited for keys in vain gets a null array in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nothing {
    /// A null.
    Null,
    /// A null in place of an array.
    NullArray,
    /// A number: how many replicas have what it waits for.
    Number(usize),
    /// How many local and how many other files have a write by now.
    Counts(i64, i64),
}

/// Who is to have a write for which a command waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holders {
    /// So many replicas.
    Replicas(usize),
    /// Disks.
    Disks {
        /// This node's is among them.
        own: bool,
        /// So many of replicas.
        others: usize,
    },
}

/// A write that a command waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Everything up to this offset of the write log.
    pub offset: u64,
    /// Who is to have it.
    pub holders: Holders,
}

/// What a command that found nothing waits for.
#[derive(Debug)]
pub struct Wait {
    /// When the waiting ends, in monotonic milliseconds; 0: never.
    pub until_ms: u64,
    /// What is answered where nothing waits.
    pub nothing: Nothing,
    /// For so many of its keys, from the first one on.
    pub keys: usize,
    /// A key of this type.
    pub kind: Type,
    /// Its keys must stay what they are: if one goes or becomes something else, that is an error that ends the waiting.
    pub ends_without_key: bool,
    /// A key that is named again is read again, since each goes with a word of its own.
    pub reads_repeats: bool,
    /// It waits for this, and for no key.
    pub written: Option<Written>,
    /// The request, as it is to be asked again, if that is another one: "what is new from now on" has become "what follows this".
    pub words: Option<PackedWords>,
}

impl Wait {
    /// For one of its first `keys` to be a `kind` that has something.
    pub fn for_any(keys: usize, kind: Type, until_ms: u64, nothing: Nothing) -> Wait {
        Wait { until_ms, nothing, keys, kind, ends_without_key: false, reads_repeats: false, written: None, words: None }
    }

    /// For others to have a write. `nothing` is who has it now.
    pub fn for_write(written: Written, until_ms: u64, nothing: Nothing) -> Wait {
        Wait { written: Some(written), ..Wait::for_any(0, Type::String, until_ms, nothing) }
    }
}

/// A command that waits.
#[derive(Debug)]
pub struct Waiter {
    /// Who came first.
    pub number: u64,
    /// The client's number.
    pub client: u64,
    /// Its database.
    pub db: u32,
    /// Number of the command.
    pub command: u16,
    /// The request.
    pub words: PackedWords,
    /// Which of its words are keys. One that is named again counts once, if that says nothing else: there may be hundreds of thousands, and all
    /// are looked at whenever the command is run.
    pub keys: Vec<u32>,
    /// Which of them it waits for: each name once, at its first place.
    awaited: Vec<u32>,
    /// What it waits for. Its `words` are taken.
    pub wait: Wait,
    outcome: Mutex<Option<Outcome>>,
    over: Notify,
}

impl Waiter {
    /// A command that begins to wait. The two lists say which of its words are keys, and which of them it waits for.
    pub fn new(
        number: u64,
        client: u64,
        (db, command): (u32, u16),
        words: &[&[u8]],
        (keys, awaited): (Vec<u32>, Vec<u32>),
        mut wait: Wait,
    ) -> Waiter {
        let words = wait.words.take().unwrap_or_else(|| PackedWords::new(words.iter().copied()));
        Waiter { number, client, db, command, words, keys, awaited, wait, outcome: Mutex::new(None), over: Notify::new() }
    }

    /// Ends the waiting. False if it has ended already.
    pub fn end(&self, outcome: Outcome) -> bool {
        self.serve(|| Some(outcome))
    }

    /// Ends the waiting if `serve` says how. Nobody else ends it meanwhile. False if it goes on, or has ended already.
    pub fn serve(&self, serve: impl FnOnce() -> Option<Outcome>) -> bool {
        let mut place = self.outcome.lock();
        if place.is_some() {
            return false;
        }
        *place = serve();
        let has_ended = place.is_some();
        drop(place);
        if has_ended {
            self.over.notify_one();
        }
        has_ended
    }

    /// True until it ends, and while somebody serves it. Waits for nobody.
    pub fn is_waiting(&self) -> bool {
        self.outcome.try_lock().is_none_or(|outcome| outcome.is_none())
    }

    /// Waits for the end, and says how it ended. Only its client may.
    pub async fn over(&self) -> Outcome {
        loop {
            let outcome = self.outcome.lock().clone();
            match outcome {
                Some(outcome) => return outcome,
                None => self.over.notified().await,
            }
        }
    }

    /// The names of the keys that it waits for, each once.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.awaited.iter().map(|at| self.words.word(*at as usize))
    }
}

/// A key that was changed while somebody waited for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyKey {
    /// Database.
    pub db: u32,
    /// The key.
    pub key: Vec<u8>,
}

/// What all who wait have in common.
#[derive(Debug, Default)]
pub struct Waits {
    last_number: AtomicU64,
    has_left: AtomicBool,
    left: Mutex<Vec<ReadyKey>>,
}

impl Waits {
    /// The number of one that begins to wait. The stripes of all its keys are held.
    pub fn next_number(&self) -> u64 {
        self.last_number.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The number of who came last.
    pub fn last_number(&self) -> u64 {
        self.last_number.load(Ordering::Relaxed)
    }

    /// Leaves keys to whoever looks next: where they were changed nobody runs commands.
    pub(super) fn leave(&self, ready: Vec<ReadyKey>) {
        self.left.lock().extend(ready);
        self.has_left.store(true, Ordering::Release);
    }

    /// Takes what was left.
    pub fn take_left(&self) -> Vec<ReadyKey> {
        if self.has_left.swap(false, Ordering::AcqRel) { std::mem::take(&mut self.left.lock()) } else { Vec::new() }
    }
}

/// Those who wait for one key.
#[derive(Debug, Default)]
struct Waiters {
    /// By number.
    line: VecDeque<Arc<Waiter>>,
    /// How many of them wait for each type, so that a key that is another one, or gone, costs nothing.
    of_type: [u32; TYPES],
    /// How many must hear of a key that goes.
    strict: u32,
}

/// Types have numbers below this.
const TYPES: usize = 8;

impl Waiters {
    fn push(&mut self, waiter: Arc<Waiter>) {
        self.count(&waiter, 1);
        self.line.push_back(waiter);
    }

    fn count(&mut self, waiter: &Waiter, by: i32) {
        let of_type = &mut self.of_type[waiter.wait.kind as usize];
        *of_type = of_type.wrapping_add_signed(by);
        if waiter.wait.ends_without_key {
            self.strict = self.strict.wrapping_add_signed(by);
        }
    }

    /// True if somebody waits for a key of this type, or for none.
    fn may_serve(&self, kind: Option<Type>) -> bool {
        self.strict > 0 || kind.is_some_and(|kind| self.of_type[kind as usize] > 0)
    }
}

type BlockedKeys = HashMap<Box<[u8]>, Waiters, foldhash::fast::RandomState>;

/// The keys of one stripe for which clients wait.
#[derive(Debug, Default)]
pub struct BlockedTable {
    databases: HashMap<u32, BlockedKeys, foldhash::fast::RandomState>,
    /// Keys in all.
    keys: usize,
}

impl BlockedTable {
    /// True if nobody waits: the check that every write makes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.keys == 0
    }

    /// Keys for which somebody waits, and those of them that must not go.
    pub fn count(&self) -> (usize, usize) {
        (self.keys, self.databases.values().flat_map(HashMap::values).filter(|waiters| waiters.strict > 0).count())
    }

    /// True if somebody waits for this key.
    pub fn has(&self, db: u32, key: &[u8]) -> bool {
        self.databases.get(&db).is_some_and(|keys| keys.contains_key(key))
    }

    /// Adds one that waits for this key, behind all others.
    pub fn add(&mut self, key: &[u8], waiter: &Arc<Waiter>) {
        let keys = self.databases.entry(waiter.db).or_default();
        let waiters = match keys.get_mut(key) {
            Some(waiters) => waiters,
            None => {
                self.keys += 1;
                keys.entry(key.into()).or_default()
            }
        };
        debug_assert!(waiters.line.back().is_none_or(|last| last.number < waiter.number), "a waiter names each key once, and comes last");
        waiters.push(Arc::clone(waiter));
    }

    /// The first that waits for this key, which is of this type or is not there, among those behind number `after`.
    pub fn next(&self, db: u32, key: &[u8], after: u64, kind: Option<Type>) -> Option<Arc<Waiter>> {
        let waiters = self.databases.get(&db)?.get(key).filter(|waiters| waiters.may_serve(kind))?;
        let from = waiters.line.partition_point(|waiter| waiter.number <= after);
        let concerns = |waiter: &&Arc<Waiter>| kind == Some(waiter.wait.kind) || waiter.wait.ends_without_key;
        waiters.line.range(from..).filter(concerns).find(|waiter| waiter.is_waiting()).cloned()
    }

    /// Keys of a database for which somebody waits.
    pub fn keys_of(&self, db: u32) -> Vec<Vec<u8>> {
        self.databases.get(&db).into_iter().flat_map(HashMap::keys).map(|key| key.to_vec()).collect()
    }

    /// Takes one out who waited for this key.
    pub fn forget(&mut self, key: &[u8], waiter: &Waiter) {
        let Some(keys) = self.databases.get_mut(&waiter.db) else { return };
        let Some(waiters) = keys.get_mut(key) else { return };
        if let Ok(at) = waiters.line.binary_search_by_key(&waiter.number, |other| other.number) {
            waiters.line.remove(at);
            waiters.count(waiter, -1);
        }
        if waiters.line.is_empty() {
            self.keys -= 1;
            keys.remove(key);
            if keys.is_empty() {
                self.databases.remove(&waiter.db);
            }
        }
    }

    /// Takes all out that have ended.
    pub fn sweep(&mut self) {
        for keys in self.databases.values_mut() {
            keys.retain(|_, waiters| {
                let line = std::mem::take(&mut waiters.line);
                *waiters = Waiters::default();
                line.into_iter().filter(|waiter| waiter.is_waiting()).for_each(|waiter| waiters.push(waiter));
                !waiters.line.is_empty()
            });
        }
        self.databases.retain(|_, keys| !keys.is_empty());
        self.keys = self.databases.values().map(HashMap::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiters_stand_in_order_until_they_end() {
        let wait = || Wait::for_any(1, Type::List, 0, Nothing::NullArray);
        let keys = || (vec![1], vec![1]);
        let waiter = |number| Arc::new(Waiter::new(number, 10 * number, (0, 0), &[b"blpop", b"k", b"0"], keys(), wait()));
        let [first, second, third] = [1, 2, 3].map(waiter);
        let mut table = BlockedTable::default();
        for waiter in [&first, &second, &third] {
            table.add(b"k", waiter);
        }
        let clients = |table: &BlockedTable| {
            let step = |last: &Arc<Waiter>| table.next(0, b"k", last.number, Some(Type::List));
            std::iter::successors(table.next(0, b"k", 0, Some(Type::List)), step).map(|waiter| waiter.client).collect::<Vec<_>>()
        };
        assert_eq!((clients(&table), table.count()), (vec![10, 20, 30], (1, 0)));
        assert!(table.has(0, b"k") && !table.has(1, b"k"));
        assert!(table.next(0, b"k", 0, Some(Type::Zset)).is_none() && table.next(0, b"k", 0, None).is_none());
        assert!(first.end(Outcome::TimedOut) && !first.end(Outcome::Gone), "once");
        assert_eq!(clients(&table), [20, 30]);
        table.forget(b"k", &first);
        assert!(!second.serve(|| None) && second.is_waiting());
        second.serve(|| {
            assert_eq!(clients(&table), [20, 30], "who holds the stripe does not wait for who serves");
            None
        });
        assert!(second.serve(|| Some(Outcome::Served(Vec::new(), 0))));
        table.sweep();
        assert_eq!(clients(&table), [30]);
        table.forget(b"k", &third);
        assert!(table.is_empty() && table.keys_of(0).is_empty());
    }
}
