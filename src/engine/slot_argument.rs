//! A slot as an argument.

use super::context::integer_in;
use super::error::CmdError;
use crate::base::slot::SLOTS;

/// Reads the number of a slot.
///
/// # Errors
/// `Invalid or out of range slot`.
pub fn parse_slot(arg: &[u8]) -> Result<u16, CmdError> {
    let slot = integer_in(arg, 0..=i64::from(SLOTS) - 1, "Invalid or out of range slot")?;
    Ok(slot as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_slot_is_refused() {
        assert_eq!(parse_slot(b"16383"), Ok(16383));
        for wrong in [&b"16384"[..], b"-1", b"x", b"", b"1.0"] {
            assert_eq!(parse_slot(wrong), Err(CmdError::err("Invalid or out of range slot")), "{wrong:?}");
        }
    }
}
