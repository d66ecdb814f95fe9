//! The write log: one stream of bytes in which every change of a node's data stands once, as requests that make it again.
//!
//! ```text
//!          pinned by the slowest reader                        the end
//!   start  |                                                       |
//!     +----+---------+---------+-----------------+---------+-------+ - - - - -+
//!     |    | piece   | piece   | long record     | piece   | tail  |  room    |
//!     +----+---------+---------+-----------------+---------+-------+ - - - - -+
//! ```
//!
//! Offsets are positions in that stream: in the append only file, to replicas and here the same byte has the same offset. Records lie in
//! segments that are filled one after the other; what a reader was given is a reference to a part of one.
//!
//! Invariants:
//! * A record is whole: readers see all of it or nothing. One that must be read as one stands between MULTI and EXEC.
//! * Whoever reads from the start of a record on, and knows the database of that place ([`WriteLog::read_from_end`]), reads what its writer
//!   meant: SELECT stands where the database changes.
//! * Bytes are kept until every reader has let go of them. Without readers there is no log.
//! * Appending waits for nobody but for who appends or reads at that moment, wakes nobody (it hands out who is to be woken) and allocates no
//!   more than a segment.
//!
//! Records are copied under one lock, rather than reserved there and copied beside each other: a copy of at most
//! [`LOG_COPIED_LEN_MAX`] bytes takes less time than to tell who has finished, and longer ones are not copied at all. So what was
//! appended is always one contiguous part.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::{Bytes, BytesMut};

use crate::base::limits::{LOG_COPIED_LEN_MAX, LOG_SEGMENT_LEN};
use crate::base::requests::push_select;
use crate::base::sync::{AtomicU64, Mutex, Ordering};

const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

/// Requests that are appended at once.
#[derive(Debug)]
pub enum Body<'a> {
    /// They are copied: at most [`LOG_COPIED_LEN_MAX`] bytes.
    Short(&'a [u8]),
    /// They become a part of the log as they lie there.
    Long(Vec<u8>),
}

/// What is appended at once.
#[derive(Debug)]
pub struct Addition<'a> {
    /// Requests.
    pub body: Body<'a>,
    /// The databases that the first and the last of them are about.
    pub databases: (u32, u32),
    /// They must be read as one.
    pub is_transaction: bool,
}

/// Bytes behind the start of a piece.
#[derive(Debug)]
struct Piece {
    start: u64,
    bytes: Bytes,
}

#[derive(Debug)]
struct Reader {
    number: u64,
    /// It needs what comes from here on.
    from: u64,
}

#[derive(Debug, Default)]
struct Inner {
    /// The offset behind the last record.
    end: u64,
    /// It is a copy of another log: only what that holds enters it.
    is_verbatim: bool,
    /// The database at the end; `None` if whoever begins to read there knows none.
    database: Option<u32>,
    /// What is full, or was given to readers.
    pieces: VecDeque<Piece>,
    /// The segment that is being filled.
    tail: BytesMut,
    readers: Vec<Reader>,
    numbers: u64,
    /// Who waits for the end to reach an offset.
    waiting: Vec<Waiting>,
}

/// A reader that waits.
#[derive(Debug)]
struct Waiting {
    number: u64,
    /// It is woken once the end is here.
    at: u64,
    waker: Waker,
}

/// See the module's page.
#[derive(Debug, Default)]
pub struct WriteLog {
    inner: Mutex<Inner>,
    /// As `inner.end`, to be looked at without the lock.
    end: AtomicU64,
}

/// A reader's place, which keeps what it has not let go of yet.
#[derive(Debug)]
pub struct LogReader {
    number: u64,
}

impl Inner {
    fn tail_start(&self) -> u64 {
        self.end - self.tail.len() as u64
    }

    /// Makes what lies in the tail a piece. The rest of its segment goes on being filled.
    fn seal(&mut self) {
        if !self.tail.is_empty() {
            let start = self.tail_start();
            let bytes = self.tail.split().freeze();
            self.pieces.push_back(Piece { start, bytes });
        }
    }

    fn make_room(&mut self, len: usize) {
        if self.tail.capacity() - self.tail.len() < len {
            self.seal();
            self.tail = BytesMut::with_capacity(LOG_SEGMENT_LEN);
        }
    }

