//! Patterns of SORT: an element takes the place of the first `*`, and what comes out is a key, or with `->` a key and a field of its hash.
//! `#` is the element itself.
//!
//! As in Valkey, a pattern's special characters are looked for up to its first zero byte.

use crate::keyspace::access::KeyAccess;
use crate::keyspace::collection;
use crate::keyspace::key::Key;
use crate::keyspace::string_value;
use crate::keyspace::value::Type;
use crate::keyspace::value::hash::{FieldAccess, Hash};

/// A pattern, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern<'a> {
    /// The element.
    Element,
    /// No element has a place in it: it stands for nothing.
    Constant,
    /// Names keys.
    Key {
        /// What comes before the element.
        before: &'a [u8],
        /// What comes after it.
        after: &'a [u8],
        /// The field, if the key is a hash.
        field: Option<&'a [u8]>,
    },
}

/// The pattern as C sees it.
fn up_to_zero(pattern: &[u8]) -> &[u8] {
    memchr::memchr(0, pattern).map_or(pattern, |end| &pattern[..end])
}

/// True if no element has a place in the pattern.
pub(super) fn is_constant(pattern: &[u8]) -> bool {
    !up_to_zero(pattern).contains(&b'*')
}

impl<'a> Pattern<'a> {
    pub(super) fn parse(pattern: &'a [u8]) -> Self {
        let text = up_to_zero(pattern);
        if text == b"#" {
            return Pattern::Element;
        }
        let Some(star) = memchr::memchr(b'*', text) else { return Pattern::Constant };
        let rest = star + 1;
        let arrow = text[rest..].windows(2).position(|pair| pair == b"->").map(|at| rest + at);
        match arrow {
            Some(arrow) if arrow + 2 < text.len() => {
                Pattern::Key { before: &pattern[..star], after: &pattern[rest..arrow], field: Some(&pattern[arrow + 2..]) }
            }
            _ => Pattern::Key { before: &pattern[..star], after: &pattern[rest..], field: None },
        }
    }

    /// Calls `with` with what the pattern stands for, given an element.
    pub(super) fn look_up<R>(&self, keys: &mut KeyAccess<'_>, element: &[u8], with: impl FnOnce(Option<&[u8]>) -> R) -> R {
        let (before, after, field) = match *self {
            Pattern::Element => return with(Some(element)),
            Pattern::Constant => return with(None),
            Pattern::Key { before, after, field } => (before, after, field),
        };
        let name = [before, element, after].concat();
        let Some(resolved) = keys.resolve(&name) else {
            debug_assert!(false, "the stripes of all keys that it may name are held");
            return with(None);
        };
        let access = FieldAccess { hasher: keys.keyspace().hasher(), liveness: keys.liveness() };
        let Some(entry) = keys.read(Key::new(&name, &resolved)) else { return with(None) };
        match field {
            None if entry.kind() == Type::String => {
                string_value::with_string(entry.value(), |string| with(Some(&string.part(0..usize::MAX))))
            }
            Some(field) => match collection::of::<Hash>(entry).ok().and_then(|hash| hash.get(field, access)) {
                Some(value) => value.with_text(|text| with(Some(text))),
                None => with(None),
            },
            None => with(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_taken_apart_at_its_first_star_and_arrow() {
        let key = |before: &'static str, after: &'static str, field: Option<&'static str>| Pattern::Key {
            before: before.as_bytes(),
            after: after.as_bytes(),
            field: field.map(str::as_bytes),
        };
        let cases = [
            ("#", Pattern::Element),
            ("nosort", Pattern::Constant),
            ("##", Pattern::Constant),
            ("zero\0*", Pattern::Constant),
            ("w_*", key("w_", "", None)),
            ("w_*_x*", key("w_", "_x*", None)),
            ("w_*->f", key("w_", "", Some("f"))),
            ("w_*y->f->g", key("w_", "y", Some("f->g"))),
            ("w_*->", key("w_", "->", None)),
            ("->*", key("->", "", None)),
        ];
        for (text, pattern) in cases {
            assert_eq!(Pattern::parse(text.as_bytes()), pattern, "{text}");
        }
    }
}
