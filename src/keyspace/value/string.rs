//! Strings that do not lie inside their entries: in one piece up to [`CONTIGUOUS_LEN_MAX`], beyond it in chunks.
//!
//! A chunk may be shared: by replies that are not sent yet, by copies, by snapshots of strings of a few chunks. Whoever reads a long string
//! takes references to its chunks and gives the stripe back; whoever changes it copies the one chunk that it changes, if somebody else refers
//! to it, and waits for nobody. Nothing needs a long string in one piece, and nothing moves it as it grows.
//!
//! Invariants:
//! * A string in chunks is longer than [`CONTIGUOUS_LEN_MAX`]. It grows; it becomes shorter only by being written anew.
//! * All chunks but the last have the same length; no chunk is empty.
//! * A chunk that was never written is [`Chunk::Zeros`] and takes no memory: a bit far behind the end costs one chunk.
//! * The bytes of a chunk that somebody else refers to never change.

use std::borrow::Cow;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

use bytes::Bytes;

use super::chunk::{self, Chunked, Saving, Tag, Taker};
use super::text_saving::TextSaving;
use crate::base::alloc;
use crate::base::limits::{CHUNK_LEN, CONTIGUOUS_LEN_MAX, EFFORT_LEN};

/// What every chunk of zeros refers to. It is part of the program, not of the heap.
static ZEROS: [u8; CHUNK_LEN] = [0; CHUNK_LEN];

/// A part of a string of which all parts are equally long.
#[derive(Debug, Clone)]
enum Chunk {
    Zeros,
    // The bytes apart from the counter: 256 KiB exactly are a size of the allocator's, with a counter before them they take a quarter more.
    Bytes(Arc<Vec<u8>>),
}

impl Chunk {
    /// The first bytes of it.
    fn bytes(&self, len: usize) -> &[u8] {
        match self {
            Chunk::Zeros => &ZEROS[..len],
            Chunk::Bytes(bytes) => &bytes[..len],
        }
    }
}

/// Makes room for `more` bytes of a chunk: twice what it takes, since who appends will append again, but not more than it can ever need.
fn reserve(chunk: &mut Vec<u8>, more: usize, len_max: usize) {
    let needed = chunk.len() + more;
    if needed > chunk.capacity() {
        chunk.reserve_exact(needed.max(chunk.capacity() * 2).min(len_max) - chunk.len());
    }
}

/// Lets a chunk be a reply's.
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A long string in chunks of `LEN` bytes. A clone shares all of them.
#[derive(Debug, Default)]
pub struct Chunks<const LEN: usize = CHUNK_LEN> {
    list: Vec<Chunk>,
    len: usize,
    /// A snapshot of it is being taken.
    pub(super) saving: Option<Box<TextSaving>>,
}

impl<const LEN: usize> Clone for Chunks<LEN> {
    fn clone(&self) -> Self {
        Chunks { list: self.list.clone(), len: self.len, saving: None }
    }
}

impl<const LEN: usize> Chunks<LEN> {
    const LEN_FITS: () = assert!(0 < LEN && LEN <= CHUNK_LEN);

