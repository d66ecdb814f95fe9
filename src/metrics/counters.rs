//! Counters of rare events, shared by all workers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

macro_rules! counters {
    ($($(#[$about:meta])* $name:ident),+ $(,)?) => {
        /// See the module's page.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$about])* pub $name: AtomicU64,)+
            /// Commands of whose bugs the log has told.
            told: Mutex<BTreeSet<String>>,
        }

        impl Counters {
            /// Sets all to zero (CONFIG RESETSTAT).
            pub fn reset(&self) {
                $(self.$name.store(0, Ordering::Relaxed);)+
            }
        }
    };
}

counters! {
    /// Connections accepted.
    connections_received,
    /// Connections refused because of `maxclients` or protected mode.
    connections_rejected,
    /// Clients closed because their input exceeded its limit.
    query_buffer_closed,
    /// Clients closed because their output exceeded its limit.
    output_buffer_closed,
    /// Clients closed to free memory (`maxmemory-clients`).
    clients_evicted,
    /// Failed authentications.
    auth_failures,
    /// Microseconds spent in the sweep for expired keys.
    expire_cycle_us,
    /// Sweeps that ended because their time was up.
    expire_time_cap_reached,
    /// Output buffers made smaller.
    reply_buffer_shrinks,
    /// Output buffers made larger.
    reply_buffer_expands,
    /// Commands that asked for keys which their specifications do not name: bugs of this server.
    internal_errors,
}

impl Counters {
    /// Counts a bug that was met in a command, and logs the first one of each command.
    #[cold]
    pub fn note_internal_error(&self, command: &str) {
        self.internal_errors.fetch_add(1, Ordering::Relaxed);
        if self.told.lock().insert(command.to_owned()) {
            tracing::error!("a bug in command '{command}': its keys are not those of its specification; it is answered with an error");
        }
    }

    /// Adds one.
    pub fn one(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
