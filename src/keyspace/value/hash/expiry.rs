//! Expiries of fields.
//!
//! A hash knows how many of its fields have one, and a time before which none of them comes to an end. What has ended is looked for bucket
//! by bucket, a few at a time ([`super::schedule`]).

use super::schedule::Pass;
use super::{FieldAccess, Hash, LargeHash};
use crate::datatypes::items::{self, Item, Packed};
use crate::keyspace::liveness::Liveness;
use crate::keyspace::value::packed_table::push_expiry;

/// What became of a field whose expiry was to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryChange {
    /// There is no such field.
    NoField,
    /// Its expiry does not allow it; nothing was changed.
    Refused,
    /// It was changed.
    Done,
    /// The new time had come: the field is gone.
    Expired,
}

/// What a look for ended fields found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Fields taken out.
    pub expired: usize,
    /// Nothing that has ended is left.
    pub is_done: bool,
}

impl Hash {
    /// Sets a field's expiry, or removes it, if `allows` says so of the one it has. With `is_past` the new time has come already.
    pub fn set_expiry(
        &mut self,
        field: &[u8],
        new_ms: Option<i64>,
        is_past: bool,
        access: FieldAccess<'_>,
        allows: impl Fn(Option<i64>) -> bool,
    ) -> ExpiryChange {
        use super::Collection;
        let Some((_, old_ms)) = self.view().find(field, access) else { return ExpiryChange::NoField };
        if !allows(old_ms) {
            return ExpiryChange::Refused;
        }
        if is_past {
            self.remove(field, access);
            return ExpiryChange::Expired;
        }
        let large = self.enlarge(access);
        let form = items::packed(field);
        let hash = access.hasher.hash(&form);
        let Some(place) = large.table.find(hash, &form) else { return ExpiryChange::NoField };
        let rest = large.table.get(&place).rest();
        let mut new = Packed::from_slice(&rest[..items::form_len(rest)]);
        if let Some(new_ms) = new_ms {
            push_expiry(&mut new, new_ms);
        }
        large.expiry.replace(old_ms, new_ms);
        large.table.set_rest(hash, &place, &new);
        ExpiryChange::Done
    }

    /// True if a field may have ended.
    pub fn is_due(&self, liveness: Liveness) -> bool {
        matches!(self, Hash::Large(large) if large.expiry.count > 0 && !liveness.holds(large.expiry.earliest_ms))
    }

    /// If fields have expiries: a time before which none of them comes to an end.
    pub fn earliest_expiry_ms(&self) -> Option<i64> {
        match self {
            Hash::Large(large) if large.expiry.count > 0 => Some(large.expiry.earliest_ms),
            _ => None,
        }
    }

    /// Takes out fields that have ended, of which it tells `ended`: looks at up to `buckets` buckets, from where it stopped the last time.
    pub fn sweep(&mut self, buckets: usize, access: FieldAccess<'_>, ended: impl FnMut(Item<'_>)) -> Swept {
        match self {
            Hash::Large(large) if large.expiry.count > 0 && !access.liveness.holds(large.expiry.earliest_ms) => {
                large.sweep(buckets, access, ended)
            }
            _ => Swept { expired: 0, is_done: true },
        }
    }
}

impl LargeHash {
    fn sweep(&mut self, buckets: usize, access: FieldAccess<'_>, mut ended: impl FnMut(Item<'_>)) -> Swept {
        let mut swept = Swept { expired: 0, is_done: false };
        let mut dead: Vec<Packed> = Vec::new();
        if self.expiry.pass.next == 0 {
            self.expiry.pass = Pass::of(self.table.buckets());
        }
        for _ in 0..buckets {
            let mut pass = self.expiry.pass;
            if pass.next >= self.table.buckets() {
                break;
            }
            self.table.visit_bucket(pass.next, &mut |record| {
                let Some(expiry_ms) = record.expiry_ms() else { return };
                if access.liveness.holds(expiry_ms) {
                    pass.earliest_ms = pass.earliest_ms.min(expiry_ms);
                } else {
                    dead.push(Packed::from_slice(record.key_form()));
                }
            });
            pass.next += 1;
            self.expiry.pass = pass;
            for form in dead.drain(..) {
                if let Some(place) = self.place(&form, access) {
                    self.table.remove(&place, access.hasher);
                    self.expiry.count -= 1;
                    swept.expired += 1;
                    ended(items::read(&form));
                }
            }
        }
        if self.expiry.pass.next >= self.table.buckets() {
            // Records may have moved past a pass during which buckets were added or taken away: then another one must tell.
            if self.expiry.pass.buckets == self.table.buckets() {
                self.expiry.earliest_ms = self.expiry.pass.earliest_ms;
                swept.is_done = true;
            }
            self.expiry.pass = Pass::of(self.table.buckets());
        }
        swept
    }
}