    /// A string of zeros, which take no memory.
    pub fn zeros(len: usize) -> Self {
        const { Self::LEN_FITS };
        Chunks { list: vec![Chunk::Zeros; len.div_ceil(LEN)], len, saving: None }
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True for the empty string.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where chunk `number` lies in the string.
    fn place(&self, number: usize) -> Range<usize> {
        number * LEN..self.len.min((number + 1) * LEN)
    }

    fn chunk(&self, number: usize) -> &[u8] {
        self.list[number].bytes(self.place(number).len())
    }

    /// A chunk to be changed, which nobody else refers to from now on.
    fn chunk_mut(&mut self, number: usize) -> &mut Vec<u8> {
        let len = self.place(number).len();
        let chunk = &mut self.list[number];
        if let Chunk::Zeros = chunk {
            *chunk = Chunk::Bytes(Arc::new(vec![0; len]));
        }
        let Chunk::Bytes(bytes) = chunk else { unreachable!("just made") };
        Arc::make_mut(bytes)
    }

    /// Adds a chunk. Only a string of full chunks takes one.
    fn push_chunk(&mut self, bytes: Vec<u8>) {
        debug_assert!(self.len.is_multiple_of(LEN) && (1..=LEN).contains(&bytes.len()));
        self.len += bytes.len();
        self.list.push(Chunk::Bytes(Arc::new(bytes)));
    }

    /// Appends bytes.
    pub fn append(&mut self, mut bytes: &[u8]) {
        let room = self.list.len() * LEN - self.len;
        if room > 0 && !bytes.is_empty() {
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            let last = self.chunk_mut(self.list.len() - 1);
            reserve(last, now.len(), LEN);
            last.extend_from_slice(now);
            self.len += now.len();
            bytes = later;
        }
        bytes.chunks(LEN).for_each(|chunk| self.push_chunk(chunk.to_vec()));
    }

    /// Makes the string at least `len` long, with zeros.
    pub fn grow(&mut self, len: usize) {
        if len <= self.len {
            return;
        }
        if let Some(last) = self.list.len().checked_sub(1)
            && let Chunk::Bytes(_) = self.list[last]
        {
            let filled = len.min((last + 1) * LEN) - last * LEN;
            let bytes = self.chunk_mut(last);
            reserve(bytes, filled - bytes.len(), LEN);
            bytes.resize(filled, 0);
        }
        self.list.resize(len.div_ceil(LEN), Chunk::Zeros);
        self.len = len;
    }

    /// Keeps for the snapshot that is being taken what is about to be overwritten. What is appended is none of its.
    #[inline]
    fn before_change(&mut self, range: Range<usize>) {
        if let Some(mut saving) = self.saving.take() {
            saving.keep(range, |part| self.view().part(part).into_owned());
            self.saving = Some(saving);
        }
    }

    /// Overwrites what lies at `at`. All of it lies within the string.
    pub fn write(&mut self, at: usize, mut bytes: &[u8]) {
        assert!(at + bytes.len() <= self.len, "the string was grown for it");
        self.before_change(at..at + bytes.len());
        let mut at = at;
        while !bytes.is_empty() {
            let (number, start) = (at / LEN, at % LEN);
            let (now, later) = bytes.split_at((LEN - start).min(bytes.len()));
            if now.len() == LEN {
                // Its old bytes are of no interest, so they are not copied for being shared.
                self.list[number] = Chunk::Bytes(Arc::new(now.to_vec()));
            } else {
                self.chunk_mut(number)[start..start + now.len()].copy_from_slice(now);
            }
            at += now.len();
            bytes = later;
        }
    }

    /// Changes `len` bytes at `at`, which lie within the string. Where a chunk ends within them, they are put together and taken apart again.
    pub fn edit<R>(&mut self, at: usize, len: usize, edit: impl FnOnce(&mut [u8]) -> R) -> R {
        let (number, start) = (at / LEN, at % LEN);
        if len > 0 && start + len <= LEN {
            self.before_change(at..at + len);
            return edit(&mut self.chunk_mut(number)[start..start + len]);
        }
        let mut bytes = self.view().part(at..at + len).into_owned();
        let result = edit(&mut bytes);
        self.write(at, &bytes);
        result
    }

    /// To read.
    #[inline]
    pub fn view(&self) -> StringRef<'_, LEN> {
        StringRef::Chunks(self)
    }

    /// Visits the chunks in order, and gives each back when it was visited.
    pub fn consume(mut self, mut visit: impl FnMut(&[u8])) {
        for number in 0..self.list.len() {
            visit(self.chunk(number));
            self.list[number] = Chunk::Zeros;
        }
    }

    fn effort(&self) -> usize {
        let counted = |chunk: &Chunk| match chunk {
            Chunk::Zeros => 0,
            Chunk::Bytes(bytes) => bytes.capacity().div_ceil(EFFORT_LEN),
        };
        1 + self.list.iter().map(counted).sum::<usize>()
    }

    fn bytes(&self) -> usize {
        let counted = |chunk: &Chunk| match chunk {
            Chunk::Zeros => 0,
            Chunk::Bytes(bytes) => ARC_LEN + alloc::block_len(bytes.capacity()),
        };
        size_of::<Self>() + self.list.capacity() * size_of::<Chunk>() + self.list.iter().map(counted).sum::<usize>()
    }
}

