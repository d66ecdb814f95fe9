//! One key and what belongs to it, in one allocation.
//!
//! ```text
//! byte  0      type (high 4 bits), encoding (low 4 bits)
//!       1      flags: HAS_EXPIRY, LONG_KEY, BOXED, LFU_CLOCK
//!       2      key length, unless LONG_KEY
//!       3..5   value length, if the value is inline (little endian)
//!       5..8   access clock, 24 bits: LRU seconds or LFU (little endian)
//!       then   [u32 key length, if LONG_KEY] [i64 expiry, if HAS_EXPIRY: unix ms, or NO_EXPIRY] key value
//! value        inline bytes | i64 (encoding int) | items of a small collection | pointer to a boxed Value (BOXED)
//! ```
//!
//! Invariants:
//! * The allocation's layout follows from the header alone (`EntryRef::layout`), so that it can be given back without storing it.
//!   A change in place keeps the rounded size; every other change builds a new entry.
//! * The first 8 bytes are always initialised; `expiry`, `key` and `value` lie behind each other without gaps.
//! * An `Entry` owns its allocation and, if BOXED, the box behind it; it is not `Clone`.
//! * One that takes long to free is freed while its thread holds no stripe: where assertions are checked, each is asked for that.
//! * Addresses fit 48 bits ([`Entry::into_bits`] asserts it): the table stores them so.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use super::liveness::Expiring;
use super::lock;
use super::value::string::{Chunks, LongString, StringRef};
pub use super::value::{Encoding, Type, Value};
use crate::base::bytes::same;
use crate::base::limits::{INLINE_VALUE_LEN_MAX, LAZYFREE_EFFORT_MIN};

/// Expiry of a key that has room for one but none set.
pub const NO_EXPIRY: i64 = -1;

const HEADER_LEN: usize = 8;
const HAS_EXPIRY: u8 = 1;
const LONG_KEY: u8 = 2;
const BOXED: u8 = 4;
/// Bit 24 of the access clock: see [`super::clock24`].
const LFU_CLOCK: u8 = 8;

