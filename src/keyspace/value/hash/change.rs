//! Changing hashes.

use super::{COUNT_LEN, FieldAccess, Hash, LargeHash, SMALL_LEN_MAX, SmallLimits};
use crate::datatypes::items::{self, Items, Packed};
use crate::keyspace::value::collection::Collection;
use crate::keyspace::value::packed_table::push_expiry;

/// What a new value does with its field's expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldExpiry {
    /// Removes it.
    Clear,
    /// Leaves it.
    Keep,
    /// Sets it, unix milliseconds.
    At(i64),
}

/// What a field was before it got a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldWas {
    /// Not there.
    Absent,
    /// There.
    Present,
    /// There, but its time had come.
    Expired,
}

/// Changes the count of a small hash.
fn count_small(bytes: &mut [u8], by: i32) {
    let count = bytes.first_chunk().map_or(0, |count| i32::from(u16::from_le_bytes(*count)));
    bytes[..COUNT_LEN].copy_from_slice(&((count + by) as u16).to_le_bytes());
}

impl Hash {
    /// Makes it a table.
    pub(super) fn enlarge(&mut self, access: FieldAccess<'_>) -> &mut LargeHash {
        if let Hash::Small(bytes) = self {
            let mut large = LargeHash::new();
            let pairs = &bytes[COUNT_LEN..];
            let starts: Vec<usize> = Items::of(pairs).step_by(2).map(|(at, _)| at).collect();
            let ends = starts.iter().skip(1).copied().chain([pairs.len()]);
            for (start, end) in starts.iter().zip(ends) {
                let record = &pairs[*start..end];
                let hash = access.hasher.hash(&record[..items::form_len(record)]);
                large.table.insert(hash, record, access.hasher);
            }
            *self = Hash::Large(Box::new(large));
        }
        match self {
            Hash::Large(large) => large,
            Hash::Small(_) => unreachable!("it was made large just now"),
        }
    }

    /// Prepares for so many fields that come together: what is too much for a small hash is a large one at once, even if some are the same.
    pub fn expect(&mut self, fields: usize, limits: SmallLimits, access: FieldAccess<'_>) {
        if fields as u64 > limits.entries.min(SMALL_LEN_MAX) {
            self.enlarge(access);
        }
    }

    /// Gives a field a value.
    pub fn set(&mut self, field: &[u8], value: &[u8], expiry: FieldExpiry, limits: SmallLimits, access: FieldAccess<'_>) -> FieldWas {
        if let Hash::Small(bytes) = self {
            let is_too_long = field.len().max(value.len()) as u64 > limits.value_len;
            if !is_too_long && !matches!(expiry, FieldExpiry::At(_)) {
                let (form, value) = (items::packed(field), items::packed(value));
                if let Some(at) = items::find(&bytes[COUNT_LEN..], &form, 2) {
                    let start = COUNT_LEN + at + form.len();
                    let end = start + items::form_len(&bytes[start..]);
                    items::splice(bytes, start..end, &value);
                    // The limit may be a lower one than when the fields came.
                    if self.view().len() as u64 > limits.entries {
                        self.enlarge(access);
                    }
                    return FieldWas::Present;
                }
                if (self.view().len() as u64) < limits.entries.min(SMALL_LEN_MAX) {
                    if let Hash::Small(bytes) = self {
                        items::reserve(bytes, form.len() + value.len());
                        bytes.extend_from_slice(&form);
                        bytes.extend_from_slice(&value);
                        count_small(bytes, 1);
                    }
                    return FieldWas::Absent;
                }
            }
        }
        self.enlarge(access).set(field, value, expiry, access)
    }

    /// Takes a field out. False if it was not there, or its time had come.
    pub fn remove(&mut self, field: &[u8], access: FieldAccess<'_>) -> bool {
        let form = items::packed(field);
        match self {
            Hash::Small(bytes) => {
                let Some(at) = items::find(&bytes[COUNT_LEN..], &form, 2) else { return false };
                let start = COUNT_LEN + at;
                let value_at = start + form.len();
                let end = value_at + items::form_len(&bytes[value_at..]);
                bytes.drain(start..end);
                count_small(bytes, -1);
                true
            }
            Hash::Large(large) => large.remove(&form, access),
        }
    }
}

impl LargeHash {
    fn set(&mut self, field: &[u8], value: &[u8], expiry: FieldExpiry, access: FieldAccess<'_>) -> FieldWas {
        let form = items::packed(field);
        let hash = access.hasher.hash(&form);
        let Some(place) = self.table.find(hash, &form) else {
            let mut record = Packed::with_capacity(form.len() + value.len() + 16);
            record.extend_from_slice(&form);
            items::push(&mut record, value);
            if let FieldExpiry::At(expiry_ms) = expiry {
                push_expiry(&mut record, expiry_ms);
                self.expiry.add(expiry_ms);
            }
            self.table.insert(hash, &record, access.hasher);
            return FieldWas::Absent;
        };
        let old_ms = if self.expiry.count == 0 { None } else { self.table.get(&place).expiry_ms() };
        let is_expired = old_ms.is_some_and(|old_ms| !access.liveness.holds(old_ms));
        let new_ms = match expiry {
            FieldExpiry::At(expiry_ms) => Some(expiry_ms),
            FieldExpiry::Keep if !is_expired => old_ms,
            _ => None,
        };
        let mut rest = items::packed(value);
        if let Some(new_ms) = new_ms {
            push_expiry(&mut rest, new_ms);
        }
        self.expiry.replace(old_ms, new_ms);
        self.table.set_rest(hash, &place, &rest);
        if is_expired { FieldWas::Expired } else { FieldWas::Present }
    }

    pub(super) fn remove(&mut self, form: &[u8], access: FieldAccess<'_>) -> bool {
        let Some(place) = self.place(form, access) else { return false };
        if self.expiry.count > 0 {
            let expiry_ms = self.table.get(&place).expiry_ms();
            if expiry_ms.is_some_and(|expiry_ms| !access.liveness.holds(expiry_ms)) {
                return false;
            }
            self.expiry.replace(expiry_ms, None);
        }
        self.table.remove(&place, access.hasher);
        true
    }
}
