//! A request that could not run at once, with its words copied.

use larder_proto::resp::{ArgRange, Batch};

use crate::base::words::{PackedWords, Words};

/// See the module's page.
#[derive(Debug)]
pub(super) struct OwnedRequest {
    words: PackedWords,
    /// Bytes and number of the words.
    len: (usize, usize),
    /// When it gives up waiting for keys (monotonic milliseconds, 0: never), if it has waited before.
    pub(super) until_ms: Option<u64>,
}

impl OwnedRequest {
    fn new<'w>(words: impl Iterator<Item = &'w [u8]> + Clone, until_ms: Option<u64>) -> Self {
        let len = words.clone().fold((0, 0), |(bytes, count), word| (bytes + word.len(), count + 1));
        OwnedRequest { words: PackedWords::new(words), len, until_ms }
    }

    /// Copies of these words.
    #[cfg(test)]
    pub(super) fn of(words: &[&[u8]]) -> Self {
        OwnedRequest::new(words.iter().copied(), None)
    }

    /// One that waited for keys, to be asked for anew.
    pub(super) fn of_waiter(words: &[Vec<u8>], until_ms: u64) -> Self {
        OwnedRequest::new(words.iter().map(Vec::as_slice), Some(until_ms))
    }

    fn copy(words: &[ArgRange], buffer: &[u8]) -> Self {
        OwnedRequest::new(words.iter().map(|word| word.of(buffer)), None)
    }

    /// Copies of some requests of a batch that was parsed from `buffer`.
    pub(super) fn copies(buffer: &[u8], batch: &Batch, requests: std::ops::Range<usize>) -> impl Iterator<Item = OwnedRequest> {
        batch.requests[requests].iter().map(move |request| OwnedRequest::copy(batch.args_of(request), buffer))
    }

    /// Its words.
    pub(super) fn words(&self) -> Words<'_> {
        self.words.words()
    }

    /// Bytes and number of its words.
    pub(super) fn len(&self) -> (usize, usize) {
        self.len
    }
}
