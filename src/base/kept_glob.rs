//! A glob-style pattern that is kept for long, as a subscription is: beside its text only what can be said of all of it in a few bytes.
//!
//! It means what [`super::glob::Glob`] means, and costs about as much: what stands between two `*` and is neither short nor literal is
//! compiled whenever it is looked for, which takes a few steps for each of its bytes, and less than looking for it in a text in which it
//! may be. Compiled for good, patterns of 4 KB took 280 KB each.

use memchr::{memchr, memmem};
use smallvec::SmallVec;

use super::glob::{self, ByteSet, SHORT_LEN_MAX, STARS_MAX, skip_stars};

/// See the module's page. The text is kept by its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptGlob {
    /// Bytes that a matching text has at least.
    len_min: usize,
    /// What follows the last `*`, if there is one.
    last: Option<Last>,
    is_hopeless: bool,
}

/// The last piece of a pattern with `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Last {
    /// Where in the pattern it begins.
    at: usize,
    /// Bytes of a text that it takes.
    len: usize,
}

impl KeptGlob {
    /// Of a pattern that distinguishes case.
    pub fn new(pattern: &[u8]) -> KeptGlob {
        let (mut len_min, mut last, mut stars) = (0, None::<Last>, 0);
        let mut left = pattern;
        while let Some(first) = left.first() {
            if *first == b'*' {
                left = skip_stars(left);
                stars += usize::from(!left.is_empty());
                last = Some(Last { at: pattern.len() - left.len(), len: 0 });
                continue;
            }
            left = glob::first_element(left, false, &mut ByteSet::default());
            len_min += 1;
            if let Some(last) = &mut last {
                last.len += 1;
            }
        }
        KeptGlob { len_min, last, is_hopeless: stars > STARS_MAX }
    }

    /// Whether `text` as a whole matches `pattern`, which is the one that this was made of.
    pub fn matches(&self, pattern: &[u8], text: &[u8]) -> bool {
        if self.is_hopeless || text.len() < self.len_min {
            return false;
        }
        // As in Valkey, nothing but the empty pattern matches the empty text.
        if text.is_empty() {
            return pattern.is_empty();
        }
        let Some((left_of_pattern, left)) = begin(pattern, text) else { return false };
        let Some(last) = self.last else { return left_of_pattern.is_empty() && left.is_empty() };
        // What first and last piece take is apart, since the text is long enough for all.
        let (mut left, end) = left.split_at(left.len() - last.len);
        if begin(&pattern[last.at..], end).is_none() {
            return false;
        }
        let mut between = skip_stars(&pattern[pattern.len() - left_of_pattern.len()..last.at]);
        while !between.is_empty() {
            let Some((rest_of_pattern, rest)) = find(between, left) else { return false };
            (between, left) = (skip_stars(rest_of_pattern), rest);
        }
        true
    }
}

/// What is behind the first piece of the pattern, and of the text, if that begins with it.
#[inline]
fn begin<'p, 't>(mut pattern: &'p [u8], mut text: &'t [u8]) -> Option<(&'p [u8], &'t [u8])> {
    while let Some((first, behind)) = pattern.split_first().filter(|(first, _)| **first != b'*') {
        let (byte, rest) = text.split_first()?;
        let (takes, behind) = match first {
            b'?' => (true, behind),
            b'[' => glob::class_takes(behind, *byte),
            b'\\' => behind.split_first().map_or((*byte == b'\\', behind), |(escaped, behind)| (escaped == byte, behind)),
            _ => (first == byte, behind),
        };
        if !takes {
            return None;
        }
        (pattern, text) = (behind, rest);
    }
    Some((pattern, text))
}

/// What is behind the first piece of the pattern, and of the text behind the first place where it stands.
fn find<'p, 't>(pattern: &'p [u8], text: &'t [u8]) -> Option<(&'p [u8], &'t [u8])> {
    let literal_len = pattern.iter().take_while(|byte| is_literal(byte)).count();
    let (literal, rest) = pattern.split_at(literal_len);
    if rest.first().is_none_or(|next| *next == b'*') {
        let at = if let [byte] = literal { memchr(*byte, text) } else { memmem::find(text, literal) };
        return Some((rest, &text[at? + literal_len..]));
    }
    let mut elements = SmallVec::<[ByteSet; SHORT_LEN_MAX]>::new();
    let mut rest = pattern;
    while rest.first().is_some_and(|first| *first != b'*') {
        elements.push(ByteSet::default());
        if let Some(element) = elements.last_mut() {
            rest = glob::first_element(rest, false, element);
        }
    }
    let len = elements.len();
    let end = if len <= SHORT_LEN_MAX {
        glob::find_in_place(&elements, text)?
    } else if let Some(unescaped) = elements.iter().map(ByteSet::single).collect::<Option<Vec<u8>>>() {
        memmem::find(text, &unescaped)? + len
    } else {
        glob::shift_and(len, &glob::table(&elements), text)?
    };
    Some((rest, &text[end..]))
}

/// True for a byte that stands for itself.
fn is_literal(byte: &u8) -> bool {
    !matches!(byte, b'*' | b'?' | b'[' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::glob::Glob;

    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        KeptGlob::new(pattern).matches(pattern, text)
    }

    /// Short patterns are compared in the tests of `glob`.
    #[test]
    fn long_pieces_mean_what_they_mean_compiled() {
        let text = [b"x".repeat(30), b"abc".repeat(40), b"[a*b]".to_vec(), b"y".repeat(30)].concat();
        let pieces: [&[u8]; 9] = [b"?", b"[a-c]", b"[^z]", b"\\a\\b\\c", b"abc", b"[a*]", b"\\[a\\*b]", b"[x-a]", b"[ -\xff]"];
        let mut found = 0;
        for piece in pieces {
            for times in [1, 5, 17, 39, 40, 41, 63, 64, 65, 130] {
                for (before, after) in [("", ""), ("*", "*"), ("x*", "*y"), ("*x*", "*yy*")] {
                    let pattern = [before.as_bytes(), &piece.repeat(times), after.as_bytes()].concat();
                    let expected = Glob::new(&pattern).matches(&text);
                    assert_eq!(matches(&pattern, &text), expected, "{}", pattern.escape_ascii());
                    found += usize::from(expected);
                }
            }
        }
        assert!(found > 60, "{found}");
    }

    #[test]
    fn a_hostile_pattern_is_linear_and_too_many_stars_match_nothing() {
        let text = b"a".repeat(64_000);
        let class = [b"*[".to_vec(), b"b".repeat(20_000), b"]z*".to_vec()].concat();
        let gaps = [b"*".to_vec(), b"a?".repeat(10_000), b"b*".to_vec()].concat();
        for pattern in [class, gaps, b"*a".repeat(1100), [b"*aa".repeat(900), b"*b*".to_vec()].concat()] {
            assert!(!matches(&pattern, &text));
        }
        assert!(matches(&b"*a".repeat(900), &text));
    }
}
