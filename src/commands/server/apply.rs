//! What CONFIG SET changes beyond the options themselves: parts of the server that keep copies, or hold what an option names.
//!
//! Invariant: everything that may refuse comes first, so that a refused change leaves nothing behind.

use crate::base::process;
use crate::commands::shared::Shared;
use crate::config::{Config, Refusal};
use crate::metrics::command_log::Kind;

/// Descriptors kept for listeners, files and the like beside the clients' sockets.
const RESERVED_FILES: u64 = 32;

/// Applies the difference between two configurations. The new one is published by the caller once this succeeded.
///
/// # Errors
/// The option at fault and the reason; nothing was changed then.
pub fn apply(shared: &Shared, old: &Config, new: &Config) -> Result<(), Refusal> {
    if new.maxclients > old.maxclients {
        check_maxclients(new.maxclients)?;
    }
    if let Some(hook) = shared.on_config.get() {
        hook(old, new)?;
    }
    adopt(shared, new);
    Ok(())
}

/// Gives their copies of the options to those that keep some. Also called once at start.
pub fn adopt(shared: &Shared, config: &Config) {
    shared.keyspace.apply(config);
    shared.metrics.latency.set_threshold_ms(config.latency_monitor_threshold);
    let lengths = [
        (Kind::Slow, config.commandlog_slow_execution_max_len),
        (Kind::LargeRequest, config.commandlog_large_request_max_len),
        (Kind::LargeReply, config.commandlog_large_reply_max_len),
    ];
    lengths.into_iter().for_each(|(kind, len_max)| shared.metrics.command_log.trim(kind, len_max));
}

fn check_maxclients(wanted: u32) -> Result<(), Refusal> {
    let files = process::raise_open_files(u64::from(wanted) + RESERVED_FILES);
    let possible = files.saturating_sub(RESERVED_FILES);
    if possible >= u64::from(wanted) {
        return Ok(());
    }
    Err(Refusal::of(
        "maxclients",
        format!("The operating system is not able to handle the specified number of clients, try with {possible}"),
    ))
}
