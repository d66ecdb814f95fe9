//! What a node asks of the system at its start: file descriptors, its pid file.

use crate::config::{Config, ConfigStore};

/// Descriptors beside the clients': log, listeners, epoll and wake-up descriptors of the workers, the cluster's.
const RESERVED_DESCRIPTORS: u64 = 32;

/// Raises the limit of open files to what `maxclients` needs, or lowers `maxclients` to what the limit allows.
pub(super) fn reserve_descriptors(store: &ConfigStore) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maxclients = u64::from(store.load().maxclients);
    let wanted = maxclients + RESERVED_DESCRIPTORS;
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current.filter(|current| *current < wanted) else { return };
    let mut best = current;
    // As much as the system lets us have, in coarse steps, since only root may raise the hard limit.
    let mut try_for = wanted;
    while try_for > current {
        let raised = Rlimit { current: Some(try_for), maximum: Some(limit.maximum.unwrap_or(try_for).max(try_for)) };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            best = try_for;
            break;
        }
        try_for = try_for.saturating_sub(16);
    }
    if best >= wanted {
        tracing::info!("Increased maximum number of open files to {best} (it was originally set to {current}).");
        return;
    }
    let possible = best.saturating_sub(RESERVED_DESCRIPTORS).max(1);
    tracing::warn!("You requested maxclients of {maxclients} requiring at least {wanted} max file descriptors.");
    tracing::warn!("Current maximum open files is {best}. maxclients has been reduced to {possible} to compensate for low ulimit.");
    store.update(|config| config.maxclients = possible as u32);
}

/// Writes the pid file; failing to is logged, not fatal, as in Valkey.
#[expect(clippy::disallowed_methods, reason = "the pid file belongs to the node alone")]
pub(super) fn write_pid_file(config: &Config) {
    if config.pidfile.is_empty() {
        return;
    }
    if let Err(error) = std::fs::write(&config.pidfile, format!("{}\n", std::process::id())) {
        tracing::warn!("Failed to write PID file {}: {error}", config.pidfile);
    }
}

/// Removes the pid file at the end.
#[expect(clippy::disallowed_methods, reason = "the pid file belongs to the node alone")]
pub(super) fn remove_pid_file(config: &Config) {
    if !config.pidfile.is_empty() {
        let _ = std::fs::remove_file(&config.pidfile);
    }
}
