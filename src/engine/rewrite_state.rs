//! What is known of rewrites of the append only file: which one runs, how the last one went, what is to come; and of its parts.
//!
//! Invariant: there is at most one rewrite at a time.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::base::clock;
use crate::persist::aof::folder::Folder;
use crate::persist::aof::manifest::Manifest;

/// After a rewrite that failed, the next one by itself waits so long.
const RETRY_S: i64 = 5;
/// After so many in a row it waits a minute, and twice as long after each further one, up to an hour.
const LIMITED_AFTER: u64 = 3;
const LIMITED_RETRY_S_MAX: i64 = 3600;

/// The parts of the append only file, as the manifest has them.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where they are.
    pub folder: Folder,
    /// What they are.
    pub manifest: Manifest,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    is_scheduled: bool,
    /// Since when one runs, unix seconds.
    running_since_s: Option<i64>,
    /// It is the beginning of a file that goes on, and not all of it.
    goes_on: bool,
    /// There was none that went on before it.
    is_initial: bool,
    /// It cannot be cancelled any more.
    is_decided: bool,
    last_try_s: i64,
    last_duration_s: Option<i64>,
    has_failed: bool,
    /// Rewrites that were begun, and those that failed since one did not.
    rewrites: u64,
    failures: u64,
}

/// What is known of rewrites, as INFO tells it.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// One is to begin when nothing is in its way.
    pub is_scheduled: bool,
    /// One runs, since so many seconds.
    pub running_s: Option<i64>,
    /// How long the last one took; -1 if there was none.
    pub last_duration_s: i64,
    /// The last one did not fail.
    pub is_ok: bool,
    /// Rewrites since the start.
    pub rewrites: u64,
    /// How many have failed in a row.
    pub failures: u64,
}

/// What is known of the append only file beside what is written to it.
#[derive(Debug, Default)]
pub struct Rewriting {
    parts: Mutex<Option<Parts>>,
    state: Mutex<State>,
    /// Set if the rewrite that runs is no longer wanted.
    is_cancelled: Mutex<Arc<AtomicBool>>,
    has_flusher: AtomicBool,
    /// Where the last rewrite that has begun writes its base.
    pub(super) temporary: Mutex<Option<PathBuf>>,
}

/// What is known of whether a rewrite should begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// One runs, or failed just now.
    NotNow,
    /// It was noted.
    Noted,
    /// Nobody asked for one.
    Nothing,
}

/// How a rewrite ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    Failed,
    /// Nobody wanted it any longer.
    Cancelled,
}

impl State {
    /// How long the next one waits after one that failed, if nobody asks for it.
    fn retry_s(&self) -> i64 {
        match self.failures.checked_sub(LIMITED_AFTER) {
            None => RETRY_S,
            Some(more) => (60 << more.min(6)).min(LIMITED_RETRY_S_MAX),
        }
    }
}

/// One runs already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

impl Rewriting {
    /// These are the parts.
    pub fn adopt(&self, parts: Parts) {
        *self.parts.lock() = Some(parts);
    }

    /// Has a rewrite begin when nothing is in its way, however many have failed.
    pub fn schedule(&self) {
        let mut state = self.state.lock();
        (state.is_scheduled, state.failures, state.last_try_s) = (true, 0, 0);
    }

    /// Forgets a rewrite that was noted. True if there was one.
    pub(super) fn unschedule(&self) -> bool {
        std::mem::take(&mut self.state.lock().is_scheduled)
    }

    /// Whether a rewrite runs, and then whether the file goes on behind it.
    pub(super) fn running(&self) -> Option<bool> {
        let state = *self.state.lock();
        state.running_since_s.map(|_| state.goes_on)
    }

    /// True while the first rewrite of a file that goes on runs, and is still wanted.
    pub fn is_initial(&self) -> bool {
        let state = self.state.lock();
        state.running_since_s.is_some() && state.is_initial && !self.is_cancelled.lock().load(Ordering::Relaxed)
    }

