//! The one file that knows how values are turned into bytes for the bus, the Raft log and its snapshots.
//!
//! The bytes are a format number followed by bincode 2 in its standard configuration (little endian, variable-length integers).
//! bincode is no longer maintained: when it is replaced, the new code gets the next format number and this file keeps reading the old.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The format that [`encode`] writes. Append-only: a number is never given a second meaning.
pub const FORMAT: u8 = 1;

/// Most bytes one value may claim while it is decoded (also the bound on what a length prefix can make us allocate).
pub const VALUE_LEN_MAX: usize = 64 * 1024 * 1024;

/// Why bytes could not be turned into a value, or a value not into bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodecError {
    /// No byte at all.
    Empty,
    /// Written by a version that knows formats that this one does not.
    UnknownFormat(u8),
    /// The bytes do not describe a value of the wanted type.
    Malformed(String),
    /// The value was read, but bytes were left over.
    TrailingBytes(usize),
    /// The value cannot be encoded (larger than [`VALUE_LEN_MAX`]).
    Unencodable(String),
}

impl std::fmt::Display for CodecError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CodecError::Empty => write!(f, "no bytes to decode"),
            CodecError::UnknownFormat(format) => write!(f, "unknown codec format {format} (this version knows {FORMAT})"),
            CodecError::Malformed(why) => write!(f, "malformed value: {why}"),
            CodecError::TrailingBytes(count) => write!(f, "{count} bytes left over after the value"),
            CodecError::Unencodable(why) => write!(f, "value cannot be encoded: {why}"),
        }
    }
}

impl std::error::Error for CodecError {}

/// The bytes of `value`, format number first.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = vec![FORMAT];
    let config = bincode::config::standard();
    bincode::serde::encode_into_std_write(value, &mut bytes, config).map_err(|error| CodecError::Unencodable(error.to_string()))?;
    if bytes.len() > VALUE_LEN_MAX {
        return Err(CodecError::Unencodable(format!("{} bytes are more than {VALUE_LEN_MAX}", bytes.len())));
    }
    Ok(bytes)
}

/// The value that `bytes` describe; all bytes must be used.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (&format, body) = bytes.split_first().ok_or(CodecError::Empty)?;
    if format != FORMAT {
        return Err(CodecError::UnknownFormat(format));
    }
    let config = bincode::config::standard().with_limit::<VALUE_LEN_MAX>();
    let (value, used) = bincode::serde::decode_from_slice(body, config).map_err(|error| CodecError::Malformed(error.to_string()))?;
    if used < body.len() {
        return Err(CodecError::TrailingBytes(body.len() - used));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_stable() {
        // Golden: a change here makes logs and snapshots on disk unreadable.
        let value = (7_u8, 300_u16, "abc".to_owned(), vec![1_u64, 70_000], Some(true));
        let bytes = encode(&value).unwrap();
        assert_eq!(bytes, [1, 7, 251, 44, 1, 3, 97, 98, 99, 2, 1, 252, 112, 17, 1, 0, 1, 1]);
        assert_eq!(decode::<(u8, u16, String, Vec<u64>, Option<bool>)>(&bytes).unwrap(), value);
    }

    #[test]
    fn damage_is_an_error() {
        assert_eq!(decode::<u8>(&[]), Err(CodecError::Empty));
        assert_eq!(decode::<u8>(&[9, 1]), Err(CodecError::UnknownFormat(9)));
        assert_eq!(decode::<u8>(&[1, 1, 2]), Err(CodecError::TrailingBytes(1)));
        assert!(matches!(decode::<String>(&[1, 5, b'a']), Err(CodecError::Malformed(_))));
        // A length prefix of 2^60 must not be believed.
        assert!(matches!(decode::<Vec<u64>>(&[1, 253, 0, 0, 0, 0, 0, 0, 0, 16]), Err(CodecError::Malformed(_))));
    }
}