    /// The offset of the first byte that is kept.
    fn start(&self) -> u64 {
        self.pieces.front().map_or_else(|| self.tail_start(), |piece| piece.start)
    }

    /// Hands out those who wait for what is there now.
    fn wake(&mut self, mut wake: impl FnMut(Waker)) {
        let end = self.end;
        self.waiting.extract_if(.., |waiting| waiting.at <= end).for_each(|waiting| wake(waiting.waker));
    }

    fn push(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= LOG_COPIED_LEN_MAX, "more would hold others up");
        self.make_room(bytes.len());
        self.tail.extend_from_slice(bytes);
        self.end += bytes.len() as u64;
    }

    fn push_long(&mut self, bytes: Vec<u8>) {
        self.seal();
        let (start, bytes) = (self.end, Bytes::from(bytes));
        self.end += bytes.len() as u64;
        self.pieces.push_back(Piece { start, bytes });
    }

    /// Takes out the pieces that no reader needs any more. Whoever gets them frees them without the lock.
    fn unpinned(&mut self) -> Vec<Piece> {
        let needed = self.readers.iter().map(|reader| reader.from).min().unwrap_or(self.end);
        let gone = self.pieces.iter().take_while(|piece| piece.start + piece.bytes.len() as u64 <= needed).count();
        self.pieces.drain(..gone).collect()
    }
}

impl WriteLog {
    /// Appends `addition`. `wake` gets those who wait for more, to be woken once no stripe is held. Returns the offset behind it.
    pub fn append(&self, addition: Addition<'_>, wake: impl FnMut(Waker)) -> u64 {
        let mut inner = self.inner.lock();
        if inner.is_verbatim {
            // A message that somebody sends who knew the node in another role: it is for those who listen here.
            return inner.end;
        }
        if addition.is_transaction {
            inner.push(MULTI);
        }
        if inner.database != Some(addition.databases.0) {
            let mut select = Vec::new();
            push_select(&mut select, addition.databases.0);
            inner.push(&select);
        }
        match addition.body {
            Body::Short(bytes) => inner.push(bytes),
            Body::Long(bytes) => inner.push_long(bytes),
        }
        if addition.is_transaction {
            inner.push(EXEC);
        }
        inner.database = Some(addition.databases.1);
        self.end_append(&mut inner, wake)
    }

    /// Appends a short request that is about no database, as PING: what the log says beside changes. `wake` as for [`WriteLog::append`].
    pub fn append_aside(&self, request: &[u8], wake: impl FnMut(Waker)) -> u64 {
        let mut inner = self.inner.lock();
        if inner.is_verbatim {
            return inner.end;
        }
        inner.push(request);
        self.end_append(&mut inner, wake)
    }

    /// The log is a copy of another one from now on.
    pub fn begin_verbatim(&self) {
        self.inner.lock().is_verbatim = true;
    }

    /// It goes on by itself. Which database its last record was about nobody need know.
    pub fn end_verbatim(&self) {
        let mut inner = self.inner.lock();
        (inner.is_verbatim, inner.database) = (false, None);
    }

    /// Appends a record of the log that this one is a copy of. False if it is a copy no more: then nothing is appended.
    pub fn append_verbatim(&self, record: &[u8], wake: impl FnMut(Waker)) -> bool {
        let mut inner = self.inner.lock();
        if !inner.is_verbatim {
            return false;
        }
        if record.len() <= LOG_COPIED_LEN_MAX {
            inner.push(record);
        } else {
            inner.push_long(record.to_vec());
        }
        self.end_append(&mut inner, wake);
        true
    }

    /// Begins anew at the offset `at`: what was here is another history, and its readers have ended. Or nobody has read it yet, and its first bytes
    /// were written before it was made. `tail` is what lies before `at`, for who begins to read there before anything is let go of.
    #[must_use = "what was kept for them is to be freed where nobody waits"]
    pub fn restart_at(&self, at: u64, tail: &[u8]) -> impl Sized + use<> {
        let mut inner = self.inner.lock();
        inner.readers.clear();
        let gone = (std::mem::take(&mut inner.pieces), std::mem::take(&mut inner.tail), std::mem::take(&mut inner.waiting));
        (inner.end, inner.database) = (at, None);
        let mut start = at - tail.len() as u64;
        for bytes in tail.chunks(LOG_SEGMENT_LEN) {
            inner.pieces.push_back(Piece { start, bytes: Bytes::copy_from_slice(bytes) });
            start += bytes.len() as u64;
        }
        self.end.store(at, Ordering::Release);
        gone
    }

