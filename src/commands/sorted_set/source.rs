//! What unions, intersections and differences read: sorted sets, and sets, whose members all have the score 1.
//!
//! A set is plugged in at [`Source::of`]: one variant more, and an arm in each method.

use crate::keyspace::WrongType;
use crate::keyspace::collection;
use crate::keyspace::entry::EntryRef;
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::value::zset::{Zset, ZsetView};

/// See the module's page.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// A sorted set.
    Zset(ZsetView<'a>),
}

impl<'a> Source<'a> {
    /// What lies under a key.
    pub(super) fn of(entry: EntryRef<'a>) -> Result<Source<'a>, WrongType> {
        collection::of::<Zset>(entry).map(Source::Zset)
    }

    /// Number of members.
    pub(super) fn len(self) -> usize {
        match self {
            Source::Zset(zset) => zset.len(),
        }
    }

    /// The score of a member.
    pub(super) fn score(self, member: &[u8], hasher: &KeyHasher) -> Option<f64> {
        match self {
            Source::Zset(zset) => zset.score(member, hasher),
        }
    }

    /// Calls `visit` with each member and its score, until it answers false.
    pub(super) fn visit(self, mut visit: impl FnMut(&[u8], f64) -> bool) {
        match self {
            Source::Zset(zset) => {
                for element in zset.iter() {
                    if !element.member().with_text(|member| visit(member, element.score)) {
                        return;
                    }
                }
            }
        }
    }
}
