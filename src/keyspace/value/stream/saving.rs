//! What a stream knows of the snapshot that is being taken of it.

use super::group::Group;
use super::left::Left;
use crate::keyspace::value::chunk::Saving;

/// What is known in a stream of the snapshot that is being taken of it.
#[derive(Debug)]
pub(super) struct StreamSaving {
    pub(super) saving: Saving,
    pub(super) nodes: Left,
    /// The walk has what is pending in the groups before this place.
    pub(super) group: usize,
    /// Groups that went before it had them.
    #[expect(clippy::vec_box, reason = "they come in boxes, and are not to be moved under a lock")]
    pub(super) removed: Vec<Box<Group>>,
}

impl StreamSaving {
    /// Notes that there is another group at this place.
    pub(super) fn note_added(&mut self, at: usize) {
        self.group += usize::from(at < self.group);
    }
}
