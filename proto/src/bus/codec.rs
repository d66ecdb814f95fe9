//! The one file that knows how values are turned into bytes for the bus, the Raft log and its snapshots.
//!
//! ```text
//! bytes  = format number, body
//! body   = the value in bincode 2's standard configuration (little endian, variable-length integers)
//! record = length, body        in place of a part that may grow
//! ```
//!
//! Nodes of two versions read each other's bytes and each other's files. So whatever may get more fields later is a *record*: the value as a
//! whole, and each part of it whose field says so (`#[serde(with = "codec::record")]`, [`records`], [`optional`]). In a record
//!
//! * what comes behind the last field that is known here is skipped: a newer version wrote it;
//! * a field that is missing at the end is zero, empty, `false` or `None`: an older version did not have it.
//!
//! Fields are therefore only ever added, at the end of records, and their zero means "as before". A variant that is not known is an error,
//! except where a type says what stands for it ([`known`]); who sends one has to know that the other side knows it.
//!
//! Format 1 had no records: what lies in its bytes ends where its type ended then. It is only read. A field that came later says so
//! ([`since_2`]). bincode is no longer maintained: when it is replaced, the new code gets the next format number and this file keeps reading
//! the old ones.

use std::cell::Cell;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The format that [`encode`] writes. Append-only: a number is never given a second meaning.
pub const FORMAT: u8 = 2;
/// The format without records.
const PLAIN: u8 = 1;

/// Most bytes one value may claim while it is decoded (also the bound on what a length prefix can make us allocate).
pub const VALUE_LEN_MAX: usize = 64 * 1024 * 1024;

/// What may be missing at the end of a record, in bytes: more than fields will be added, and no more than that, so that a record that was
/// cut short is not taken for an old one for long.
const MISSING_LEN_MAX: usize = 256;

thread_local! {
    /// The format of the bytes that are being read: what reads a part of them cannot be told otherwise.
    static READING: Cell<u8> = const { Cell::new(FORMAT) };
}

/// Why bytes could not be turned into a value, or a value not into bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodecError {
    /// No byte at all.
    Empty,
    /// Written by a version that knows formats that this one does not.
    UnknownFormat(u8),
    /// The bytes do not describe a value of the wanted type.
    Malformed(String),
    /// The value was read, but bytes were left over, in a format in which none may be.
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
///
/// # Errors
/// [`CodecError::Unencodable`].
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = vec![FORMAT];
    write_body(value, &mut bytes)?;
    Ok(bytes)
}

/// The value that `bytes` describe, in any format.
///
/// # Errors
/// If they describe none.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match format(bytes)? {
        (PLAIN, body) => {
            let (value, used) = reading(PLAIN, || read_body(body)).map_err(|error| CodecError::Malformed(error.to_string()))?;
            if used < body.len() { Err(CodecError::TrailingBytes(body.len() - used)) } else { Ok(value) }
        }
        (_, body) => reading(FORMAT, || read_record(body)),
    }
}

/// True if the bytes are in the format without records.
pub fn is_plain(bytes: &[u8]) -> bool {
    bytes.first() == Some(&PLAIN)
}

fn format(bytes: &[u8]) -> Result<(u8, &[u8]), CodecError> {
    match bytes.split_first().ok_or(CodecError::Empty)? {
        (&known @ (PLAIN | FORMAT), body) => Ok((known, body)),
        (&format, _) => Err(CodecError::UnknownFormat(format)),
    }
}

fn write_body<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let config = bincode::config::standard();
    bincode::serde::encode_into_std_write(value, out, config).map_err(|error| CodecError::Unencodable(error.to_string()))?;
    if out.len() > VALUE_LEN_MAX {
        return Err(CodecError::Unencodable(format!("{} bytes are more than {VALUE_LEN_MAX}", out.len())));
    }
    Ok(())
}

fn read_body<T: DeserializeOwned>(body: &[u8]) -> Result<(T, usize), bincode::error::DecodeError> {
    bincode::serde::decode_from_slice(body, bincode::config::standard().with_limit::<VALUE_LEN_MAX>())
}

/// A record without its length.
fn read_record<T: DeserializeOwned>(body: &[u8]) -> Result<T, CodecError> {
    let read = match read_body(body) {
        Err(bincode::error::DecodeError::UnexpectedEnd { .. }) => {
            let mut longer = Vec::with_capacity(body.len() + MISSING_LEN_MAX);
            longer.extend_from_slice(body);
            longer.resize(body.len() + MISSING_LEN_MAX, 0);
            read_body(&longer)
        }
        read => read,
    };
    read.map(|(value, _)| value).map_err(|error| CodecError::Malformed(error.to_string()))
}