/// What a new entry is to hold.
#[derive(Debug)]
pub enum NewValue<'a> {
    /// Bytes; inline up to [`INLINE_VALUE_LEN_MAX`], else boxed.
    Bytes(&'a [u8], Encoding),
    /// An integer.
    Int(i64),
    /// A collection of at most [`INLINE_VALUE_LEN_MAX`] bytes, as it lies inside an entry.
    Collection(&'a [u8], Type, Encoding),
    /// An already boxed value.
    Boxed(Box<Value>, Type, Encoding),
}

/// What an entry holds, borrowed.
#[derive(Debug, Clone, Copy)]
pub enum ValueRef<'a> {
    /// A string's bytes.
    Bytes(&'a [u8]),
    /// A string held as an integer.
    Int(i64),
    /// A string too long to lie in one piece.
    Chunks(&'a Chunks),
}

/// An owned entry. See the module's page for its layout.
#[derive(Debug)]
pub struct Entry(NonNull<u8>);

// SAFETY: an entry owns its allocation and its box exclusively; nothing in it is bound to a thread, as `value/mod.rs` proves of what is boxed.
unsafe impl Send for Entry {}

/// A borrowed entry, as the table hands it out.
#[derive(Debug, Clone, Copy)]
pub struct EntryRef<'a> {
    block: NonNull<u8>,
    owner: std::marker::PhantomData<&'a Entry>,
}

fn round_up(len: usize) -> usize {
    (len + 7) & !7
}

fn layout_of(len: usize) -> Layout {
    Layout::from_size_align(round_up(len), 8).expect("an entry is far smaller than the address space")
}

impl Entry {
    /// Builds an entry. `access_clock` takes 25 bits; `expiry_ms` of `None` leaves no room for an expiry.
    pub fn new(key: &[u8], value: NewValue<'_>, expiry_ms: Option<i64>, access_clock: u32) -> Entry {
        let (kind, encoding, inline, boxed): (Type, Encoding, &[u8], Option<Box<Value>>);
        let int_bytes;
        match value {
            NewValue::Bytes(bytes, enc) if bytes.len() <= INLINE_VALUE_LEN_MAX => {
                (kind, encoding, inline, boxed) = (Type::String, enc, bytes, None)
            }
            NewValue::Bytes(bytes, enc) => {
                (kind, encoding, inline, boxed) = (Type::String, enc, &[], Some(Box::new(Value::String(LongString::from(bytes)))))
            }
            NewValue::Int(number) => {
                int_bytes = number.to_le_bytes();
                (kind, encoding, inline, boxed) = (Type::String, Encoding::Int, &int_bytes, None);
            }
            NewValue::Collection(bytes, k, enc) => (kind, encoding, inline, boxed) = (k, enc, bytes, None),
            NewValue::Boxed(object, k, enc) => (kind, encoding, inline, boxed) = (k, enc, &[], Some(object)),
        }
        let long_key = key.len() > u8::MAX as usize;
        let clock = access_clock.to_le_bytes();
        let mut flags = (clock[3] & 1) * LFU_CLOCK;
        let mut len = HEADER_LEN + key.len();
        if long_key {
            flags |= LONG_KEY;
            len += 4;
        }
        if expiry_ms.is_some() {
            flags |= HAS_EXPIRY;
            len += 8;
        }
        if boxed.is_some() {
            flags |= BOXED;
            len += 8;
        } else {
            len += inline.len();
        }
        let layout = layout_of(len);
        // SAFETY: the layout's size is at least HEADER_LEN, so not zero.
        let block = unsafe { alloc(layout) };
        let Some(block) = NonNull::new(block) else { handle_alloc_error(layout) };
        let value_len = (inline.len() as u16).to_le_bytes();
        let header = [
            ((kind as u8) << 4) | encoding as u8,
            flags,
            if long_key { 0 } else { key.len() as u8 },
            value_len[0],
            value_len[1],
            clock[0],
            clock[1],
            clock[2],
        ];
        let mut writer = Writer { at: block };
        writer.put(&header);
        if long_key {
            writer.put(&(key.len() as u32).to_le_bytes());
        }
        if let Some(expiry) = expiry_ms {
            writer.put(&expiry.to_le_bytes());
        }
        writer.put(key);
        match boxed {
            Some(object) => writer.put(&(Box::into_raw(object).expose_provenance() as u64).to_le_bytes()),
            None => writer.put(inline),
        }
        Entry(block)
    }

    /// The address as 48 bits, giving up ownership to whoever holds the bits. See [`Entry::from_bits`].
    pub fn into_bits(self) -> u64 {
        let bits = self.0.as_ptr().expose_provenance() as u64;
        assert!(bits >> 48 == 0, "user addresses fit 48 bits on every supported machine");
        std::mem::forget(self);
        bits
    }

    /// Takes back what [`Entry::into_bits`] gave.
    ///
    /// # Safety
    /// `bits` came from `into_bits` and is used for exactly one `from_bits`.
    pub unsafe fn from_bits(bits: u64) -> Entry {
        let block = std::ptr::with_exposed_provenance_mut(bits as usize);
        // SAFETY: into_bits took it from a NonNull.
        Entry(unsafe { NonNull::new_unchecked(block) })
    }

    /// The same entry with another expiry. A boxed value is moved, not copied.
    pub fn with_expiry(self, expiry_ms: Option<i64>) -> Entry {
        self.with_key_and_expiry(None, expiry_ms)
    }

    /// The same value under another key (RENAME). A boxed value is moved, not copied.
    pub fn with_key(self, key: &[u8]) -> Entry {
        let expiry_ms = self.borrow().expiry_ms();
        self.with_key_and_expiry(Some(key), expiry_ms)
    }

    fn with_key_and_expiry(self, key: Option<&[u8]>, expiry_ms: Option<i64>) -> Entry {
        let view = self.borrow();
        let (kind, encoding, clock) = (view.kind(), view.encoding(), view.access_clock());
        if view.flags() & BOXED == 0 {
            let key = key.unwrap_or_else(|| view.key());
            return Entry::new(key, view.inline_value(key.len(), expiry_ms.is_some()), expiry_ms, clock);
        }
        // SAFETY: BOXED says that the pointer is there and ours; the flag is cleared below, so that only the new entry owns it.
        let object = unsafe { Box::from_raw(view.boxed_ptr()) };
        let new = Entry::new(key.unwrap_or_else(|| view.key()), NewValue::Boxed(object, kind, encoding), expiry_ms, clock);
        let layout = view.layout();
        let block = self.0;
        std::mem::forget(self);
        // SAFETY: the block was allocated with this layout; its box lives on in the new entry.
        unsafe { dealloc(block.as_ptr(), layout) };
        new
    }

    /// The entry, borrowed to be changed in place.
    pub fn borrow_mut(&mut self) -> EntryMut<'_> {
        EntryMut(self.borrow())
    }

    /// The entry, borrowed.
    pub fn borrow(&self) -> EntryRef<'_> {
        EntryRef { block: self.0, owner: std::marker::PhantomData }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let entry = self.borrow();
        let layout = entry.layout();
        debug_assert!(
            entry.free_effort() <= LAZYFREE_EFFORT_MIN || lock::none_held() || std::thread::panicking(),
            "a value that takes long to free is freed under a lock"
        );
        if entry.flags() & BOXED != 0 {
            // SAFETY: BOXED means that the value is a pointer from Box::into_raw which this entry owns.
            drop(unsafe { Box::from_raw(entry.boxed_ptr()) });
        }
        // SAFETY: the block was allocated with this very layout (module invariant).
        unsafe { dealloc(self.0.as_ptr(), layout) };
    }
}

