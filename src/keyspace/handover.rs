//! What a snapshot is handed: by those who change what it has not walked over yet, and by its own walk. It comes in one queue, so that what
//! concerns a key is in order whoever hands it over.
//!
//! Invariants:
//! * What is put into the queue is put there under the lock of its stripe, and costs what is changed, not what there is: an entry is copied
//!   with a value of a few kilobytes, or shares its chunks; of a larger collection only the beginning is announced, and it gives its parts
//!   away by itself ([`super::value::chunk`]).
//! * The queue has a bound. Once half of it is full commands that write wait before they take any lock ([`Handover::is_behind`]), so that a
//!   sink that is slower than the writers slows these down, and does not end the snapshot. The other half is for what is under way then, and
//!   for what nobody can slow down. Beyond the bound the snapshot ends with [`Fault::Overrun`], as it does when the sink takes nothing for
//!   [`STALL_MS_MAX`] while writers wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::entry::{Encoding, Entry, EntryMut, EntryRef, Type, Value, ValueRef};
use super::place_marks::{PlaceMarks, Places};
use super::value::chunk::{Chunk, Tag, Taker};
use super::value::pieces;
use crate::base::clock;

/// A collection of more parts than this is saved in parts; a smaller one is copied.
const COPIED_PARTS_MAX: usize = if cfg!(test) { 2 } else { 32 };

/// For so long writers wait for a sink that takes nothing.
const STALL_MS_MAX: u64 = 2000;
/// Messages of one block of the queue: a queue that grew by doubling would be moved with a stripe held.
const BLOCK: usize = 128;

/// What is known of a key before its value comes.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// The key's name in the pieces that follow.
    pub tag: Tag,
    /// Its database.
    pub db: u32,
    /// The key.
    pub key: &'a [u8],
    /// When it expires, unix milliseconds.
    pub expiry_ms: Option<i64>,
    /// As the entry holds it.
    pub access_clock: u32,
    /// Type of the value.
    pub kind: Type,
    /// Its encoding.
    pub encoding: Encoding,
    /// Elements that will come; of a string, bytes.
    pub len: usize,
    /// Nodes in which they come, if it is a list or a stream.
    pub nodes: usize,
    /// If fields have expiries: a time before which none of them comes to an end.
    pub field_expiry_ms: Option<i64>,
}

/// Something that is handed over.
#[derive(Debug)]
pub(super) enum Message {
    /// A key of this database with all of its value.
    Entry(u32, Entry),
    /// A key whose value comes in parts.
    Begin(Box<Begun>),
    /// A part of a value.
    Chunk(Tag, Chunk),
    /// No more parts of this value come.
    End(Tag),
    /// A value that is being saved has this key from now on.
    Moved(Tag, Box<[u8]>),
    /// An entry whose value is being saved has left its table.
    Orphan(Entry),
    /// A whole table was taken out.
    Remains(Box<dyn Remains>),
}

/// A key whose value comes in parts.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) key: Box<[u8]>,
    /// It lacks the key.
    pub(super) header: Header<'static>,
}

// Many wait in the queue.
const _: () = assert!(size_of::<Message>() <= 88);

impl Message {
    /// Memory by which the node grows until it is delivered, about.
    pub(super) fn bytes(&self) -> usize {
        let inside = match self {
            Message::Entry(_, entry) => {
                let entry = entry.borrow();
                // A string's chunks are shared.
                entry.block_len() + if entry.is(Type::String) { 0 } else { entry.boxed_len() }
            }
            Message::Chunk(_, chunk) => chunk.bytes(),
            Message::Begin(begun) => size_of::<Begun>() + begun.key.len(),
            Message::Moved(_, key) => key.len(),
            Message::End(_) | Message::Orphan(_) | Message::Remains(_) => 0,
        };
        size_of::<Message>() + inside
    }
}

/// A table of which a snapshot does not have all.
pub(super) trait Remains: std::fmt::Debug + Send {
    /// Hands over what the snapshot needs of the next few entries, and frees them. False if none is left.
    fn hand_over_some(&mut self, out: &mut Vec<Message>) -> bool;
}

