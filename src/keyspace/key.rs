//! A key of a command, found among its arguments once: its name, and where it lies.
//!
//! Invariant: the engine resolves the keys of a request before it locks their stripes, and hands the command [`Key`]s of what it locked.
//! So a command that asks for a key which its specification does not name gets none, rather than one whose stripe nobody holds.

use super::KeyPlace;
use super::table::Hint;

/// What is known of a key before its command runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResolvedKey {
    /// Stripe, table and hash.
    pub place: KeyPlace,
    /// Where its entry was a moment ago.
    pub hint: Option<Hint>,
    /// Which of the request's arguments it is.
    pub argument: u32,
}

/// See the module's page.
#[derive(Debug, Clone, Copy)]
pub struct Key<'k> {
    name: &'k [u8],
    resolved: &'k ResolvedKey,
}

/// For each of `keys` the number of the first one of the same name.
pub fn first_of_same_name(keys: &[Key<'_>]) -> Vec<usize> {
    // Each number beside its key's hash: a sort that looked at the keys would wait for memory at each step.
    let mut order: Vec<(u64, usize)> = keys.iter().enumerate().map(|(number, key)| (key.place().hash.0, number)).collect();
    order.sort_unstable();
    let mut firsts: Vec<usize> = (0..keys.len()).collect();
    for alike in order.chunk_by_mut(|one, other| one.0 == other.0).filter(|alike| alike.len() > 1) {
        let name = |number: usize| keys[number].name();
        alike.sort_unstable_by_key(|(_, number)| (name(*number), *number));
        for same in alike.chunk_by(|one, other| name(one.1) == name(other.1)) {
            same.iter().for_each(|(_, number)| firsts[*number] = same[0].1);
        }
    }
    firsts
}

impl<'k> Key<'k> {
    /// The key of this name, which lies where `resolved` says.
    #[inline]
    pub fn new(name: &'k [u8], resolved: &'k ResolvedKey) -> Key<'k> {
        Key { name, resolved }
    }

    /// Its name.
    #[inline]
    pub fn name(self) -> &'k [u8] {
        self.name
    }

    /// Where it lies.
    #[inline]
    pub fn place(self) -> KeyPlace {
        self.resolved.place
    }

    /// Where its entry was a moment ago.
    #[inline]
    pub fn hint(self) -> Option<&'k Hint> {
        self.resolved.hint.as_ref()
    }
}