    /// Ends the rewrite that runs. True if there is one that was still wanted, and can still be ended.
    pub fn cancel(&self) -> bool {
        let state = self.state.lock();
        state.running_since_s.is_some() && !state.is_decided && !self.is_cancelled.lock().swap(true, Ordering::Relaxed)
    }

    /// Has the rewrite that runs come to its good end: it cannot be cancelled any more. False if it was cancelled.
    pub(super) fn decide(&self) -> bool {
        let mut state = self.state.lock();
        state.is_decided = !self.is_cancelled.lock().load(Ordering::Relaxed);
        state.is_decided
    }

    /// True if a rewrite runs that is to make way: it was cancelled, or makes a file that goes on, which is not wanted (`goes_on` false) any more.
    pub fn makes_way(&self, goes_on: bool) -> bool {
        let state = self.state.lock();
        state.running_since_s.is_some() && (state.goes_on && !goes_on || self.is_cancelled.lock().load(Ordering::Relaxed))
    }

    /// What INFO tells.
    pub fn figures(&self) -> Figures {
        let state = *self.state.lock();
        Figures {
            is_scheduled: state.is_scheduled,
            running_s: state.running_since_s.map(|since_s| clock::unix_ms() / 1000 - since_s),
            last_duration_s: state.last_duration_s.unwrap_or(-1),
            is_ok: !state.has_failed,
            rewrites: state.rewrites,
            failures: state.failures,
        }
    }

    /// Claims the place of the one rewrite that may run: of a file that goes on, or not. Returns what tells whether it is still wanted.
    /// `is_initial` if there is none of that kind before it.
    pub(super) fn begin(&self, goes_on: bool, is_initial: bool) -> Result<Arc<AtomicBool>, Busy> {
        let mut state = self.state.lock();
        if state.running_since_s.is_some() {
            return Err(Busy);
        }
        let now_s = clock::unix_ms() / 1000;
        (state.running_since_s, state.last_try_s, state.is_scheduled) = (Some(now_s), now_s, false);
        (state.rewrites, state.goes_on, state.is_initial) = (state.rewrites + 1, goes_on, is_initial);
        state.is_decided = false;
        let is_cancelled = Arc::<AtomicBool>::default();
        *self.is_cancelled.lock() = Arc::clone(&is_cancelled);
        Ok(is_cancelled)
    }

    pub(super) fn end(&self, ended: Ended) {
        let mut state = self.state.lock();
        let since_s = state.running_since_s.take();
        state.last_duration_s = since_s.map(|since_s| clock::unix_ms() / 1000 - since_s);
        match ended {
            Ended::Well => (state.has_failed, state.failures) = (false, 0),
            Ended::Failed => {
                (state.has_failed, state.failures) = (true, state.failures + 1);
                if state.failures >= LIMITED_AFTER {
                    let minutes = state.retry_s() / 60;
                    tracing::warn!("Background AOF rewrite has repeatedly failed and triggered the limit, will retry in {minutes} minutes");
                }
            }
            Ended::Cancelled => {}
        }
    }

    /// True if the last one did not begin just now.
    pub(super) fn has_rested(&self, now_s: i64) -> bool {
        now_s - self.state.lock().last_try_s >= RETRY_S
    }

    /// Whether one is wished for, by what is known here.
    pub(super) fn wish(&self, now_s: i64) -> Wish {
        let state = *self.state.lock();
        if state.running_since_s.is_some() || state.has_failed && now_s - state.last_try_s < state.retry_s() {
            return Wish::NotNow;
        }
        if state.is_scheduled { Wish::Noted } else { Wish::Nothing }
    }

    /// Changes the parts that are known, if there are any.
    pub(super) fn change_parts(&self, change: impl FnOnce(&mut Parts)) {
        if let Some(parts) = &mut *self.parts.lock() {
            change(parts);
        }
    }

    /// The parts, if there are any.
    pub(super) fn parts(&self) -> Option<Parts> {
        self.parts.lock().clone()
    }

    /// True for the first who asks: it starts the thread that flushes to the disk.
    pub fn claim_flusher(&self) -> bool {
        !self.has_flusher.swap(true, Ordering::AcqRel)
    }
}