/// Writes an entry's parts behind each other.
struct Writer {
    at: NonNull<u8>,
}

impl Writer {
    fn put(&mut self, bytes: &[u8]) {
        // SAFETY: Entry::new allocated the sum of all parts it puts; source and target do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.at.as_ptr(), bytes.len()) };
        // SAFETY: stays within (or one past) that allocation.
        self.at = unsafe { self.at.add(bytes.len()) };
    }
}

impl<'a> EntryRef<'a> {
    /// Borrows the entry behind `bits`.
    ///
    /// # Safety
    /// `bits` came from [`Entry::into_bits`], was not taken back, and stays so for `'a`; no [`EntryMut`] of it lives during `'a`.
    #[inline]
    pub unsafe fn from_bits(bits: u64) -> EntryRef<'a> {
        let block = std::ptr::with_exposed_provenance_mut(bits as usize);
        // SAFETY: into_bits took it from a NonNull.
        EntryRef { block: unsafe { NonNull::new_unchecked(block) }, owner: std::marker::PhantomData }
    }

    #[inline]
    fn byte(self, at: usize) -> u8 {
        debug_assert!(at < HEADER_LEN);
        // SAFETY: the header's bytes are always there.
        unsafe { self.block.add(at).read() }
    }

    #[inline]
    fn bytes(self, at: usize, len: usize) -> &'a [u8] {
        // SAFETY: the callers pass parts that the header says are there; nobody writes them during 'a.
        unsafe { std::slice::from_raw_parts(self.block.as_ptr().add(at), len) }
    }

    #[inline]
    fn flags(self) -> u8 {
        self.byte(1)
    }

    /// Offset of the key and its length.
    #[inline]
    fn key_place(self) -> (usize, usize) {
        let flags = self.flags();
        let expiry = if flags & HAS_EXPIRY != 0 { 8 } else { 0 };
        if flags & LONG_KEY == 0 {
            (HEADER_LEN + expiry, self.byte(2) as usize)
        } else {
            let len = self.bytes(HEADER_LEN, 4).try_into().map(u32::from_le_bytes).expect("4 bytes");
            (HEADER_LEN + 4 + expiry, len as usize)
        }
    }

    #[inline]
    fn inline_len(self) -> usize {
        u16::from_le_bytes([self.byte(3), self.byte(4)]) as usize
    }

    fn layout(self) -> Layout {
        layout_of(self.block_len())
    }

    /// Bytes that the entry itself takes, without what the allocator rounds up and without a boxed value.
    pub fn block_len(self) -> usize {
        let (at, len) = self.key_place();
        at + len + if self.flags() & BOXED != 0 { 8 } else { self.inline_len() }
    }

    /// The key.
    #[inline]
    pub fn key(self) -> &'a [u8] {
        let (at, len) = self.key_place();
        self.bytes(at, len)
    }

    /// True if this is the entry of `key`.
    #[inline]
    pub fn has_key(self, key: &[u8]) -> bool {
        let (at, len) = self.key_place();
        same(self.bytes(at, len), key)
    }

    /// The value's type.
    #[inline]
    pub fn kind(self) -> Type {
        Type::of_number(self.byte(0) >> 4)
    }

    /// True if the value is of this type: without a look at which type it is else.
    #[inline]
    pub fn is(self, kind: Type) -> bool {
        self.byte(0) >> 4 == kind as u8
    }

    /// The value's encoding.
    #[inline]
    pub fn encoding(self) -> Encoding {
        self.boxed().map_or_else(|| Encoding::of_number(self.byte(0) & 15), Value::encoding)
    }

    /// When the key expires, in unix milliseconds.
    #[inline]
    pub fn expiry_ms(self) -> Option<i64> {
        if self.flags() & HAS_EXPIRY == 0 {
            return None;
        }
        let at = HEADER_LEN + if self.flags() & LONG_KEY != 0 { 4 } else { 0 };
        let ms = self.bytes(at, 8).try_into().map(i64::from_le_bytes).expect("8 bytes");
        (ms != NO_EXPIRY).then_some(ms)
    }

    /// True if elements of the value have expiries of their own.
    #[inline]
    pub fn has_expiring_elements(self) -> bool {
        self.is_boxed() && self.is(Type::Hash) && self.boxed().is_some_and(Value::has_expiring)
    }

    /// True if the key has an expiry, or elements of its value have.
    #[inline]
    pub fn may_expire(self) -> bool {
        self.expiry_ms().is_some() || self.has_expiring_elements()
    }

    /// The access clock: 24 bits, LRU or LFU as the policy says, and a bit that tells which.
    #[inline]
    pub fn access_clock(self) -> u32 {
        u32::from_le_bytes([self.byte(5), self.byte(6), self.byte(7), (self.flags() / LFU_CLOCK) & 1])
    }

    fn boxed_ptr(self) -> *mut Value {
        let (at, len) = self.key_place();
        let address = self.bytes(at + len, 8).try_into().map(u64::from_le_bytes).expect("8 bytes");
        std::ptr::with_exposed_provenance_mut(address as usize)
    }

    /// What lies inside the entry.
    pub(super) fn inline(self) -> &'a [u8] {
        let (at, len) = self.key_place();
        self.bytes(at + len, self.inline_len())
    }

    /// The string. The entry must be of that type.
    #[inline]
    pub fn value(self) -> ValueRef<'a> {
        debug_assert_eq!(self.kind(), Type::String);
        let (at, len) = self.key_place();
        if self.flags() & BOXED != 0 {
            return self.boxed_value();
        }
        let inline = self.bytes(at + len, self.inline_len());
        if self.byte(0) & 15 == Encoding::Int as u8 {
            return ValueRef::Int(inline.try_into().map(i64::from_le_bytes).expect("an int takes 8 bytes"));
        }
        ValueRef::Bytes(inline)
    }

    // In line, so that who asks what the value is knows it where it was found out.
    #[inline(always)]
    fn boxed_value(self) -> ValueRef<'a> {
        // SAFETY: BOXED says that the pointer is there and ours; nobody changes it during 'a.
        match unsafe { &*self.boxed_ptr() } {
            Value::String(string) => match string.view() {
                StringRef::Bytes(bytes) => ValueRef::Bytes(bytes),
                StringRef::Chunks(chunks) => ValueRef::Chunks(chunks),
            },
            _ => unreachable!("the header says that it is a string"),
        }
    }

    /// A value that lies inside the entry, for another entry: of a key of this length, with an expiry or none. A short string may be too
    /// long beside those.
    fn inline_value(self, key_len: usize, expires: bool) -> NewValue<'a> {
        if !self.is(Type::String) {
            return NewValue::Collection(self.inline(), self.kind(), self.encoding());
        }
        match (self.value(), self.encoding()) {
            (ValueRef::Int(number), _) => NewValue::Int(number),
            (ValueRef::Bytes(bytes), Encoding::Embstr) => NewValue::Bytes(bytes, Encoding::of_text(key_len, bytes.len(), expires)),
            (ValueRef::Bytes(bytes), encoding) => NewValue::Bytes(bytes, encoding),
            (ValueRef::Chunks(_), _) => unreachable!("what lies inside an entry is short"),
        }
    }

    /// A copy under another key, expiry included.
    pub fn duplicate(self, key: &[u8], access_clock: u32) -> Entry {
        let value = match self.boxed() {
            Some(value) => NewValue::Boxed(Box::new(value.duplicate()), self.kind(), self.encoding()),
            None => self.inline_value(key.len(), self.expiry_ms().is_some()),
        };
        Entry::new(key, value, self.expiry_ms(), access_clock)
    }

    /// What freeing the entry costs, in small allocations.
    pub fn free_effort(self) -> usize {
        self.boxed().map_or(1, Value::effort)
    }

    /// Bytes, or elements, that a command looks at which looks at the whole value.
    pub fn scan_len(self) -> usize {
        self.boxed().map_or_else(|| self.inline_len(), Value::scan_len)
    }

    /// True if a snapshot takes the value in parts, and does not have all of them.
    #[inline]
    pub fn is_being_saved(self) -> bool {
        self.boxed().is_some_and(|value| value.saving_tag().is_some())
    }

    /// True if the value does not lie inside the entry.
    #[inline]
    pub fn is_boxed(self) -> bool {
        self.flags() & BOXED != 0
    }

    /// The value, if it does not lie inside the entry.
    pub fn boxed(self) -> Option<&'a Value> {
        // SAFETY: BOXED says that the pointer is there and ours; nobody changes it during 'a.
        self.is_boxed().then(|| unsafe { &*self.boxed_ptr() })
    }

    /// Heap bytes that belong to the value and lie outside the entry.
    pub fn boxed_len(self) -> usize {
        self.boxed().map_or(0, Value::bytes)
    }
}