/// Why a snapshot cannot be finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Writers handed over more than the sink took.
    Overrun,
    /// A value went away unseen: a bug.
    Lost,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Queue {
    /// In blocks of up to [`BLOCK`].
    messages: Mutex<Vec<Vec<Message>>>,
    /// Memory of all that is not delivered yet.
    bytes: AtomicUsize,
    /// Shared with who asks it of the keyspace, see [`Handover::is_behind`].
    is_behind: Arc<AtomicBool>,
    /// When something was delivered last.
    delivered_ms: AtomicU64,
    bytes_max: AtomicUsize,
    limit: usize,
    /// Nothing is wanted any longer.
    is_over: AtomicBool,
    fault: Mutex<Option<Fault>>,
    tags: AtomicU64,
    preimages: AtomicU64,
    /// Itself, for values that are saved in parts.
    own: std::sync::Weak<Queue>,
}

impl Queue {
    fn new(limit: usize, is_behind: Arc<AtomicBool>) -> Arc<Queue> {
        Arc::new_cyclic(|own| Queue {
            messages: Mutex::default(),
            bytes: AtomicUsize::new(0),
            is_behind,
            delivered_ms: AtomicU64::new(clock::monotonic_ms()),
            bytes_max: AtomicUsize::new(0),
            limit,
            is_over: AtomicBool::new(false),
            fault: Mutex::default(),
            tags: AtomicU64::new(0),
            preimages: AtomicU64::new(0),
            own: own.clone(),
        })
    }

    /// A name for another key.
    pub(super) fn next_tag(&self) -> Tag {
        self.tags.fetch_add(1, Ordering::Relaxed)
    }

    /// Adds messages in order. When nothing is wanted any longer, only those that tell where values are which must forget it, and whole tables:
    /// who empties a database holds all stripes, and is not to free it.
    pub(super) fn put(&self, messages: impl IntoIterator<Item = Message>) {
        let is_over = self.is_over();
        let is_wanted = |message: &Message| !is_over || !matches!(message, Message::Entry(..) | Message::Chunk(..));
        let mut more = 0;
        let mut queue = self.messages.lock();
        for message in messages.into_iter().filter(is_wanted) {
            more += message.bytes();
            match queue.last_mut().filter(|block| block.len() < block.capacity()) {
                Some(block) => block.push(message),
                None => {
                    let mut block = Vec::with_capacity(BLOCK);
                    block.push(message);
                    queue.push(block);
                }
            }
        }
        // Under the lock: whoever takes them and notes that they were delivered does so afterwards, and the figure never falls below zero.
        let bytes = self.bytes.fetch_add(more, Ordering::Relaxed) + more;
        drop(queue);
        self.bytes_max.fetch_max(bytes, Ordering::Relaxed);
        if bytes > self.limit / 2 {
            self.is_behind.store(true, Ordering::Relaxed);
        }
        if bytes > self.limit {
            self.fail(Fault::Overrun);
        }
    }

    fn put_preimages(&self, messages: impl IntoIterator<Item = Message>) {
        self.preimages.fetch_add(1, Ordering::Relaxed);
        self.put(messages);
    }

    /// Takes all that is there.
    pub(super) fn take_all(&self) -> impl Iterator<Item = Message> + use<> {
        std::mem::take(&mut *self.messages.lock()).into_iter().flatten()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.lock().is_empty()
    }

    /// Notes that something of this size was delivered.
    pub(super) fn note_delivered(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.delivered_ms.store(clock::monotonic_ms(), Ordering::Relaxed);
        self.look_at_writers();
    }

    /// Lets writers go on if enough was delivered. Whoever puts something may say once more that they are to wait, of what was there before
    /// that: so it is asked again and again.
    pub(super) fn look_at_writers(&self) {
        if self.is_behind.load(Ordering::Relaxed) && self.bytes.load(Ordering::Relaxed) <= self.limit / 2 {
            self.is_behind.store(false, Ordering::Relaxed);
        }
    }

    pub(super) fn bytes_max(&self) -> usize {
        self.bytes_max.load(Ordering::Relaxed)
    }

