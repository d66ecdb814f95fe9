//! Sorted sets: members in the order of their scores, those with equal scores in the order of their bytes.
//!
//! ```text
//! small   u16 number of members | member score member score ...     (items, in order)
//! large   a tree of leaves with an index of the members (tree.rs)
//! ```
//!
//! A small sorted set is one that Valkey would hold as a listpack. It becomes a large one when a limit of the configuration is exceeded, and
//! stays one.

mod arena;
mod filling;
mod index;
mod iter;
mod leaf;
mod node;
mod shrink;
mod small;
mod tree;

pub use self::filling::{BATCH_LEN, NewMember};
pub use self::iter::{Element, Elements};
pub use self::tree::Tree;

use std::ops::Range;

use self::iter::LargeElements;
use self::leaf::Leaf;
use super::chunk::Chunked;
use super::collection::Collection;
use super::kind::{Encoding, Type};
use crate::base::limits::EFFORT_LEN;
use crate::base::rng::Rng;
use crate::datatypes::items;
use crate::keyspace::hash::{KeyHash, KeyHasher};

/// A sorted set. See the module's page.
#[derive(Debug, Clone)]
pub enum Zset {
    /// In one piece.
    Small(Vec<u8>),
    /// Too large for that.
    Large(Box<Tree>),
}

/// A sorted set, to read.
#[derive(Debug, Clone, Copy)]
pub enum ZsetView<'a> {
    /// In one piece.
    Small(&'a [u8]),
    /// Too large for that.
    Large(&'a Tree),
}

/// Up to which size a sorted set stays small.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Members.
    pub members: usize,
    /// Bytes of the longest member.
    pub member_len: usize,
}

impl Limits {
    /// True if a sorted set of so many members, the longest of this length, stays small.
    pub fn allow(&self, members: usize, member_len: usize) -> bool {
        members <= self.members.min(SMALL_MEMBERS_MAX) && member_len <= self.member_len
    }
}

/// Bound of the count of a small one, whatever the configuration says.
const SMALL_MEMBERS_MAX: usize = u16::MAX as usize;
/// What an element of a large one counts for those who look at all of them, in bytes: its leaf's share, and what finding it elsewhere costs.
const ELEMENT_SCAN_LEN: usize = 64;
const COUNT_LEN: usize = small::COUNT_LEN;

impl<'a> ZsetView<'a> {
    /// Number of members.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            ZsetView::Small(bytes) => small::len(bytes),
            ZsetView::Large(tree) => tree.len(),
        }
    }

    /// True if there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The score of a member.
    #[inline]
    pub fn score(self, member: &[u8], hasher: &KeyHasher) -> Option<f64> {
        let form = items::packed(member);
        match self {
            ZsetView::Small(bytes) => small::find(bytes, &form).map(|at| iter::element(&bytes[at..]).0.score),
            ZsetView::Large(tree) => tree.find(hasher.hash(&form), &form).map(|(_, score)| score),
        }
    }

    /// The number of elements before a member, and its score.
    pub fn rank(self, member: &[u8], hasher: &KeyHasher) -> Option<(usize, f64)> {
        let form = items::packed(member);
        match self {
            ZsetView::Small(bytes) => small::rank(bytes, &form),
            ZsetView::Large(tree) => {
                let (place, score) = tree.find(hasher.hash(&form), &form)?;
                Some((tree.rank(place, score, member), score))
            }
        }
    }

    /// The number of elements whose scores come first: `comes_first` holds for a first part of all scores.
    pub fn count_by_score(self, comes_first: impl Fn(f64) -> bool) -> usize {
        match self {
            ZsetView::Small(_) => self.iter().take_while(|element| comes_first(element.score)).count(),
            ZsetView::Large(tree) => tree.count_by_score(comes_first),
        }
    }

    /// The number of elements whose members come first, in a set whose scores are all equal.
    pub fn count_by_member(self, comes_first: impl Fn(&[u8]) -> bool) -> usize {
        match self {
            ZsetView::Small(_) => self.iter().take_while(|element| element.member().with_text(&comes_first)).count(),
            ZsetView::Large(tree) => tree.count_by_member(comes_first),
        }
    }

    /// The elements of these ranks, which must be there, forwards or backwards.
    pub fn range(self, ranks: Range<usize>, is_backwards: bool) -> Elements<'a> {
        match self {
            _ if ranks.is_empty() => Elements::Small(&[], 0),
            ZsetView::Small(bytes) => small::range(bytes, ranks, is_backwards),
            ZsetView::Large(tree) => {
                let first = if is_backwards { ranks.end - 1 } else { ranks.start };
                Elements::Large(LargeElements::new(tree, first, ranks.len(), is_backwards))
            }
        }
    }

    /// All elements in order.
    pub fn iter(self) -> Elements<'a> {
        self.range(0..self.len(), false)
    }

    /// An element chosen at random, each equally likely.
    pub fn random(self, rng: &mut Rng) -> Option<Element<'a>> {
        let len = self.len() as u64;
        (len > 0).then(|| rng.below(len) as usize).and_then(|rank| self.range(rank..rank + 1, false).next())
    }

    /// Visits the elements that `cursor` names and returns the next cursor, 0 at the end; a small set all at once.
    pub fn scan(self, cursor: u64, hasher: &KeyHasher, mut visit: impl FnMut(Element<'_>)) -> u64 {
        match self {
            ZsetView::Small(_) => {
                self.iter().for_each(visit);
                0
            }
            ZsetView::Large(tree) => tree.scan(cursor, hasher, |form, score| visit(Element { form, score })),
        }
    }

    /// A copy of its own, of which others know nothing.
    pub fn to_owned(self) -> Zset {
        match self {
            ZsetView::Small(bytes) => Zset::Small(bytes.to_vec()),
            ZsetView::Large(tree) => Zset::Large(Box::new(tree.clone())),
        }
    }
}

