//! What is known of saves and of loading: which one runs, how the last one went, what is to come.
//!
//! Invariant: there is at most one save at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::base::clock;
use crate::config::{Config, SavePoint};
use crate::persist::files::{Disk, Files};
use crate::persist::rdb::into_keyspace;

/// After a save that failed, the next one by itself waits so long.
const RETRY_S: i64 = 5;

/// Who asked for a save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// SAVE, or the end of the node.
    Foreground,
    /// BGSAVE, or a save point.
    Background,
}

/// A save that runs.
#[derive(Debug)]
struct Running {
    by: By,
    started_s: i64,
    is_cancelled: Arc<AtomicBool>,
    /// Keys when it began.
    keys: u64,
    /// Dropped when what it will hold is settled, or when it ends.
    unsettled: Option<oneshot::Sender<()>>,
}

/// What is known of saves.
#[derive(Debug)]
struct State {
    running: Option<Running>,
    /// Another one is to begin when nothing is in its way.
    is_scheduled: bool,
    saves: u64,
    /// When the last one that succeeded ended, unix seconds; at first, when the node started.
    last_save_s: i64,
    /// When the last one in the background began.
    last_try_s: i64,
    last_duration_s: i64,
}

/// What is known of saves, as INFO tells it.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// In the background, since so many seconds.
    pub running_s: Option<i64>,
    /// Keys when it began, and how many of them were written.
    pub keys: (u64, u64),
    /// Saves since the start.
    pub saves: u64,
    /// When data was last saved, unix seconds.
    pub last_save_s: i64,
    /// How long the last save in the background took; -1 if there was none.
    pub last_duration_s: i64,
    /// The last save in the background did not fail.
    pub is_ok: bool,
}

/// What became of a wish to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// A save that ran.
    Running,
    /// One that was noted.
    Scheduled,
    /// There was none.
    Nothing,
}

/// See the module's page.
#[derive(Debug)]
pub struct Saving {
    /// Where files are.
    pub files: Arc<dyn Files>,
    /// How far loading is.
    pub loading: into_keyspace::Progress,
    state: Mutex<State>,
    /// The last save in the background failed.
    has_failed: AtomicBool,
    keys_written: Arc<AtomicU64>,
}

impl Default for Saving {
    fn default() -> Self {
        Saving::new(Arc::new(Disk))
    }
}

impl Saving {
    /// With these files.
    pub fn new(files: Arc<dyn Files>) -> Saving {
        let state = State {
            running: None,
            is_scheduled: false,
            saves: 0,
            last_save_s: clock::unix_ms() / 1000,
            last_try_s: 0,
            last_duration_s: -1,
        };
        Saving {
            files,
            loading: into_keyspace::Progress::default(),
            state: Mutex::new(state),
            has_failed: AtomicBool::new(false),
            keys_written: Arc::default(),
        }
    }

    /// True while data is being loaded, so that nobody may see it.
    #[inline]
    pub fn is_loading(&self) -> bool {
        self.loading.is_loading.load(Ordering::Relaxed)
    }

