//! Reply encoder: appends replies to a connection's output buffer in that connection's protocol version.
//!
//! Commands describe a reply by its RESP3 type; for RESP2 the encoder writes the downgrade that Valkey writes: maps as
//! flat arrays, sets and pushes as arrays, doubles, big numbers and verbatim texts as bulk strings, booleans as 0 or 1.
//!
//! Invariants:
//! * A status or error line never contains CR or LF.
//! * Long parts of values are referred to, not copied ([`ReplyBuf::bulk_shared`]): `blocks` says where in `buf` each belongs. Lengths count
//!   both; whoever reads `buf` alone knows that there are no blocks, or asks [`ReplyBuf::contiguous`].
//! * Nothing long is moved to make room, if the buffer is in segments ([`ReplyBuf::in_segments`]): what is full is set aside as it is. A
//!   header that is written late moves the rest of its segment alone.
//! * The buffer never grows beyond the bound set by [`ReplyBuf::set_len_max`], except by [`FRAME_LEN_MAX`]. Whoever sets one asks
//!   [`ReplyBuf::overflow_len`] before sending: once something did not fit, what the buffer holds is no stream of replies any more.

use bytes::{Bytes, BytesMut};

use super::double::format_double;
use super::segment::{Block, Part, Segment, len_of};

/// Bytes set aside for a deferred header: enough for counts below 10, so that those need no move.
const DEFERRED_LEN: usize = 4;
/// Bytes that a reply takes beside its content, at most: type, length or number, and two line ends.
const FRAME_LEN_MAX: usize = 24;
/// A part of a value that is at least this long is referred to: to copy a shorter one costs less than to send it by itself.
pub const SHARED_LEN_MIN: usize = 16 * 1024;

/// Room of a segment: to fault its pages in costs much more than to set it aside, and few pages are moved by a late header.
const SEGMENT_CAPACITY: usize = 256 * 1024;
/// Bytes after which a segment is set aside. The rest of its room is for frames and for a late header.
const SEGMENT_LEN_MAX: usize = SEGMENT_CAPACITY - 1024;

/// An output buffer and the protocol version of its reader.
#[derive(Debug)]
pub struct ReplyBuf {
    /// The encoded replies without what is referred to, from the last full segment on. May be drained at any time except while a
    /// [`Deferred`] is open.
    pub buf: BytesMut,
    /// What is referred to, in order. Most replies have none.
    blocks: Vec<Block>,
    /// Full segments, which come before `buf`. Most replies have none.
    full: Vec<Segment>,
    /// Bytes that are not in `buf`: of blocks and full segments.
    apart_len: usize,
    /// Bytes of all blocks, those of full segments included.
    shared_len: usize,
    resp3: bool,
    /// Most bytes that `buf` may hold: `allowed` without what is apart, and no more than a segment, so that one comparison tells whether
    /// something fits.
    len_max: usize,
    /// Most bytes that may wait.
    allowed: usize,
    /// Most bytes of a segment.
    segment_len_max: usize,
    /// What it would have held when first something did not fit; 0: everything did.
    overflow_len: usize,
}

impl Default for ReplyBuf {
    fn default() -> Self {
        ReplyBuf {
            buf: BytesMut::new(),
            blocks: Vec::new(),
            full: Vec::new(),
            apart_len: 0,
            shared_len: 0,
            resp3: false,
            len_max: usize::MAX,
            allowed: usize::MAX,
            segment_len_max: usize::MAX,
            overflow_len: 0,
        }
    }
}

/// An aggregate whose number of elements is not known yet; see [`ReplyBuf::end_deferred`].
#[must_use = "without end_deferred the reply has no header"]
#[derive(Debug)]
pub struct Deferred {
    /// Number of its segment.
    segment: usize,
    at: usize,
    kind: Aggregate,
}

#[derive(Clone, Copy, Debug)]
enum Aggregate {
    Array,
    Map,
    Set,
    Push,
}

