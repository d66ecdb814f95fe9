//! What a command answers when it cannot do what was asked: Valkey's texts, in one place.

use std::borrow::Cow;

use crate::keyspace::WrongType;

/// Longest name of an unknown command or subcommand that an error shows, in bytes.
pub const NAME_SHOWN_LEN_MAX: usize = 128;

/// A client's error. [`CmdError::line`] is what follows `-` on the wire.
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
    /// No error: the command found that it takes long, and is to run on a thread that serves nobody else ([`super::context::Haste`]). It
    /// has changed nothing.
    TakesLong,
    /// A bug of ours: a command asked for a key that its specification does not name. Nothing was changed.
    KeysMismatch,
    /// Any other text, with its code: `ERR ...`, `NOPROTO ...`. It may name what the client sent, and so hold any byte.
    Text(Cow<'static, [u8]>),
}

impl CmdError {
    /// `ERR` and this text.
    pub fn err(text: impl AsRef<[u8]>) -> CmdError {
        CmdError::Text(Cow::Owned([b"ERR ", text.as_ref()].concat()))
    }

    /// `ERR` and this text, with an argument of the client's in place of `{}`.
    pub fn naming(text: &str, arg: &[u8]) -> CmdError {
        let (before, after) = text.split_once("{}").expect("a place for the argument");
        CmdError::err([before.as_bytes(), as_shown(arg), after.as_bytes()].concat())
    }

    /// A text with its own code.
    pub const fn coded(text: &'static str) -> CmdError {
        CmdError::Text(Cow::Borrowed(text.as_bytes()))
    }

    /// Wrong number of arguments for command (`container|sub` for a subcommand).
    pub fn arity(command: &str) -> CmdError {
        CmdError::err(format!("wrong number of arguments for '{command}' command"))
    }

    /// A subcommand that is not known, or not with so many arguments.
    pub fn subcommand_syntax(args: &[&[u8]]) -> CmdError {
        let container = String::from_utf8_lossy(args[0]).to_ascii_uppercase();
        let text = format!("unknown subcommand or wrong number of arguments for '{{}}'. Try {container} HELP.");
        CmdError::naming(&text, &args[1][..args[1].len().min(NAME_SHOWN_LEN_MAX)])
    }

    /// Expiry that does not fit.
    pub fn invalid_expire(command: &str) -> CmdError {
        CmdError::err(format!("invalid expire time in '{command}' command"))
    }

    /// The whole line after `-`, for people.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.line())
    }

    /// The whole line after `-`.
    pub fn line(&self) -> &[u8] {
        let text = match self {
            CmdError::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            CmdError::Syntax => "ERR syntax error",
            CmdError::NotInteger => "ERR value is not an integer or out of range",
            CmdError::NotFloat => "ERR value is not a valid float",
            CmdError::OutOfRange => "ERR value is out of range",
            CmdError::NoSuchKey => "ERR no such key",
            CmdError::StringTooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            CmdError::DbIndex => "ERR DB index is out of range",
            CmdError::TakesLong => "ERR internal error: a command that takes long was not handed on",
            CmdError::KeysMismatch => "ERR internal error: the command's keys are not those of its specification",
            CmdError::Text(text) => return text,
        };
        text.as_bytes()
    }
}

/// What an error shows of an argument: Valkey prints it as a C string, which ends at the first zero byte.
pub fn as_shown(arg: &[u8]) -> &[u8] {
    memchr::memchr(0, arg).map_or(arg, |end| &arg[..end])
}

impl From<WrongType> for CmdError {
    fn from(_: WrongType) -> Self {
        CmdError::WrongType
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_shown_byte_for_byte_up_to_a_zero() {
        let cases: [(&[u8], &[u8]); 3] = [(b"abc", b"ERR no 'abc'."), (b"\xff\xfe", b"ERR no '\xff\xfe'."), (b"a\0b", b"ERR no 'a'.")];
        for (arg, line) in cases {
            assert_eq!(CmdError::naming("no '{}'.", arg).line(), line);
        }
    }
}
