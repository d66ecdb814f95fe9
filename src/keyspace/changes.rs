//! What changes leave to be done: before the stripes are released (`commit`) and after it (`deliver`).
//!
//! Invariants:
//! * `commit` comes before every release of a stripe that was changed. What others are told of one key is therefore in the order in
//!   which it changed: messages enter the outboxes of their receivers while the stripe is held.
//! * Nothing is woken and nothing large is freed under a lock: [`Changes::deliver`] does that.

use std::any::Any;
use std::task::Waker;

use super::effect::KeyEvent;
use super::entry::Entry;
use super::lazyfree::Lazyfree;
use super::records::Records;
use super::stripe::Keys;

/// See the module's page.
#[derive(Debug, Default)]
pub struct Changes {
    /// Notifications, in order.
    pub events: Vec<KeyEvent>,
    /// Tasks that have messages to send.
    wakers: Vec<Waker>,
    /// Entries that left their tables and take long to free, and whether that happens in the background.
    entries: Vec<(Entry, bool)>,
    /// Whole tables, likewise.
    tables: Vec<(Vec<Keys>, bool)>,
    /// Parts of values, likewise.
    parts: Vec<(Box<dyn Any + Send>, bool)>,
}

impl Changes {
    /// Has a task woken once the locks are released.
    pub fn wake_later(&mut self, waker: Waker) {
        if !self.wakers.last().is_some_and(|last| last.will_wake(&waker)) {
            self.wakers.push(waker);
        }
    }

    /// Has an entry freed once the locks are released.
    pub(super) fn free_later(&mut self, entry: Entry, in_background: bool) {
        self.entries.push((entry, in_background));
    }

    /// Has whole tables freed once the locks are released.
    pub(super) fn free_tables_later(&mut self, tables: Vec<Keys>, in_background: bool) {
        self.tables.push((tables, in_background));
    }

    /// Has parts of a value freed once the locks are released.
    pub(super) fn free_parts_later(&mut self, parts: Box<dyn Any + Send>, in_background: bool) {
        self.parts.push((parts, in_background));
    }

    /// Does what waited for the locks to be released.
    pub(super) fn deliver(self, lazyfree: &Lazyfree) {
        self.wakers.into_iter().for_each(Waker::wake);
        for (entry, in_background) in self.entries {
            lazyfree.free_entry(entry, || in_background);
        }
        for (tables, in_background) in self.tables {
            if in_background {
                lazyfree.free_tables(tables);
            }
        }
        for (parts, in_background) in self.parts {
            if in_background {
                lazyfree.free_other(Box::new(|| drop(parts)));
            }
        }
    }
}

/// Who is told of changes: of higher rank than the keyspace, which therefore only knows this.
pub trait ChangeSink: std::fmt::Debug + Send + Sync {
    /// Takes what was changed, while the stripes are held: it must not wait, wake or allocate without bound. `notify` are bits of
    /// `notify-keyspace-events`. Returns the offset of the write log behind these changes, 0 without one.
    fn commit(&self, notify: u32, records: &mut Records, changes: &mut Changes) -> u64;
}