    /// Times that something was handed over before a change.
    pub(super) fn preimages(&self) -> u64 {
        self.preimages.load(Ordering::Relaxed)
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        *self.fault.lock()
    }

    pub(super) fn fail(&self, fault: Fault) {
        self.fault.lock().get_or_insert(fault);
        self.give_up();
    }

    /// Says that nothing is wanted any longer.
    pub(super) fn give_up(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    fn taker(&self) -> Arc<dyn Taker> {
        self.own.upgrade().expect("who calls refers to it")
    }
}

impl Taker for Queue {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn take(&self, tag: Tag, chunk: Chunk) {
        self.put_preimages([Message::Chunk(tag, chunk)]);
    }

    fn end(&self, tag: Tag) {
        self.put([Message::End(tag)]);
    }

    fn lose(&self, _: Tag) {
        self.fail(Fault::Lost);
    }
}

/// What a table knows of the snapshot that walks over it.
#[derive(Debug)]
pub(super) struct Walk {
    queue: Arc<Queue>,
    db: u32,
    marks: PlaceMarks,
}

fn parts(entry: EntryRef<'_>) -> usize {
    entry.boxed().and_then(Value::chunked).map_or(0, |chunked| chunked.parts())
}

impl Walk {
    /// Over a table of database `db` with so many buckets.
    pub(super) fn new(queue: Arc<Queue>, db: u32, buckets: usize) -> Walk {
        Walk { queue, db, marks: PlaceMarks::new(buckets) }
    }

    /// True if the snapshot needs the entry with this index before it is changed.
    pub(super) fn claim(&mut self, bucket: usize, index: usize) -> bool {
        self.marks.claim(bucket, index) && !self.queue.is_over()
    }

    /// What the snapshot needs of a bucket before all of it may change.
    pub(super) fn claim_bucket(&mut self, bucket: usize) -> Places {
        let left = self.marks.claim_bucket(bucket);
        if self.queue.is_over() { Places::default() } else { left }
    }

    /// Notes that an entry came to this place: of that the snapshot needs nothing.
    pub(super) fn note_new(&mut self, bucket: usize, index: usize) {
        self.marks.claim(bucket, index);
    }

    /// The next bucket of which something is left, and what that is.
    pub(super) fn claim_next(&mut self) -> Option<(usize, Places)> {
        self.marks.claim_next()
    }

    /// What the snapshot does not have of a bucket.
    pub(super) fn left(&self, bucket: usize) -> Places {
        self.marks.left(bucket)
    }

    /// Puts what is handed over before a change.
    pub(super) fn put_preimages(&self, messages: impl IntoIterator<Item = Message>) {
        self.queue.put_preimages(messages);
    }

    /// Hands over an entry that stays where it is.
    pub(super) fn hand_over(&self, entry: &mut EntryMut<'_>) -> Message {
        if parts(entry.as_ref()) > COPIED_PARTS_MAX {
            return self.begin(entry);
        }
        let entry = entry.as_ref();
        Message::Entry(self.db, entry.duplicate(entry.key(), entry.access_clock()))
    }

    /// Hands over an entry that has left its table.
    pub(super) fn hand_over_whole(&self, mut entry: Entry, out: &mut Vec<Message>) {
        if parts(entry.borrow()) > COPIED_PARTS_MAX {
            out.push(self.begin(&mut entry.borrow_mut()));
            out.push(Message::Orphan(entry));
        } else {
            out.push(Message::Entry(self.db, entry));
        }
    }

