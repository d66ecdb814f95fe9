//! What names of clients and of their libraries may look like.

use crate::engine::error::CmdError;

/// True if the text can stand in a line of CLIENT LIST, whose fields are separated by blanks.
pub(super) fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

/// Checks a client's name; the empty one removes the name.
pub(crate) fn check(name: &[u8]) -> Result<(), CmdError> {
    if is_printable(name) {
        return Ok(());
    }
    Err(CmdError::coded("ERR Client names cannot contain spaces, newlines or special characters."))
}