impl Aggregate {
    /// The type byte and the count that stand for `count` elements (of a map: pairs).
    #[inline]
    fn header(self, count: usize, resp3: bool) -> (u8, usize) {
        match self {
            Aggregate::Array => (b'*', count),
            Aggregate::Map if resp3 => (b'%', count),
            Aggregate::Map => (b'*', count * 2),
            Aggregate::Set if resp3 => (b'~', count),
            Aggregate::Push if resp3 => (b'>', count),
            Aggregate::Set | Aggregate::Push => (b'*', count),
        }
    }
}

impl ReplyBuf {
    /// An empty buffer with room for `capacity` bytes, for RESP2.
    pub fn with_capacity(capacity: usize) -> Self {
        ReplyBuf { buf: BytesMut::with_capacity(capacity), ..ReplyBuf::default() }
    }

    /// An empty buffer that sets aside what is full. Who takes from it asks for all parts, or whether it is in one piece.
    pub fn in_segments() -> Self {
        ReplyBuf { len_max: SEGMENT_LEN_MAX, segment_len_max: SEGMENT_LEN_MAX, ..ReplyBuf::default() }
    }

    /// Sets the most bytes that the buffer may hold. What does not fit is dropped, so that a reply of any length is built in bounded
    /// memory; its reader has to be disconnected then.
    pub fn set_len_max(&mut self, len_max: usize) {
        self.allowed = len_max;
        self.bound();
    }

    fn bound(&mut self) {
        self.len_max = self.allowed.saturating_sub(self.apart_len).min(self.segment_len_max);
    }

    /// How long the buffer would have become, had everything fitted that was written up to the first that did not.
    #[inline]
    pub fn overflow_len(&self) -> Option<usize> {
        (self.overflow_len > 0).then_some(self.overflow_len)
    }

    /// Chooses the protocol version of what follows.
    pub fn set_resp3(&mut self, resp3: bool) {
        self.resp3 = resp3;
    }

    /// Whether replies are written as RESP3.
    #[inline]
    pub fn is_resp3(&self) -> bool {
        self.resp3
    }

    /// Bytes that wait, those that are only referred to included.
    #[inline]
    pub fn len(&self) -> usize {
        self.buf.len() + self.apart_len
    }

    /// Bytes that are only referred to.
    #[inline]
    pub fn shared_len(&self) -> usize {
        self.shared_len
    }

    /// Bytes that are set aside for what is not only referred to.
    pub fn capacity(&self) -> usize {
        self.buf.capacity() + self.full.iter().map(|segment| segment.buf.capacity()).sum::<usize>()
    }

    /// Whether nothing waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All that waits, if it lies in one piece: if nothing is apart.
    #[inline]
    pub fn contiguous(&self) -> Option<&[u8]> {
        (self.apart_len == 0).then_some(&self.buf[..])
    }

    /// Hands out piece after piece of what waits, in order, and leaves the buffer empty.
    pub fn take_parts(&mut self, mut take: impl FnMut(Part<'_>)) {
        self.take_full(&mut take);
        Segment::take_parts(&self.buf, std::mem::take(&mut self.blocks), &mut take);
        self.buf.clear();
        self.set_apart(0, 0);
    }

    /// As [`ReplyBuf::take_parts`], copied together.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        self.take_parts(|part| bytes.extend_from_slice(part.as_ref()));
        bytes
    }

