//! The listening sockets of a running node: opened at the start, exchanged by CONFIG SET port and bind.
//!
//! Invariant: the main thread owns them. A change is sent to it and answered, so that CONFIG SET can refuse with the reason; the old
//! TCP sockets are closed first (a wildcard and a specific address cannot be bound side by side) and reopened if the new ones fail.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::engine::shared::Shared;
use crate::server::{ListenError, Listener, Workers, open_tcp_listeners, open_unix_listener};

/// Longest time that CONFIG SET waits for the main thread.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Changes that may wait for the main thread; CONFIG SET runs one at a time.
const CHANGES_MAX: usize = 4;

/// A wish to listen elsewhere, and where to answer.
pub(super) struct Rebind {
    old: Config,
    new: Config,
    answer: SyncSender<Result<(), String>>,
}

/// Where CONFIG SET sends its wishes.
#[derive(Clone)]
pub(super) struct Rebinder(mpsc::Sender<Rebind>);

impl Rebinder {
    pub(super) fn channel() -> (Rebinder, mpsc::Receiver<Rebind>) {
        let (sender, receiver) = mpsc::channel(CHANGES_MAX);
        (Rebinder(sender), receiver)
    }

    /// Has the main thread listen as `new` says. Blocks until it has answered.
    pub(super) fn rebind(&self, old: &Config, new: &Config) -> Result<(), String> {
        let (answer, answered) = sync_channel(1);
        let wish = Rebind { old: old.clone(), new: new.clone(), answer };
        self.0.try_send(wish).map_err(|_| "The node is ending".to_owned())?;
        answered.recv_timeout(ANSWER_WAIT).map_err(|_| "The node is ending".to_owned())?
    }
}

/// The sockets and the tasks that accept from them.
pub(super) struct Sockets {
    shared: Arc<Shared>,
    workers: Arc<Workers>,
    tcp: Vec<JoinHandle<()>>,
    unix: Option<JoinHandle<()>>,
    /// What was opened at the start, as the log names it.
    kinds: Vec<&'static str>,
}

impl Sockets {
    /// Opens all sockets of the options and accepts from them. Must run in a `LocalSet`.
    pub(super) fn open(shared: &Arc<Shared>, workers: &Arc<Workers>, config: &Config) -> Result<Sockets, ListenError> {
        let mut sockets =
            Sockets { shared: Arc::clone(shared), workers: Arc::clone(workers), tcp: Vec::new(), unix: None, kinds: Vec::new() };
        let tcp = open_tcp_listeners(config)?;
        let unix = open_unix_listener(config)?;
        sockets.kinds = tcp.first().into_iter().chain(&unix).map(Listener::kind).collect();
        sockets.tcp = tcp.into_iter().map(|listener| sockets.accept(listener)).collect();
        sockets.unix = unix.map(|listener| sockets.accept(listener));
        Ok(sockets)
    }

    /// Tells the log that the node serves.
    pub(super) fn tell_ready(&self) {
        for kind in &self.kinds {
            tracing::info!("Ready to accept connections {kind}");
        }
    }

    /// True if nobody can connect.
    pub(super) fn is_empty(&self) -> bool {
        self.tcp.is_empty() && self.unix.is_none()
    }

    fn accept(&self, listener: Listener) -> JoinHandle<()> {
        let (shared, workers) = (Arc::clone(&self.shared), Arc::clone(&self.workers));
        tokio::task::spawn_local(async move { listener.serve(&shared, &workers).await })
    }

    /// Carries out a wish and answers it.
    pub(super) async fn rebind(&mut self, wish: Rebind) {
        close(&mut self.tcp).await;
        let result = match open_tcp_listeners(&wish.new) {
            Ok(listeners) => {
                self.tcp = listeners.into_iter().map(|listener| self.accept(listener)).collect();
                Ok(())
            }
            Err(error) => {
                tracing::warn!("{error}");
                match open_tcp_listeners(&wish.old) {
                    Ok(listeners) => self.tcp = listeners.into_iter().map(|listener| self.accept(listener)).collect(),
                    Err(error) => tracing::warn!("Failed restoring the old listening sockets: {error}"),
                }
                let by_port = wish.old.port != wish.new.port;
                Err(if by_port { "Unable to listen on this port. Check server logs." } else { "Failed to bind to specified addresses." }
                    .to_owned())
            }
        };
        // Nobody waits any more if CONFIG SET gave up.
        let _ = wish.answer.send(result);
    }

    /// Stops accepting.
    pub(super) async fn close(mut self) {
        close(&mut self.tcp).await;
        close(&mut self.unix.take().into_iter().collect()).await;
    }
}

async fn close(tasks: &mut Vec<JoinHandle<()>>) {
    for task in tasks.drain(..) {
        task.abort();
        // The socket is closed when the task is gone.
        let _ = task.await;
    }
}