impl Zset {
    /// Makes it a large one, if it is not.
    pub fn make_large(&mut self, hasher: &KeyHasher) {
        self.enlarge(hasher);
    }

    /// As [`Zset::make_large`], and hands it out.
    fn enlarge(&mut self, hasher: &KeyHasher) -> &mut Tree {
        if let Zset::Small(bytes) = self {
            let mut tree = Tree::new();
            for element in ZsetView::Small(bytes).iter() {
                let hash = hasher.hash(element.form);
                element.member().with_text(|text| tree.insert(hash, element.form, text, element.score, hasher));
            }
            *self = Zset::Large(Box::new(tree));
        }
        match self {
            Zset::Large(tree) => tree,
            Zset::Small(_) => unreachable!("it was enlarged just now"),
        }
    }

    /// Makes it a large one if so many members, the longest of this length, must lie in one: before they are added.
    pub fn prepare(&mut self, members: usize, member_len: usize, limits: &Limits, hasher: &KeyHasher) {
        if !limits.allow(members, member_len) {
            self.enlarge(hasher);
        }
    }

    /// Makes it a small one, if it then is one.
    pub fn compact(&mut self, limits: &Limits) {
        let Zset::Large(tree) = self else { return };
        let view = ZsetView::Large(tree);
        if !limits.allow(view.len(), 0) || view.iter().any(|element| element.member().text_len() > limits.member_len) {
            return;
        }
        let mut bytes = vec![0; COUNT_LEN];
        view.iter().for_each(|element| small::push(&mut bytes, element));
        *self = Zset::Small(bytes);
    }

    /// Asks `decide` for the new score of a member, given the one it has, and sets it. `None` leaves it as it is.
    pub fn update<E>(
        &mut self,
        member: &[u8],
        limits: &Limits,
        hasher: &KeyHasher,
        decide: impl FnOnce(Option<f64>) -> Result<Option<f64>, E>,
    ) -> Result<(), E> {
        let form = items::packed(member);
        if let Zset::Small(bytes) = self {
            let found = small::find(bytes, &form).map(|at| (at, iter::element(&bytes[at..]).0.score));
            let Some(score) = decide(found.map(|(_, score)| score))? else { return Ok(()) };
            match found {
                Some((_, old)) if old.to_bits() == score.to_bits() => return Ok(()),
                Some((at, _)) => small::remove(bytes, at),
                None if !limits.allow(small::len(bytes) + 1, member.len()) => {
                    self.enlarge(hasher).insert(hasher.hash(&form), &form, member, score, hasher);
                    return Ok(());
                }
                None => {}
            }
            small::insert(bytes, &form, member, score);
            return Ok(());
        }
        let tree = self.enlarge(hasher);
        let hash = hasher.hash(&form);
        let found = tree.find(hash, &form);
        let Some(score) = decide(found.map(|(_, score)| score))? else { return Ok(()) };
        match found {
            Some((_, old)) if old.to_bits() == score.to_bits() => {}
            Some((place, _)) => tree.set_score(hash, (&form, member), place, score, hasher),
            None => tree.insert(hash, &form, member, score, hasher),
        }
        Ok(())
    }