impl Expiring for EntryRef<'_> {
    #[inline]
    fn expiry_ms(&self) -> Option<i64> {
        EntryRef::expiry_ms(*self)
    }
}

/// An entry, borrowed to be changed in place.
#[derive(Debug)]
pub struct EntryMut<'a>(EntryRef<'a>);

impl<'a> EntryMut<'a> {
    /// Borrows the entry behind `bits` for changing.
    ///
    /// # Safety
    /// As [`EntryRef::from_bits`], and no other reference to the entry lives during `'a`.
    #[inline]
    pub unsafe fn from_bits(bits: u64) -> EntryMut<'a> {
        // SAFETY: passed on.
        EntryMut(unsafe { EntryRef::from_bits(bits) })
    }

    /// To read.
    pub fn as_ref(&self) -> EntryRef<'_> {
        self.0
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        // SAFETY: the callers write parts that the header says are there, exclusively borrowed.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.0.block.as_ptr().add(at), bytes.len()) };
    }

    /// Sets the access clock (24 bits).
    #[inline]
    pub fn set_access_clock(&mut self, clock: u32) {
        let bytes = clock.to_le_bytes();
        let flags = (self.0.flags() & !LFU_CLOCK) | ((bytes[3] & 1) * LFU_CLOCK);
        self.write(1, &[flags]);
        self.write(5, &bytes[..3]);
    }

    /// Sets or removes the expiry in place. False if the entry has no room for one: then it must be rebuilt.
    pub fn set_expiry_ms(&mut self, expiry_ms: Option<i64>) -> bool {
        if self.0.flags() & HAS_EXPIRY == 0 {
            return expiry_ms.is_none();
        }
        // A string that was short enough beside its key may not be beside an expiry as well.
        let (_, key_len) = self.0.key_place();
        if expiry_ms.is_some() && self.0.is(Type::String) && self.0.encoding() == Encoding::Embstr {
            let encoding = Encoding::of_text(key_len, self.0.inline_len(), true);
            self.write(0, &[((Type::String as u8) << 4) | encoding as u8]);
        }
        let at = HEADER_LEN + if self.0.flags() & LONG_KEY != 0 { 4 } else { 0 };
        self.write(at, &expiry_ms.unwrap_or(NO_EXPIRY).to_le_bytes());
        true
    }

    /// Overwrites an inline value in place if the entry's rounded size stays the same. False: nothing changed, build a new one.
    #[inline]
    pub fn overwrite(&mut self, value: &NewValue<'_>) -> bool {
        if self.0.flags() & BOXED != 0 {
            return false;
        }
        let int_bytes;
        let (bytes, kind, encoding): (&[u8], Type, Encoding) = match value {
            NewValue::Bytes(bytes, encoding) if bytes.len() <= INLINE_VALUE_LEN_MAX => (bytes, Type::String, *encoding),
            NewValue::Int(number) => {
                int_bytes = number.to_le_bytes();
                (&int_bytes, Type::String, Encoding::Int)
            }
            NewValue::Collection(bytes, kind, encoding) => (bytes, *kind, *encoding),
            _ => return false,
        };
        let (at, len) = self.0.key_place();
        let value_at = at + len;
        if round_up(value_at + bytes.len()) != round_up(value_at + self.0.inline_len()) {
            return false;
        }
        self.write(0, &[((kind as u8) << 4) | encoding as u8]);
        self.write(3, &(bytes.len() as u16).to_le_bytes());
        self.write(value_at, bytes);
        true
    }

    /// The bytes of a value that lies inside the entry, for changes that keep their number, as `Raw` from now on. `None` if it is held as an
    /// integer, or boxed.
    pub fn inline_mut(&mut self) -> Option<&mut [u8]> {
        if self.0.flags() & BOXED != 0 || self.0.byte(0) & 15 == Encoding::Int as u8 {
            return None;
        }
        self.write(0, &[((Type::String as u8) << 4) | Encoding::Raw as u8]);
        let (at, len) = self.0.key_place();
        let inline_len = self.0.inline_len();
        // SAFETY: the inline value lies there, exclusively borrowed for the lifetime of the result.
        Some(unsafe { std::slice::from_raw_parts_mut(self.0.block.as_ptr().add(at + len), inline_len) })
    }

    /// As [`EntryMut::boxed_mut`], for as long as the entry is borrowed.
    pub fn into_boxed(self) -> Option<&'a mut Value> {
        // SAFETY: BOXED says that the pointer is there and ours; exclusively borrowed for 'a.
        (self.0.flags() & BOXED != 0).then(|| unsafe { &mut *self.0.boxed_ptr() })
    }

    /// The boxed value, if it is one.
    pub fn boxed_mut(&mut self) -> Option<&mut Value> {
        // SAFETY: BOXED says that the pointer is there and ours; exclusively borrowed.
        (self.0.flags() & BOXED != 0).then(|| unsafe { &mut *self.0.boxed_ptr() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::CONTIGUOUS_LEN_MAX;

    fn check(key: &[u8], value: NewValue<'_>, expiry: Option<i64>, expect: &[u8]) -> Entry {
        let entry = Entry::new(key, value, expiry, 0x00ab_cdef);
        let view = entry.borrow();
        assert_eq!(view.key(), key);
        assert_eq!(view.expiry_ms(), expiry.filter(|ms| *ms != NO_EXPIRY));
        assert_eq!(view.access_clock(), 0x00ab_cdef);
        match view.value() {
            ValueRef::Bytes(bytes) => assert_eq!(bytes, expect),
            ValueRef::Int(number) => assert_eq!(number.to_string().as_bytes(), expect),
            ValueRef::Chunks(chunks) => assert!(chunks.view().equals(expect)),
        }
        entry
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a value that takes long to free is freed under a lock")]
    fn a_large_value_that_is_freed_under_a_lock_is_a_bug() {
        let entry = |len: usize| Entry::new(b"k", NewValue::Bytes(&vec![b'x'; len], Encoding::Raw), None, 0);
        drop(entry(6 << 20));
        let stripe: lock::StripeMutex<()> = lock::StripeMutex::new(());
        let _held = stripe.lock();
        drop(entry(CONTIGUOUS_LEN_MAX));
        drop(entry(6 << 20));
    }

    #[test]
    fn holds_what_it_was_given() {
        let long = vec![b'k'; 70_000];
        let big = vec![7u8; INLINE_VALUE_LEN_MAX + 1];
        let huge = vec![7u8; CONTIGUOUS_LEN_MAX + 1];
        for key in [&b""[..], b"k", &long[..255], &long[..256], &long] {
            for expiry in [None, Some(1_700_000_000_000), Some(NO_EXPIRY)] {
                check(key, NewValue::Bytes(b"", Encoding::Embstr), expiry, b"");
                check(key, NewValue::Bytes(b"value", Encoding::Embstr), expiry, b"value");
                check(key, NewValue::Bytes(&big, Encoding::Raw), expiry, &big);
                let entry = check(key, NewValue::Bytes(&huge, Encoding::Raw), expiry, &huge);
                let copy = entry.borrow().duplicate(b"other", 0);
                let entry = entry.with_key(b"renamed").with_expiry(None);
                assert!(matches!(copy.borrow().value(), ValueRef::Chunks(chunks) if chunks.view().equals(&huge)));
                assert!(matches!(entry.borrow().value(), ValueRef::Chunks(chunks) if chunks.view().equals(&huge)));
                assert_eq!((copy.borrow().scan_len(), copy.borrow().boxed_len()), (huge.len(), entry.borrow().boxed_len()));
                check(key, NewValue::Int(i64::MIN), expiry, b"-9223372036854775808");
            }
        }
    }

    #[test]
    fn sixteen_and_eight_bytes_take_thirty_two() {
        let entry = check(&[b'k'; 16], NewValue::Bytes(&[b'v'; 8], Encoding::Embstr), None, &[b'v'; 8]);
        assert_eq!(entry.borrow().block_len(), 32);
    }

    #[test]
    fn changes_in_place_keep_the_rounded_size() {
        let bits = check(b"key", NewValue::Bytes(b"12345", Encoding::Embstr), Some(5), b"12345").into_bits();
        {
            // SAFETY: the bits are ours, and no other reference lives.
            let mut entry = unsafe { EntryMut::from_bits(bits) };
            assert!(entry.overwrite(&NewValue::Bytes(b"1234", Encoding::Embstr)));
            assert!(!entry.overwrite(&NewValue::Bytes(&[0; 50], Encoding::Embstr)));
            assert!(entry.set_expiry_ms(None));
            entry.inline_mut().expect("not an integer")[0] = b'x';
            entry.set_access_clock(7 | 1 << 24);
            assert_eq!(entry.as_ref().access_clock(), 7 | 1 << 24);
            entry.set_access_clock(7);
            let view = entry.as_ref();
            assert!(matches!(view.value(), ValueRef::Bytes(b"x234")));
            assert_eq!((view.expiry_ms(), view.access_clock(), view.encoding()), (None, 7, Encoding::Raw));
        }
        // SAFETY: taken back once.
        drop(unsafe { Entry::from_bits(bits) });
    }
}
