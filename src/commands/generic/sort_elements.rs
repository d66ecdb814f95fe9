//! What SORT sorts: the elements, copied out, each with what it is sorted by.

use std::cmp::Ordering;
use std::ops::Range;

use super::sort_pattern::Pattern;
use crate::base::float::parse_f64;
use crate::engine::error::CmdError;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::collection;
use crate::keyspace::key::Key;
use crate::keyspace::value::list::List;
use crate::keyspace::value::set::Set;
use crate::keyspace::value::zset::Zset;
use crate::keyspace::value::{Encoding, Type};

/// How elements are sorted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order<'a> {
    /// The pattern of what they are sorted by, if that is not they themselves.
    pub by: Option<&'a [u8]>,
    /// They stay in the order that they have.
    pub is_unsorted: bool,
    /// As texts, not as numbers.
    pub is_alphabetic: bool,
    /// The last one first.
    pub is_descending: bool,
}

#[derive(Debug)]
struct Element {
    text: Range<usize>,
    /// What it is sorted by, as a number.
    score: f64,
    /// Likewise, as a text of another key.
    weight: Option<Range<usize>>,
}

/// See the module's page. All texts lie in one piece: each for itself would be an allocation.
#[derive(Debug, Default)]
pub(super) struct Elements {
    bytes: Vec<u8>,
    elements: Vec<Element>,
}

/// What is sorted.
pub(super) struct Source {
    pub elements: Elements,
    /// They have no order of their own.
    pub is_set: bool,
}

/// The elements under a key; none if it is not there.
///
/// # Errors
/// If the key holds another type.
pub(super) fn source(keys: &mut KeyAccess<'_>, key: Key<'_>) -> Result<Source, CmdError> {
    let mut elements = Elements::default();
    let Some(entry) = keys.read(key) else { return Ok(Source { elements, is_set: false }) };
    match entry.kind() {
        Type::List => collection::of::<List>(entry)?.walk_right(0, |_, item| {
            item.with_text(|text| elements.push(text));
            true
        }),
        Type::Set => collection::of::<Set>(entry)?.for_each(|item| item.with_text(|text| elements.push(text))),
        Type::Zset => collection::of::<Zset>(entry)?.iter().for_each(|element| element.member().with_text(|text| elements.push(text))),
        _ => return Err(CmdError::WrongType),
    }
    let (is_set, is_small_zset) = (entry.is(Type::Set), entry.is(Type::Zset) && entry.encoding() == Encoding::Listpack);
    if is_small_zset {
        // As Valkey does before it sorts one. It can be told: by OBJECT ENCODING, by what a negative offset of LIMIT means, by `-0`.
        let hasher = keys.keyspace().hasher();
        let mut key = keys.open(key);
        key.change(|zset: &mut Zset| zset.make_large(hasher))?;
        key.mark_unchanged();
    }
    Ok(Source { elements, is_set })
}

impl Elements {
    fn push(&mut self, text: &[u8]) {
        let text = self.append(text);
        self.elements.push(Element { text, score: 0.0, weight: None });
    }

    fn append(&mut self, text: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        start..self.bytes.len()
    }

    pub(super) fn len(&self) -> usize {
        self.elements.len()
    }

    /// The element at this place.
    pub(super) fn get(&self, index: usize) -> &[u8] {
        &self.bytes[self.elements[index].text.clone()]
    }

    pub(super) fn reverse(&mut self) {
        self.elements.reverse();
    }

    /// Sorts them.
    ///
    /// # Errors
    /// If one is to be sorted as a number, and is none.
    pub(super) fn sort(&mut self, keys: &mut KeyAccess<'_>, order: &Order<'_>) -> Result<(), CmdError> {
        match order.by.map(Pattern::parse) {
            Some(pattern) => self.weigh(keys, pattern, order.is_alphabetic)?,
            None if !order.is_alphabetic => {
                for index in 0..self.len() {
                    self.elements[index].score = score(self.get(index))?;
                }
            }
            None => {}
        }
        let bytes = &self.bytes;
        let text = |range: &Range<usize>| &bytes[range.clone()];
        let compare = |one: &Element, other: &Element| match (order.is_alphabetic, order.by) {
            (false, _) => {
                let by_score = one.score.partial_cmp(&other.score).unwrap_or(Ordering::Equal);
                by_score.then_with(|| text(&one.text).cmp(text(&other.text)))
            }
            (true, Some(_)) => one.weight.as_ref().map(text).cmp(&other.weight.as_ref().map(text)),
            (true, None) => text(&one.text).cmp(text(&other.text)),
        };
        if order.is_descending {
            self.elements.sort_by(|one, other| compare(other, one));
        } else {
            self.elements.sort_by(compare);
        }
        Ok(())
    }

    /// Looks up what each element is sorted by. What is not there counts as 0, or comes first. Every element's is looked up even if one is
    /// no number: each miss is counted and told of.
    fn weigh(&mut self, keys: &mut KeyAccess<'_>, pattern: Pattern<'_>, is_alphabetic: bool) -> Result<(), CmdError> {
        let (mut element, mut outcome) = (Vec::new(), Ok(()));
        for index in 0..self.len() {
            element.clear();
            element.extend_from_slice(self.get(index));
            if is_alphabetic {
                self.elements[index].weight = pattern.look_up(keys, &element, |value| value.map(|value| self.append(value)));
            } else if let Some(score) = pattern.look_up(keys, &element, |value| value.map(score)) {
                match score {
                    Ok(score) => self.elements[index].score = score,
                    Err(error) => outcome = Err(error),
                }
            }
        }
        outcome
    }
}

/// A text as a number.
fn score(text: &[u8]) -> Result<f64, CmdError> {
    parse_f64(text).ok_or(CmdError::coded("ERR One or more scores can't be converted into double"))
}
