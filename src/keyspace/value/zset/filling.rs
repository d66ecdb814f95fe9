//! Filling a large sorted set with members that are not there yet, many at a time: as a snapshot has them.
//!
//! One by one each member waits for its bucket of the index to come from memory, goes down the tree, and moves what lies in its leaf. Here the
//! waits of a batch overlap; and one that comes in order, before or behind all that is there, goes into its leaves in pieces. Servers write
//! sorted sets in order: Valkey from the last member on.

use std::cmp::Ordering;

use super::Zset;
use super::index::LEAVES_MAX;
use super::leaf::{ELEMENT_LEN, Elements, LEAF_LEN, Leaf};
use super::node::Child;
use super::tree::{Path, Tree};
use crate::datatypes::items::{self, Packed};
use crate::keyspace::hash::{KeyHash, KeyHasher};

/// Members that are best added together: about what fills a leaf. All are compared with each other.
pub const BATCH_LEN: usize = 32;

/// A member that is to be added.
#[derive(Debug)]
pub struct NewMember {
    hash: KeyHash,
    form: Packed,
    /// Its score, which is not NaN when it is added.
    pub score: f64,
}

impl NewMember {
    /// A member and its score.
    pub fn new(text: &[u8], score: f64, hasher: &KeyHasher) -> NewMember {
        let form = items::packed(text);
        NewMember { hash: hasher.hash(&form), form, score }
    }

    fn len(&self) -> usize {
        ELEMENT_LEN + self.form.len()
    }

    fn cmp(&self, score: f64, form: &[u8]) -> Ordering {
        let by_score = self.score.partial_cmp(&score).expect("no score is NaN");
        by_score.then_with(|| items::read(&self.form).with_text(|text| items::read(form).with_text(|other| text.cmp(other))))
    }

    fn is_same(&self, other: &NewMember) -> bool {
        self.hash == other.hash && self.form == other.form
    }
}

impl Zset {
    /// Makes it a large one with room for so many members in its index.
    pub fn expect(&mut self, members: usize, hasher: &KeyHasher) {
        self.enlarge(hasher).expect(members, hasher);
    }

    /// Adds members to it, as a large one. False if one of them is there already, or twice among these: then none is added.
    pub fn add_new(&mut self, batch: &[NewMember], hasher: &KeyHasher) -> bool {
        self.enlarge(hasher).add_new(batch, hasher)
    }
}

/// The end of the tree that members come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

impl Tree {
    fn add_new(&mut self, batch: &[NewMember], hasher: &KeyHasher) -> bool {
        for step in 0..2 {
            batch.iter().for_each(|new| self.prefetch(new.hash, step));
        }
        let is_there = |(at, new): (usize, &NewMember)| {
            self.find(new.hash, &new.form).is_some() || batch[..at].iter().any(|before| before.is_same(new))
        };
        if batch.iter().enumerate().any(is_there) {
            return false;
        }
        match self.end_for(batch) {
            Some(end) => self.extend(batch, end, hasher),
            None => {
                let insert =
                    |new: &NewMember| items::read(&new.form).with_text(|text| self.insert(new.hash, &new.form, text, new.score, hasher));
                batch.iter().for_each(insert);
            }
        }
        true
    }

    /// The end that these come to, one beyond the other.
    fn end_for(&self, batch: &[NewMember]) -> Option<End> {
        let first = batch.first()?;
        let (end, comes_next) = match batch.get(1) {
            Some(second) if second.cmp(first.score, &first.form).is_gt() => (End::Last, Ordering::Greater),
            _ => (End::First, Ordering::Less),
        };
        let is_next = |pair: &[NewMember]| pair[1].cmp(pair[0].score, &pair[0].form) == comes_next;
        let is_beyond = self.is_empty() || {
            let leaf = self.leaf(self.outermost(end, &mut Path::new()));
            let index = if end == End::First { 0 } else { leaf.count() - 1 };
            first.cmp(leaf.score(index), leaf.form(index)) == comes_next
        };
        (is_beyond && batch.windows(2).all(is_next)).then_some(end)
    }

    /// The leaf at an end.
    fn outermost(&self, end: End, path: &mut Path) -> u32 {
        let mut number = self.root;
        for _ in 0..self.height {
            let node = self.nodes.get(number);
            let at = if end == End::First { 0 } else { node.len() - 1 };
            path.push((number, at));
            number = node.child(at);
        }
        number
    }

    /// Adds members each of which lies beyond the one before, and the first beyond all that are there.
    fn extend(&mut self, mut batch: &[NewMember], end: End, hasher: &KeyHasher) {
        let is_last = end == End::Last;
        while !batch.is_empty() {
            let mut path = Path::new();
            let number = self.outermost(end, &mut path);
            let leaf = self.leaf(number);
            let mut count = fitting(batch, leaf.len());
            let needs_leaf = count == 0 && leaf.count() > 0 && self.leaves.has_room(LEAVES_MAX);
            if needs_leaf {
                count = fitting(batch, Leaf::new().len());
            }
            // One that is too long for any leaf has one for itself.
            let (now, later) = batch.split_at(count.max(1));
            let low = if is_last { now[0].score } else { now[now.len() - 1].score };
            let number = if needs_leaf { self.link(Leaf::new(), number, is_last) } else { number };
            self.note(now.iter().map(|new| new.hash), number, hasher);
            self.edit(number, |leaf| insert(leaf, now, end));
            if needs_leaf {
                if !is_last {
                    self.tell_low(&path);
                }
                self.add_child(&path, is_last, Child { number, count: now.len() as u32, low });
                self.count_in(now.len(), &[], low);
            } else {
                self.count_in(now.len(), &path, low);
            }
            batch = later;
        }
    }
}

/// How many of these a leaf has room for that has this length.
fn fitting(batch: &[NewMember], mut len: usize) -> usize {
    let fits = |new: &&NewMember| {
        len += new.len();
        len <= LEAF_LEN
    };
    batch.iter().take_while(fits).count()
}

/// Puts these into a leaf, at one of its ends.
fn insert(leaf: &mut Leaf, batch: &[NewMember], end: End) {
    let (mut marks, mut scores, mut members) = (Vec::new(), Vec::new(), Vec::new());
    let mut push = |new: &NewMember| {
        marks.push(new.hash.fingerprint());
        scores.extend_from_slice(&new.score.to_le_bytes());
        members.extend_from_slice(&new.form);
    };
    let at = match end {
        End::First => {
            batch.iter().rev().for_each(&mut push);
            0
        }
        End::Last => {
            batch.iter().for_each(&mut push);
            leaf.count()
        }
    };
    leaf.insert(at, Elements { marks: &marks, scores: &scores, members: &members });
}