    fn end_append(&self, inner: &mut Inner, wake: impl FnMut(Waker)) -> u64 {
        let end = inner.end;
        self.end.store(end, Ordering::Release);
        inner.wake(wake);
        end
    }

    /// The offset behind the last record.
    #[inline]
    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Lets a reader begin at the end, and returns that offset. With `names_database` the next record says which database it is about,
    /// for who knows of none: a file that begins there.
    pub fn read_from_end(&self, names_database: bool) -> (LogReader, u64) {
        let mut inner = self.inner.lock();
        let (number, from) = (inner.numbers, inner.end);
        inner.numbers += 1;
        inner.readers.push(Reader { number, from });
        if names_database {
            inner.database = None;
        }
        (LogReader { number }, from)
    }

    /// Lets a reader begin at `from`, which must be kept. `None` if it is not, or not there yet.
    pub fn read_from(&self, from: u64) -> Option<LogReader> {
        let mut inner = self.inner.lock();
        if !(inner.start()..=inner.end).contains(&from) {
            return None;
        }
        let number = inner.numbers;
        inner.numbers += 1;
        inner.readers.push(Reader { number, from });
        Some(LogReader { number })
    }

    /// Has the next record say which database it is about, for who begins to read there: a file that begins at the end. Returns that offset.
    pub fn forget_database(&self) -> u64 {
        let mut inner = self.inner.lock();
        inner.database = None;
        inner.end
    }

    /// Ends a reader: what it kept goes.
    pub fn end_reader(&self, reader: &LogReader) {
        let mut inner = self.inner.lock();
        inner.readers.retain(|other| other.number != reader.number);
        inner.waiting.retain(|waiting| waiting.number != reader.number);
        let gone = inner.unpinned();
        drop(inner);
        drop(gone);
    }

    /// Appends to `pieces` what lies behind the place of `reader`, without a gap, up to the end. Returns the end.
    pub fn read(&self, reader: &LogReader, pieces: &mut Vec<Bytes>) -> u64 {
        self.read_some(reader, usize::MAX, pieces)
    }

    /// As [`WriteLog::read`], up to the end of the piece with which it is at least `len` bytes. Returns the offset behind what was read.
    pub fn read_some(&self, reader: &LogReader, len: usize, pieces: &mut Vec<Bytes>) -> u64 {
        let mut inner = self.inner.lock();
        inner.seal();
        let from = inner.place_of(reader);
        let first = inner.pieces.partition_point(|piece| piece.start + piece.bytes.len() as u64 <= from);
        let mut to = from;
        for piece in inner.pieces.range(first..) {
            if (to - from) as usize >= len {
                return to;
            }
            let skipped = from.saturating_sub(piece.start) as usize;
            pieces.push(piece.bytes.slice(skipped..));
            to = piece.start + piece.bytes.len() as u64;
        }
        inner.end
    }

    /// Bytes behind the place of `reader`.
    pub fn pending(&self, reader: &LogReader) -> u64 {
        let inner = self.inner.lock();
        inner.end - inner.place_of(reader)
    }

    /// Lets go of what lies before `to`.
    pub fn release(&self, reader: &LogReader, to: u64) {
        let mut inner = self.inner.lock();
        let end = inner.end;
        // Of one whose log has begun anew nothing is kept.
        if let Some(place) = inner.readers.iter_mut().find(|other| other.number == reader.number) {
            assert!(to <= end, "nobody has read what is not there yet");
            assert!(place.from <= to, "what a reader let go of is gone");
            place.from = to;
        }
        let gone = inner.unpinned();
        drop(inner);
        drop(gone);
    }

    /// Has `waker` woken once there is something behind the place of `reader`. False if there is already: then nobody is woken.
    pub fn wake_at_more(&self, reader: &LogReader, waker: Waker) -> bool {
        self.wake_behind(reader, 1, waker)
    }

