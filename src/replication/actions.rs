//! What follows from what happened, where no replica's own task does it.

use crate::config::Config;
use crate::engine::replication_core::Action;
use crate::engine::replication_state::LogUser;
use crate::engine::roles;
use crate::engine::shared::Shared;

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// Does it.
pub(super) fn perform(shared: &Shared, config: &Config, action: &Action) {
    let (replication, log) = (&shared.replication, &shared.write_log);
    match action {
        Action::Ping => _ = log.append_aside(PING, |waker| waker.wake()),
        Action::Trim { from } => _ = replication.with_backlog(|reader| log.release(reader, *from)),
        Action::EndBacklog => {
            shared.set_logging(LogUser::Replicas, false, |_| ());
            replication.take_backlog().into_iter().for_each(|reader| log.end_reader(&reader));
            roles::name_history(shared);
            let seconds = config.repl_backlog_ttl;
            tracing::info!("Replication backlog freed after {seconds} seconds without connected replicas.");
        }
        Action::WakeWaiters => {
            replication.count_good(config);
            replication.wake_waiters();
        }
        Action::Drop { replica } => {
            if let Some(client) = shared.clients.get(*replica) {
                tracing::warn!("Disconnecting timedout replica (streaming sync): {}", client.addr);
                client.close_asap();
            }
        }
        Action::DropAll => roles::perform(shared, vec![Action::DropAll]),
        Action::Continue { .. } | Action::FullSync { .. } | Action::Refuse { .. } | Action::Stream { .. } => {
            unreachable!("its own task does it")
        }
    }
}
