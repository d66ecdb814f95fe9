//! Changing sets.

use super::{COUNT_LEN, INTEGERS_LEN_MAX, Member, SMALL_LEN_MAX, Set, SetView, integers};
use crate::datatypes::items::{self, Item, Items, Packed};
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::value::collection::Collection;
use crate::keyspace::value::hash::SmallLimits;
use crate::keyspace::value::packed_table::PackedTable;

/// Up to which size a set has which form, as the options say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetLimits {
    /// Members of a set of integers.
    pub integers: u64,
    /// Of a small set.
    pub small: SmallLimits,
}

impl SetLimits {
    fn integers(self) -> u64 {
        self.integers.min(INTEGERS_LEN_MAX)
    }

    fn small(self) -> u64 {
        self.small.entries.min(SMALL_LEN_MAX)
    }
}

/// Characters of a number.
fn digits(number: i64) -> u64 {
    itoa::Buffer::new().format(number).len() as u64
}

fn empty_small() -> Vec<u8> {
    vec![0; COUNT_LEN]
}

fn count_small(bytes: &mut [u8], by: i32) {
    let count = bytes.first_chunk().map_or(0, |count| i32::from(u16::from_le_bytes(*count)));
    bytes[..COUNT_LEN].copy_from_slice(&((count + by) as u16).to_le_bytes());
}

fn push_small(bytes: &mut Vec<u8>, form: &[u8]) {
    items::reserve(bytes, form.len());
    bytes.extend_from_slice(form);
    count_small(bytes, 1);
}

impl Set {
    /// An empty set for members that begin with `first`, about so many.
    pub fn for_members(first: &Member, members: usize, limits: SetLimits) -> Set {
        let members = members as u64;
        if matches!(first.item(), Item::Int(_)) && members <= limits.integers() {
            Set::Integers(integers::empty())
        } else if members <= limits.small() {
            Set::Small(empty_small())
        } else {
            Set::Large(Box::new(PackedTable::new(1)))
        }
    }

    /// An empty set of integers.
    pub fn integers() -> Set {
        Set::Integers(integers::empty())
    }

    /// Gives a set that is in one piece the form that its members would have given it one after the other.
    pub fn refit(&mut self, limits: SetLimits, hasher: &KeyHasher) {
        let fits = match self {
            Set::Integers(bytes) => integers::len(bytes) as u64 <= limits.integers(),
            Set::Small(bytes) => {
                let is_short = |member: Item<'_>| member.text_len() as u64 <= limits.small.value_len;
                SetView::Small(bytes).len() as u64 <= limits.small() && Items::of(&bytes[COUNT_LEN..]).all(|(_, member)| is_short(member))
            }
            Set::Large(_) => true,
        };
        if !fits {
            self.enlarge(hasher);
        }
    }

    /// An empty small set.
    pub fn small() -> Set {
        Set::Small(empty_small())
    }

    /// An empty small set with room for so many bytes.
    pub fn small_with_room(len: usize) -> Set {
        Set::Small(items::with_room(COUNT_LEN, len))
    }

    /// An empty table.
    pub fn large() -> Set {
        Set::Large(Box::new(PackedTable::new(1)))
    }

    /// Prepares for so many members that come together: what is too much for its form is a table at once, even if some are the same.
    pub fn expect(&mut self, members: usize, limits: SetLimits, hasher: &KeyHasher) {
        let is_too_much = match self {
            Set::Integers(_) => members as u64 > limits.integers(),
            Set::Small(_) => members as u64 > limits.small(),
            Set::Large(_) => false,
        };
        if is_too_much {
            self.enlarge(hasher);
        }
    }

    /// Makes it a table.
    fn enlarge(&mut self, hasher: &KeyHasher) -> &mut PackedTable {
        if !matches!(self, Set::Large(_)) {
            let mut table = PackedTable::new(1);
            self.view().for_each(|member| {
                let form = Member::of_item(member).form;
                table.insert(hasher.hash(&form), &form, hasher);
            });
            *self = Set::Large(Box::new(table));
        }
        match self {
            Set::Large(table) => table,
            _ => unreachable!("it was made a table just now"),
        }
    }

