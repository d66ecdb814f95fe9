//! What the request parser produces and the limits it obeys.

use std::borrow::Cow;
use std::fmt;

/// Entries that a cleared [`Batch`] may keep allocated. One connection in a million sends a request of a million
/// arguments; it must not hold 8 MB for ever.
const BATCH_CAPACITY_KEPT: usize = 1024;

/// A byte range in the parsed buffer: one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgRange {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl ArgRange {
    /// The argument itself. `buf` is the buffer that was parsed.
    #[inline]
    pub fn of(self, buf: &[u8]) -> &[u8] {
        &buf[self.start as usize..self.end as usize]
    }
}

/// One complete request of a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Index of its first argument (the command name) in [`Batch::args`].
    pub first_arg: u32,
    /// Number of arguments, the command name included; at least 1.
    pub argc: u32,
    /// Bytes that the request took on the wire.
    pub wire_len: u32,
}

/// Complete requests found in one buffer.
#[derive(Default, Debug)]
pub struct Batch {
    /// The requests in the order of arrival.
    pub requests: Vec<Request>,
    /// Arguments of all requests, one after the other.
    pub args: Vec<ArgRange>,
}

impl Batch {
    /// Empties the batch. Keeps a bounded part of the allocation.
    pub fn clear(&mut self) {
        self.requests.clear();
        self.args.clear();
        if self.requests.capacity() > BATCH_CAPACITY_KEPT {
            self.requests.shrink_to(BATCH_CAPACITY_KEPT);
        }
        if self.args.capacity() > BATCH_CAPACITY_KEPT {
            self.args.shrink_to(BATCH_CAPACITY_KEPT);
        }
    }

    /// The arguments of one request of this batch.
    #[inline]
    pub fn args_of(&self, request: &Request) -> &[ArgRange] {
        let first = request.first_arg as usize;
        &self.args[first..first + request.argc as usize]
    }
}

/// Bounds on what a client may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest argument, in bytes (`proto-max-bulk-len`).
    pub max_bulk_len: u64,
    /// Most arguments of one request.
    pub max_multibulk_len: i64,
    /// Longest line without an end: an inline command or a length header, in bytes.
    pub max_inline_len: usize,
    /// Whether the connection has authenticated. Until then the limits are tighter and one request at a time is
    /// parsed, since AUTH or HELLO changes the limits for what follows.
    pub authenticated: bool,
}

impl Default for Limits {
    /// Valkey's defaults, for an authenticated connection.
    fn default() -> Self {
        Limits { max_bulk_len: 512 * 1024 * 1024, max_multibulk_len: i32::MAX as i64, max_inline_len: 64 * 1024, authenticated: true }
    }
}

/// Why the bytes of a client are not a request. The connection cannot be resynchronised: answer and close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// An inline command without an end within the limit.
    TooBigInline,
    /// An inline command with an open quote.
    UnbalancedQuotes,
    /// The header of an array without an end within the limit.
    TooBigMultibulkCount,
    /// The header of an array is no number or too large a one.
    InvalidMultibulkLength,
    /// Too many arguments for a connection that has not authenticated.
    UnauthenticatedMultibulkLength,
    /// The header of an argument without an end within the limit.
    TooBigBulkCount,
    /// This byte stands where the `$` of an argument should.
    ExpectedDollar(u8),
    /// The header of an argument is no number, negative or too large.
    InvalidBulkLength,
    /// Too long an argument for a connection that has not authenticated.
    UnauthenticatedBulkLength,
    /// A CR without LF, or something else than CR LF after an argument.
    InvalidCrlf,
}

impl ProtocolError {
    /// What follows `-ERR ` on the wire.
    pub fn message(&self) -> Cow<'static, [u8]> {
        let text: &'static str = match self {
            ProtocolError::TooBigInline => "Protocol error: too big inline request",
            ProtocolError::UnbalancedQuotes => "Protocol error: unbalanced quotes in request",
            ProtocolError::TooBigMultibulkCount => "Protocol error: too big mbulk count string",
            ProtocolError::InvalidMultibulkLength => "Protocol error: invalid multibulk length",
            ProtocolError::UnauthenticatedMultibulkLength => "Protocol error: unauthenticated multibulk length",
            ProtocolError::TooBigBulkCount => "Protocol error: too big bulk count string",
            ProtocolError::InvalidBulkLength => "Protocol error: invalid bulk length",
            ProtocolError::UnauthenticatedBulkLength => "Protocol error: unauthenticated bulk length",
            ProtocolError::InvalidCrlf => "Protocol error: invalid CRLF in request",
            ProtocolError::ExpectedDollar(got) => {
                let got = if matches!(got, b'\r' | b'\n') { b' ' } else { *got };
                return Cow::Owned([b"Protocol error: expected '$', got '".as_slice(), &[got], b"'"].concat());
            }
        };
        Cow::Borrowed(text.as_bytes())
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.message()))
    }
}

impl std::error::Error for ProtocolError {}
