//! Start-up and end of a node.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use crate::base::{clock, rng};
use crate::commands::FAMILIES;
use crate::commands::shared::{Identity, Pause, Shared, Stop};
use crate::commands::table::Table;
use crate::config::ConfigStore;
use crate::keyspace::Keyspace;
use crate::metrics::{Counters, ErrorStats, WorkerMetrics};
use crate::server::{Listeners, spawn_workers};

/// Runs a node with these arguments (after the program's name) until it ends. Returns the exit status.
pub fn run(args: &[String]) -> i32 {
    match serve(args) {
        Ok(()) => 0,
        Err(error) => {
            fail(&error);
            1
        }
    }
}

#[expect(clippy::print_stderr, reason = "before the log is open, the terminal is all there is")]
fn fail(error: &anyhow::Error) {
    eprintln!("{error:#}");
}

fn serve(args: &[String]) -> anyhow::Result<()> {
    let (store, _warnings) = ConfigStore::from_args(args, &mut std::io::stdin()).map_err(|error| anyhow::anyhow!("{error}"))?;
    clock::warm_up();
    let config = store.load();
    let renames: Vec<_> = config.rename_command.iter().map(|rename| (rename.command.clone(), rename.new_name.clone())).collect();
    let table = Table::new(FAMILIES, &renames).map_err(anyhow::Error::msg)?;
    let rows = table.len();
    let shared = Arc::new(Shared {
        keyspace: Keyspace::new(config.keyspace_stripes as usize, config.database_count() as usize, config.cluster_enabled, rng::process_seed()),
        config: store,
        table,
        clients: crate::clients::Registry::default(),
        pubsub: crate::pubsub::PubSub::default(),
        monitors: Mutex::default(),
        monitor_count: std::sync::atomic::AtomicUsize::new(0),
        workers: (0..config.io_threads.max(1)).map(|_| WorkerMetrics::new(rows)).collect(),
        counters: Counters::default(),
        errors: ErrorStats::default(),
        identity: Identity {
            run_id: rng::random_hex(20),
            executable: std::env::current_exe().map_or_else(|_| String::new(), |path| path.display().to_string()),
            started_ms: clock::unix_ms(),
            pid: std::process::id(),
        },
        pause: Pause::default(),
        stop: Stop::default(),
        blocked_clients: std::sync::atomic::AtomicU64::new(0),
        metrics: crate::metrics::NodeMetrics::default(),
        debug: crate::commands::shared::DebugSwitches::default(),
        replication_id: crate::commands::shared::ReplicationId::default(),
        on_config: std::sync::OnceLock::new(),
    });
    crate::commands::server::apply::adopt(&shared, &config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(listen(&shared))
}

async fn listen(shared: &Arc<Shared>) -> anyhow::Result<()> {
    let config = shared.config.load();
    let listeners = Listeners::open(&config)?;
    let workers = spawn_workers(shared)?;
    let workers = Arc::new(workers);
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            for socket in listeners.into_sockets() {
                let (shared, workers) = (Arc::clone(shared), Arc::clone(&workers));
                tokio::task::spawn_local(async move { socket.serve(&shared, &workers).await });
            }
            let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
            tokio::select! {
                _ = terminate.recv() => {}
                () = shared.stop.notify.notified() => {}
            }
            shared.stop.requested.store(true, Ordering::Release);
            Ok(())
        })
        .await
}
