//! A number that grows with every change of something that many look at and few change.

use super::sync::{AtomicU64, Ordering};

/// See the module's page.
///
/// Who relies on a state notes the number before it looks at the state, and compares it again where the state must still hold. Who
/// changes the state makes the number grow afterwards. So equal numbers mean that what was seen is not older than the last change.
#[derive(Debug, Default)]
pub struct Generation(AtomicU64);

impl Generation {
    /// The number now.
    #[inline]
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Something has changed.
    pub fn advance(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
