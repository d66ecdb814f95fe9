//! Texts: as they are, as integers, or compressed.

use super::source::{Length, Source, push_length};
use super::{Corrupt, lzf};
use crate::base::number::parse_i64;

const INT8: u8 = 0;
const INT16: u8 = 1;
const INT32: u8 = 2;
const LZF: u8 = 3;
const FORM: u8 = 0xc0;
/// Longer texts are no integers of 32 bits.
pub(super) const INTEGER_LEN_MAX: usize = 11;
/// Shorter ones cannot be compressed.
const COMPRESSED_LEN_MIN: usize = 21;
/// What compression must save.
const SAVED_MIN: usize = 4;

/// Reads a text, and puts it into `out`, whatever that held.
///
/// # Errors
/// If it is none.
pub fn read(source: &mut impl Source, out: &mut Vec<u8>) -> Result<(), Corrupt> {
    out.clear();
    match source.length_or_form()? {
        Length::Of(len) => source.append(len, out),
        Length::Form(form) => of_form(form, source, out),
    }
}

/// Reads a text, and calls `with` with it: where it lies, if it can be read there, else in `room`.
///
/// # Errors
/// If it is none.
#[inline]
pub fn with<R>(source: &mut impl Source, room: &mut Vec<u8>, with: impl FnOnce(&[u8]) -> R) -> Result<R, Corrupt> {
    match source.length_or_form()? {
        Length::Of(len) => source.with_bytes(len, room, with),
        Length::Form(form) => {
            room.clear();
            of_form(form, source, room)?;
            Ok(with(room))
        }
    }
}

/// Appends a text of this form.
fn of_form(form: u8, source: &mut impl Source, out: &mut Vec<u8>) -> Result<(), Corrupt> {
    let number = match form {
        INT8 => i64::from(i8::from_le_bytes(source.array()?)),
        INT16 => i64::from(i16::from_le_bytes(source.array()?)),
        INT32 => i64::from(i32::from_le_bytes(source.array()?)),
        LZF => {
            let (compressed_len, len) = (source.length()?, source.length()?);
            let mut compressed = Vec::new();
            return source.with_bytes(compressed_len, &mut compressed, |compressed| lzf::decompress(compressed, len, out))?;
        }
        _ => return Err(Corrupt("a text is of no known form")),
    };
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    Ok(())
}

/// Appends a text. `compresses`: if that makes it shorter.
pub fn push(out: &mut Vec<u8>, text: &[u8], compresses: bool) {
    if text.len() <= INTEGER_LEN_MAX
        && let Some(number) = parse_i64(text)
        && push_short_integer(out, number)
    {
        return;
    }
    if compresses
        && text.len() >= COMPRESSED_LEN_MIN
        && let Some(compressed) = lzf::compress(text, text.len() - SAVED_MIN)
    {
        out.push(FORM | LZF);
        push_length(out, compressed.len() as u64);
        push_length(out, text.len() as u64);
        out.extend_from_slice(&compressed);
        return;
    }
    push_length(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Appends an integer as a text.
pub fn push_integer(out: &mut Vec<u8>, number: i64) {
    if !push_short_integer(out, number) {
        push(out, itoa::Buffer::new().format(number).as_bytes(), false);
    }
}

/// Appends an integer of 32 bits; false if it is a longer one.
fn push_short_integer(out: &mut Vec<u8>, number: i64) -> bool {
    if let Ok(number) = i8::try_from(number) {
        out.push(FORM | INT8);
        out.extend_from_slice(&number.to_le_bytes());
    } else if let Ok(number) = i16::try_from(number) {
        out.push(FORM | INT16);
        out.extend_from_slice(&number.to_le_bytes());
    } else if let Ok(number) = i32::try_from(number) {
        out.push(FORM | INT32);
        out.extend_from_slice(&number.to_le_bytes());
    } else {
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_come_back(text in prop_oneof![
            any::<i64>().prop_map(|number| number.to_string().into_bytes()),
            any::<i16>().prop_map(|number| number.to_string().into_bytes()),
            prop::collection::vec(any::<u8>(), 0..300),
            prop::collection::vec(0..3u8, 0..3000),
        ], compresses: bool) {
            let mut bytes = Vec::new();
            push(&mut bytes, &text, compresses);
            let (mut source, mut out) = (&bytes[..], b"old".to_vec());
            prop_assert_eq!(read(&mut source, &mut out), Ok(()));
            prop_assert!(source.is_empty());
            prop_assert_eq!(out, text);
        }

        #[test]
        fn what_is_no_text_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = read(&mut &bytes[..], &mut Vec::new());
        }
    }
}
