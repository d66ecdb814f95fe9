//! Client-side decoder of RESP2 and RESP3 replies.
//!
//! Incremental and linear: bytes are taken from the buffer as soon as they form a line or a bulk, and unfinished
//! aggregates wait on an explicit stack, so that a reply of a million elements is not parsed again with every read and
//! a deeply nested one cannot exhaust the thread's stack.

use bytes::{Buf, Bytes, BytesMut};

use super::value::Value;

/// Deepest nesting that is accepted: no command's reply comes near, and what walks a value recursively, as its end does, stays far from the
/// end of its stack.
pub const MAX_REPLY_DEPTH: usize = 128;
/// Longest line, in bytes: error replies may quote long arguments, nothing else comes near.
const LINE_LEN_MAX: usize = 1024 * 1024;
/// Elements for which room is made when an aggregate's header arrives; the header alone must not cost gigabytes.
const PREALLOCATED_MAX: usize = 1024;

/// The bytes are no RESP. The connection cannot be resynchronised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// No reply starts with this byte.
    UnknownType(u8),
    /// A number that is none.
    InvalidNumber,
    /// A length that is none; so are those of RESP3's streamed strings and aggregates, which no server sends.
    InvalidLength,
    /// A boolean that is neither true nor false.
    InvalidBoolean,
    /// A verbatim text without its format.
    InvalidVerbatim,
    /// No CR LF where one must be.
    MissingCrlf,
    /// A line longer than 1 MB.
    LineTooLong,
    /// More nesting than [`MAX_REPLY_DEPTH`].
    TooDeep,
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DecodeError::UnknownType(byte) => {
                write!(f, "Protocol error, got \"{}\" as reply type byte", char::from(*byte).escape_default())
            }
            DecodeError::InvalidNumber => f.write_str("Protocol error, invalid number"),
            DecodeError::MissingCrlf => f.write_str("Protocol error, line end expected"),
            DecodeError::LineTooLong => f.write_str("Protocol error, too long a line"),
            DecodeError::InvalidLength => f.write_str("Protocol error, invalid length"),
            DecodeError::InvalidBoolean => f.write_str("Protocol error, invalid boolean"),
            DecodeError::InvalidVerbatim => f.write_str("Protocol error, invalid verbatim text"),
            DecodeError::TooDeep => write!(f, "Protocol error, reply is nested more than {MAX_REPLY_DEPTH} deep"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Progress in a reply that has not arrived completely.
#[derive(Default, Debug)]
pub struct ReplyDecoder {
    /// Unfinished aggregates, the innermost last.
    open: Vec<Frame>,
    /// A bulk whose header was taken.
    bulk: Option<(BulkKind, usize)>,
    /// Bytes at the start of the buffer in which no line end was found.
    scanned: usize,
}

#[derive(Debug)]
struct Frame {
    kind: FrameKind,
    /// Values still to come.
    missing: usize,
    items: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameKind {
    Array,
    Set,
    Push,
    Map,
    /// Its pairs are dropped; the value that follows it is the reply.
    Attribute,
}

#[derive(Debug, Clone, Copy)]
enum BulkKind {
    String,
    Error,
    Verbatim,
}

/// What one line of the stream begins or is.
enum Token {
    Value(Value),
    Bulk(BulkKind, usize),
    Aggregate(FrameKind, usize),
}

impl ReplyDecoder {
    /// Takes bytes from the front of `src` until a reply is complete. `None`: more bytes are needed; those already
    /// taken are remembered.
    ///
    /// # Errors
    /// The bytes are no RESP.
    pub fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Value>, DecodeError> {
        loop {
            let value = if let Some((kind, len)) = self.bulk {
                let Some(value) = take_bulk(src, kind, len)? else {
                    return Ok(None);
                };
                self.bulk = None;
                Some(value)
            } else {
                let Some(line) = self.take_line(src)? else {
                    return Ok(None);
                };
                match token(line)? {
                    Token::Value(value) => Some(value),
                    Token::Bulk(kind, len) => {
                        self.bulk = Some((kind, len));
                        None
                    }
                    Token::Aggregate(kind, missing) => self.open(kind, missing)?,
                }
            };
            if let Some(value) = value.and_then(|value| self.place(value)) {
                return Ok(Some(value));
            }
        }
    }

    /// Whether a part of a reply has been taken.
    pub fn in_progress(&self) -> bool {
        self.bulk.is_some() || !self.open.is_empty()
    }

    /// Takes a line without its CR LF.
    fn take_line(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, DecodeError> {
        let Some(at) = memchr::memchr(b'\n', &src[self.scanned..]) else {
            self.scanned = src.len();
            return if src.len() > LINE_LEN_MAX { Err(DecodeError::LineTooLong) } else { Ok(None) };
        };
        let newline = self.scanned + at;
        self.scanned = 0;
        if newline == 0 || src[newline - 1] != b'\r' {
            return Err(DecodeError::MissingCrlf);
        }
        let line = src.split_to(newline - 1).freeze();
        src.advance(2);
        Ok(Some(line))
    }

    /// Begins an aggregate. An empty one is a value at once.
    fn open(&mut self, kind: FrameKind, missing: usize) -> Result<Option<Value>, DecodeError> {
        if missing == 0 {
            return Ok(finish(kind, Vec::new()));
        }
        if self.open.len() >= MAX_REPLY_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        self.open.push(Frame { kind, missing, items: Vec::with_capacity(missing.min(PREALLOCATED_MAX)) });
        Ok(None)
    }

    /// Puts a value where it belongs. Returns the reply when that completes it.
    fn place(&mut self, mut value: Value) -> Option<Value> {
        while let Some(frame) = self.open.last_mut() {
            frame.items.push(value);
            frame.missing -= 1;
            if frame.missing > 0 {
                return None;
            }
            let frame = self.open.pop().expect("it was just looked at");
            value = finish(frame.kind, frame.items)?;
        }
        Some(value)
    }
}

/// The value of a complete aggregate; none for attributes.
fn finish(kind: FrameKind, items: Vec<Value>) -> Option<Value> {
    match kind {
        FrameKind::Array => Some(Value::Array(items)),
        FrameKind::Set => Some(Value::Set(items)),
        FrameKind::Push => Some(Value::Push(items)),
        FrameKind::Map => {
            let mut pairs = Vec::with_capacity(items.len() / 2);
            let mut items = items.into_iter();
            while let (Some(key), Some(value)) = (items.next(), items.next()) {
                pairs.push((key, value));
            }
            Some(Value::Map(pairs))
        }
        FrameKind::Attribute => None,
    }
}

/// Takes the payload of a bulk and its CR LF.
fn take_bulk(src: &mut BytesMut, kind: BulkKind, len: usize) -> Result<Option<Value>, DecodeError> {
    if src.len() < len.saturating_add(2) {
        src.reserve((len + 2 - src.len()).min(LINE_LEN_MAX));
        return Ok(None);
    }
    if &src[len..len + 2] != b"\r\n" {
        return Err(DecodeError::MissingCrlf);
    }
    let mut payload = src.split_to(len).freeze();
    src.advance(2);
    match kind {
        BulkKind::String => Ok(Some(Value::Bulk(payload))),
        BulkKind::Error => Ok(Some(Value::Error(payload))),
        BulkKind::Verbatim => match payload[..] {
            [a, b, c, b':', ..] => {
                payload.advance(4);
                Ok(Some(Value::Verbatim { format: [a, b, c], text: payload }))
            }
            _ => Err(DecodeError::InvalidVerbatim),
        },
    }
}

fn token(mut line: Bytes) -> Result<Token, DecodeError> {
    let Some(&prefix) = line.first() else {
        return Err(DecodeError::UnknownType(b'\r'));
    };
    line.advance(1);
    Ok(match prefix {
        b'+' => Token::Value(Value::Simple(line)),
        b'-' => Token::Value(Value::Error(line)),
        b':' => Token::Value(Value::Integer(number(&line)?)),
        b'_' => Token::Value(Value::Null),
        b',' => Token::Value(Value::Double { value: double(&line)?, text: line }),
        b'(' => Token::Value(Value::BigNumber(line)),
        b'#' => match &line[..] {
            b"t" => Token::Value(Value::Bool(true)),
            b"f" => Token::Value(Value::Bool(false)),
            _ => return Err(DecodeError::InvalidBoolean),
        },
        b'$' | b'!' | b'=' => match length(&line)? {
            None => Token::Value(Value::Null),
            Some(len) => Token::Bulk(
                match prefix {
                    b'$' => BulkKind::String,
                    b'!' => BulkKind::Error,
                    _ => BulkKind::Verbatim,
                },
                len,
            ),
        },
        b'*' | b'%' | b'~' | b'>' | b'|' => match length(&line)? {
            None => Token::Value(Value::Null),
            Some(count) => {
                let kind = match prefix {
                    b'*' => FrameKind::Array,
                    b'%' => FrameKind::Map,
                    b'~' => FrameKind::Set,
                    b'>' => FrameKind::Push,
                    _ => FrameKind::Attribute,
                };
                let pairs = matches!(kind, FrameKind::Map | FrameKind::Attribute);
                let values = count.checked_mul(if pairs { 2 } else { 1 }).ok_or(DecodeError::InvalidLength)?;
                Token::Aggregate(kind, values)
            }
        },
        other => return Err(DecodeError::UnknownType(other)),
    })
}

fn number(text: &[u8]) -> Result<i64, DecodeError> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(DecodeError::InvalidNumber)
}

/// A length; -1 stands for null.
fn length(text: &[u8]) -> Result<Option<usize>, DecodeError> {
    match number(text).map_err(|_| DecodeError::InvalidLength)? {
        -1 => Ok(None),
        len => usize::try_from(len).map(Some).map_err(|_| DecodeError::InvalidLength),
    }
}

fn double(text: &[u8]) -> Result<f64, DecodeError> {
    let text = std::str::from_utf8(text).map_err(|_| DecodeError::InvalidNumber)?;
    let digits = text.trim_start_matches(['-', '+']);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && !matches!(digits, "inf" | "nan") {
        return Err(DecodeError::InvalidNumber);
    }
    text.parse().map_err(|_| DecodeError::InvalidNumber)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(Bytes::copy_from_slice(text.as_bytes()))
    }

    /// Decodes the input whole and byte by byte.
    fn check(input: &str, expected: Result<&[Value], DecodeError>) {
        for step in [input.len().max(1), 1, 3] {
            let mut decoder = ReplyDecoder::default();
            let mut src = BytesMut::new();
            let mut got = Ok(Vec::new());
            'input: for chunk in input.as_bytes().chunks(step) {
                src.extend_from_slice(chunk);
                loop {
                    match decoder.decode(&mut src) {
                        Ok(Some(value)) => got.as_mut().expect("no error yet").push(value),
                        Ok(None) => break,
                        Err(error) => {
                            got = Err(error);
                            break 'input;
                        }
                    }
                }
            }
            assert_eq!(got, expected.map(<[Value]>::to_vec), "{input:?} in steps of {step}");
        }
    }

    #[test]
    fn replies() {
        let simple = Value::Simple(Bytes::from_static(b"OK"));
        check("+OK\r\n", Ok(std::slice::from_ref(&simple)));
        check("-ERR x\r\n", Ok(&[Value::Error(Bytes::from_static(b"ERR x"))]));
        check("!5\r\nERR x\r\n", Ok(&[Value::Error(Bytes::from_static(b"ERR x"))]));
        check(":-12\r\n:7\r\n", Ok(&[Value::Integer(-12), Value::Integer(7)]));
        check("$0\r\n\r\n$4\r\na\r\nb\r\n", Ok(&[bulk(""), bulk("a\r\nb")]));
        check("$-1\r\n*-1\r\n_\r\n", Ok(&[Value::Null, Value::Null, Value::Null]));
        check("*0\r\n", Ok(&[Value::Array(vec![])]));
        check("*2\r\n*1\r\n:1\r\n+OK\r\n", Ok(&[Value::Array(vec![Value::Array(vec![Value::Integer(1)]), simple])]));
        check("%1\r\n$1\r\na\r\n:1\r\n", Ok(&[Value::Map(vec![(bulk("a"), Value::Integer(1))])]));
        check("~1\r\n:1\r\n", Ok(&[Value::Set(vec![Value::Integer(1)])]));
        check(">1\r\n:1\r\n", Ok(&[Value::Push(vec![Value::Integer(1)])]));
        let double = |value, text: &'static str| Value::Double { value, text: Bytes::from(text) };
        check(",1.5\r\n,-inf\r\n", Ok(&[double(1.5, "1.5"), double(f64::NEG_INFINITY, "-inf")]));
        check("#t\r\n#f\r\n", Ok(&[Value::Bool(true), Value::Bool(false)]));
        let text = Bytes::from_static(b"hi");
        check("=6\r\ntxt:hi\r\n", Ok(&[Value::Verbatim { format: *b"txt", text }]));
        check("(123\r\n", Ok(&[Value::BigNumber(Bytes::from_static(b"123"))]));
        check("|1\r\n+a\r\n+b\r\n:1\r\n", Ok(&[Value::Integer(1)]));
        check("*2\r\n|1\r\n+a\r\n%0\r\n:1\r\n:2\r\n", Ok(&[Value::Array(vec![Value::Integer(1), Value::Integer(2)])]));
        check("*1\r\n", Ok(&[]));
    }

    #[test]
    fn errors() {
        check("x\r\n", Err(DecodeError::UnknownType(b'x')));
        check(":x\r\n", Err(DecodeError::InvalidNumber));
        check("$-2\r\n", Err(DecodeError::InvalidLength));
        check("*x\r\n", Err(DecodeError::InvalidLength));
        check("$1\r\nabc", Err(DecodeError::MissingCrlf));
        check("+OK\n", Err(DecodeError::MissingCrlf));
        check("#x\r\n", Err(DecodeError::InvalidBoolean));
        check("=2\r\nab\r\n", Err(DecodeError::InvalidVerbatim));
        check(&"*1\r\n".repeat(MAX_REPLY_DEPTH + 1), Err(DecodeError::TooDeep));
    }
}
