//! Elements of a sorted set one after another, in either direction.

use smallvec::SmallVec;

use super::leaf::Leaf;
use super::tree::Tree;
use crate::datatypes::items::{self, Item};

/// A member with its score.
#[derive(Debug, Clone, Copy)]
pub struct Element<'a> {
    /// The member's form, as [`items`] writes it.
    pub form: &'a [u8],
    /// Its score.
    pub score: f64,
}

impl<'a> Element<'a> {
    /// The member.
    #[inline]
    pub fn member(self) -> Item<'a> {
        items::read(self.form)
    }
}

/// See the module's page.
#[derive(Debug)]
pub enum Elements<'a> {
    /// In one piece, forwards: what is left.
    Small(&'a [u8], usize),
    /// In one piece, backwards: where each member begins.
    SmallBackwards(&'a [u8], SmallVec<[u32; 64]>),
    /// Of a tree.
    Large(LargeElements<'a>),
}

/// Elements of a large sorted set.
#[derive(Debug)]
pub struct LargeElements<'a> {
    tree: &'a Tree,
    leaf: &'a Leaf,
    /// Forwards: the next one. Backwards: the one after it.
    index: usize,
    /// Where the form of the next one begins, forwards.
    offset: usize,
    /// Backwards: where the members of the leaf begin.
    offsets: Option<SmallVec<[u32; 64]>>,
    left: usize,
}

fn offsets_of(leaf: &Leaf) -> SmallVec<[u32; 64]> {
    let mut at = leaf.offset(0);
    let offset = |_| {
        let start = at;
        at += leaf.form_at(at).len();
        start as u32
    };
    (0..leaf.count()).map(offset).collect()
}

impl<'a> LargeElements<'a> {
    /// `count` elements from element `rank` on, which must be there, or back from it.
    pub(super) fn new(tree: &'a Tree, rank: usize, count: usize, is_backwards: bool) -> Self {
        let place = tree.at(rank);
        let leaf = tree.leaf(place.leaf);
        let index = place.index + usize::from(is_backwards);
        let offset = if is_backwards { 0 } else { leaf.offset(index) };
        LargeElements { tree, leaf, index, offset, offsets: is_backwards.then(|| offsets_of(leaf)), left: count }
    }
}

impl<'a> LargeElements<'a> {
    /// Folds all that is left, forwards: a loop per leaf, instead of a look per element at where the next one is.
    #[inline]
    fn fold_forwards<B>(self, init: B, mut fold: impl FnMut(B, Element<'a>) -> B) -> B {
        let LargeElements { tree, mut leaf, mut index, mut offset, mut left, .. } = self;
        let mut all = init;
        loop {
            let end = leaf.count().min(index + left);
            let mut members = &leaf.bytes()[offset..];
            for score in leaf.scores(index..end) {
                let (form, rest) = members.split_at(items::form_len(members));
                all = fold(all, Element { form, score: f64::from_le_bytes(*score) });
                members = rest;
            }
            left -= end - index;
            let Some(next) = leaf.after().checked_sub(1).filter(|_| left > 0) else { return all };
            leaf = tree.leaf(next);
            (index, offset) = (0, leaf.offset(0));
        }
    }
}

impl<'a> Iterator for LargeElements<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        self.left = self.left.checked_sub(1)?;
        if let Some(offsets) = &mut self.offsets {
            if self.index == 0 {
                self.leaf = self.tree.leaf(self.leaf.before().checked_sub(1)?);
                self.index = self.leaf.count();
                *offsets = offsets_of(self.leaf);
            }
            self.index -= 1;
            let form = self.leaf.form_at(offsets[self.index] as usize);
            return Some(Element { form, score: self.leaf.score(self.index) });
        }
        if self.index == self.leaf.count() {
            self.leaf = self.tree.leaf(self.leaf.after().checked_sub(1)?);
            (self.index, self.offset) = (0, self.leaf.offset(0));
        }
        let form = self.leaf.form_at(self.offset);
        let score = self.leaf.score(self.index);
        self.offset += form.len();
        self.index += 1;
        Some(Element { form, score })
    }
}

/// The element at the beginning of `bytes`, and its length.
#[inline]
pub(super) fn element(bytes: &[u8]) -> (Element<'_>, usize) {
    let member = items::form_len(bytes);
    let score = &bytes[member..];
    (Element { form: &bytes[..member], score: items::read_score(score) }, member + items::form_len(score))
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        match self {
            Elements::Small(bytes, left) => {
                *left = left.checked_sub(1)?;
                let (element, len) = element(bytes);
                *bytes = &bytes[len..];
                Some(element)
            }
            Elements::SmallBackwards(bytes, offsets) => offsets.pop().map(|at| element(&bytes[at as usize..]).0),
            Elements::Large(elements) => elements.next(),
        }
    }

    /// What `for_each` does.
    #[inline]
    fn fold<B, F: FnMut(B, Element<'a>) -> B>(self, init: B, mut fold: F) -> B {
        match self {
            Elements::Large(elements) if elements.offsets.is_none() => elements.fold_forwards(init, fold),
            others => {
                let mut all = init;
                for element in others {
                    all = fold(all, element);
                }
                all
            }
        }
    }
}
