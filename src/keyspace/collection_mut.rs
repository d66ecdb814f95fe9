//! How a collection under a key is changed: the part of [`KeyMut`] that knows collections.
//!
//! Invariants:
//! * A collection is changed by [`KeyMut::change`] alone, which keeps it where collections of its size lie.
//! * A collection that becomes empty takes its key along; the event `del` follows those of the command.

use super::WrongType;
use super::collection;
use super::key_mut::{Expiry, KeyMut};
use super::value::Variant;

impl KeyMut<'_, '_, '_> {
    /// The value as a collection, `None` if the key is not there.
    #[inline]
    pub fn collection<C: Variant>(&mut self) -> Result<Option<C::View<'_>>, WrongType> {
        self.entry().map(collection::of::<C>).transpose()
    }

    /// Changes the collection; one that is not there is an empty one. Counts as a change until [`KeyMut::mark_unchanged`] says otherwise.
    ///
    /// # Errors
    /// If a value of another type lies there: then nothing was called.
    pub fn change<C: Variant, R>(&mut self, change: impl FnOnce(&mut C) -> R) -> Result<R, WrongType> {
        let Some(entry) = self.entry() else {
            let mut collection = C::new();
            let result = change(&mut collection);
            if !collection.is_empty() {
                self.put_collection(collection);
            }
            return Ok(result);
        };
        if !entry.is(C::TYPE) {
            return Err(WrongType);
        }
        if !entry.is_boxed() {
            let mut collection = C::from_inline(entry.inline(), entry.encoding());
            let result = change(&mut collection);
            self.put_collection(collection);
            return Ok(result);
        }
        self.mark_dirty();
        self.change_collection(change)
    }

    /// As [`KeyMut::change`], where `change` says whether it changed anything. If not, nothing happens.
    ///
    /// # Errors
    /// As [`KeyMut::change`].
    pub fn change_if<C: Variant, R>(&mut self, change: impl FnOnce(&mut C) -> (R, bool)) -> Result<R, WrongType> {
        let mut collection = match self.entry() {
            None => C::new(),
            Some(entry) if !entry.is(C::TYPE) => return Err(WrongType),
            Some(entry) if entry.is_boxed() => {
                let (result, is_changed) = self.change_collection(change)?;
                if is_changed {
                    self.mark_dirty();
                }
                return Ok(result);
            }
            Some(entry) => C::from_inline(entry.inline(), entry.encoding()),
        };
        let (result, is_changed) = change(&mut collection);
        if is_changed {
            self.put_collection(collection);
        }
        Ok(result)
    }

    /// Changes a collection that is boxed, where it lies.
    fn change_collection<C: Variant, R>(&mut self, change: impl FnOnce(&mut C) -> R) -> Result<R, WrongType> {
        let mut entry = self.entry_mut().expect("it was there just now");
        let collection = entry.boxed_mut().and_then(C::of_mut).ok_or(WrongType)?;
        let had_expiring = collection.has_expiring();
        let result = change(collection);
        let (is_empty, has_expiring) = (collection.is_empty(), collection.has_expiring());
        if had_expiring != has_expiring {
            self.count_with_expiring(has_expiring);
        }
        if is_empty {
            self.take_empty();
        }
        Ok(result)
    }

    /// Makes this collection, which is not empty, the value, in place of what is there, whatever that is, and removes the expiry.
    pub fn replace_collection<C: Variant>(&mut self, collection: C) {
        self.put_with(collection, Expiry::Clear);
    }

    /// Takes the key out as if the last element of its collection had been: `del` is the last event.
    pub fn empty(&mut self) {
        self.take_empty();
    }

    /// Makes this collection the value, in place of what is there, and keeps the expiry. An empty one removes the key.
    pub fn put_collection<C: Variant>(&mut self, collection: C) {
        if collection.is_empty() {
            self.take_empty();
            return;
        }
        self.put_with(collection, Expiry::Keep);
    }

    fn put_with<C: Variant>(&mut self, collection: C, expiry: Expiry) {
        collection::with_value(collection, |value| self.set(value, expiry));
    }
}