    /// Sets a member's score.
    pub fn set(&mut self, member: &[u8], score: f64, limits: &Limits, hasher: &KeyHasher) {
        let Ok(()) = self.update(member, limits, hasher, |_| Ok::<_, std::convert::Infallible>(Some(score)));
    }

    /// Takes a member out. Returns its score.
    pub fn remove(&mut self, member: &[u8], hasher: &KeyHasher) -> Option<f64> {
        let form = items::packed(member);
        match self {
            Zset::Small(bytes) => {
                let at = small::find(bytes, &form)?;
                let score = iter::element(&bytes[at..]).0.score;
                small::remove(bytes, at);
                Some(score)
            }
            Zset::Large(tree) => tree.remove(hasher.hash(&form), &form, member, hasher),
        }
    }

    /// Takes the elements of these ranks out, which must be there.
    pub fn remove_ranks(&mut self, ranks: Range<usize>, hasher: &KeyHasher) {
        match self {
            Zset::Small(bytes) => small::remove_ranks(bytes, ranks),
            Zset::Large(tree) => tree.remove_ranks(ranks, hasher),
        }
    }

    /// What freeing it costs, in small allocations.
    pub fn effort(&self) -> usize {
        match self {
            Zset::Small(bytes) => 1 + bytes.len() / EFFORT_LEN,
            Zset::Large(tree) => tree.effort(),
        }
    }

    /// Bytes that a command looks at which looks at all of it, about.
    pub fn scan_len(&self) -> usize {
        match self {
            Zset::Small(bytes) => bytes.len(),
            Zset::Large(tree) => tree.len() * ELEMENT_SCAN_LEN,
        }
    }

    /// See [`super::Value::prefetch_element`].
    #[inline]
    pub(super) fn prefetch(&self, hash: KeyHash, step: usize) {
        if let Zset::Large(tree) = self {
            tree.prefetch(hash, step);
        }
    }

    /// See [`super::Value::prefetch_score`].
    pub(super) fn prefetch_score(&self, score: f64) {
        if let Zset::Large(tree) = self {
            tree.prefetch_score(score);
        }
    }

    /// As what is saved in parts.
    pub fn chunked(&self) -> Option<&dyn Chunked> {
        if let Zset::Large(tree) = self { Some(&**tree) } else { None }
    }

    /// As [`Zset::chunked`], to save it.
    pub fn chunked_mut(&mut self) -> Option<&mut dyn Chunked> {
        if let Zset::Large(tree) = self { Some(&mut **tree) } else { None }
    }

    /// Memory beside the value's box.
    pub fn bytes(&self) -> usize {
        let block_len = crate::base::alloc::block_len;
        block_len(size_of::<Zset>())
            + match self {
                Zset::Small(bytes) => block_len(bytes.capacity()),
                Zset::Large(tree) => block_len(size_of::<Tree>()) + tree.bytes(),
            }
    }
}

impl Collection for Zset {
    const TYPE: Type = Type::Zset;
    type View<'a> = ZsetView<'a>;

    fn new() -> Self {
        Zset::Small(vec![0; COUNT_LEN])
    }

    fn with_room(len: usize) -> Self {
        Zset::Small(items::with_room(COUNT_LEN, len))
    }

    fn from_inline(bytes: &[u8], _: Encoding) -> Self {
        Zset::Small(bytes.to_vec())
    }

    fn view_inline(bytes: &[u8], _: Encoding) -> ZsetView<'_> {
        ZsetView::Small(bytes)
    }

    fn view(&self) -> ZsetView<'_> {
        match self {
            Zset::Small(bytes) => ZsetView::Small(bytes),
            Zset::Large(tree) => ZsetView::Large(tree),
        }
    }

    fn inline(&self) -> Option<&[u8]> {
        match self {
            Zset::Small(bytes) => Some(bytes),
            Zset::Large(_) => None,
        }
    }

    fn encoding(&self) -> Encoding {
        match self {
            Zset::Small(_) => Encoding::Listpack,
            Zset::Large(_) => Encoding::Skiplist,
        }
    }

    fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    fn trim(&mut self) {
        if let Zset::Small(bytes) = self {
            items::fit(bytes);
        }
    }
}

/// Visits the elements of a leaf that was saved.
pub fn for_each_in_leaf(bytes: Vec<u8>, mut visit: impl FnMut(Element<'_>)) {
    let leaf = Leaf::of_bytes(bytes);
    let mut at = leaf.offset(0);
    for index in 0..leaf.count() {
        let form = leaf.form_at(at);
        visit(Element { form, score: leaf.score(index) });
        at += form.len();
    }
}

#[cfg(test)]
mod tests;
