//! What COPY and MOVE share: the database that a key goes to, and that it does not go where it is.

use crate::engine::context::{Context, integer};
use crate::engine::error::CmdError;

/// The key would go onto itself.
pub(super) const SAME_OBJECT: CmdError = CmdError::coded("ERR source and destination objects are the same");

/// The argument as the number of a database that is there.
pub(super) fn parse(context: &Context<'_>, arg: &[u8]) -> Result<u32, CmdError> {
    let Ok(number) = i32::try_from(integer(arg)?) else {
        return Err(CmdError::coded("ERR value is out of range, value must between -2147483648 and 2147483647"));
    };
    u32::try_from(number).ok().filter(|db| (*db as usize) < context.keys.keyspace().databases()).ok_or(CmdError::DbIndex)
}
