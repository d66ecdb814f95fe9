//! What COPY and MOVE share: a key does not go where it is.

use crate::engine::error::CmdError;

/// The key would go onto itself.
pub(super) const SAME_OBJECT: CmdError = CmdError::coded("ERR source and destination objects are the same");