impl<const LEN: usize> Chunked for Chunks<LEN> {
    fn parts(&self) -> usize {
        self.list.len()
    }

    fn begin_saving(&mut self, taker: Arc<dyn Taker>, tag: Tag) {
        self.saving = Some(Box::new(TextSaving::new(taker, tag, self.len)));
    }

    fn saving(&self) -> Option<&Saving> {
        self.saving.as_ref().map(|saving| saving.saving())
    }

    fn save_next(&mut self, out: &mut dyn FnMut(chunk::Chunk)) -> bool {
        let next = self.saving.as_mut().and_then(|saving| saving.next(LEN));
        let (Some(range), Some(saving)) = (next, &mut self.saving) else {
            self.saving = None;
            return false;
        };
        let mut bytes = self.list[range.start / LEN].bytes(range.len()).to_vec();
        saving.restore(range, &mut bytes);
        out(chunk::Chunk::Text(bytes));
        true
    }

    fn stop_saving(&mut self) {
        self.saving = None;
    }
}

/// What a counted vector takes beside its bytes.
const ARC_LEN: usize = size_of::<Vec<u8>>() + 2 * size_of::<usize>();

impl<const LEN: usize> From<&[u8]> for Chunks<LEN> {
    fn from(bytes: &[u8]) -> Self {
        let mut chunks = Chunks::zeros(0);
        chunks.list.reserve_exact(bytes.len().div_ceil(LEN));
        chunks.append(bytes);
        chunks
    }
}

/// A string that does not lie inside its entry.
#[derive(Debug, Clone)]
pub enum LongString {
    /// In one piece.
    Raw(Vec<u8>),
    /// In chunks. Apart, so that a shorter string's box is no larger for it.
    Chunks(Box<Chunks>),
}

impl From<&[u8]> for LongString {
    fn from(bytes: &[u8]) -> Self {
        if bytes.len() <= CONTIGUOUS_LEN_MAX { LongString::Raw(bytes.to_vec()) } else { LongString::Chunks(Box::new(bytes.into())) }
    }
}

impl From<Vec<u8>> for LongString {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() <= CONTIGUOUS_LEN_MAX { LongString::Raw(bytes) } else { bytes[..].into() }
    }
}

impl LongString {
    /// A string of zeros.
    pub fn zeros(len: usize) -> Self {
        // The allocator has zeroed pages at hand, which a resize would write once more.
        if len <= CONTIGUOUS_LEN_MAX { LongString::Raw(vec![0; len]) } else { LongString::Chunks(Box::new(Chunks::zeros(len))) }
    }

    /// A string of `len` bytes that is made part after part: `fill` appends the given range of it to a vector that has room for it.
    pub fn build(len: usize, mut fill: impl FnMut(Range<usize>, &mut Vec<u8>)) -> Self {
        let mut part = |range: Range<usize>| {
            let mut bytes = Vec::with_capacity(range.len());
            let len = range.len();
            fill(range, &mut bytes);
            assert_eq!(bytes.len(), len, "a part is as long as it was asked for");
            bytes
        };
        if len <= CONTIGUOUS_LEN_MAX {
            return LongString::Raw(part(0..len));
        }
        let mut chunks = Chunks::zeros(0);
        while chunks.len() < len {
            chunks.push_chunk(part(chunks.len()..len.min(chunks.len() + CHUNK_LEN)));
        }
        LongString::Chunks(Box::new(chunks))
    }

