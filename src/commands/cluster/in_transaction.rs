//! What the commands that ask the control plane answer inside a transaction, where nothing waits.

use crate::clients::Session;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;

/// Refuses, for the reason that a node outside a cluster has anyway, or because it would wait.
pub(super) fn refuse(context: &mut Context<'_>, _: &mut Session, _: &Args<'_>) -> CmdResult {
    context.cluster()?;
    Err(CmdError::coded("ERR Command not allowed inside a transaction"))
}
