//! What a command answers when it cannot do what was asked: Valkey's texts, in one place.

use std::borrow::Cow;

use crate::keyspace::WrongType;

/// A client's error. [`CmdError::text`] is what follows `-` on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CmdError {
    /// Against a key holding another type.
    WrongType,
    /// Arguments that do not follow the command's grammar.
    Syntax,
    /// Not a 64-bit integer.
    NotInteger,
    /// Not a floating-point number.
    NotFloat,
    /// A number out of range.
    OutOfRange,
    /// A key that must be there is not.
    NoSuchKey,
    /// A string would exceed the limit.
    StringTooLong,
    /// A database number that is not there.
    DbIndex,
    /// Any other text, with its code: `ERR ...`, `NOPROTO ...`.
    Text(Cow<'static, str>),
}

impl CmdError {
    /// `ERR` and this text.
    pub fn err(text: impl AsRef<str>) -> CmdError {
        CmdError::Text(Cow::Owned(format!("ERR {}", text.as_ref())))
    }

    /// A text with its own code.
    pub const fn coded(text: &'static str) -> CmdError {
        CmdError::Text(Cow::Borrowed(text))
    }

    /// Wrong number of arguments for command (`container|sub` for a subcommand).
    pub fn arity(command: &str) -> CmdError {
        CmdError::Text(Cow::Owned(format!("ERR wrong number of arguments for '{command}' command")))
    }

    /// A subcommand that is not known, or not with so many arguments.
    pub fn subcommand_syntax(args: &[&[u8]]) -> CmdError {
        let name = String::from_utf8_lossy(&args[1][..args[1].len().min(128)]);
        let container = String::from_utf8_lossy(args[0]).to_ascii_uppercase();
        CmdError::err(format!("unknown subcommand or wrong number of arguments for '{name}'. Try {container} HELP."))
    }

    /// Expiry that does not fit.
    pub fn invalid_expire(command: &str) -> CmdError {
        CmdError::Text(Cow::Owned(format!("ERR invalid expire time in '{command}' command")))
    }

    /// The whole line after `-`.
    pub fn text(&self) -> &str {
        match self {
            CmdError::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            CmdError::Syntax => "ERR syntax error",
            CmdError::NotInteger => "ERR value is not an integer or out of range",
            CmdError::NotFloat => "ERR value is not a valid float",
            CmdError::OutOfRange => "ERR value is out of range",
            CmdError::NoSuchKey => "ERR no such key",
            CmdError::StringTooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            CmdError::DbIndex => "ERR DB index is out of range",
            CmdError::Text(text) => text,
        }
    }
}

impl From<WrongType> for CmdError {
    fn from(_: WrongType) -> Self {
        CmdError::WrongType
    }
}