/// Runs `read` while what is read is in this format.
fn reading<R>(format: u8, read: impl FnOnce() -> R) -> R {
    let before = READING.replace(format);
    let value = read();
    READING.set(before);
    value
}

/// A part that may grow.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Record<T: Serialize + DeserializeOwned>(#[serde(with = "record")] T);

/// The same, to write one that belongs to somebody else.
#[derive(Serialize)]
#[serde(transparent)]
struct Borrowed<'a, T: Serialize>(#[serde(serialize_with = "record::serialize")] &'a T);

/// For a field that is a record.
pub mod record {
    #![expect(missing_docs, reason = "serde's names")]
    use super::*;

    pub fn serialize<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = Vec::new();
        write_body(value, &mut body).map_err(serde::ser::Error::custom)?;
        serializer.serialize_bytes(&body)
    }

    pub fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        if READING.get() == PLAIN {
            return T::deserialize(deserializer);
        }
        read_record(&bytes::Bytes::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// For a field that is a list of records.
pub mod records {
    #![expect(missing_docs, reason = "serde's names")]
    use super::*;

    pub fn serialize<T: Serialize, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(Borrowed))
    }

    pub fn deserialize<'de, T: Serialize + DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
        Ok(Vec::<Record<T>>::deserialize(deserializer)?.into_iter().map(|record| record.0).collect())
    }
}

/// For a field that is a record or nothing.
pub mod optional {
    #![expect(missing_docs, reason = "serde's names")]
    use super::*;

    pub fn serialize<T: Serialize, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        value.as_ref().map(Borrowed).serialize(serializer)
    }

    pub fn deserialize<'de, T: Serialize + DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
        Ok(Option::<Record<T>>::deserialize(deserializer)?.map(|record| record.0))
    }
}

/// A type that has a value for what a newer version says.
pub trait Known: Sized {
    /// That value. It is never written.
    const UNKNOWN: Self;
}

/// For a field that is a record of which a newer version may know more variants: one that cannot be read is [`Known::UNKNOWN`], and what
/// surrounds it is read all the same.
pub mod known {
    #![expect(missing_docs, reason = "serde's names")]
    pub use super::record::serialize;
    use super::*;

    pub fn deserialize<'de, T: Known + DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        if READING.get() == PLAIN {
            return T::deserialize(deserializer);
        }
        Ok(read_record(&bytes::Bytes::deserialize(deserializer)?).unwrap_or(T::UNKNOWN))
    }
}

/// For a field that values in the format without records do not have.
pub mod since_2 {
    #![expect(missing_docs, reason = "serde's names")]
    use super::*;

    pub fn serialize<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    pub fn deserialize<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        if READING.get() == PLAIN { Ok(T::default()) } else { T::deserialize(deserializer) }
    }
}

/// For a list of records that values in the format without records do not have.
pub mod records_since_2 {
    #![expect(missing_docs, reason = "serde's names")]
    pub use super::records::serialize;
    use super::*;

    pub fn deserialize<'de, T: Serialize + DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
        if READING.get() == PLAIN { Ok(Vec::new()) } else { super::records::deserialize(deserializer) }
    }
}

/// For a list of records of the same type as what it is part of. None of them may have such a list itself: a value that nested without end would
/// be read until the stack is used up.
pub mod flat {
    #![expect(missing_docs, reason = "serde's names")]
    pub use super::records::serialize;
    use super::*;

    thread_local! {
        static INSIDE: Cell<bool> = const { Cell::new(false) };
    }

    pub fn deserialize<'de, T: Serialize + DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
        if INSIDE.replace(true) {
            return Err(serde::de::Error::custom("a list within a list"));
        }
        let values = super::records::deserialize(deserializer);
        INSIDE.set(false);
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_stable() {
        // Golden: a change here makes logs and snapshots on disk unreadable.
        let value = (7_u8, 300_u16, "abc".to_owned(), vec![1_u64, 70_000], Some(true));
        let body = [7, 251, 44, 1, 3, 97, 98, 99, 2, 1, 252, 112, 17, 1, 0, 1, 1];
        let bytes = encode(&value).unwrap();
        assert_eq!(bytes, [&[2][..], &body].concat());
        for format in [1, 2] {
            assert_eq!(decode::<(u8, u16, String, Vec<u64>, Option<bool>)>(&[&[format][..], &body].concat()).unwrap(), value);
        }
    }

