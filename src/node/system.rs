//! What a node asks of the system at its start: file descriptors, small pages, its pid file.

use crate::base::limits::reserved_descriptors;
use crate::base::process;
use crate::config::{Config, ConfigStore};

/// Raises the limit of open files to what `maxclients` needs, or lowers `maxclients` to what the limit allows.
pub(super) fn reserve_descriptors(store: &ConfigStore) {
    let config = store.load();
    let (maxclients, reserved) = (u64::from(config.maxclients), reserved_descriptors(config.io_threads));
    let wanted = maxclients + reserved;
    let best = process::raise_open_files(wanted);
    if best >= wanted {
        return;
    }
    let possible = best.saturating_sub(reserved).max(1);
    tracing::warn!("You requested maxclients of {maxclients} requiring at least {wanted} max file descriptors.");
    tracing::warn!("Current maximum open files is {best}. maxclients has been reduced to {possible} to compensate for low ulimit.");
    store.update(|config| config.maxclients = possible as u32);
}

/// Asks for no transparent huge pages, for the whole process and before there are other threads. Where `disable-thp` allows them,
/// [`super::huge_pages`] asks for them once the node is large.
pub(super) fn disable_huge_pages(config: &Config) {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true)
        && config.disable_thp
    {
        tracing::warn!("Cannot disable transparent huge pages for this process: {error}");
    }
}

/// Writes the pid file; failing to is logged, not fatal, as in Valkey.
pub(super) fn write_pid_file(config: &Config) {
    if config.pidfile.is_empty() {
        return;
    }
    if let Err(error) = std::fs::write(&config.pidfile, format!("{}\n", std::process::id())) {
        tracing::warn!("Failed to write PID file {}: {error}", config.pidfile);
    }
}

/// Removes the pid file at the end.
pub(super) fn remove_pid_file(config: &Config) {
    if !config.pidfile.is_empty() {
        let _ = std::fs::remove_file(&config.pidfile);
    }
}