    /// Adds a member. False if it was there.
    pub fn add(&mut self, member: &Member, limits: SetLimits, hasher: &KeyHasher) -> bool {
        match self {
            Set::Integers(bytes) => match member.item() {
                Item::Int(number) => {
                    let is_new = integers::insert(bytes, number);
                    if is_new && integers::len(bytes) as u64 > limits.integers() {
                        self.enlarge(hasher);
                    }
                    is_new
                }
                Item::Text(text) => {
                    let text_len = text.len() as u64;
                    self.add_text_to_integers(member, text_len, limits, hasher);
                    true
                }
                Item::Float(_) => unreachable!("only scores are floats"),
            },
            Set::Small(bytes) => {
                if items::find(&bytes[COUNT_LEN..], &member.form, 1).is_some() {
                    return false;
                }
                let is_long = member.item().text_len() as u64 > limits.small.value_len;
                if !is_long && (SetView::Small(bytes).len() as u64) < limits.small() {
                    push_small(bytes, &member.form);
                } else {
                    self.enlarge(hasher).insert(hasher.hash(&member.form), &member.form, hasher);
                }
                true
            }
            Set::Large(table) => {
                let hash = hasher.hash(&member.form);
                let is_new = table.find(hash, &member.form).is_none();
                if is_new {
                    table.insert(hash, &member.form, hasher);
                }
                is_new
            }
        }
    }

    /// A set of integers cannot hold a text: it becomes a small set if all of it fits one.
    fn add_text_to_integers(&mut self, member: &Member, text_len: u64, limits: SetLimits, hasher: &KeyHasher) {
        let Set::Integers(bytes) = self else { return };
        let len = integers::len(bytes);
        let longest = if len == 0 { 0 } else { digits(integers::get(bytes, 0)).max(digits(integers::get(bytes, len - 1))) };
        let is_short = text_len.max(longest) <= limits.small.value_len;
        if is_short && (len as u64) < limits.small() {
            let mut small = empty_small();
            integers::iter(bytes).for_each(|number| {
                let mut form = Packed::new();
                items::push_int(&mut form, number);
                push_small(&mut small, &form);
            });
            push_small(&mut small, &member.form);
            *self = Set::Small(small);
        } else {
            self.enlarge(hasher).insert(hasher.hash(&member.form), &member.form, hasher);
        }
    }

    /// Takes a member out. False if it was not there.
    pub fn remove(&mut self, member: &Member, hasher: &KeyHasher) -> bool {
        match self {
            Set::Integers(bytes) => matches!(member.item(), Item::Int(number) if integers::remove(bytes, number)),
            Set::Small(bytes) => {
                let Some(at) = items::find(&bytes[COUNT_LEN..], &member.form, 1) else { return false };
                let start = COUNT_LEN + at;
                bytes.drain(start..start + member.form.len());
                count_small(bytes, -1);
                true
            }
            Set::Large(table) => {
                let Some(place) = table.find(hasher.hash(&member.form), &member.form) else { return false };
                table.remove(&place, hasher);
                true
            }
        }
    }

    /// Makes a set whose members are all integers a set of integers, if there are not too many of them.
    pub fn to_integers(&mut self, limits: SetLimits) {
        if matches!(self, Set::Integers(_)) || self.view().len() as u64 > limits.integers() {
            return;
        }
        let mut bytes = integers::empty();
        self.view().for_each(|member| {
            if let Item::Int(number) = member {
                integers::insert(&mut bytes, number);
            }
        });
        *self = Set::Integers(bytes);
    }

    /// Of a set that is in one piece: keeps the members of which `keeps` says so, which hears of each once, in order.
    pub fn retain(&mut self, mut keeps: impl FnMut(Item<'_>) -> bool) {
        match self {
            Set::Integers(bytes) => {
                let mut kept = Vec::with_capacity(bytes.len());
                kept.push(bytes[0]);
                let width = bytes[0] as usize;
                for (index, number) in integers::iter(bytes).enumerate() {
                    if keeps(Item::Int(number)) {
                        kept.extend_from_slice(&bytes[1 + index * width..1 + (index + 1) * width]);
                    }
                }
                *bytes = kept;
            }
            Set::Small(bytes) => {
                let mut kept = Vec::with_capacity(bytes.len());
                kept.extend_from_slice(&[0; COUNT_LEN]);
                let members = &bytes[COUNT_LEN..];
                for (at, member) in Items::of(members) {
                    if keeps(member) {
                        push_small(&mut kept, &members[at..at + items::form_len(&members[at..])]);
                    }
                }
                *bytes = kept;
            }
            Set::Large(_) => unreachable!("a table loses members one by one"),
        }
    }
}
