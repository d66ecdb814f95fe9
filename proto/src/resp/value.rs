//! A decoded reply.

use bytes::Bytes;

/// One reply as a client sees it. Attributes are skipped.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `+text`
    Simple(Bytes),
    /// `-text` or RESP3's blob error; the text after the sign.
    Error(Bytes),
    /// `:number`
    Integer(i64),
    /// `$len`
    Bulk(Bytes),
    /// `$-1`, `*-1` or `_`
    Null,
    /// `*count`
    Array(Vec<Value>),
    /// `%count`, in the order of arrival.
    Map(Vec<(Value, Value)>),
    /// `~count`, in the order of arrival.
    Set(Vec<Value>),
    /// `>count`: out of band data.
    Push(Vec<Value>),
    /// `,number`
    Double {
        /// The number.
        value: f64,
        /// As it was sent: it may have more digits than fit `value`.
        text: Bytes,
    },
    /// `#t` or `#f`
    Bool(bool),
    /// `=len`, without the format word and the colon.
    Verbatim {
        /// Three letters, `txt` or `mkd`.
        format: [u8; 3],
        /// The text.
        text: Bytes,
    },
    /// `(number`
    BigNumber(Bytes),
}

impl Value {
    /// The bytes of a string-like reply.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Simple(text) | Value::Bulk(text) | Value::BigNumber(text) | Value::Verbatim { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text of an error reply.
    pub fn as_error(&self) -> Option<&[u8]> {
        match self {
            Value::Error(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of an array, set or push.
    pub fn as_items(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => Some(items),
            _ => None,
        }
    }
}
