//! A request that could not run at once, with its words copied.

use bytes::Bytes;
use larder_proto::resp::{ArgRange, Batch};
use smallvec::SmallVec;

/// The words of one request, as a command takes them.
pub(super) type Words<'b> = SmallVec<[&'b [u8]; 8]>;

/// See the module's page.
#[derive(Debug)]
pub(super) struct OwnedRequest {
    words: Vec<Bytes>,
    /// When it gives up waiting for keys (monotonic milliseconds, 0: never), if it has waited before.
    pub(super) until_ms: Option<u64>,
}

impl OwnedRequest {
    /// Copies of these words.
    #[cfg(test)]
    pub(super) fn of(words: &[&[u8]]) -> Self {
        OwnedRequest { words: words.iter().map(|word| Bytes::copy_from_slice(word)).collect(), until_ms: None }
    }

    /// One that waited for keys, to be asked for anew.
    pub(super) fn of_waiter(words: &[Vec<u8>], until_ms: u64) -> Self {
        OwnedRequest { words: words.iter().map(|word| Bytes::copy_from_slice(word)).collect(), until_ms: Some(until_ms) }
    }

    fn copy(words: &[ArgRange], buffer: &[u8]) -> Self {
        OwnedRequest { words: words.iter().map(|word| Bytes::copy_from_slice(word.of(buffer))).collect(), until_ms: None }
    }

    /// Copies of some requests of a batch that was parsed from `buffer`.
    pub(super) fn copies(buffer: &[u8], batch: &Batch, requests: std::ops::Range<usize>) -> impl Iterator<Item = OwnedRequest> {
        batch.requests[requests].iter().map(move |request| OwnedRequest::copy(batch.args_of(request), buffer))
    }

    /// Its words.
    pub(super) fn words(&self) -> Words<'_> {
        self.words.iter().map(|word| &word[..]).collect()
    }

    /// Bytes of its words.
    pub(super) fn len(&self) -> usize {
        self.words.iter().map(Bytes::len).sum()
    }
}