    /// To read.
    #[inline]
    pub fn view(&self) -> StringRef<'_> {
        match self {
            LongString::Raw(bytes) => StringRef::Bytes(bytes),
            LongString::Chunks(chunks) => chunks.view(),
        }
    }

    /// Makes it at least `len` long, with zeros.
    pub fn grow(&mut self, len: usize) {
        self.reserve(len);
        match self {
            LongString::Raw(bytes) => bytes.resize(len.max(bytes.len()), 0),
            LongString::Chunks(chunks) => chunks.grow(len),
        }
    }

    /// Appends bytes.
    pub fn append(&mut self, tail: &[u8]) {
        self.reserve(self.view().len() + tail.len());
        match self {
            LongString::Raw(bytes) => bytes.extend_from_slice(tail),
            LongString::Chunks(chunks) => chunks.append(tail),
        }
    }

    /// Overwrites what lies at `at`. All of it lies within the string.
    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        match self {
            LongString::Raw(all) => all[at..at + bytes.len()].copy_from_slice(bytes),
            LongString::Chunks(chunks) => chunks.write(at, bytes),
        }
    }

    /// Changes `len` bytes at `at`, which lie within the string.
    pub fn edit<R>(&mut self, at: usize, len: usize, edit: impl FnOnce(&mut [u8]) -> R) -> R {
        match self {
            LongString::Raw(bytes) => edit(&mut bytes[at..at + len]),
            LongString::Chunks(chunks) => chunks.edit(at, len, edit),
        }
    }

    /// Makes room for a length. What then is too long for one piece is cut into chunks.
    fn reserve(&mut self, len: usize) {
        let LongString::Raw(bytes) = self else { return };
        if len > CONTIGUOUS_LEN_MAX {
            *self = LongString::Chunks(Box::new(bytes[..].into()));
        } else if len > bytes.capacity() {
            // It doubles, so that growing by little costs little, but not beyond what it can ever need.
            let room = len.max((bytes.capacity() * 2).min(CONTIGUOUS_LEN_MAX));
            bytes.reserve_exact(room - bytes.len());
        }
    }

    pub(super) fn effort(&self) -> usize {
        match self {
            LongString::Raw(bytes) => bytes.capacity().div_ceil(EFFORT_LEN).max(1),
            LongString::Chunks(chunks) => chunks.effort(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            LongString::Raw(bytes) => alloc::block_len(bytes.capacity()),
            LongString::Chunks(chunks) => chunks.bytes(),
        }
    }
}

/// A string to be read, however it lies.
#[derive(Debug, Clone, Copy)]
pub enum StringRef<'a, const LEN: usize = CHUNK_LEN> {
    /// In one piece.
    Bytes(&'a [u8]),
    /// In chunks.
    Chunks(&'a Chunks<LEN>),
}

impl<'a, const LEN: usize> StringRef<'a, LEN> {
    /// Bytes.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            StringRef::Bytes(bytes) => bytes.len(),
            StringRef::Chunks(chunks) => chunks.len,
        }
    }

    /// True for the empty string.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The byte at `at`; `None` behind the end.
    #[inline]
    pub fn byte(self, at: usize) -> Option<u8> {
        match self {
            StringRef::Bytes(bytes) => bytes.get(at).copied(),
            StringRef::Chunks(chunks) => (at < chunks.len).then(|| chunks.chunk(at / LEN)[at % LEN]),
        }
    }

    /// The pieces of a part of the string, in order; none of them is empty. The part may end beyond the string.
    pub fn pieces(self, part: impl RangeBounds<usize>) -> Pieces<'a, LEN> {
        let at = match part.start_bound() {
            Bound::Included(at) => *at,
            Bound::Excluded(at) => at + 1,
            Bound::Unbounded => 0,
        };
        let end = match part.end_bound() {
            Bound::Included(end) => end + 1,
            Bound::Excluded(end) => *end,
            Bound::Unbounded => usize::MAX,
        };
        Pieces { string: self, at, end: end.min(self.len()) }
    }

    /// A part of the string, which is copied only if it does not lie in one piece. It may end beyond the string.
    pub fn part(self, part: Range<usize>) -> Cow<'a, [u8]> {
        let part = part.start..part.end.min(self.len());
        let mut pieces = self.pieces(part.clone());
        match pieces.next() {
            None => Cow::Borrowed(&[]),
            Some(piece) if piece.bytes.len() == part.len() => Cow::Borrowed(piece.bytes),
            Some(first) => {
                let mut bytes = Vec::with_capacity(part.len());
                bytes.extend_from_slice(first.bytes);
                pieces.for_each(|piece| bytes.extend_from_slice(piece.bytes));
                Cow::Owned(bytes)
            }
        }
    }

    /// True if these are its bytes.
    pub fn equals(self, other: &[u8]) -> bool {
        self.len() == other.len() && self.pieces(..).all(|piece| piece.bytes == &other[piece.at..piece.at + piece.bytes.len()])
    }

    /// Copies what lies at `at`, up to the end of the string, into `window`. Returns how much it was.
    pub fn copy_to(self, at: usize, window: &mut [u8]) -> usize {
        let mut copied = 0;
        for piece in self.pieces(at..at.saturating_add(window.len())) {
            window[copied..copied + piece.bytes.len()].copy_from_slice(piece.bytes);
            copied += piece.bytes.len();
        }
        copied
    }
}

