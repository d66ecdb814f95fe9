//! What a stream knows of its entries as a whole, and what follows from it for groups that read them.

use super::StreamId;

/// What ID an entry is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewId {
    /// This one.
    Given(StreamId),
    /// With these milliseconds, the next that is free.
    Open(u64),
    /// The next after the clock, which says these milliseconds.
    Clock(u64),
}

/// Why an entry was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendError {
    /// There is no greater ID.
    Exhausted,
    /// The ID is not greater than the last one.
    NotGreater,
}

/// See the module's page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Entries that were not deleted.
    pub len: u64,
    /// The ID of the first of them, 0-0 if there is none.
    pub first_id: StreamId,
    /// The last ID that an entry got, whether or not that is still there.
    pub last_id: StreamId,
    /// The greatest ID that was deleted other than by trimming.
    pub max_deleted_id: StreamId,
    /// Entries that were ever added.
    pub entries_added: u64,
}

impl Figures {
    /// Finds the ID that a new entry gets.
    ///
    /// # Errors
    /// If it can get none.
    pub fn next_id(&self, wanted: NewId) -> Result<StreamId, AppendError> {
        let last = self.last_id;
        let next = last.next().ok_or(AppendError::Exhausted)?;
        let id = match wanted {
            NewId::Given(id) => id,
            NewId::Open(ms) if ms != last.ms => StreamId::new(ms, 0),
            NewId::Open(_) if last.seq == u64::MAX => return Err(AppendError::NotGreater),
            NewId::Open(_) => next,
            NewId::Clock(ms) if ms > last.ms => StreamId::new(ms, 0),
            NewId::Clock(_) => next,
        };
        if id > last { Ok(id) } else { Err(AppendError::NotGreater) }
    }

    /// How many entries were ever added up to this ID, if that can be told.
    pub fn entries_up_to(&self, id: StreamId) -> Option<u64> {
        let Figures { len, first_id, last_id, max_deleted_id, entries_added: added } = *self;
        if added == 0 {
            return Some(0);
        }
        if len == 0 && id <= last_id {
            return Some(added);
        }
        if (id != StreamId::MIN && id < max_deleted_id) || id > last_id {
            return None;
        }
        if id == last_id {
            return Some(added);
        }
        if max_deleted_id == StreamId::MIN || max_deleted_id < first_id {
            // Nothing is missing from the first entry on.
            if id < first_id {
                return Some(added.wrapping_sub(len));
            }
            if id == first_id {
                return Some(added.wrapping_sub(len).wrapping_add(1));
            }
        }
        None
    }

    /// True if, as far as is known, entries with this ID or a greater one were deleted.
    #[inline]
    pub fn has_tombstones_from(&self, id: StreamId) -> bool {
        self.len > 0 && self.max_deleted_id != StreamId::MIN && id <= self.max_deleted_id
    }

    /// How many entries a group has not been given yet that was given `last_id` last, if that can be told.
    pub fn lag(&self, last_id: StreamId, entries_read: Option<u64>) -> Option<i64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        let read = match entries_read {
            Some(read) if !self.has_tombstones_from(last_id) => read,
            _ => self.entries_up_to(last_id)?,
        };
        Some((self.entries_added as i64).wrapping_sub(read as i64))
    }

    /// How many entries a group has read that was given `last_id` last, had read so many, and is given entry `id` now.
    #[inline]
    pub(super) fn entries_read(&self, last_id: StreamId, entries_read: Option<u64>, id: StreamId) -> Option<u64> {
        match entries_read {
            Some(read) if last_id >= self.first_id && !self.has_tombstones_from(last_id) => Some(read.wrapping_add(1)),
            read if self.entries_added == 0 => read,
            _ => self.entries_up_to(id),
        }
    }
}
