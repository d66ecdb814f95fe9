//! What a collection keeps beside its elements that its copies have no use for.

/// What belongs to one collection, and not to copies of it.
#[derive(Debug)]
pub(super) struct NotCopied<T>(pub(super) Option<Box<T>>);

impl<T> Clone for NotCopied<T> {
    fn clone(&self) -> Self {
        NotCopied(None)
    }
}

impl<T> Default for NotCopied<T> {
    fn default() -> Self {
        NotCopied(None)
    }
}
