//! Fields of hashes whose time has come.
//!
//! Who reads does not see them; the sweep ([`super::expire`]) takes them out, some per lock hold, and a hash that has become empty with
//! them.

use super::access::KeyAccess;
use super::effect::class;
use super::entry::{Entry, EntryRef, Value};
use super::key::Key;
use super::liveness::Liveness;
use super::value::collection::Collection;
use super::value::hash::{FieldAccess, Hash, Swept};

/// Buckets of a hash looked at under one lock hold: some thousand fields.
const BUCKETS: usize = 64;

/// True if fields of the hash may have ended.
pub(super) fn is_due(entry: EntryRef<'_>, liveness: Liveness) -> bool {
    matches!(entry.boxed(), Some(Value::Hash(hash)) if hash.is_due(liveness))
}

/// A copy of an entry under another key, without the fields that have ended, whose names it returns. One whose fields have all ended keeps
/// them: it goes as the original does.
pub fn duplicate(entry: EntryRef<'_>, key: &[u8], access_clock: u32, fields: FieldAccess<'_>) -> (Entry, Vec<Vec<u8>>) {
    let mut copy = entry.duplicate(key, access_clock);
    let mut ended = Vec::new();
    if is_due(entry, fields.liveness)
        && let Some(Value::Hash(hash)) = copy.borrow_mut().boxed_mut()
    {
        while !hash.sweep(BUCKETS, fields, |field| ended.push(field.to_vec())).is_done {}
        if hash.view().is_empty() {
            return (entry.duplicate(key, access_clock), Vec::new());
        }
    }
    (copy, ended)
}

impl<'a> KeyAccess<'a> {
    /// Counts fields whose time had come, of a key whose stripe is held.
    pub fn count_expired_fields(&mut self, key: Key<'_>, fields: usize) {
        self.stripe(key.place().stripe).stats.expired_fields += fields as u64;
    }

    /// With what the fields of hashes are looked up.
    #[inline]
    pub fn field_access(&self) -> FieldAccess<'a> {
        FieldAccess { hasher: self.keyspace().hasher(), liveness: self.liveness() }
    }

    /// Takes some fields that have ended out of the hash under `key`. To nobody that is a change of data: their time was over.
    pub(super) fn expire_fields(&mut self, key: Key<'_>) -> Swept {
        let fields = self.field_access();
        let touches = std::mem::replace(&mut self.touch, false);
        let (is_logging, is_unlogged) = (self.is_logging, self.logging.is_unlogged);
        let mut ended = Vec::new();
        let mut opened = self.open(key);
        let swept = opened.change_if(|hash: &mut Hash| {
            let swept = hash.sweep(BUCKETS, fields, |field| {
                if is_logging {
                    ended.push(field.to_vec());
                }
            });
            (swept, swept.expired > 0)
        });
        let swept = swept.unwrap_or(Swept { expired: 0, is_done: true });
        if swept.expired > 0 {
            opened.further_event(class::EXPIRED, "hexpired");
        }
        drop(opened);
        self.logging.is_unlogged = is_unlogged;
        self.log_ended_fields(key.name(), &ended);
        self.touch = touches;
        self.count_expired_fields(key, swept.expired);
        swept
    }
}
