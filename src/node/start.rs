//! Start-up and end of a node.

use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use parking_lot::Mutex;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::sockets::{Rebinder, Sockets};
use super::{background, cluster, log, system};
use crate::base::version::LARDER as VERSION;
use crate::base::{clock, rng};
use crate::cluster::Cluster;
use crate::commands::FAMILIES;
use crate::commands::server::apply;
use crate::commands::shared::{DebugSwitches, Identity, Pause, ReplicationId, Shared, Stop};
use crate::commands::table::Table;
use crate::config::{Config, ConfigStore};
use crate::keyspace::Keyspace;
use crate::metrics::{Counters, ErrorStats, NodeMetrics, WorkerMetrics};
use crate::server::{WorkerHandle, spawn_workers};

/// Runs a node with these arguments (after the program's name) until it ends. Returns the exit status.
pub fn run(args: &[String]) -> i32 {
    let store = match ConfigStore::from_args(args, &mut std::io::stdin()) {
        Ok(loaded) => loaded,
        Err(error) => return fail(&error.to_string()),
    };
    match serve(store.0, &store.1) {
        Ok(()) => 0,
        Err(error) => fail(&format!("{error:#}")),
    }
}

/// Tells the operator why the node does not run: on standard error, whatever the log is set to.
#[expect(clippy::print_stderr, reason = "before the log is open, the terminal is all there is")]
fn fail(reason: &str) -> i32 {
    eprintln!("{reason}");
    1
}

fn serve(store: ConfigStore, warnings: &[String]) -> anyhow::Result<()> {
    clock::warm_up();
    let config = store.load();
    let control = log::open(&config).with_context(|| format!("Can't open the log file: {}", config.logfile))?;
    panic_to_log();
    announce(&config);
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    system::reserve_descriptors(&store);
    system::write_pid_file(&config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cluster = runtime.block_on(cluster::start(&config))?;
    let shared = Arc::new(build(store, cluster.as_ref())?);
    apply::adopt(&shared, &config);
    shared.keyspace.lazyfree.start()?;
    tracing::info!("Server initialized");
    let result = tokio::task::LocalSet::new().block_on(&runtime, listen(&shared, control, cluster.clone()));
    if let Some(cluster) = cluster {
        runtime.block_on(cluster.shutdown());
    }
    system::remove_pid_file(&shared.config.load());
    result
}

/// A panic is a bug: it goes to the log as well, before the process aborts.
fn panic_to_log() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tracing::error!("=== LARDER BUG REPORT START: {info}");
        default(info);
    }));
}

fn announce(config: &Config) {
    let mode = if config.cluster_enabled { "cluster" } else { "standalone" };
    let pid = std::process::id();
    let port = config.port;
    tracing::info!("Larder is starting: version {VERSION}, {} workers, mode {mode}, port {port}, PID: {pid}", config.io_threads);
    if config.always_show_logo {
        tracing::info!(
            "\n  .---------------------.\n  |  [==]  [==]  [==]   |   Larder {VERSION}\n  |  ~~~~  ~~~~  ~~~~   |   Running in {mode} mode\n  |  [==]  [==]  [==]   |   Port: {port}\n  '---------------------'   PID: {pid}\n"
        );
    }
}

/// Everything the workers share, built from the options.
fn build(store: ConfigStore, cluster: Option<&Arc<Cluster>>) -> anyhow::Result<Shared> {
    let config = store.load();
    let renames: Vec<_> = config.rename_command.iter().map(|rename| (rename.command.clone(), rename.new_name.clone())).collect();
    let table = Table::new(FAMILIES, &renames).map_err(anyhow::Error::msg)?;
    let rows = table.len();
    Ok(Shared {
        cluster: cluster.map(cluster::access),
        keyspace: Keyspace::new(
            config.keyspace_stripes as usize,
            config.database_count() as usize,
            config.cluster_enabled,
            rng::process_seed(),
        ),
        config: store,
        table,
        clients: crate::clients::Registry::default(),
        pubsub: crate::pubsub::PubSub::default(),
        monitors: Mutex::default(),
        monitor_count: AtomicUsize::new(0),
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
        evict_more: tokio::sync::Notify::new(),
        on_config: OnceLock::new(),
        blocked_clients: AtomicU64::new(0),
        metrics: NodeMetrics::default(),
        debug: DebugSwitches::default(),
        replication_id: ReplicationId::default(),
    })
}

/// Serves until a signal or SHUTDOWN, then ends in order: no new connections, replies sent, workers joined.
async fn listen(shared: &Arc<Shared>, control: log::LogControl, cluster: Option<Arc<Cluster>>) -> anyhow::Result<()> {
    let config = shared.config.load();
    let workers = Arc::new(spawn_workers(shared)?);
    let (rebinder, mut wishes) = Rebinder::channel();
    let hook = move |old: &Config, new: &Config| {
        if old.port != new.port || old.bind != new.bind {
            rebinder.rebind(old, new)?;
        }
        control.apply(new);
        if let Some(cluster) = &cluster {
            cluster::configure(cluster, new);
        }
        Ok(())
    };
    assert!(shared.on_config.set(Box::new(hook)).is_ok(), "the hook is set once");
    let mut sockets = match Sockets::open(shared, &workers, &config) {
        Ok(sockets) => sockets,
        Err(error) => {
            tracing::warn!("{error}");
            tracing::warn!("Failed listening on port {} (tcp), aborting.", config.port);
            return Err(anyhow::anyhow!("Failed listening on port {}: {error}", config.port));
        }
    };
    background::spawn(shared);
    let mut signals = Signals::new()?;
    loop {
        tokio::select! {
            name = signals.next() => {
                tracing::warn!("Received {name} scheduling shutdown...");
                break;
            }
            () = shared.stop.notify.notified() => break,
            Some(wish) = wishes.recv() => sockets.rebind(wish).await,
        }
    }
    tracing::warn!("User requested shutdown...");
    shared.stop.request();
    sockets.close().await;
    end(workers).await;
    if !config.unixsocket.is_empty() {
        tracing::info!("Removing the unix socket file.");
        remove(&config.unixsocket);
    }
    tracing::warn!("Larder is now ready to exit, bye bye...");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the socket's file belongs to the node alone")]
fn remove(path: &str) {
    let _ = std::fs::remove_file(path);
}

/// Waits for the workers, which end once their connections have their replies.
async fn end(workers: Arc<Vec<WorkerHandle>>) {
    match Arc::try_unwrap(workers) {
        Ok(workers) => workers.into_iter().for_each(WorkerHandle::join),
        Err(_) => tracing::warn!("A listening socket is still in use; not waiting for the workers"),
    }
}

/// The signals that end a node.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    _hang_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        // Listening for SIGHUP keeps it from ending the process.
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
