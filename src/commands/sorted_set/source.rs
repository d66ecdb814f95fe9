//! What unions, intersections and differences read: sorted sets, and sets, whose members all have the score 1.

use crate::keyspace::WrongType;
use crate::keyspace::collection;
use crate::keyspace::entry::{EntryRef, Type};
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::value::set::{Member, Set, SetView};
use crate::keyspace::value::zset::{Zset, ZsetView};

/// The score of a set's members.
const SET_SCORE: f64 = 1.0;

/// See the module's page.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// A sorted set.
    Zset(ZsetView<'a>),
    /// A set.
    Set(SetView<'a>),
}

impl<'a> Source<'a> {
    /// What lies under a key.
    pub(super) fn of(entry: EntryRef<'a>) -> Result<Source<'a>, WrongType> {
        if entry.is(Type::Set) {
            return collection::of::<Set>(entry).map(Source::Set);
        }
        collection::of::<Zset>(entry).map(Source::Zset)
    }

    /// Number of members.
    pub(super) fn len(self) -> usize {
        match self {
            Source::Zset(zset) => zset.len(),
            Source::Set(set) => set.len(),
        }
    }

    /// The score of a member.
    pub(super) fn score(self, member: &[u8], hasher: &KeyHasher) -> Option<f64> {
        match self {
            Source::Zset(zset) => zset.score(member, hasher),
            Source::Set(set) => set.contains(&Member::of(member), hasher).then_some(SET_SCORE),
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
            Source::Set(set) => set.all(|member| member.with_text(|member| visit(member, SET_SCORE))),
        }
    }
}
