//! The groups of a stream.

use super::group::Group;
use super::{Entries, Figures, Stream};

impl Stream {
    fn group_position(&self, name: &[u8]) -> Result<usize, usize> {
        self.groups.binary_search_by(|group| (*group.name).cmp(name))
    }

    /// The groups, ascending by name.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &Group> {
        self.groups.iter().map(|group| &**group)
    }

    /// The group of this name.
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.group_position(name).ok().map(|at| &*self.groups[at])
    }

    /// As [`Stream::group`], to change it.
    pub fn group_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        let at = self.group_position(name).ok()?;
        self.give_heads();
        Some(&mut self.groups[at])
    }

    /// Adds a group. False if there is one of this name.
    pub fn add_group(&mut self, group: Group) -> bool {
        match self.group_position(&group.name) {
            Ok(_) => false,
            Err(at) => {
                self.give_heads();
                if let Some(saving) = &mut self.saving.0 {
                    saving.note_added(at);
                }
                if self.groups.is_empty() {
                    self.groups.reserve_exact(1);
                }
                self.groups.insert(at, Box::new(group));
                true
            }
        }
    }

    /// Takes a group out, so that it can be freed later.
    pub fn remove_group(&mut self, name: &[u8]) -> Option<Box<Group>> {
        let at = self.group_position(name).ok()?;
        self.give_heads();
        Some(self.take_group(at))
    }

    /// A group, to change it, beside the entries, to read them, and what is known of them.
    #[inline]
    pub fn split(&mut self, name: &[u8]) -> Option<(&Entries, &Figures, &mut Group)> {
        let at = self.group_position(name).ok()?;
        self.give_heads();
        Some((&self.entries, &self.figures, &mut self.groups[at]))
    }
}
