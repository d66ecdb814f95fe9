//! Reading sets.

use super::{COUNT_LEN, SetView, integers};
use crate::base::rng::Rng;
use crate::datatypes::items::{self, Item, Items, Packed};
use crate::keyspace::hash::KeyHasher;

/// What may be a member: looked for in one set after the other, as in an intersection.
#[derive(Debug, Clone)]
pub struct Member {
    pub(super) form: Packed,
}

impl Member {
    /// Of its text.
    #[inline]
    pub fn of(text: &[u8]) -> Member {
        Member { form: items::packed(text) }
    }

    /// Of a member of another set.
    #[inline]
    pub fn of_item(item: Item<'_>) -> Member {
        let mut form = Packed::new();
        match item {
            Item::Text(text) => items::push_text(&mut form, text),
            Item::Int(number) => items::push_int(&mut form, number),
            Item::Float(_) => unreachable!("only scores are floats"),
        }
        Member { form }
    }

    /// As an item.
    #[inline]
    pub fn item(&self) -> Item<'_> {
        items::read(&self.form)
    }
}

impl<'a> SetView<'a> {
    /// Number of members.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            SetView::Integers(bytes) => integers::len(bytes),
            SetView::Small(bytes) => bytes.first_chunk().map_or(0, |count| u16::from_le_bytes(*count) as usize),
            SetView::Large(table) => table.len(),
        }
    }

    /// True if there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// True if it is a table, whose order means nothing.
    pub fn is_large(self) -> bool {
        matches!(self, SetView::Large(_))
    }

    fn small_members(bytes: &'a [u8]) -> impl Iterator<Item = Item<'a>> {
        Items::of(&bytes[COUNT_LEN..]).map(|(_, item)| item)
    }

    /// Whether it has this member.
    #[inline]
    pub fn contains(self, member: &Member, hasher: &KeyHasher) -> bool {
        match self {
            SetView::Integers(bytes) => matches!(member.item(), Item::Int(number) if integers::find(bytes, number).is_ok()),
            SetView::Small(bytes) => items::find(&bytes[COUNT_LEN..], &member.form, 1).is_some(),
            SetView::Large(table) => table.find(hasher.hash(&member.form), &member.form).is_some(),
        }
    }

    /// Visits all members, in order if it has one, until `visit` says no.
    #[inline]
    pub fn all(self, mut visit: impl FnMut(Item<'a>) -> bool) {
        match self {
            SetView::Integers(bytes) => {
                integers::iter(bytes).all(|number| visit(Item::Int(number)));
            }
            SetView::Small(bytes) => {
                Self::small_members(bytes).all(visit);
            }
            SetView::Large(table) => {
                let mut goes_on = true;
                for at in 0..table.buckets() {
                    table.visit_bucket(at, &mut |record| goes_on = goes_on && visit(record.key()));
                    if !goes_on {
                        break;
                    }
                }
            }
        }
    }

    /// Visits all members, in order if it has one.
    #[inline]
    pub fn for_each(self, mut visit: impl FnMut(Item<'a>)) {
        self.all(|member| {
            visit(member);
            true
        });
    }

    /// Visits the members that `cursor` stands for, and returns the next cursor, 0 at the end. Unless it is large, that is all of them.
    pub fn scan(self, cursor: u64, mut visit: impl FnMut(Item<'a>)) -> u64 {
        match self {
            SetView::Large(table) => table.scan(cursor, |record| visit(record.key())),
            _ => {
                self.for_each(visit);
                0
            }
        }
    }

    /// A member chosen at random.
    pub fn random(self, rng: &mut Rng) -> Option<Item<'a>> {
        let len = self.len();
        if len == 0 {
            return None;
        }
        match self {
            SetView::Integers(bytes) => Some(Item::Int(integers::get(bytes, rng.below(len as u64) as usize))),
            SetView::Small(bytes) => Self::small_members(bytes).nth(rng.below(len as u64) as usize),
            SetView::Large(table) => table.random(rng).map(|place| table.get(&place).key()),
        }
    }
}