    fn begin(&self, entry: &mut EntryMut<'_>) -> Message {
        let tag = self.queue.next_tag();
        let view = entry.as_ref();
        let begun = Begun { key: view.key().into(), header: Header { key: &[], ..header(view, tag, self.db) } };
        if let Some(chunked) = entry.boxed_mut().and_then(Value::chunked_mut) {
            chunked.begin_saving(self.queue.taker(), tag);
        }
        Message::Begin(Box::new(begun))
    }
}

fn len(entry: EntryRef<'_>) -> usize {
    match entry.boxed() {
        Some(value) => value.len(),
        None if entry.is(Type::String) => match entry.value() {
            ValueRef::Int(number) => itoa::Buffer::new().format(number).len(),
            ValueRef::Bytes(bytes) => bytes.len(),
            ValueRef::Chunks(chunks) => chunks.len(),
        },
        None => pieces::inline_len(entry.inline(), entry.kind(), entry.encoding()),
    }
}

fn nodes(entry: EntryRef<'_>) -> usize {
    match entry.boxed() {
        Some(Value::List(list)) => list.view().nodes().count(),
        Some(Value::Stream(stream)) => stream.nodes_len(),
        // What lies inside an entry is one.
        _ => usize::from(entry.is(Type::List)),
    }
}

/// The header of an entry.
pub fn header(entry: EntryRef<'_>, tag: Tag, db: u32) -> Header<'_> {
    Header {
        tag,
        db,
        key: entry.key(),
        expiry_ms: entry.expiry_ms(),
        access_clock: entry.access_clock(),
        kind: entry.kind(),
        encoding: entry.encoding(),
        len: len(entry),
        nodes: nodes(entry),
        field_expiry_ms: match entry.boxed() {
            Some(Value::Hash(hash)) => hash.earliest_expiry_ms(),
            _ => None,
        },
    }
}

/// The keyspace's snapshot, if one is being taken.
#[derive(Debug, Default)]
pub(super) struct Handover {
    is_running: AtomicBool,
    is_behind: Arc<AtomicBool>,
    queue: Mutex<Option<Arc<Queue>>>,
}

impl Handover {
    /// Begins a snapshot, of which so much may be handed over and not delivered, in bytes. None if there is one.
    pub(super) fn begin(&self, limit: usize) -> Option<Arc<Queue>> {
        let mut current = self.queue.lock();
        if current.is_some() {
            return None;
        }
        self.is_behind.store(false, Ordering::Relaxed);
        let queue = current.insert(Queue::new(limit, Arc::clone(&self.is_behind)));
        self.is_running.store(true, Ordering::Release);
        Some(Arc::clone(queue))
    }

    /// True if so much waits to be delivered that nothing should be changed. If nothing at all is delivered the snapshot ends.
    #[inline]
    pub(super) fn is_behind(&self) -> bool {
        self.is_running.load(Ordering::Relaxed) && self.is_behind.load(Ordering::Relaxed) && self.keeps_writers_waiting()
    }

    #[cold]
    fn keeps_writers_waiting(&self) -> bool {
        let Some(queue) = self.current().filter(|queue| !queue.is_over()) else { return false };
        let is_stalled = clock::monotonic_ms().saturating_sub(queue.delivered_ms.load(Ordering::Relaxed)) > STALL_MS_MAX;
        if is_stalled {
            queue.fail(Fault::Overrun);
        }
        !is_stalled
    }

    /// Ends it.
    pub(super) fn end(&self) {
        self.is_running.store(false, Ordering::Release);
        *self.queue.lock() = None;
    }

    /// True if this is its queue.
    pub(super) fn is_of(&self, queue: &Arc<Queue>) -> bool {
        self.queue.lock().as_ref().is_some_and(|current| Arc::ptr_eq(current, queue))
    }

    /// To whom something is handed over. Who holds a stripe sees a snapshot that began under all locks.
    #[inline]
    pub(super) fn current(&self) -> Option<Arc<Queue>> {
        if self.is_running.load(Ordering::Acquire) { self.queue.lock().clone() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_at_once_was_counted_before() {
        const MESSAGES: u64 = 200_000;
        let queue = Queue::new(usize::MAX, Arc::default());
        std::thread::scope(|scope| {
            scope.spawn(|| (0..MESSAGES).for_each(|tag| queue.put([Message::End(tag)])));
            let mut taken = 0;
            while taken < MESSAGES {
                let messages: Vec<Message> = queue.take_all().collect();
                taken += messages.len() as u64;
                queue.note_delivered(messages.iter().map(Message::bytes).sum());
            }
        });
        assert_eq!(queue.bytes.load(Ordering::Relaxed), 0);
        let most = MESSAGES as usize * size_of::<Message>();
        assert!(queue.bytes_max() <= most, "{} of {most}", queue.bytes_max());
    }
}
