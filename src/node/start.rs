//! Start-up and end of a node.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::follow::Follower;
use super::oom_score::OomScore;
use super::sockets::{Rebinder, Sockets};
use super::supervisor::Supervisor;
use super::title::ProcessTitle;
use super::{aof, background, cluster, data, finish, huge_pages, log, system, usage};
use crate::base::version::LARDER as VERSION;
use crate::base::{alloc, clock};
use crate::cluster::Cluster;
use crate::commands::server::apply;
use crate::commands::{FAMILIES, TO_COME};
use crate::config::{Config, ConfigError, ConfigStore, ShutdownFlags, os_text};
use crate::engine::shared::Shared;
use crate::engine::table::Table;
use crate::engine::{rewriting, roles, saving};
use crate::keyspace::access::{KeyAccess, Moment};
use crate::replication;
use crate::server::{ListenError, Workers};

/// Runs a node with these arguments (after the program's name) until it ends. Returns the exit status.
pub fn run(args: &[String]) -> i32 {
    if let Some(answer) = usage::answer(args) {
        // Nobody is left to tell if whoever asked does not listen.
        let _ = std::io::stdout().write_all(answer.as_bytes());
        return 0;
    }
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
    std::env::set_current_dir(&config.dir).map_err(|error| anyhow::anyhow!("Can't chdir to '{}': {}", config.dir, os_text(error)))?;
    let control = log::open(&config).with_context(|| format!("Can't open the log file: {}", config.logfile))?;
    panic_to_log(&store);
    announce(&config);
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let supervisor = Supervisor::find(&config);
    system::disable_huge_pages(&config);
    system::reserve_descriptors(&store);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cluster = runtime.block_on(cluster::start(&config))?;
    let shared = Arc::new(build(store, cluster.as_ref())?);
    apply::adopt(&shared, &config);
    shared.keyspace.lazyfree.start()?;
    huge_pages::start(&config)?;
    tracing::info!("Server initialized");
    let result = tokio::task::LocalSet::new().block_on(&runtime, listen(&shared, control, &supervisor, cluster.clone()));
    if let Some(cluster) = cluster {
        runtime.block_on(cluster.shutdown());
    }
    result
}

/// A panic is a bug: it goes to the log as well, before the process aborts. A message made up at run time may hold keys or values,
/// so the log gets it only if the options let user data in.
fn panic_to_log(store: &ConfigStore) {
    let default = std::panic::take_hook();
    let store = store.clone();
    std::panic::set_hook(Box::new(move |info| {
        let config = store.load();
        let fixed_text = info.payload().downcast_ref::<&'static str>();
        match (info.location(), fixed_text) {
            (Some(place), Some(text)) if config.hide_user_data_from_log => report(&config, &format!("{text}, at {place}")),
            (Some(place), None) if config.hide_user_data_from_log => {
                report(&config, &format!("a bug was found at {place} (hide-user-data-from-log hides the rest)"));
            }
            _ => {
                report(&config, &info.to_string());
                default(info);
            }
        }
    }));
}

fn report(config: &Config, text: &str) {
    if config.crash_log_enabled {
        tracing::error!("=== LARDER BUG REPORT START: {text}");
    }
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
    let table = Table::new(FAMILIES, &renames).map_err(|(number, reason)| ConfigError::rename(&config.rename_command[number], reason))?;
    Ok(Shared::new(store, table.with_to_come(TO_COME), cluster.map(cluster::access)))
}