/// See [`StringRef::pieces`].
#[derive(Debug, Clone)]
pub struct Pieces<'a, const LEN: usize = CHUNK_LEN> {
    string: StringRef<'a, LEN>,
    at: usize,
    end: usize,
}

/// A part of a string that lies in one piece. As a reply's part it refers to the chunk that it lies in.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// Where it lies in the string.
    pub at: usize,
    /// Its bytes.
    pub bytes: &'a [u8],
    chunk: Option<&'a Chunk>,
    /// Where it lies in its chunk.
    start: usize,
}

impl<'a, const LEN: usize> Iterator for Pieces<'a, LEN> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.at >= self.end {
            return None;
        }
        let at = self.at;
        let (bytes, chunk, start) = match self.string {
            StringRef::Bytes(bytes) => (&bytes[at..self.end], None, at),
            StringRef::Chunks(chunks) => {
                let (number, start) = (at / LEN, at % LEN);
                let end = (self.end - number * LEN).min(LEN);
                (&chunks.chunk(number)[start..end], Some(&chunks.list[number]), start)
            }
        };
        self.at += bytes.len();
        Some(Piece { at, bytes, chunk, start })
    }
}

impl AsRef<[u8]> for Piece<'_> {
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}

impl From<Piece<'_>> for Bytes {
    fn from(piece: Piece<'_>) -> Bytes {
        let part = piece.start..piece.start + piece.bytes.len();
        match piece.chunk {
            None => Bytes::copy_from_slice(piece.bytes),
            Some(Chunk::Zeros) => Bytes::from_static(&ZEROS[part]),
            Some(Chunk::Bytes(bytes)) => Bytes::from_owner(Shared(Arc::clone(bytes))).slice(part),
        }
    }
}

/// A string as it was at one moment, whatever becomes of its key: what lies in chunks is shared, what does not is at most
/// [`CONTIGUOUS_LEN_MAX`] long and copied. It goes to any thread.
#[derive(Debug, Clone)]
pub struct StringSnapshot(LongString);

const fn assert_send<T: Send>() {}
const _: () = assert_send::<StringSnapshot>();

impl StringSnapshot {
    /// A snapshot of the string.
    pub fn of(string: StringRef<'_>) -> Self {
        StringSnapshot(match string {
            StringRef::Bytes(bytes) => bytes.into(),
            StringRef::Chunks(chunks) => LongString::Chunks(Box::new(chunks.clone())),
        })
    }

    /// To read.
    #[inline]
    pub fn view(&self) -> StringRef<'_> {
        self.0.view()
    }
}

