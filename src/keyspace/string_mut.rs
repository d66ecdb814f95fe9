//! How a string under a key is changed: the part of [`KeyMut`] that knows strings.
//!
//! Invariants:
//! * A change in place is announced by [`KeyMut::mark_dirty`] before it happens; every other change goes through [`KeyMut::set`].
//! * A long string is changed where it is: what a change costs follows from its own length, not from the string's.

use super::entry::{Encoding, NewValue, Type, Value, ValueRef};
use super::key_mut::{Expiry, KeyMut};
use super::value::string::LongString;
use super::{WrongType, string_value};
use crate::base::limits::{CONTIGUOUS_LEN_MAX, INLINE_VALUE_LEN_MAX};

impl KeyMut<'_, '_, '_> {
    /// The value as a string, `None` if the key is not there.
    #[inline]
    pub fn string(&mut self) -> Result<Option<ValueRef<'_>>, WrongType> {
        self.entry().map(string_value::of).transpose()
    }

    /// Sets a string from its text: an integer if it is the canonical text of one.
    #[inline]
    pub fn set_text(&mut self, text: &[u8], expiry: Expiry) {
        let expires = match expiry {
            Expiry::At(_) => true,
            // Valkey writes the value beside the expiry, and takes that away afterwards.
            Expiry::Clear | Expiry::Keep => self.expiry_ms().is_some(),
        };
        self.set(string_value::encode(self.key.name(), text, expires), expiry);
    }

    /// Sets the value to this string, as `raw` whatever it spells.
    pub fn set_raw(&mut self, string: LongString, expiry: Expiry) {
        match string {
            LongString::Raw(bytes) if bytes.len() <= INLINE_VALUE_LEN_MAX => self.set(NewValue::Bytes(&bytes, Encoding::Raw), expiry),
            string => self.set(NewValue::Boxed(Box::new(Value::String(string)), Type::String, Encoding::Raw), expiry),
        }
    }

    /// Appends to the string, creating it if it is not there. Returns the new length.
    pub fn append(&mut self, tail: &[u8]) -> usize {
        let Some(entry) = self.entry() else {
            self.set_text(tail, Expiry::Keep);
            return tail.len();
        };
        let len = string_value::len(entry.value()) + tail.len();
        if entry.is_boxed() {
            self.change_boxed(|string| string.append(tail));
            return len;
        }
        let mut string = LongString::from(string_value::to_vec(entry));
        string.append(tail);
        self.set_raw(string, Expiry::Keep);
        len
    }

    /// Makes the string at least `len` long (filled with zeros) and raw. Creates the key if it is not there. Returns the length.
    pub fn grow(&mut self, len: usize) -> usize {
        let Some(entry) = self.entry() else {
            self.set_raw(LongString::zeros(len), Expiry::Keep);
            return len;
        };
        let old_len = string_value::len(entry.value());
        let new_len = len.max(old_len);
        if entry.is_boxed() {
            if new_len > old_len {
                self.change_boxed(|string| string.grow(len));
            }
        } else if new_len > old_len || entry.encoding() == Encoding::Int {
            let mut bytes = string_value::to_vec(entry);
            bytes.reserve_exact(new_len.min(CONTIGUOUS_LEN_MAX) - old_len);
            let mut string = LongString::from(bytes);
            string.grow(new_len);
            self.set_raw(string, Expiry::Keep);
        } else {
            // By this it becomes raw; its content stays.
            self.entry_mut().and_then(|mut entry| entry.inline_mut().map(|_| ()));
        }
        new_len
    }

    /// Changes `len` bytes at `offset` in place, after the string was made long enough and raw as by [`KeyMut::grow`].
    pub fn edit_range<R>(&mut self, offset: usize, len: usize, edit: impl FnOnce(&mut [u8]) -> R) -> R {
        self.grow(offset + len);
        self.mark_dirty();
        let mut entry = self.entry_mut().expect("there, or made by grow");
        if let Some(Value::String(string)) = entry.boxed_mut() {
            return string.edit(offset, len, edit);
        }
        edit(&mut entry.inline_mut().expect("grow leaves no integer")[offset..offset + len])
    }

    /// Overwrites what lies at `offset`, after the string was made long enough and raw as by [`KeyMut::grow`]. Returns the length.
    pub fn write_range(&mut self, offset: usize, bytes: &[u8]) -> usize {
        let len = self.grow(offset + bytes.len());
        self.mark_dirty();
        let mut entry = self.entry_mut().expect("there, or made by grow");
        if let Some(Value::String(string)) = entry.boxed_mut() {
            string.write(offset, bytes);
        } else {
            entry.inline_mut().expect("grow leaves no integer")[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        len
    }

    /// Changes a string that does not lie inside its entry.
    fn change_boxed<R>(&mut self, change: impl FnOnce(&mut LongString) -> R) -> R {
        self.mark_dirty();
        let mut entry = self.entry_mut().expect("the caller has seen it");
        match entry.boxed_mut().expect("the caller has seen that it is boxed") {
            Value::String(string) => change(string),
            _ => unreachable!("the caller has seen that it is a string"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::limits::CHUNK_LEN;
    use crate::keyspace::Keyspace;
    use crate::keyspace::entry::EntryRef;
    use crate::keyspace::testing::{change, with_key};
    use crate::keyspace::value::string::StringSnapshot;

    #[derive(Debug, Clone)]
    enum Step {
        Set(usize),
        Append(usize),
        Write(usize, usize),
        Edit(usize, usize),
        Grow(usize),
        Snapshot,
    }

    /// Lengths near those at which a string changes how it lies.
    fn length() -> impl Strategy<Value = usize> {
        let border =
            prop_oneof![Just(0), Just(20), Just(INLINE_VALUE_LEN_MAX), Just(CONTIGUOUS_LEN_MAX), Just(CONTIGUOUS_LEN_MAX + CHUNK_LEN)];
        (border, 0..40_usize).prop_map(|(border, more)| (border + more).saturating_sub(20))
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let short = || prop_oneof![4 => 1..50_usize, 1 => length()];
        let step = prop_oneof![
            1 => length().prop_map(Step::Set),
            2 => short().prop_map(Step::Append),
            2 => (length(), short()).prop_map(|(at, len)| Step::Write(at, len)),
            2 => (length(), 1..20_usize).prop_map(|(at, len)| Step::Edit(at, len)),
            1 => length().prop_map(Step::Grow),
            1 => Just(Step::Snapshot),
        ];
        prop::collection::vec(step, 1..12)
    }

    fn bytes(number: usize, len: usize) -> Vec<u8> {
        (0..len).map(|at| ((at + number * 7) % 251) as u8 | 1).collect()
    }

    /// Takes one step on the key and on what it must hold.
    fn run(
        key: &mut KeyMut<'_, '_, '_>,
        step: &Step,
        number: usize,
        model: &mut Vec<u8>,
        snapshots: &mut Vec<(StringSnapshot, Vec<u8>)>,
    ) -> Result<(), TestCaseError> {
        match *step {
            Step::Set(len) => {
                *model = bytes(number, len);
                key.set_text(model, Expiry::Clear);
            }
            Step::Append(len) => {
                model.extend_from_slice(&bytes(number, len));
                prop_assert_eq!(key.append(&bytes(number, len)), model.len());
            }
            Step::Write(at, len) => {
                model.resize(model.len().max(at + len), 0);
                model[at..at + len].copy_from_slice(&bytes(number, len));
                prop_assert_eq!(key.write_range(at, &bytes(number, len)), model.len());
            }
            Step::Edit(at, len) => {
                model.resize(model.len().max(at + len), 0);
                let before = key.edit_range(at, len, |part| {
                    let before = part.to_vec();
                    part.copy_from_slice(&bytes(number, len));
                    before
                });
                prop_assert_eq!(&before, &model[at..at + len]);
                model[at..at + len].copy_from_slice(&bytes(number, len));
            }
            Step::Grow(len) => {
                model.resize(model.len().max(len), 0);
                prop_assert_eq!(key.grow(len), model.len());
            }
            Step::Snapshot => {
                let value = key.string().expect("a string");
                snapshots.push((value.map(string_value::snapshot).unwrap_or_default(), model.clone()));
            }
        }
        Ok(())
    }

    fn check(entry: Option<EntryRef<'_>>, model: &[u8]) -> Result<(), TestCaseError> {
        prop_assert_eq!(entry.map_or(0, |entry| string_value::len(entry.value())), model.len());
        let Some(entry) = entry else { return Ok(()) };
        prop_assert!(string_value::with_string(entry.value(), |string| string.equals(model)));
        prop_assert_eq!(matches!(entry.value(), ValueRef::Chunks(_)), model.len() > CONTIGUOUS_LEN_MAX);
        prop_assert!(!entry.is_boxed() || entry.scan_len() == model.len());
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_string_under_a_key_is_what_a_vector_would_be(steps in steps(), starts_as_number: bool) {
            let keyspace = Keyspace::new(16, 1, false, 1);
            let mut model = Vec::new();
            let mut snapshots: Vec<(StringSnapshot, Vec<u8>)> = Vec::new();
            if starts_as_number {
                change(&keyspace, 0, "key", 1000, |key| key.set_text(b"12345", Expiry::Clear));
                model.extend_from_slice(b"12345");
            }
            for (number, step) in steps.into_iter().enumerate() {
                let mut result = Ok(());
                change(&keyspace, 0, "key", 1000, |key| result = run(key, &step, number, &mut model, &mut snapshots));
                result?;
                with_key(&keyspace, 0, "key", 1000, |keys, key| check(keys.peek(key), &model))?;
            }
            for (snapshot, model) in &snapshots {
                prop_assert!(snapshot.view().equals(model));
            }
        }
    }

    #[test]
    fn a_changed_string_is_raw_whatever_it_spells() {
        let keyspace = Keyspace::new(16, 1, false, 1);
        let changes: [fn(&mut KeyMut<'_, '_, '_>); 4] = [
            |key| assert_eq!(key.grow(0), 3),
            |key| assert_eq!(key.edit_range(1, 1, |byte| byte[0]), b'2'),
            |key| assert_eq!(key.write_range(0, b"7"), 3),
            |key| assert_eq!(key.append(b"4"), 4),
        ];
        for text in [&b"123"[..], b"x2y"] {
            for then in changes {
                change(&keyspace, 0, "key", 1000, |key| {
                    key.set_text(text, Expiry::At(5000));
                    then(key);
                    assert_eq!(key.entry().map(|entry| entry.encoding()), Some(Encoding::Raw));
                    assert_eq!(key.expiry_ms(), Some(5000));
                });
            }
        }
    }
}