/// Serves until a signal or SHUTDOWN, then ends in order: no new connections, replies sent, workers joined.
async fn listen(shared: &Arc<Shared>, log: log::LogControl, supervisor: &Supervisor, cluster: Option<Arc<Cluster>>) -> anyhow::Result<()> {
    let config = shared.config.load();
    // Before anything is loaded: a node that cannot follow need not.
    follow_primary(shared, &config)?;
    log.tell_role_of(shared);
    let mut loading = data::begin(shared)?;
    let workers = Arc::new(Workers::start(shared, config.io_threads as usize)?);
    replication::start(shared)?;
    let (rebinder, mut wishes) = Rebinder::channel();
    // Before anybody is told that the node is up, and so may ask it to end.
    let mut signals = Signals::new()?;
    let mut sockets = Sockets::open(shared, &workers, &config).map_err(|error| not_listening(&config, &error))?;
    if sockets.is_empty() {
        tracing::warn!("Configured to not listen anywhere, exiting.");
        anyhow::bail!("Configured to not listen anywhere: port is 0 or bind is empty, and there is no unixsocket");
    }
    // Only now, since a node that finds its port taken must leave the other node's file alone.
    system::write_pid_file(&config);
    let title = ProcessTitle::find(shared.config.file().map(|file| file.display().to_string()));
    if let Err(error) = title.show(&config) {
        tracing::warn!("Cannot set the process title: {}", os_text(error));
    }
    let oom_score = OomScore::default();
    if let Err(error) = oom_score.follow(&config) {
        tracing::warn!("Unable to write oom_score_adj: {}", os_text(error));
    }
    let lost = cluster.clone();
    let follower = Follower { workers: Arc::clone(&workers), rebinder, log, oom_score, title, cluster };
    let hook = Box::new(move |old: &Config, new: &Config| follower.follow(old, new));
    assert!(shared.on_config.set(hook).is_ok(), "the hook is set once");
    alloc::flush_thread();
    shared.metrics.memory.startup.store(alloc::used_bytes(), Ordering::Relaxed);
    if loading.is_none() {
        serve_data(shared, &sockets, supervisor);
    }
    let mut failure = None;
    loop {
        tokio::select! {
            why = given_up(lost.as_deref()) => {
                tracing::error!("{why}. Exiting.");
                // Whatever else is wrong, data that can be saved is.
                finish::prepare(shared, ShutdownFlags::FORCE).await;
                failure = Some(why);
                break;
            }
            result = data::loaded(&mut loading), if loading.is_some() => {
                loading = None;
                match result {
                    Ok(()) => serve_data(shared, &sockets, supervisor),
                    Err(error) => {
                        failure = Some(format!("{error:#}"));
                        break;
                    }
                }
            }
            (name, flags) = signals.next(shared) => {
                tracing::warn!("Received {name} scheduling shutdown...");
                tracing::warn!("User requested shutdown...");
                let may_end = tokio::select! {
                    may_end = finish::prepare(shared, flags) => may_end,
                    _ = signals.interrupt.recv() => end_at_once(shared),
                };
                if may_end {
                    break;
                }
                tracing::warn!("{name} received but errors trying to shut down the server, check the logs for more information");
            }
            () = shared.stop.notify.notified() => {
                if end_as_wished(shared).await {
                    break;
                }
            }
            Some(wish) = wishes.recv() => sockets.rebind(wish).await,
        }
    }
    supervisor.stopping();
    shared.stop.request();
    sockets.close().await;
    end(workers, &mut signals, shared).await;
    aof::end(shared);
    system::remove_pid_file(&config);
    if !config.unixsocket.is_empty() {
        tracing::info!("Removing the unix socket file.");
        remove(&config.unixsocket);
    }
    tracing::warn!("Larder is now ready to exit, bye bye...");
    failure.map_or(Ok(()), |why| Err(anyhow::anyhow!(why)))
}

/// Has the node follow the primary that the options name.
fn follow_primary(shared: &Shared, config: &Config) -> anyhow::Result<()> {
    let Some((host, port)) = config.replicaof.rsplit_once(' ') else { return Ok(()) };
    if config.cluster_enabled {
        anyhow::bail!("replicaof directive not allowed in cluster mode");
    }
    let port = port.parse().context("replicaof: Invalid primary port")?;
    let mut keys = KeyAccess::new(&shared.keyspace, 0, &Moment::new(&shared.keyspace, clock::unix_ms()), 0);
    keys.with_all(|keys| roles::follow(shared, keys, host, port));
    Ok(())
}

/// What the node does from when it has its data.
fn serve_data(shared: &Arc<Shared>, sockets: &Sockets, supervisor: &Supervisor) {
    background::spawn(shared);
    sockets.tell_ready();
    supervisor.ready();
}

/// Does what clients asked for with SHUTDOWN. True if the node ends.
async fn end_as_wished(shared: &Arc<Shared>) -> bool {
    while let Some(wish) = shared.stop.take_wish() {
        tracing::info!("User requested shutdown... (user request from '{}')", wish.client);
        if finish::prepare(shared, wish.flags).await {
            return true;
        }
        wish.refuse();
    }
    // Or somebody else has ended it.
    shared.stop.is_requested()
}

/// Waits until the node cannot go on as part of its cluster.
async fn given_up(cluster: Option<&Cluster>) -> String {
    match cluster {
        Some(cluster) => cluster.given_up().await,
        None => std::future::pending().await,
    }
}

/// Logs why there is no listening socket, and makes it the reason of the end.
fn not_listening(config: &Config, error: &ListenError) -> anyhow::Error {
    tracing::warn!("{error}");
    let what = match error {
        ListenError::Tcp { .. } => format!("Failed listening on port {} (tcp)", config.port),
        ListenError::Unix { .. } => "Failed listening on the unix socket".to_owned(),
    };
    tracing::warn!("{what}, aborting.");
    anyhow::anyhow!("{what}: {error}")
}

fn remove(path: &str) {
    let _ = std::fs::remove_file(path);
}

/// Waits for the workers, which end once their connections have their replies. A further interrupt ends the process at once.
async fn end(workers: Arc<Workers>, signals: &mut Signals, shared: &Shared) {
    let ended = tokio::task::spawn_blocking(move || workers.end());
    tokio::select! {
        _ = ended => {}
        _ = signals.interrupt.recv() => end_at_once(shared),
    }
}

/// For who interrupts a second time.
fn end_at_once(shared: &Shared) -> ! {
    tracing::warn!("You insist... exiting now.");
    saving::remove_temporary(shared);
    rewriting::remove_temporary(shared);
    std::process::exit(1);
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

    /// The next one, and how the options want the node to end then.
    async fn next(&mut self, shared: &Shared) -> (&'static str, ShutdownFlags) {
        tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM", shared.config.load().shutdown_on_sigterm),
            _ = self.interrupt.recv() => ("SIGINT", shared.config.load().shutdown_on_sigint),
        }
    }
}
