//! How the changes of a command become records of the write log ([`super::records`]).

use super::access::KeyAccess;
use super::key::Key;
use super::records::deletion;

impl KeyAccess<'_> {
    /// True if every change becomes a record of the write log: to be asked before what only a record needs is put together.
    #[inline]
    pub fn is_logging(&self) -> bool {
        self.is_logging
    }

    /// Adds a record that stands for the command that runs, or for a part of what it changes, in place of the command as it came.
    pub fn log(&mut self, words: &[&[u8]]) {
        self.log_all(words.len(), words.iter().copied());
    }

    /// As [`KeyAccess::log`], of a record of `count` words.
    pub fn log_all<'w>(&mut self, count: usize, words: impl IntoIterator<Item = &'w [u8]>) {
        if self.is_logging {
            self.logging.records.push_of_command(self.db, count, words);
            self.logging.is_told = true;
        }
    }

    /// What the command changes beside what its records tell is nothing that they have to tell.
    pub fn log_nothing_else(&mut self) {
        self.logging.is_told |= self.is_logging;
    }

    /// Adds a record of a message, which changes nothing: replicas hear of it, in the order of what changes.
    pub fn log_message(&mut self, words: &[&[u8]]) {
        self.logging.records.push(self.db, words.len(), words.iter().copied());
    }

    /// Adds a record about a change that no command asked for.
    #[cold]
    pub(super) fn log_unasked<'w>(&mut self, count: usize, words: impl IntoIterator<Item = &'w [u8]>) {
        self.logging.records.push(self.db, count, words);
    }

    /// Adds a record about a key that is gone since its time had come or memory was needed.
    #[cold]
    pub(super) fn log_deletion(&mut self, key: &[u8], in_background: bool) {
        self.log_unasked(2, [deletion(in_background), key]);
    }

    /// Adds a record about fields that are gone since their time had come.
    #[cold]
    pub(super) fn log_ended_fields(&mut self, key: &[u8], fields: &[Vec<u8>]) {
        if self.is_logging && !fields.is_empty() {
            let head: [&[u8]; 2] = [b"HDEL", key];
            self.log_unasked(2 + fields.len(), head.into_iter().chain(fields.iter().map(Vec::as_slice)));
        }
    }

    /// Ends what a command changed: if no record of its own tells of it, the command as it came does.
    #[inline(never)]
    pub fn end_of_command(&mut self, words: &[&[u8]], may_be_as_it_came: bool) {
        let (is_unlogged, is_told) = (std::mem::take(&mut self.logging.is_unlogged), std::mem::take(&mut self.logging.is_told));
        if !is_unlogged || is_told {
            debug_assert!(is_unlogged || !is_told, "{} is logged and changed nothing", String::from_utf8_lossy(words[0]));
            return;
        }
        debug_assert!(may_be_as_it_came, "{} changed something that no record tells of", String::from_utf8_lossy(words[0]));
        self.logging.records.push_of_command(self.db, words.len(), words.iter().copied());
    }

    /// The word for a key that was deleted because its time had come: as Valkey chooses it.
    pub fn deletion_of_ended(&self) -> &'static [u8] {
        deletion(self.keyspace().settings.lazy_expire.load(std::sync::atomic::Ordering::Relaxed))
    }

    /// Logs that the command has deleted `key`, whose time had come by what it said.
    pub fn log_ended(&mut self, key: Key<'_>) {
        let word = self.deletion_of_ended();
        self.log(&[word, key.name()]);
    }
}