    /// Has whoever loads give up.
    pub fn give_up_loading(&self) {
        self.loading.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// True if writes are refused because they could not be saved.
    #[inline]
    pub fn forbids_writes(&self, config: &Config) -> bool {
        self.has_failed.load(Ordering::Relaxed) && config.stop_writes_on_bgsave_error && !config.save.is_empty()
    }

    /// True if a save runs that BGSAVE or a save point began.
    pub fn runs_in_background(&self) -> bool {
        self.state.lock().running.as_ref().is_some_and(|running| running.by == By::Background)
    }

    /// Notes that a save is to begin when nothing is in its way.
    pub fn schedule(&self) {
        self.state.lock().is_scheduled = true;
    }

    /// Ends a save that runs in the background, or forgets one that was noted.
    pub fn cancel(&self) -> Cancelled {
        let mut state = self.state.lock();
        if let Some(running) = state.running.as_ref().filter(|running| running.by == By::Background) {
            running.is_cancelled.store(true, Ordering::Relaxed);
            return Cancelled::Running;
        }
        if std::mem::take(&mut state.is_scheduled) { Cancelled::Scheduled } else { Cancelled::Nothing }
    }

    /// What INFO tells.
    pub fn figures(&self) -> Figures {
        let (state, now_s) = (self.state.lock(), clock::unix_ms() / 1000);
        let running = state.running.as_ref().filter(|running| running.by == By::Background);
        Figures {
            running_s: running.map(|running| (now_s - running.started_s).max(0)),
            keys: running.map_or((0, 0), |running| (running.keys, self.keys_written.load(Ordering::Relaxed))),
            saves: state.saves,
            last_save_s: state.last_save_s,
            last_duration_s: state.last_duration_s,
            is_ok: !self.has_failed.load(Ordering::Relaxed),
        }
    }

    /// Notes how many keys the save that runs began with: what it will hold is settled. No stripe is held.
    pub(super) fn note_keys(&self, keys: u64) {
        let unsettled = self.state.lock().running.as_mut().and_then(|running| {
            running.keys = keys;
            running.unsettled.take()
        });
        drop(unsettled);
    }

    /// Ends, with an error that says nothing, when what the save that runs will hold is settled, or when that has ended.
    pub(super) fn settled(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        if let Some(running) = &mut self.state.lock().running {
            running.unsettled = Some(sender);
        }
        receiver
    }

    /// Where it is noted how many keys were written.
    pub(super) fn keys_written(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.keys_written)
    }

    /// True if a save was noted.
    pub(super) fn is_scheduled(&self) -> bool {
        self.state.lock().is_scheduled
    }

    /// Claims the place of the one save that may run. `None` if there is one.
    pub(super) fn begin(&self, by: By) -> Option<Arc<AtomicBool>> {
        let mut state = self.state.lock();
        if state.running.is_some() {
            return None;
        }
        let started_s = clock::unix_ms() / 1000;
        let is_cancelled = Arc::<AtomicBool>::default();
        state.running = Some(Running { by, started_s, is_cancelled: Arc::clone(&is_cancelled), keys: 0, unsettled: None });
        state.saves += 1;
        if by == By::Background {
            state.last_try_s = started_s;
            state.is_scheduled = false;
        }
        self.keys_written.store(0, Ordering::Relaxed);
        Some(is_cancelled)
    }

    pub(super) fn end(&self, by: By, result: &Result<(), SaveError>) {
        let mut state = self.state.lock();
        let Some(running) = state.running.take() else { return };
        let now_s = clock::unix_ms() / 1000;
        if by == By::Background {
            state.last_duration_s = (now_s - running.started_s).max(0);
        }
        match result {
            Ok(()) => {
                state.last_save_s = now_s;
                self.has_failed.store(false, Ordering::Relaxed);
            }
            Err(SaveError::Cancelled) => {}
            Err(_) if by == By::Background => self.has_failed.store(true, Ordering::Relaxed),
            Err(_) => {}
        }
    }

    /// The save point that is due, or a save that was noted (`Some(None)`).
    pub(super) fn due(&self, config: &Config, now_s: i64, changes: impl FnOnce() -> Option<u64>) -> Option<Option<SavePoint>> {
        let (last_save_s, is_scheduled) = {
            let state = self.state.lock();
            let may_try = !self.has_failed.load(Ordering::Relaxed) || now_s - state.last_try_s > RETRY_S;
            if state.running.is_some() || self.is_loading() || !may_try {
                return None;
            }
            (state.last_save_s, state.is_scheduled)
        };
        if is_scheduled {
            return Some(None);
        }
        // The clock first: to count changes takes a look at every stripe.
        let is_time = |point: &&SavePoint| now_s - last_save_s > point.seconds as i64;
        config.save.iter().find(is_time)?;
        let changes = changes()?;
        config.save.iter().filter(is_time).find(|point| changes >= point.changes).map(|point| Some(*point))
    }
}

/// Why a save did not come to its end.
#[derive(Debug)]
pub enum SaveError {
    /// Another one runs.
    Busy,
    /// Somebody wanted it to end.
    Cancelled,
    /// It could not be written. The log knows why.
    Failed,
}