    /// Hands out piece after piece of the full segments. What is left comes after them.
    pub fn take_full(&mut self, mut take: impl FnMut(Part<'_>)) {
        for segment in std::mem::take(&mut self.full) {
            self.set_apart(self.apart_len - segment.len(), self.shared_len - segment.shared_len());
            if segment.blocks.is_empty() {
                take(Part::Own(segment.buf));
            } else {
                Segment::take_parts(&segment.buf, segment.blocks, &mut take);
            }
        }
    }

    fn set_apart(&mut self, len: usize, shared_len: usize) {
        self.apart_len = len;
        self.shared_len = shared_len;
        self.bound();
    }

    /// Appends bytes that are already encoded.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        if self.has_room(bytes.len()) {
            self.buf.extend_from_slice(bytes);
        }
    }

    /// Whether `more` bytes fit; notes if they do not.
    #[inline]
    fn has_room(&mut self, more: usize) -> bool {
        self.buf.len() + more <= self.len_max || self.make_room(more)
    }

    /// Sets the segment aside, unless it is not the segment that is too small.
    #[cold]
    fn make_room(&mut self, more: usize) -> bool {
        let len = self.len() + more;
        if len > self.allowed {
            if self.overflow_len == 0 {
                self.overflow_len = len;
            }
            return false;
        }
        if !self.buf.is_empty() {
            let capacity = if more > SEGMENT_LEN_MAX { 0 } else { SEGMENT_CAPACITY };
            let buf = std::mem::replace(&mut self.buf, BytesMut::with_capacity(capacity));
            self.set_apart(self.apart_len + buf.len(), self.shared_len);
            self.full.push(Segment { buf, blocks: std::mem::take(&mut self.blocks) });
        }
        true
    }

    /// Makes room for a reply with a content of `len` bytes, if that fits. What then follows needs no further look.
    #[inline]
    fn reserve(&mut self, len: usize) -> bool {
        let fits = self.has_room(len);
        if fits {
            self.buf.reserve(len + FRAME_LEN_MAX);
        }
        fits
    }

    /// Appends bytes for which there is room.
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// `+OK`
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// `+text`
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// `-text`: the whole text after the minus sign, as in `ERR syntax error`, without line ends at its end.
    #[cold]
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        let len = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        self.line(b'-', &text[..len]);
    }

    /// `:number`
    #[inline]
    pub fn integer(&mut self, value: i64) {
        match value {
            0..=9 => self.raw(&[b':', b'0' + value as u8, b'\r', b'\n']),
            _ if self.has_room(0) => self.number(b':', value),
            _ => {}
        }
    }

    /// `$len` and the bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        if self.reserve(bytes.len()) {
            self.header(b'$', bytes.len());
            self.append(bytes);
            self.append(b"\r\n");
        }
    }

    /// One bulk string that is the concatenation of `parts`.
    pub fn bulk_parts(&mut self, parts: &[&[u8]]) {
        let len = parts.iter().map(|part| part.len()).sum();
        if self.reserve(len) {
            self.header(b'$', len);
            parts.iter().for_each(|part| self.append(part));
            self.append(b"\r\n");
        }
    }

    /// One bulk string that is the concatenation of `parts`, `len` bytes in all. Long parts are not copied: the buffer refers to them until
    /// they are sent.
    pub fn bulk_shared<P: AsRef<[u8]> + Into<Bytes>>(&mut self, len: usize, parts: impl IntoIterator<Item = P>) {
        if !self.has_room(len) {
            return;
        }
        let before = self.len();
        self.header(b'$', len);
        for part in parts {
            if part.as_ref().len() < SHARED_LEN_MIN {
                self.append(part.as_ref());
            } else {
                let block = Block { at: self.buf.len(), bytes: part.into() };
                self.set_apart(self.apart_len + block.bytes.len(), self.shared_len + block.bytes.len());
                self.blocks.push(block);
            }
        }
        debug_assert!((len..len + FRAME_LEN_MAX).contains(&(self.len() - before)), "the parts are as long as was said");
        self.append(b"\r\n");
    }

    /// A number as a bulk string.
    pub fn bulk_int(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// No value: `$-1`, in RESP3 `_`.
    #[inline]
    pub fn null(&mut self) {
        self.raw(if self.resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// No value where an array was expected: `*-1`, in RESP3 `_`.
    #[inline]
    pub fn null_array(&mut self) {
        self.raw(if self.resp3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// `*0`
    pub fn empty_array(&mut self) {
        self.raw(b"*0\r\n");
    }

    /// The header of an array; `count` replies must follow.
    #[inline]
    pub fn array(&mut self, count: usize) {
        if self.has_room(0) {
            self.header(b'*', count);
        }
    }

    /// The header of a map; `pairs` times two replies must follow.
    #[inline]
    pub fn map(&mut self, pairs: usize) {
        self.aggregate(Aggregate::Map, pairs);
    }

    /// The header of a set; `count` replies must follow.
    #[inline]
    pub fn set(&mut self, count: usize) {
        self.aggregate(Aggregate::Set, count);
    }

    /// The header of an out of band message; `count` replies must follow.
    #[inline]
    pub fn push(&mut self, count: usize) {
        self.aggregate(Aggregate::Push, count);
    }

    /// A floating point number: `,1.5`, in RESP2 a bulk string.
    pub fn double(&mut self, value: f64) {
        let text = format_double(value);
        if self.resp3 {
            self.line(b',', &text);
        } else {
            self.bulk(&text);
        }
    }

    /// `#t` or `#f`, in RESP2 `:1` or `:0`.
    pub fn bool(&mut self, value: bool) {
        self.raw(match (self.resp3, value) {
            (true, true) => b"#t\r\n",
            (true, false) => b"#f\r\n",
            (false, true) => b":1\r\n",
            (false, false) => b":0\r\n",
        });
    }

    /// Text for a person. `format` is `txt` or `mkd`; a shorter word is filled with blanks, a longer one cut.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        if !self.resp3 {
            return self.bulk(text);
        }
        let mut word = *b"   :";
        for (to, from) in word[..3].iter_mut().zip(format.bytes()) {
            *to = from;
        }
        if self.reserve(text.len() + word.len()) {
            self.header(b'=', text.len() + word.len());
            self.append(&word);
            self.append(text);
            self.append(b"\r\n");
        }
    }

    /// A number of any size in decimal digits: `(number`, in RESP2 a bulk string.
    pub fn big_number(&mut self, digits: &str) {
        if self.resp3 {
            self.line(b'(', digits.as_bytes());
        } else {
            self.bulk(digits.as_bytes());
        }
    }

    /// Starts an array of unknown length.
    pub fn deferred_array(&mut self) -> Deferred {
        self.deferred(Aggregate::Array)
    }

    /// Starts a map of unknown length.
    pub fn deferred_map(&mut self) -> Deferred {
        self.deferred(Aggregate::Map)
    }

    /// Starts a set of unknown length.
    pub fn deferred_set(&mut self) -> Deferred {
        self.deferred(Aggregate::Set)
    }

    /// Writes the header of a deferred aggregate, whose `count` elements (of a map: pairs) have been written since.
    /// Deferred aggregates nest: end the inner one first. Costs a move of the elements if the count has several digits.
    pub fn end_deferred(&mut self, deferred: Deferred, count: usize) {
        let Deferred { segment, at, kind } = deferred;
        if self.overflow_len > 0 {
            // The place that was kept for the header may be among what was dropped.
            return;
        }
        let (prefix, count) = kind.header(count, self.resp3);
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(count).as_bytes();
        let grown = digits.len() - 1;
        if grown > 0 && self.len() + grown > self.allowed {
            // Notes that it does not fit.
            self.make_room(grown);
            return;
        }
        let is_full = segment < self.full.len();
        let (buf, blocks) = match self.full.get_mut(segment) {
            Some(full) => (&mut full.buf, &mut full.blocks),
            None => (&mut self.buf, &mut self.blocks),
        };
        buf[at] = prefix;
        if grown > 0 {
            let (body, end) = (at + DEFERRED_LEN, buf.len());
            for block in blocks.iter_mut().rev().take_while(|block| block.at >= body) {
                block.at += grown;
            }
            buf.resize(end + grown, 0);
            buf.copy_within(body..end, body + grown);
            buf[at + digits.len() + 1..body + grown].copy_from_slice(b"\r\n");
        }
        buf[at + 1..=at + digits.len()].copy_from_slice(digits);
        if is_full {
            self.set_apart(self.apart_len + grown, self.shared_len);
        }
    }

    /// Takes back everything that was written since [`ReplyBuf::len`] was `len`.
    pub fn truncate(&mut self, len: usize) {
        while let Some(Segment { buf, blocks }) = self.full.pop_if(|_| self.apart_len - len_of(&self.blocks) > len) {
            let dropped_len = len_of(&self.blocks);
            self.set_apart(self.apart_len - dropped_len - buf.len(), self.shared_len - dropped_len);
            (self.buf, self.blocks) = (buf, blocks);
        }
        while let Some(block) = self.blocks.last()
            // Where it begins among all that waits.
            && block.at + self.apart_len - block.bytes.len() >= len
        {
            let block_len = block.bytes.len();
            self.blocks.pop();
            self.set_apart(self.apart_len - block_len, self.shared_len - block_len);
        }
        self.buf.truncate(len - self.apart_len);
    }

    fn deferred(&mut self, kind: Aggregate) -> Deferred {
        self.raw(b"*0\r\n");
        Deferred { segment: self.full.len(), at: self.buf.len().saturating_sub(DEFERRED_LEN), kind }
    }

    #[inline]
    fn aggregate(&mut self, kind: Aggregate, count: usize) {
        let (prefix, count) = kind.header(count, self.resp3);
        if self.has_room(0) {
            self.header(prefix, count);
        }
    }

    /// A type byte and a length, for which there is room. Lengths of up to three digits, which is nearly all of them, cost one store: a
    /// word whose surplus bytes are taken back.
    #[inline]
    fn header(&mut self, prefix: u8, len: usize) {
        let Some(word) = LENGTHS.get(len) else {
            return self.number(prefix, len as i64);
        };
        let end = self.buf.len() + 4 + usize::from(len >= 10) + usize::from(len >= 100);
        self.append(&(word | u64::from(prefix)).to_le_bytes());
        self.buf.truncate(end);
    }

    #[inline(never)]
    fn number(&mut self, prefix: u8, value: i64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(value).as_bytes();
        let mut line = [0u8; 24];
        line[0] = prefix;
        line[1..=digits.len()].copy_from_slice(digits);
        line[digits.len() + 1..digits.len() + 3].copy_from_slice(b"\r\n");
        self.append(&line[..digits.len() + 3]);
    }

    /// One line of text. CR and LF would end it early, so they become blanks.
    fn line(&mut self, prefix: u8, text: &[u8]) {
        if !self.reserve(text.len()) {
            return;
        }
        self.append(&[prefix]);
        let at = self.buf.len();
        self.append(text);
        if memchr::memchr2(b'\r', b'\n', text).is_some() {
            for byte in &mut self.buf[at..] {
                if matches!(*byte, b'\r' | b'\n') {
                    *byte = b' ';
                }
            }
        }
        self.append(b"\r\n");
    }
}

/// Lines of the numbers 0 to 999: room for a type byte, up to three digits, CR LF, zeros; first byte lowest.
static LENGTHS: [u64; 1000] = {
    let mut table = [0u64; 1000];
    let mut number = 0;
    while number < 1000 {
        let mut line = 0x0a0d;
        let mut rest = number;
        loop {
            line = (line << 8) | (b'0' as u64 + (rest % 10) as u64);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        table[number] = line << 8;
        number += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn check(write: impl Fn(&mut ReplyBuf), resp2: &str, resp3: &str) {
        for (resp3, expected) in [(false, resp2), (true, resp3)] {
            let mut out = ReplyBuf::default();
            out.set_resp3(resp3);
            assert_eq!(out.is_resp3(), resp3);
            write(&mut out);
            assert_eq!(String::from_utf8_lossy(&out.buf), expected, "resp3: {resp3}");
        }
    }

    fn same(write: impl Fn(&mut ReplyBuf), expected: &str) {
        check(write, expected, expected);
    }

    #[test]
    fn types_and_their_downgrades() {
        same(|out| out.ok(), "+OK\r\n");
        same(|out| out.simple("a\r\nb"), "+a  b\r\n");
        same(|out| out.error("ERR a\nb"), "-ERR a b\r\n");
        same(|out| out.error("ERR a\rb \r\n\n"), "-ERR a b \r\n");
        same(|out| out.error(b"ERR \xff".as_slice()), "-ERR \u{fffd}\r\n");
        same(|out| out.integer(0), ":0\r\n");
        same(|out| out.integer(9), ":9\r\n");
        same(|out| out.integer(10), ":10\r\n");
        same(|out| out.integer(-1), ":-1\r\n");
        same(|out| out.integer(i64::MIN), ":-9223372036854775808\r\n");
        same(|out| out.bulk(b""), "$0\r\n\r\n");
        same(|out| out.bulk(b"a\r\nb"), "$4\r\na\r\nb\r\n");
        same(|out| out.bulk(&[b'x'; 10]), "$10\r\nxxxxxxxxxx\r\n");
        same(|out| out.bulk(&[b'x'; 100]), &format!("$100\r\n{}\r\n", "x".repeat(100)));
        same(|out| out.bulk_parts(&[b"a", b"", b"bc"]), "$3\r\nabc\r\n");
        same(|out| out.bulk_int(-12), "$3\r\n-12\r\n");
        same(|out| out.array(99), "*99\r\n");
        same(|out| out.array(123_456), "*123456\r\n");
        same(|out| out.empty_array(), "*0\r\n");
        same(|out| out.raw(b"+x\r\n"), "+x\r\n");
        check(|out| out.null(), "$-1\r\n", "_\r\n");
        check(|out| out.null_array(), "*-1\r\n", "_\r\n");
        check(|out| out.map(7), "*14\r\n", "%7\r\n");
        check(|out| out.set(3), "*3\r\n", "~3\r\n");
        check(|out| out.push(3), "*3\r\n", ">3\r\n");
        check(|out| out.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n");
        check(|out| out.double(f64::INFINITY), "$3\r\ninf\r\n", ",inf\r\n");
        check(|out| out.bool(true), ":1\r\n", "#t\r\n");
        check(|out| out.bool(false), ":0\r\n", "#f\r\n");
        check(|out| out.verbatim("txt", b"hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n");
        check(|out| out.verbatim("m", b""), "$0\r\n\r\n", "=4\r\nm  :\r\n");
        check(|out| out.big_number("123"), "$3\r\n123\r\n", "(123\r\n");
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_noted() {
        let long = [b'x'; 100];
        let writes: &[&dyn Fn(&mut ReplyBuf)] = &[
            &|out| out.bulk(&long),
            &|out| out.bulk_parts(&[&long[..50], &long[50..]]),
            &|out| out.verbatim("txt", &long),
            &|out| out.error(long),
            &|out| (0..30).for_each(|_| out.integer(1)),
            &|out| {
                let (outer, inner) = (out.deferred_array(), out.deferred_map());
                (0..30).for_each(|_| out.integer(1));
                out.end_deferred(inner, 15);
                out.end_deferred(outer, 100);
            },
        ];
        for (number, write) in writes.iter().enumerate() {
            for len_max in [0, 1, 5, 20, 90] {
                let mut out = ReplyBuf::default();
                out.set_resp3(number % 2 == 0);
                out.ok();
                out.set_len_max(len_max);
                write(&mut out);
                assert!(out.len() <= len_max.max(5) + FRAME_LEN_MAX, "{number}: {} of {len_max}", out.len());
                assert!(out.buf.capacity() < 200, "{number}: nothing is set aside for what does not fit");
                assert!(out.overflow_len().is_some_and(|len| len > len_max), "{number}: {:?}", out.overflow_len());
            }
            let mut out = ReplyBuf::default();
            out.set_len_max(200);
            write(&mut out);
            assert_eq!(out.overflow_len(), None, "{number}");
        }
    }

    fn sent(out: &mut ReplyBuf) -> Vec<u8> {
        let expected_len = out.len();
        let all = out.take_bytes();
        assert_eq!(all.len(), expected_len);
        assert!(out.is_empty() && out.shared_len() == 0 && out.contiguous() == Some(b""));
        all
    }

    #[test]
    fn long_parts_are_referred_to_and_sent_in_order() {
        let long = Bytes::from(vec![b'x'; SHARED_LEN_MIN]);
        let longer = Bytes::from(vec![b'y'; SHARED_LEN_MIN + 1]);
        let short = Bytes::from_static(b"short");
        for parts in [vec![&long], vec![&short], vec![&long, &longer], vec![&short, &long, &short, &longer], vec![]] {
            let all: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
            let expected = [format!("${}\r\n", all.len()).as_bytes(), &all, b"\r\n"].concat();
            let shared: usize = parts.iter().map(|part| part.len()).filter(|len| *len >= SHARED_LEN_MIN).sum();
            let mut out = ReplyBuf::default();
            out.ok();
            let before = out.len();
            for _ in 0..2 {
                out.bulk_shared(all.len(), parts.iter().copied().cloned());
                assert_eq!((out.len() - before, out.shared_len()), (expected.len(), shared));
                assert!(out.buf.capacity() < 1024 && out.contiguous().is_none() == (shared > 0));
                out.truncate(before);
                assert_eq!((out.contiguous(), out.shared_len()), (Some(&b"+OK\r\n"[..]), 0));
            }
            out.bulk_shared(all.len(), parts.iter().copied().cloned());
            let before = out.len();
            out.bulk_shared(all.len(), parts.iter().copied().cloned());
            out.truncate(before);
            out.ok();
            assert_eq!(sent(&mut out), [b"+OK\r\n", &expected[..], b"+OK\r\n"].concat());
        }
    }

    #[test]
    fn what_is_referred_to_counts_against_the_bound() {
        let long = Bytes::from(vec![b'x'; SHARED_LEN_MIN]);
        let mut out = ReplyBuf::default();
        out.set_len_max(SHARED_LEN_MIN + 50);
        out.bulk_shared(long.len(), [long.clone()]);
        assert_eq!(out.overflow_len(), None);
        let before = out.len();
        out.raw(&[b'y'; 30]);
        assert_eq!((out.len(), out.overflow_len()), (before + 30, None));
        out.truncate(before);
        out.bulk_shared(long.len(), [long.clone()]);
        assert_eq!((out.len(), out.overflow_len()), (before, Some(before + long.len())));
        let mut out = ReplyBuf::default();
        out.bulk_shared(long.len(), [long]);
        out.set_len_max(10);
        out.truncate(0);
        out.raw(&[b'y'; 10]);
        assert_eq!((out.len(), out.overflow_len()), (10, None));
        out.raw(b"z");
        assert_eq!((out.len(), out.overflow_len()), (10, Some(11)));
    }

    #[test]
    fn a_header_that_is_written_late_moves_what_is_referred_to() {
        let long = Bytes::from(vec![b'x'; SHARED_LEN_MIN]);
        let bulk = [format!("${}\r\n", long.len()).as_bytes(), &long, b"\r\n"].concat();
        let mut out = ReplyBuf::default();
        out.bulk_shared(long.len(), [long.clone()]);
        let array = out.deferred_array();
        for _ in 0..12 {
            out.bulk_shared(long.len(), [long.clone()]);
        }
        out.end_deferred(array, 12);
        out.ok();
        assert!(sent(&mut out) == [&bulk[..], b"*12\r\n", &bulk.repeat(12), b"+OK\r\n"].concat());
    }

    /// Writes at random, in one piece and in segments: what is sent is the same.
    #[test]
    fn segments_change_nothing_of_what_is_sent() {
        let long = Bytes::from(vec![b'x'; SHARED_LEN_MIN]);
        let mut state = 1_u64;
        let mut next = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for round in 0..60 {
            let (mut whole, mut parts) = (ReplyBuf::default(), ReplyBuf::in_segments());
            let (mut open, mut before) = (Vec::new(), Vec::new());
            for _ in 0..300 {
                let (kind, len) = (next(if round % 2 == 0 { 8 } else { 5 }), next(20_000));
                match kind {
                    0..=2 => [&mut whole, &mut parts].into_iter().for_each(|out| out.bulk(&long[..len.min(SHARED_LEN_MIN)])),
                    3 => [&mut whole, &mut parts].into_iter().for_each(|out| out.bulk_shared(long.len(), [long.clone()])),
                    4 => [&mut whole, &mut parts].into_iter().for_each(|out| out.raw(&[b'y'; 300_000][..len * 15])),
                    5 => open.push([&mut whole, &mut parts].map(ReplyBuf::deferred_array)),
                    6 => {
                        if let Some([one, other]) = open.pop() {
                            whole.end_deferred(one, len);
                            parts.end_deferred(other, len);
                        }
                        before.clear();
                    }
                    _ if open.is_empty() && next(3) == 0 => {
                        let len = before.pop().unwrap_or_else(|| whole.len());
                        whole.truncate(len);
                        parts.truncate(len);
                        before.clear();
                    }
                    _ => before.push(whole.len()),
                }
                assert_eq!((parts.len(), parts.shared_len()), (whole.len(), whole.shared_len()), "{round}");
            }
            while let Some([one, other]) = open.pop() {
                whole.end_deferred(one, 1000);
                parts.end_deferred(other, 1000);
            }
            assert!(sent(&mut parts) == sent(&mut whole), "{round}");
        }
    }

    #[test]
    fn what_is_full_is_set_aside_as_it_is() {
        let mut out = ReplyBuf::in_segments();
        let array = out.deferred_array();
        let first = out.buf.as_ptr();
        (0..20_000).for_each(|_| out.bulk(&[b'x'; 1000]));
        out.end_deferred(array, 20_000);
        let len = out.len();
        assert!(out.capacity() < len + len / 64 + 2 * SEGMENT_CAPACITY, "{} bytes are set aside for {len}", out.capacity());
        assert!(out.contiguous().is_none() && out.buf.as_ptr() != first);
        let mut longest = 0;
        out.take_full(|part| match part {
            Part::Own(bytes) => longest = longest.max(bytes.len()),
            part => panic!("{part:?}"),
        });
        assert!((SEGMENT_LEN_MAX - 1100..=SEGMENT_CAPACITY).contains(&longest), "{longest}");
        assert_eq!(out.contiguous().map(<[u8]>::len), Some(out.len()));
        // Too much in all is too much in segments.
        out.set_len_max(5 * SEGMENT_CAPACITY);
        (0..20_000).for_each(|_| out.bulk(&[b'x'; 1000]));
        assert!(out.len() <= 5 * SEGMENT_CAPACITY && out.overflow_len().is_some_and(|len| len > 5 * SEGMENT_CAPACITY));
    }

    #[test]
    fn deferred_headers() {
        for count in [0usize, 1, 9, 10, 99, 100, 12345] {
            let body = ":1\r\n".repeat(count);
            let write = |out: &mut ReplyBuf| {
                out.ok();
                let outer = out.deferred_array();
                let inner = out.deferred_set();
                for _ in 0..count {
                    out.integer(1);
                }
                out.end_deferred(inner, count);
                out.end_deferred(outer, 1);
                out.ok();
            };
            check(write, &format!("+OK\r\n*1\r\n*{count}\r\n{body}+OK\r\n"), &format!("+OK\r\n*1\r\n~{count}\r\n{body}+OK\r\n"));
        }
        let map = |out: &mut ReplyBuf| {
            let map = out.deferred_map();
            for _ in 0..6 {
                out.integer(1);
                out.integer(2);
            }
            out.end_deferred(map, 6);
        };
        let pairs = ":1\r\n:2\r\n".repeat(6);
        check(map, &format!("*12\r\n{pairs}"), &format!("%6\r\n{pairs}"));
    }
}
