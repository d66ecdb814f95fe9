//! A request that could not run at once, with its words copied.

use larder_proto::resp::{ArgRange, Batch};

use crate::base::words::{PackedWords, Words};

/// See the module's page.
#[derive(Debug)]
pub(super) struct OwnedRequest {
    words: PackedWords,
    /// When it gives up waiting for keys (monotonic milliseconds, 0: never), if it has waited before.
    pub(super) until_ms: Option<u64>,
}

impl OwnedRequest {
    /// Copies of these words.
    #[cfg(test)]
    pub(super) fn of(words: &[&[u8]]) -> Self {
        OwnedRequest { words: PackedWords::new(words.iter().copied()), until_ms: None }
    }

    /// One that waited for keys, to be asked for anew.
    pub(super) fn of_waiter(words: &PackedWords, until_ms: u64) -> Self {
        OwnedRequest { words: words.clone(), until_ms: Some(until_ms) }
    }

    fn copy(words: &[ArgRange], buffer: &[u8]) -> Self {
        OwnedRequest { words: PackedWords::new(words.iter().map(|word| word.of(buffer))), until_ms: None }
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
        self.words.len()
    }
}
