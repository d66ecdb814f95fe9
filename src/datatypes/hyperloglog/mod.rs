//! HyperLogLogs (rank 1): how many different elements were added, estimated in 12 KiB at most.
//!
//! ```text
//! header   "HYLL" | encoding: 0 dense, 1 sparse | 3 bytes unused | u64 cached cardinality, its highest bit set if it is outdated
//! dense    16384 registers of 6 bits, the first in the lowest bits of the first byte
//! sparse   operations, each for the next registers (sparse.rs)
//! ```
//!
//! They are strings, and the bytes are those that Valkey has after the same commands: it may read them, and write them, too.
//!
//! Invariant: what a client wrote is checked where it is read. A corrupt one is [`Corrupt`], never a panic.

mod count;
mod dense;
mod format;
pub mod sparse;
mod union;

pub use self::count::{Histogram, estimate};
use self::dense::compress;
pub use self::dense::{register, registers_of, set_register};
pub use self::format::{Corrupt, DENSE_LEN, HEADER_LEN, Mark, REGISTERS, Registers};
pub use self::union::Union;

const MAGIC: &[u8; 4] = b"HYLL";
const ENCODING_AT: usize = 4;
const CACHE_AT: usize = 8;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;

/// One to which nothing was added: sparse.
pub fn empty() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_LEN + 16);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[SPARSE, 0, 0, 0]);
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&sparse::ALL_ZERO);
    bytes
}

/// True if a string with these first bytes, and of this length, is a HyperLogLog by its header.
#[inline]
pub fn is_one(header: &[u8], len: usize) -> bool {
    header.len() >= HEADER_LEN
        && header.starts_with(MAGIC)
        && match header[ENCODING_AT] {
            DENSE => len == DENSE_LEN,
            encoding => encoding == SPARSE,
        }
}

/// True if it is a sparse one.
#[inline]
pub fn is_sparse(bytes: &[u8]) -> bool {
    bytes[ENCODING_AT] == SPARSE
}

/// The cached cardinality, unless it is outdated.
pub fn cached(bytes: &[u8]) -> Option<u64> {
    let cached = u64::from_le_bytes(*bytes[CACHE_AT..].first_chunk().expect("a header"));
    (cached >> 63 == 0).then_some(cached)
}

/// Keeps a cardinality that was just estimated. The string's first [`HEADER_LEN`] bytes are enough.
pub fn set_cached(bytes: &mut [u8], cardinality: u64) {
    bytes[CACHE_AT..CACHE_AT + 8].copy_from_slice(&cardinality.to_le_bytes());
}

/// Notes that the cached cardinality is outdated.
#[inline]
pub fn outdate(bytes: &mut [u8]) {
    bytes[CACHE_AT + 7] |= 0x80;
}

/// Raises a register, if that changes it. A sparse one that would exceed `sparse_len_max` bytes by it becomes dense.
///
/// # Errors
/// If it is corrupt. It may have changed then.
pub fn raise(bytes: &mut Vec<u8>, mark: Mark, sparse_len_max: u64) -> Result<bool, Corrupt> {
    if !is_sparse(bytes) {
        return Ok(raise_dense(bytes, mark));
    }
    let place = sparse::locate(&bytes[HEADER_LEN..], mark.index).ok_or(Corrupt)?;
    if !place.is_raised_by(mark.count) {
        return Ok(false);
    }
    raise_sparse(bytes, place, mark, sparse_len_max)
}

/// Raises a register of a sparse one at its place, where it is raised.
///
/// # Errors
/// As [`raise`].
pub fn raise_sparse(bytes: &mut Vec<u8>, place: sparse::Place, mark: Mark, sparse_len_max: u64) -> Result<bool, Corrupt> {
    if mark.count > sparse::VALUE_MAX || !sparse::raise(bytes, place, mark, sparse_len_max) {
        *bytes = to_dense(bytes)?;
        raise_dense(bytes, mark);
    } else {
        outdate(bytes);
    }
    Ok(true)
}

/// Raises a register of a dense one, if that changes it.
#[inline]
pub fn raise_dense(bytes: &mut [u8], mark: Mark) -> bool {
    let registers = &mut bytes[HEADER_LEN..];
    let is_raised = mark.count > register(registers, mark.index);
    if is_raised {
        set_register(registers, mark.index, mark.count);
    }
    is_raised
}

/// The dense form of a sparse one. The cached cardinality stays.
///
/// # Errors
/// If it is corrupt.
pub fn to_dense(bytes: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let mut raw = Box::new([0; REGISTERS]);
    sparse::merge(&mut raw, &bytes[HEADER_LEN..])?;
    let mut dense = Vec::with_capacity(DENSE_LEN);
    dense.extend_from_slice(&bytes[..HEADER_LEN]);
    dense[ENCODING_AT] = DENSE;
    dense.resize(DENSE_LEN, 0);
    compress(&mut dense[HEADER_LEN..], &raw);
    Ok(dense)
}

