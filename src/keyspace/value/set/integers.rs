//! Sorted integers of 2, 4 or 8 bytes each, as many as the largest and the smallest of them need.

use std::cmp::Ordering;

use crate::datatypes::items;

/// None.
pub(super) fn empty() -> Vec<u8> {
    vec![2]
}

fn width_of(number: i64) -> usize {
    if i16::try_from(number).is_ok() {
        2
    } else if i32::try_from(number).is_ok() {
        4
    } else {
        8
    }
}

#[inline]
fn width(bytes: &[u8]) -> usize {
    bytes[0] as usize
}

/// How many there are.
#[inline]
pub(super) fn len(bytes: &[u8]) -> usize {
    (bytes.len() - 1) / width(bytes)
}

/// The one at this place.
#[inline]
pub(super) fn get(bytes: &[u8], index: usize) -> i64 {
    let width = width(bytes);
    let at = 1 + index * width;
    let number = &bytes[at..at + width];
    match width {
        2 => i64::from(i16::from_le_bytes([number[0], number[1]])),
        4 => i64::from(i32::from_le_bytes(*number.first_chunk().expect("4 bytes"))),
        _ => i64::from_le_bytes(*number.first_chunk().expect("8 bytes")),
    }
}

/// All, in ascending order.
pub(super) fn iter(bytes: &[u8]) -> impl Iterator<Item = i64> {
    (0..len(bytes)).map(|index| get(bytes, index))
}

/// Where a number is, or would be.
pub(super) fn find(bytes: &[u8], number: i64) -> Result<usize, usize> {
    let (mut low, mut high) = (0, len(bytes));
    // Many come in ascending order.
    if high > 0 && get(bytes, high - 1) < number {
        return Err(high);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        match get(bytes, middle).cmp(&number) {
            Ordering::Equal => return Ok(middle),
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
        }
    }
    Err(low)
}

fn put(bytes: &mut Vec<u8>, width: usize, number: i64) {
    bytes.extend_from_slice(&number.to_le_bytes()[..width]);
}

/// Adds a number. False if it is there.
pub(super) fn insert(bytes: &mut Vec<u8>, number: i64) -> bool {
    let needed = width_of(number);
    if needed > width(bytes) {
        let mut wider = Vec::with_capacity(1 + (len(bytes) + 1) * needed);
        wider.push(needed as u8);
        // It is smaller or larger than all that were there.
        if number < 0 {
            put(&mut wider, needed, number);
        }
        iter(bytes).for_each(|old| put(&mut wider, needed, old));
        if number > 0 {
            put(&mut wider, needed, number);
        }
        *bytes = wider;
        return true;
    }
    let Err(index) = find(bytes, number) else { return false };
    let width = width(bytes);
    let (at, end) = (1 + index * width, bytes.len());
    items::reserve(bytes, width);
    bytes.resize(end + width, 0);
    bytes.copy_within(at..end, at + width);
    bytes[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
    true
}

/// Takes a number out. False if it is not there.
pub(super) fn remove(bytes: &mut Vec<u8>, number: i64) -> bool {
    let Ok(index) = find(bytes, number) else { return false };
    let width = width(bytes);
    bytes.drain(1 + index * width..1 + (index + 1) * width);
    true
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_what_a_sorted_set_would_be(steps in prop::collection::vec((any::<bool>(), prop_oneof![
            4 => -50..50i64, 1 => any::<i16>().prop_map(i64::from), 1 => any::<i32>().prop_map(i64::from), 1 => any::<i64>(),
        ]), 0..200)) {
            let (mut bytes, mut model) = (empty(), BTreeSet::new());
            for (adds, number) in steps {
                if adds {
                    prop_assert_eq!(insert(&mut bytes, number), model.insert(number));
                } else {
                    prop_assert_eq!(remove(&mut bytes, number), model.remove(&number));
                }
                prop_assert_eq!(find(&bytes, number).is_ok(), model.contains(&number));
                prop_assert_eq!(len(&bytes), model.len());
            }
            prop_assert!(iter(&bytes).eq(model.into_iter()));
        }
    }
}