    #[test]
    fn damage_is_an_error() {
        assert_eq!(decode::<u8>(&[]), Err(CodecError::Empty));
        assert_eq!(decode::<u8>(&[9, 1]), Err(CodecError::UnknownFormat(9)));
        assert_eq!(decode::<u8>(&[1, 1, 2]), Err(CodecError::TrailingBytes(1)));
        assert!(matches!(decode::<String>(&[1, 5, b'a']), Err(CodecError::Malformed(_))));
        for format in [1, 2] {
            // A length prefix of 2^60 must not be believed, nor one of more than can be missing.
            let huge = [format, 253, 0, 0, 0, 0, 0, 0, 0, 16];
            assert!(matches!(decode::<Vec<u64>>(&huge), Err(CodecError::Malformed(_))));
            assert!(matches!(decode::<Vec<u8>>(&[format, 251, 0, 2, 7]), Err(CodecError::Malformed(_))));
        }
    }

    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
    struct Old {
        number: u32,
        text: String,
    }

    #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
    struct New {
        number: u32,
        text: String,
        more: Option<u64>,
        names: Vec<String>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Around<T: Serialize + DeserializeOwned> {
        #[serde(with = "record")]
        one: T,
        #[serde(with = "records")]
        some: Vec<T>,
        #[serde(with = "optional")]
        perhaps: Option<T>,
        last: u8,
    }

    fn around<T: Clone + Serialize + DeserializeOwned>(one: &T) -> Around<T> {
        Around { one: one.clone(), some: vec![one.clone(), one.clone()], perhaps: Some(one.clone()), last: 9 }
    }

    #[test]
    fn what_a_newer_version_added_is_skipped_and_what_an_older_one_lacked_is_zero() {
        let old = Old { number: 7, text: "seven".to_owned() };
        let new = New { number: 7, text: "seven".to_owned(), more: Some(70_000), names: vec!["a".to_owned()] };
        let grown = New { more: None, names: Vec::new(), ..new.clone() };
        assert_eq!(decode::<Old>(&encode(&new).unwrap()).unwrap(), old);
        assert_eq!(decode::<New>(&encode(&old).unwrap()).unwrap(), grown);
        assert_eq!(decode::<Around<Old>>(&encode(&around(&new)).unwrap()).unwrap(), around(&old));
        assert_eq!(decode::<Around<New>>(&encode(&around(&old)).unwrap()).unwrap(), around(&grown));
    }

    #[test]
    fn records_are_read_where_there_were_none() {
        #[derive(Serialize)]
        struct Plain(Old, Vec<Old>, Option<Old>, u8);
        let old = Old { number: 7, text: "seven".to_owned() };
        let mut bytes = encode(&Plain(old.clone(), vec![old.clone(), old.clone()], Some(old.clone()), 9)).unwrap();
        bytes[0] = PLAIN;
        assert_eq!(decode::<Around<Old>>(&bytes).unwrap(), around(&old));
        // Whatever was read before.
        assert_eq!(decode::<Around<Old>>(&encode(&around(&old)).unwrap()).unwrap(), around(&old));
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Nested {
        One(u8),
        Many(#[serde(with = "flat")] Vec<Nested>),
    }

    #[test]
    fn lists_of_themselves_are_one_deep() {
        let flat = Nested::Many(vec![Nested::One(1), Nested::One(2)]);
        let deep = encode(&Nested::Many(vec![flat.clone()])).unwrap();
        for _ in 0..2 {
            assert_eq!(decode::<Nested>(&encode(&flat).unwrap()).unwrap(), flat);
            assert!(matches!(decode::<Nested>(&deep), Err(CodecError::Malformed(_))));
        }
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Said {
        One(u32),
        #[serde(skip)]
        Unknown,
    }

    impl Known for Said {
        const UNKNOWN: Said = Said::Unknown;
    }

    #[test]
    fn a_variant_of_a_newer_version_is_told_from_damage() {
        #[derive(Serialize)]
        enum Newer {
            #[expect(dead_code, reason = "it has a number")]
            One(u32),
            Two(String),
        }
        #[derive(Serialize)]
        struct Sent(u8, #[serde(with = "record")] Newer, u8);
        #[derive(Debug, PartialEq, Deserialize)]
        struct Seen(u8, #[serde(deserialize_with = "known::deserialize")] Said, u8);
        let bytes = encode(&Sent(1, Newer::Two("new".to_owned()), 2)).unwrap();
        assert_eq!(decode::<Seen>(&bytes).unwrap(), Seen(1, Said::Unknown, 2));
        assert!(encode(&Said::Unknown).is_err(), "it is never written");
    }
}
