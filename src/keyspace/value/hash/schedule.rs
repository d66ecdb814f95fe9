//! When fields of a hash may end.
//!
//! A hash knows how many of its fields have an expiry, and a time before which none of them comes to an end. A pass that went through the
//! whole table without its buckets becoming more or fewer knows that time anew.
//!
//! Invariant: no field ends before `earliest_ms`.

/// What is known of the expiries in a table.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    /// Fields that have one.
    pub(super) count: usize,
    pub(super) earliest_ms: i64,
    pub(super) pass: Pass,
}

/// A pass under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    /// The bucket that comes next.
    pub(super) next: usize,
    /// Buckets when it began.
    pub(super) buckets: usize,
    /// Earliest of what it saw, and of what was set since it began.
    pub(super) earliest_ms: i64,
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule { count: 0, earliest_ms: i64::MAX, pass: Pass::of(0) }
    }
}

impl Pass {
    pub(super) fn of(buckets: usize) -> Self {
        Pass { next: 0, buckets, earliest_ms: i64::MAX }
    }
}

impl Schedule {
    /// Counts a new expiry.
    pub(super) fn add(&mut self, expiry_ms: i64) {
        if self.count == 0 {
            *self = Schedule::default();
        }
        self.count += 1;
        self.earliest_ms = self.earliest_ms.min(expiry_ms);
        self.pass.earliest_ms = self.pass.earliest_ms.min(expiry_ms);
    }

    /// Counts what took the place of what.
    pub(super) fn replace(&mut self, old_ms: Option<i64>, new_ms: Option<i64>) {
        self.count -= usize::from(old_ms.is_some());
        if let Some(new_ms) = new_ms {
            self.add(new_ms);
        }
    }
}