    /// Has `waker` woken once there are `len` bytes behind the place of `reader`. False if there are already: then nobody is woken.
    pub fn wake_behind(&self, reader: &LogReader, len: u64, waker: Waker) -> bool {
        let mut inner = self.inner.lock();
        let at = inner.place_of(reader).saturating_add(len);
        if at <= inner.end {
            return false;
        }
        inner.waiting.retain(|waiting| waiting.number != reader.number);
        inner.waiting.push(Waiting { number: reader.number, at, waker });
        true
    }

    /// Bytes that are kept for readers.
    pub fn kept_bytes(&self) -> u64 {
        let inner = self.inner.lock();
        inner.end - inner.start()
    }
}

impl Inner {
    fn place_of(&self, reader: &LogReader) -> u64 {
        self.readers.iter().find(|other| other.number == reader.number).map_or(self.end, |reader| reader.from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn addition(bytes: &[u8], databases: (u32, u32), is_transaction: bool) -> Addition<'_> {
        let body = if bytes.len() <= LOG_COPIED_LEN_MAX { Body::Short(bytes) } else { Body::Long(bytes.to_vec()) };
        Addition { body, databases, is_transaction }
    }

    fn append(log: &WriteLog, bytes: &[u8], databases: (u32, u32), is_transaction: bool) -> u64 {
        log.append(addition(bytes, databases, is_transaction), |_| unreachable!("nobody waits"))
    }

    fn text(log: &WriteLog, reader: &LogReader) -> String {
        let mut pieces = Vec::new();
        log.read(reader, &mut pieces);
        let select = |db| (format!("*2\r\n$6\r\nSELECT\r\n$1\r\n{db}\r\n"), format!("<{db}>"));
        let signs = [("*1\r\n$5\r\nMULTI\r\n".into(), "[".into()), ("*1\r\n$4\r\nEXEC\r\n".into(), "]".into()), select(0), select(1)];
        let text = String::from_utf8_lossy(&pieces.concat()).into_owned();
        signs.iter().fold(text, |text, (bytes, sign): &(String, String)| text.replace(bytes, sign))
    }

    #[test]
    fn the_database_is_said_where_it_changes() {
        let log = WriteLog::default();
        let (reader, from) = log.read_from_end(true);
        append(&log, b"a", (0, 0), false);
        append(&log, b"b", (0, 0), false);
        append(&log, b"c", (1, 0), true);
        append(&log, b"d", (0, 1), false);
        assert_eq!((from, text(&log, &reader).as_str()), (0, "<0>ab[<1>c]d"));
        let (second, from) = log.read_from_end(true);
        append(&log, b"e", (1, 1), false);
        assert_eq!(text(&log, &second), "<1>e");
        assert!(from < log.end());
    }

    proptest! {
        #[test]
        fn readers_read_what_was_appended_and_nothing_is_kept_that_nobody_needs(
            steps in prop::collection::vec((0..4_u8, prop_oneof![8 => 1..200_usize, 1 => Just(LOG_COPIED_LEN_MAX + 1), 1 => Just(LOG_COPIED_LEN_MAX)]), 1..120),
        ) {
            let log = WriteLog::default();
            let readers = [log.read_from_end(false).0, log.read_from_end(false).0];
            let (mut model, mut places) = (Vec::new(), [0_usize; 2]);
            push_select(&mut model, 0);
            let mut has_begun = false;
            for (number, (step, len)) in steps.into_iter().enumerate() {
                match step {
                    0 | 1 => {
                        let reader = usize::from(step);
                        let mut pieces = Vec::new();
                        let end = log.read(&readers[reader], &mut pieces) as usize;
                        let expected = if has_begun { &model[..] } else { &[] };
                        prop_assert_eq!(&pieces.concat()[..], &expected[places[reader]..]);
                        prop_assert_eq!(end, expected.len());
                        let to = places[reader] + len.min(end - places[reader]);
                        log.release(&readers[reader], to as u64);
                        places[reader] = to;
                    }
                    _ => {
                        let bytes = vec![number as u8; len];
                        model.extend_from_slice(&bytes);
                        has_begun = true;
                        prop_assert_eq!(append(&log, &bytes, (0, 0), false), model.len() as u64);
                    }
                }
            }
            readers.iter().for_each(|reader| log.release(reader, log.end()));
            let mut pieces = Vec::new();
            log.read(&readers[0], &mut pieces);
            prop_assert!(pieces.is_empty());
            log.release(&readers[0], log.end());
            prop_assert_eq!(log.kept_bytes(), 0);
        }
    }

    #[test]
    fn who_begins_later_finds_what_is_kept_for_others() {
        let log = WriteLog::default();
        let (kept, _) = log.read_from_end(false);
        append(&log, b"abc", (0, 0), false);
        let end = append(&log, b"def", (0, 0), false);
        assert!(log.read_from(end + 1).is_none(), "it is not there yet");
        let late = log.read_from(end - 4).expect("it is kept");
        assert_eq!(text(&log, &late), "cdef");
        log.append_aside(b"aside", |_| unreachable!("nobody waits"));
        assert_eq!(text(&log, &late), "cdefaside");
        let mut woken = 0;
        assert!(!log.wake_behind(&late, 9, Waker::noop().clone()), "so much is there");
        assert!(log.wake_behind(&late, 11, Waker::noop().clone()));
        log.append_aside(b"x", |_| woken += 1);
        assert_eq!(woken, 0);
        log.append_aside(b"y", |_| woken += 1);
        assert_eq!(woken, 1);
        [&kept, &late].iter().for_each(|reader| log.release(reader, log.end()));
        assert!(log.read_from(end).is_none(), "nobody has kept it");
    }

    #[test]
    fn a_copy_holds_what_the_other_log_holds() {
        let log = WriteLog::default();
        log.read_from_end(true);
        append(&log, b"own", (0, 0), false);
        log.begin_verbatim();
        drop(log.restart_at(1000, b"what was there"));
        let before = log.read_from(1000 - 5).expect("it is kept until somebody lets go of it");
        assert_eq!((text(&log, &before), log.read_from(980).is_none()), ("there".to_owned(), true));
        log.end_reader(&before);
        let late = log.read_from(1000).expect("it begins there");
        let long = vec![b'l'; LOG_COPIED_LEN_MAX + 1];
        assert!(log.append_verbatim(b"a", |_| ()) && log.append_verbatim(&long, |_| ()));
        assert_eq!(append(&log, b"own", (0, 0), false), log.end(), "nothing else enters it");
        log.append_aside(b"PING", |_| ());
        assert_eq!((text(&log, &late), log.end()), (format!("a{}", "l".repeat(long.len())), 1001 + long.len() as u64));
        log.end_verbatim();
        assert!(!log.append_verbatim(b"late", |_| ()));
        let before = log.end();
        append(&log, b"own", (1, 1), false);
        assert!(text(&log, &late).ends_with("l<1>own") && log.end() > before);
    }

    #[test]
    fn what_is_read_at_once_is_bounded() {
        let log = WriteLog::default();
        let (reader, _) = log.read_from_end(false);
        let long = vec![1; LOG_COPIED_LEN_MAX + 1];
        (0..3).for_each(|_| _ = append(&log, &long, (0, 0), false));
        let mut pieces = Vec::new();
        let to = log.read_some(&reader, long.len(), &mut pieces);
        assert_eq!((pieces.iter().map(Bytes::len).sum::<usize>() as u64, to < log.end()), (to, true));
        assert!(to >= long.len() as u64);
    }

    #[test]
    fn who_waits_is_handed_out_once() {
        let log = WriteLog::default();
        let (reader, _) = log.read_from_end(false);
        let mut woken = 0;
        assert!(log.wake_at_more(&reader, Waker::noop().clone()));
        assert!(log.wake_at_more(&reader, Waker::noop().clone()));
        log.append(addition(b"a", (0, 0), false), |_| woken += 1);
        log.append(addition(b"b", (0, 0), false), |_| woken += 1);
        assert_eq!(woken, 1);
        assert!(!log.wake_at_more(&reader, Waker::noop().clone()), "there is more already");
        log.end_reader(&reader);
        let kept = log.kept_bytes();
        assert!(kept == log.end(), "what lies in the tail goes with its segment: {kept}");
    }
}