impl Default for StringSnapshot {
    /// Of the empty string, which a missing key counts as.
    fn default() -> Self {
        StringSnapshot(LongString::Raw(Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Short enough for a test to cross many borders.
    const SHORT: usize = 8;

    #[derive(Debug, Clone)]
    enum Step {
        Append(Vec<u8>),
        Grow(usize),
        Write(usize, Vec<u8>),
        Edit(usize, usize, u8),
        Snapshot,
        Forget,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..4 * SHORT);
        let step = prop_oneof![
            bytes().prop_map(Step::Append),
            (0..20 * SHORT).prop_map(Step::Grow),
            (0..20 * SHORT, bytes()).prop_map(|(at, bytes)| Step::Write(at, bytes)),
            (0..20 * SHORT, 0..2 * SHORT, any::<u8>()).prop_map(|(at, len, byte)| Step::Edit(at, len, byte)),
            Just(Step::Snapshot),
            Just(Step::Forget),
        ];
        prop::collection::vec(step, 1..40)
    }

    fn check(chunks: &Chunks<SHORT>, model: &[u8]) -> Result<(), TestCaseError> {
        prop_assert_eq!(chunks.len(), model.len());
        prop_assert_eq!(chunks.list.len(), model.len().div_ceil(SHORT));
        for number in 0..chunks.list.len() {
            prop_assert_eq!(chunks.chunk(number).len(), chunks.place(number).len());
        }
        let view = chunks.view();
        prop_assert!(view.equals(model));
        prop_assert_eq!(view.part(0..usize::MAX), model);
        Ok(())
    }

    proptest! {
        #[test]
        fn chunks_hold_what_a_vector_would(start in prop::collection::vec(any::<u8>(), 0..5 * SHORT), steps in steps()) {
            let mut chunks = Chunks::<SHORT>::from(&start[..]);
            let mut model = start;
            let mut snapshots: Vec<(Chunks<SHORT>, Vec<u8>)> = Vec::new();
            for step in steps {
                match step {
                    Step::Append(bytes) => {
                        chunks.append(&bytes);
                        model.extend_from_slice(&bytes);
                    }
                    Step::Grow(len) => {
                        chunks.grow(len);
                        model.resize(len.max(model.len()), 0);
                    }
                    Step::Write(at, bytes) => {
                        chunks.grow(at + bytes.len());
                        chunks.write(at, &bytes);
                        model.resize(model.len().max(at + bytes.len()), 0);
                        model[at..at + bytes.len()].copy_from_slice(&bytes);
                    }
                    Step::Edit(at, len, byte) => {
                        chunks.grow(at + len);
                        model.resize(model.len().max(at + len), 0);
                        let before = chunks.edit(at, len, |bytes| {
                            let before = bytes.to_vec();
                            bytes.fill(byte);
                            before
                        });
                        prop_assert_eq!(&before, &model[at..at + len]);
                        model[at..at + len].fill(byte);
                    }
                    Step::Snapshot => snapshots.push((chunks.clone(), model.clone())),
                    Step::Forget => drop(snapshots.pop()),
                }
                check(&chunks, &model)?;
                // What was seen stays as it was seen.
                for (snapshot, model) in &snapshots {
                    check(snapshot, model)?;
                }
            }
        }

        #[test]
        fn parts_are_what_slices_would_be(
            bytes in prop::collection::vec(any::<u8>(), 0..6 * SHORT),
            part in (0..7 * SHORT, 0..7 * SHORT),
            zeros in 0..3 * SHORT,
        ) {
            let mut chunks = Chunks::<SHORT>::from(&bytes[..]);
            chunks.grow(bytes.len() + zeros);
            let model = [&bytes[..], &vec![0; zeros]].concat();
            let range = part.0.min(part.1)..part.0.max(part.1);
            let expected = &model[range.start.min(model.len())..range.end.min(model.len())];
            for string in [chunks.view(), StringRef::Bytes(&model)] {
                prop_assert_eq!(string.part(range.clone()), expected);
                let mut at = range.start;
                for piece in string.pieces(range.clone()) {
                    prop_assert_eq!(piece.at, at);
                    prop_assert!(!piece.bytes.is_empty());
                    let shared = Bytes::from(piece);
                    prop_assert_eq!(&shared[..], piece.bytes);
                    at += piece.bytes.len();
                }
                prop_assert_eq!(at, range.start + expected.len());
                let mut window = vec![7; range.len()];
                prop_assert_eq!(string.copy_to(range.start, &mut window), expected.len());
                prop_assert_eq!(&window[..expected.len()], expected);
                prop_assert_eq!(string.byte(range.start), model.get(range.start).copied());
                prop_assert!(string.equals(&model) && !string.equals(&[&model[..], b"x"].concat()));
                prop_assert!(model.is_empty() || !string.equals(&[&model[..model.len() - 1], &[!model[model.len() - 1]]].concat()));
            }
        }
    }

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn a_string_is_cut_into_chunks_when_it_grows_too_long_for_one_piece() {
        const MAX: usize = CONTIGUOUS_LEN_MAX;
        let model = pattern(MAX + CHUNK_LEN + 10);
        for (start, tail) in [(0, MAX), (MAX, 0), (MAX - 1, 1)] {
            let mut string = LongString::from(&model[..start]);
            string.append(&model[start..start + tail]);
            assert!(matches!(&string, LongString::Raw(bytes) if bytes[..] == model[..MAX] && bytes.capacity() == MAX));
        }
        for (start, tail) in [(0, MAX + 1), (MAX, 1), (MAX - 5, CHUNK_LEN + 15), (MAX + 1, 9), (MAX + CHUNK_LEN, 10)] {
            let mut string = LongString::from(&model[..start]);
            string.append(&model[start..start + tail]);
            assert!(matches!(&string, LongString::Chunks(_)) && string.view().equals(&model[..start + tail]));
        }
        let mut string = LongString::from(model[..10].to_vec());
        string.grow(MAX);
        assert!(matches!(&string, LongString::Raw(_)));
        string.grow(MAX + 2);
        string.write(MAX - 1, b"abc");
        string.grow(CHUNK_LEN + 2);
        string.edit(CHUNK_LEN - 1, 2, |bytes| bytes.copy_from_slice(b"xy"));
        let mut expected = vec![0; CHUNK_LEN + 2];
        expected[..10].copy_from_slice(&model[..10]);
        expected[MAX - 1..MAX + 2].copy_from_slice(b"abc");
        expected[CHUNK_LEN - 1..=CHUNK_LEN].copy_from_slice(b"xy");
        assert!(matches!(&string, LongString::Chunks(_)) && string.view().equals(&expected));
    }

    #[test]
    fn a_string_is_built_part_after_part() {
        let model = pattern(CONTIGUOUS_LEN_MAX + 100);
        for len in [0, 1, CONTIGUOUS_LEN_MAX, CONTIGUOUS_LEN_MAX + 1, model.len()] {
            let string = LongString::build(len, |range, bytes| bytes.extend_from_slice(&model[range]));
            assert!(string.view().equals(&model[..len]), "{len}");
            assert_eq!(matches!(string, LongString::Chunks(_)), len > CONTIGUOUS_LEN_MAX);
        }
    }

    /// Where the chunks' bytes lie.
    fn addresses(string: StringRef<'_>) -> Vec<*const u8> {
        string.pieces(..).map(|piece| piece.bytes.as_ptr()).collect()
    }

    #[test]
    fn who_changes_a_chunk_that_is_referred_to_copies_that_chunk_alone() {
        let model = pattern(8 * CHUNK_LEN - 1000);
        let mut string = LongString::from(&model[..]);
        let before = addresses(string.view());
        let snapshot = StringSnapshot::of(string.view());
        let copy = string.clone();
        let reply: Vec<Bytes> = string.view().pieces(10..3 * CHUNK_LEN).map(Bytes::from).collect();
        string.edit(5 * CHUNK_LEN + 3, 1, |bytes| bytes[0] = !bytes[0]);
        string.write(100, b"some");
        string.append(b"more");
        let after = addresses(string.view());
        let moved: Vec<usize> = (0..8).filter(|number| before[*number] != after[*number]).collect();
        assert_eq!(moved, [0, 5, 7]);
        assert_eq!((addresses(snapshot.view()), addresses(copy.view())), (before.clone(), before.clone()));
        assert_eq!((reply[0].as_ptr(), reply[1].as_ptr()), (before[0].wrapping_add(10), before[1]));
        assert!(snapshot.view().equals(&model) && copy.view().equals(&model));
        assert!(reply.concat() == model[10..3 * CHUNK_LEN]);
        // From then on they are its own, and so are those that nobody else refers to any more.
        string.write(100, b"something else");
        drop((snapshot, copy, reply));
        string.write(CHUNK_LEN + 1, b"something else");
        string.append(b"something else");
        assert_eq!(addresses(string.view()), after);
    }

    #[test]
    fn zeros_take_no_memory_until_they_are_written() {
        const LEN: usize = 512 * 1024 * 1024;
        let mut string = LongString::zeros(LEN);
        string.edit(LEN - 1, 1, |bytes| bytes[0] = 1);
        string.edit(100 * CHUNK_LEN, 1, |bytes| bytes[0] = 1);
        let written = 2 * CHUNK_LEN;
        assert!((written..written + CHUNK_LEN).contains(&string.bytes()) && string.effort() < 20);
        let pieces: Vec<Bytes> = string.view().pieces(..).map(Bytes::from).collect();
        assert_eq!(pieces.iter().map(Bytes::len).sum::<usize>(), LEN);
        let places = addresses(string.view());
        assert_eq!(places.iter().filter(|place| **place == ZEROS.as_ptr()).count(), LEN / CHUNK_LEN - 2);
    }
}
