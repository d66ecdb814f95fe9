//! What is known in a long string of the snapshot that is being taken of it.
//!
//! The snapshot takes the string from its beginning to its end, a chunk at a time. Who overwrites something beyond that keeps the
//! kilobyte around it as it was, until the snapshot comes by: to copy whole chunks, as who shares them must, would make a string that is
//! written to everywhere take twice its memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::chunk::{Saving, Tag, Taker};

/// Bytes that are kept together.
const PAGE: usize = 1024;

/// See the module's page.
#[derive(Debug)]
pub(super) struct TextSaving {
    /// Its parts are pages.
    saving: Saving,
    /// Length when the snapshot began.
    len: usize,
    /// All before this was taken.
    at: usize,
    /// Pages as they were, by their numbers.
    kept: BTreeMap<usize, Vec<u8>>,
}

impl TextSaving {
    pub(super) fn new(taker: Arc<dyn Taker>, tag: Tag, len: usize) -> Self {
        TextSaving { saving: Saving::new(taker, tag, len.div_ceil(PAGE)), len, at: 0, kept: BTreeMap::new() }
    }

    pub(super) fn saving(&self) -> &Saving {
        &self.saving
    }

    /// Keeps the pages of a range that is about to be overwritten: `part` copies one.
    #[cold]
    pub(super) fn keep(&mut self, range: Range<usize>, part: impl Fn(Range<usize>) -> Vec<u8>) {
        let end = range.end.min(self.len);
        for page in range.start / PAGE..end.div_ceil(PAGE) {
            if self.saving.claim(page) {
                self.kept.insert(page, part(page * PAGE..self.len.min((page + 1) * PAGE)));
            }
        }
    }

    /// What the snapshot takes next, the rest of a chunk of this length.
    pub(super) fn next(&mut self, chunk_len: usize) -> Option<Range<usize>> {
        let start = self.at;
        self.at = self.len.min(start + chunk_len);
        (start < self.len).then_some(start..self.at)
    }

    /// Puts back what was kept of a range, and is needed no longer.
    pub(super) fn restore(&mut self, range: Range<usize>, bytes: &mut [u8]) {
        for page in range.start / PAGE..range.end.div_ceil(PAGE) {
            self.saving.claim(page);
            if let Some(kept) = self.kept.remove(&page) {
                let start = page * PAGE - range.start;
                bytes[start..start + kept.len()].copy_from_slice(&kept);
            }
        }
    }
}

const _: () = assert!(crate::base::limits::CHUNK_LEN.is_multiple_of(PAGE), "a page lies in one chunk");
