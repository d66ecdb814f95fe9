//! What CONFIG SET changes beyond the options themselves: parts of the server that keep copies, or hold what an option names.
//!
//! Invariant: everything that may refuse comes first, so that a refused change leaves nothing behind.

use crate::base::limits::reserved_descriptors;
use crate::base::process;
use crate::config::{Config, Refusal};
use crate::engine::rewriting::{self, Prepared};
use crate::engine::shared::Shared;
use crate::metrics::command_log::Kind;

/// Applies the difference between two configurations. The new one is published by the caller once this succeeded, who then gives what this
/// returns to [`rewriting::apply`]. `is_later` if a client asks for it within a transaction.
///
/// # Errors
/// The option at fault and the reason; nothing was changed then.
pub fn apply(shared: &Shared, old: &Config, new: &Config, is_later: bool) -> Result<Option<Prepared>, Refusal> {
    check_descriptors(old, new)?;
    if let Some(hook) = shared.on_config.get() {
        hook(old, new)?;
    }
    // After the hook: it is made in the folder that `dir` names now.
    let prepared = rewriting::prepare_switch(shared, old, new, is_later).inspect_err(|_| {
        if let Some(Err(refusal)) = shared.on_config.get().map(|hook| hook(new, old)) {
            tracing::warn!("Changed options cannot be changed back: {}", refusal.message);
        }
    })?;
    adopt(shared, new);
    Ok(prepared)
}

/// Gives their copies of the options to those that keep some. Also called once at start.
pub fn adopt(shared: &Shared, config: &Config) {
    shared.keyspace.apply(config);
    shared.aof.set_options(config.appendfsync, config.no_appendfsync_on_rewrite, config.aof_timestamp_enabled);
    shared.metrics.latency.set_threshold_ms(config.latency_monitor_threshold);
    let lengths = [
        (Kind::Slow, config.commandlog_slow_execution_max_len),
        (Kind::LargeRequest, config.commandlog_large_request_max_len),
        (Kind::LargeReply, config.commandlog_large_reply_max_len),
    ];
    lengths.into_iter().for_each(|(kind, len_max)| shared.metrics.command_log.trim(kind, len_max));
}

/// More clients, or more workers, need more file descriptors.
fn check_descriptors(old: &Config, new: &Config) -> Result<(), Refusal> {
    if new.maxclients <= old.maxclients && new.io_threads <= old.io_threads {
        return Ok(());
    }
    let (wanted, reserved) = (u64::from(new.maxclients), reserved_descriptors(new.io_threads));
    let possible = process::raise_open_files(wanted + reserved).saturating_sub(reserved);
    if possible >= wanted {
        return Ok(());
    }
    if new.maxclients <= old.maxclients {
        let reason =
            format!("The operating system is not able to handle so many threads beside {wanted} clients, try with fewer of either");
        return Err(Refusal::of("io-threads", reason));
    }
    Err(Refusal::of(
        "maxclients",
        format!("The operating system is not able to handle the specified number of clients, try with {possible}"),
    ))
}
