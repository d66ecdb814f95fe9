//! What is known of rewrites of the append only file: which one runs, how the last one went, what is to come; and of its parts.
//!
//! Invariant: there is at most one rewrite at a time.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::base::clock;
use crate::persist::aof::folder::Folder;
use crate::persist::aof::manifest::Manifest;

/// After a rewrite that failed, the next one by itself waits so long.
const RETRY_S: i64 = 5;

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
    has_flusher: AtomicBool,
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

/// One runs already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

impl Rewriting {
    /// These are the parts.
    pub fn adopt(&self, parts: Parts) {
        *self.parts.lock() = Some(parts);
    }

    /// Has a rewrite begin when nothing is in its way.
    pub fn schedule(&self) {
        self.state.lock().is_scheduled = true;
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

    pub(super) fn begin(&self) -> Result<(), Busy> {
        let mut state = self.state.lock();
        if state.running_since_s.is_some() {
            return Err(Busy);
        }
        let now_s = clock::unix_ms() / 1000;
        (state.running_since_s, state.last_try_s, state.is_scheduled) = (Some(now_s), now_s, false);
        state.rewrites += 1;
        Ok(())
    }

    pub(super) fn end(&self, is_ok: bool) {
        let mut state = self.state.lock();
        let since_s = state.running_since_s.take();
        state.last_duration_s = since_s.map(|since_s| clock::unix_ms() / 1000 - since_s);
        state.has_failed = !is_ok;
        state.failures = if is_ok { 0 } else { state.failures + 1 };
    }

    /// Whether one is wished for, by what is known here.
    pub(super) fn wish(&self, now_s: i64) -> Wish {
        let state = *self.state.lock();
        if state.running_since_s.is_some() || state.has_failed && now_s - state.last_try_s < RETRY_S {
            return Wish::NotNow;
        }
        if state.is_scheduled { Wish::Noted } else { Wish::Nothing }
    }

    /// The parts, if there are any.
    pub(super) fn parts(&self) -> Option<Parts> {
        self.parts.lock().clone()
    }

    /// True for the first who asks: it starts the thread that flushes to the disk.
    pub(super) fn claim_flusher(&self) -> bool {
        !self.has_flusher.swap(true, Ordering::AcqRel)
    }
}
