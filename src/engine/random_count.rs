//! The number of random elements that a client asks for: negative if they may repeat.

use super::context::integer;
use super::error::CmdError;

/// Reads it.
///
/// # Errors
/// Valkey's texts: the smallest of all integers has no opposite.
pub fn parse(arg: &[u8]) -> Result<i64, CmdError> {
    match integer(arg)? {
        i64::MIN => Err(CmdError::coded("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")),
        count => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_integer_that_has_an_opposite() {
        assert_eq!((parse(b"-9223372036854775807"), parse(b"0")), (Ok(-i64::MAX), Ok(0)));
        assert!(parse(b"-9223372036854775808").is_err() && parse(b"x").is_err());
    }
}