/// Estimates the cardinality.
///
/// # Errors
/// If it is corrupt.
pub fn count(bytes: &[u8]) -> Result<u64, Corrupt> {
    let content = &bytes[HEADER_LEN..];
    let histogram = if is_sparse(bytes) { sparse::histogram(content)? } else { Histogram::of_dense(content) };
    Ok(estimate(&histogram))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(registers: &Registers) -> Vec<u8> {
        let mut dense = vec![0; DENSE_LEN - HEADER_LEN];
        registers.iter().enumerate().for_each(|(index, value)| set_register(&mut dense, index, *value));
        dense
    }

    /// What a client can see of registers, of both forms.
    fn check(sparse: &[u8], dense: &[u8], model: &Registers) -> Result<(), TestCaseError> {
        for bytes in [sparse, dense] {
            for is_wide in [false, true] {
                let mut union = Union::new(is_wide);
                prop_assert_eq!(union.add(bytes), Ok(()));
                prop_assert!(union.into_dense() == packed(model));
            }
            prop_assert_eq!(count(bytes), Ok(estimate(&Histogram::of_dense(&packed(model)))));
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn both_forms_hold_what_an_array_would(
            marks in prop::collection::vec((prop_oneof![0..REGISTERS, 0..64usize, REGISTERS - 70..REGISTERS], prop_oneof![1..4u8, 1..52u8]), 0..600),
            sparse_len_max in prop_oneof![Just(0u64), Just(100), Just(3000), Just(1 << 40)],
        ) {
            let mut model = Box::new([0; REGISTERS]);
            let mut sparse = empty();
            let mut dense = to_dense(&sparse).expect("an empty one is not corrupt");
            for (index, count) in marks {
                let mark = Mark { index, count };
                let is_raised = count > model[index];
                model[index] = count.max(model[index]);
                prop_assert_eq!(raise(&mut sparse, mark, sparse_len_max), Ok(is_raised));
                prop_assert_eq!(raise(&mut dense, mark, sparse_len_max), Ok(is_raised));
                prop_assert!(!is_sparse(&sparse) || sparse.len() as u64 <= sparse_len_max.max(18));
            }
            check(&sparse, &dense, &model)?;
        }

        #[test]
        fn a_corrupt_one_is_an_error(content in prop::collection::vec(any::<u8>(), 0..300), index in 0..REGISTERS, count in 1..52u8) {
            let mut bytes = empty();
            bytes.truncate(HEADER_LEN);
            bytes.extend_from_slice(&content);
            let counted = super::count(&bytes);
            prop_assert_eq!(Union::new(true).add(&bytes).is_ok(), counted.is_ok());
            prop_assert_eq!(to_dense(&bytes).is_ok(), counted.is_ok());
            for _ in 0..3 {
                let _ = raise(&mut bytes, Mark { index, count }, 3000);
            }
        }
    }

    /// A union of dense and sparse ones, with registers of every value that six bits can hold, beside one register at a time.
    #[test]
    fn a_union_has_the_largest_value_of_each_register() {
        let mut rng = crate::base::rng::Rng::new(1);
        for dense in 0..6 {
            let (mut wide, mut narrow, mut model) = (Union::new(true), Union::new(false), Box::new([0; REGISTERS]));
            for number in 0..dense {
                let mut hll = to_dense(&empty()).expect("an empty one is not corrupt");
                for (index, most) in model.iter_mut().enumerate() {
                    let value = if rng.below(4) == 0 { 63 } else { rng.below(64) as u8 };
                    set_register(&mut hll[HEADER_LEN..], index, value);
                    *most = value.max(*most);
                }
                let mut sparse = empty();
                let mark = Mark { index: number * 3000 + 1, count: 32 };
                raise(&mut sparse, mark, 3000).expect("it is not corrupt");
                model[mark.index] = model[mark.index].max(mark.count);
                for union in [&mut wide, &mut narrow] {
                    assert_eq!((union.add(&hll), union.add(&sparse)), (Ok(()), Ok(())));
                }
            }
            assert!(wide.into_dense() == packed(&model) && narrow.into_dense() == packed(&model), "{dense}");
        }
    }

    #[test]
    fn estimates_are_close() {
        let (mut bytes, mut next) = (empty(), 1u64);
        for number in 1..=if cfg!(miri) { 4000 } else { 100_000_u64 } {
            raise(&mut bytes, Mark::of(&number.to_le_bytes()), 3000).expect("it is not corrupt");
            if number == next {
                let estimated = count(&bytes).expect("it is not corrupt");
                assert!(estimated.abs_diff(number) as f64 <= (number as f64 * 0.05).max(1.0), "{estimated} for {number}");
                next *= 10;
            }
        }
        assert!(!is_sparse(&bytes));
    }
}
