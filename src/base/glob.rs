//! Glob-style matching of byte strings, as `KEYS`, `SCAN MATCH`, `PSUBSCRIBE`, `CONFIG GET` and ACL patterns use it.
//!
//! Syntax: `*` any run, `?` one byte, `[abc]` `[a-z]` `[^a]` one byte of (or outside) a class, `\x` the byte `x` itself.
//! The corner cases are Valkey's, because clients see them: an unclosed class ends with the pattern, a range may be
//! written backwards, range ends compare as signed bytes unless case is ignored, an escaped byte inside a class is always case-sensitive.
//!
//! A pattern is compiled into the pieces between its `*`. The first must stand at the text's start, the last at its end, and each of the
//! others is looked for behind the one before it: the leftmost place leaves most to the rest, so nothing is ever tried again.
//! Compiled it takes more than thirty times its length, and is quickest: for a walk over many texts. One that is kept for long is a
//! [`super::kept_glob::KeptGlob`].
//!
//! Invariant: the cost is linear in the text, whatever the pattern: a piece of literal bytes is found by a linear search, another one
//! in `len / 64` steps per byte of the text (Shift-And). A class costs what one byte costs.

use std::sync::OnceLock;

use memchr::memmem;

/// Patterns with more `*` than this match nothing, as in Valkey, where they nest too deeply.
pub(super) const STARS_MAX: usize = 1000;
/// Pieces up to this length are compared in place rather than searched for: honest patterns.
pub(super) const SHORT_LEN_MAX: usize = 16;

/// Whether `text` as a whole matches `pattern`, byte for byte.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    Glob::new(pattern).matches(text)
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Glob {
    /// Between the `*`, in order; adjacent ones leave no piece. One piece: there is no `*`.
    pieces: Vec<Piece>,
    /// Bytes that a text has at least.
    len_min: usize,
    is_hopeless: bool,
}

/// What stands between two `*`.
#[derive(Debug, Clone, Default)]
struct Piece {
    /// For each byte of a text the bytes that it may be.
    elements: Vec<ByteSet>,
    /// For each byte, the elements that take it as bits: made when the piece is first looked for in a text.
    takes: OnceLock<Box<[u64]>>,
    /// The bytes, if all elements are literal.
    literal: Option<Vec<u8>>,
}

impl Piece {
    fn len(&self) -> usize {
        self.elements.len()
    }

    /// True if the text begins with the piece.
    fn begins(&self, text: &[u8]) -> bool {
        match &self.literal {
            // Most names differ in their first byte: a call of `memcmp` for each took five times as long.
            Some(literal) => text.len() >= literal.len() && literal.iter().zip(text).all(|(own, byte)| own == byte),
            None => begins(&self.elements, text),
        }
    }

    /// Where the piece ends that comes first in the text.
    fn find(&self, text: &[u8]) -> Option<usize> {
        if let Some(literal) = &self.literal {
            return memmem::find(text, literal).map(|at| at + literal.len());
        }
        if self.len() <= SHORT_LEN_MAX {
            return find_in_place(&self.elements, text);
        }
        if text.len() < self.len() {
            return None;
        }
        shift_and(self.len(), self.takes.get_or_init(|| table(&self.elements)), text)
    }
}

fn begins(elements: &[ByteSet], text: &[u8]) -> bool {
    text.len() >= elements.len() && elements.iter().zip(text).all(|(element, byte)| element.has(*byte))
}

/// Where the elements end that come first in the text, by comparing them at each place: for a few.
pub(super) fn find_in_place(elements: &[ByteSet], text: &[u8]) -> Option<usize> {
    let last = text.len().checked_sub(elements.len())?;
    (0..=last).find(|at| begins(elements, &text[*at..])).map(|at| at + elements.len())
}

/// For each byte, the elements that take it as bits. Costs by the elements, not by the bytes that each of them takes or not.
pub(super) fn table(elements: &[ByteSet]) -> Box<[u64]> {
    let words = elements.len().div_ceil(64);
    // First what takes most bytes, for all bytes at once; then the bytes by which each element differs from that.
    let mut row = vec![0u64; words];
    for (at, _) in elements.iter().enumerate().filter(|(_, element)| element.is_wide()) {
        row[at / 64] |= 1 << (at % 64);
    }
    let mut takes = row.repeat(256);
    for (at, element) in elements.iter().enumerate() {
        let differing = if element.is_wide() { element.others() } else { *element };
        differing.each(|byte| takes[usize::from(byte) * words + at / 64] ^= 1 << (at % 64));
    }
    takes.into_boxed_slice()
}

/// Where so many elements end that come first in the text, by Shift-And: bit `i` of the state says that the first `i + 1` elements match the
/// bytes up to here. `takes` is their [`table`].
pub(super) fn shift_and(len: usize, takes: &[u64], text: &[u8]) -> Option<usize> {
    let words = len.div_ceil(64);
    let mut state = vec![0u64; words];
    let last = len - 1;
    // Words from here on are zero. One more than those that are not, for what moves up from the last of them.
    let mut live = 1;
    for (at, byte) in text.iter().enumerate() {
        let mask = &takes[usize::from(*byte) * words..][..live];
        let (mut carry, mut used) = (1, 0);
        for (number, (word, mask)) in state.iter_mut().zip(mask).enumerate() {
            let out = *word >> 63;
            *word = (*word << 1 | carry) & mask;
            carry = out;
            if *word != 0 {
                used = number;
            }
        }
        live = (used + 2).min(words);
        if state[last / 64] >> (last % 64) & 1 == 1 {
            return Some(at + 1);
        }
    }
    None
}

impl Glob {
    /// Compiles a pattern that distinguishes case.
    pub fn new(pattern: &[u8]) -> Glob {
        Glob::compile(pattern, false)
    }

    /// Compiles a pattern of which ASCII letters match in either case.
    pub fn ignoring_case(pattern: &[u8]) -> Glob {
        Glob::compile(pattern, true)
    }

    fn compile(mut pattern: &[u8], ignore_case: bool) -> Glob {
        let mut pieces = vec![Piece::default()];
        let mut stars = 0;
        while let Some(&first) = pattern.first() {
            if first == b'*' {
                pattern = skip_stars(pattern);
                stars += usize::from(!pattern.is_empty());
                pieces.push(Piece::default());
                continue;
            }
            let mut element = ByteSet::default();
            pattern = first_element(pattern, ignore_case, &mut element);
            if let Some(piece) = pieces.last_mut() {
                piece.elements.push(element);
            }
        }
        for piece in &mut pieces {
            let bytes = piece.elements.iter().map(ByteSet::single);
            piece.literal = bytes.collect();
        }
        let len_min = pieces.iter().map(Piece::len).sum();
        Glob { pieces, len_min, is_hopeless: stars > STARS_MAX }
    }

    /// Whether `text` as a whole matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        if self.is_hopeless || text.len() < self.len_min {
            return false;
        }
        // As in Valkey, nothing but the empty pattern matches the empty text.
        if text.is_empty() {
            return self.pieces.len() == 1;
        }
        let (first, rest) = self.pieces.split_first().expect("a pattern has a piece");
        let Some((last, between)) = rest.split_last() else { return text.len() == first.len() && first.begins(text) };
        if !first.begins(text) || !last.begins(&text[text.len() - last.len()..]) {
            return false;
        }
        // What first and last piece take is apart, since the text is long enough for all.
        let mut left = &text[first.len()..text.len() - last.len()];
        between.iter().all(|piece| match piece.find(left) {
            Some(end) => {
                left = &left[end..];
                true
            }
            None => false,
        })
    }
}

/// Adds what the first element of a pattern takes to a set, and returns the pattern behind it. The pattern neither is empty nor begins with
/// `*`. Into a set that is there: one that is copied as soon as it is made costs more than making it.
#[inline]
pub(super) fn first_element<'p>(pattern: &'p [u8], ignore_case: bool, into: &mut ByteSet) -> &'p [u8] {
    match pattern[0] {
        b'?' => {
            *into = ByteSet([u64::MAX; 4]);
            &pattern[1..]
        }
        b'[' => class(&pattern[1..], ignore_case, into),
        first => {
            let at = usize::from(first == b'\\' && pattern.len() >= 2);
            let byte = pattern[at];
            into.add(byte);
            if ignore_case && byte.is_ascii_alphabetic() {
                into.add(byte ^ 0x20);
            }
            &pattern[at + 1..]
        }
    }
}

/// What is behind the stars that the pattern begins with.
pub(super) fn skip_stars(pattern: &[u8]) -> &[u8] {
    let stars = pattern.iter().take_while(|&&byte| byte == b'*').count();
    &pattern[stars..]
}

/// A set of bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    fn add(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn add_range(&mut self, low: u8, high: u8) {
        for word in low >> 6..=high >> 6 {
            let from = if word == low >> 6 { low & 63 } else { 0 };
            let to = if word == high >> 6 { high & 63 } else { 63 };
            // Of ends in wrong order, which folded case may have, nothing lies between.
            if from <= to {
                self.0[usize::from(word)] |= (u64::MAX >> (63 - (to - from))) << from;
            }
        }
    }

    fn add_all(&mut self, other: &ByteSet) {
        self.0.iter_mut().zip(other.0).for_each(|(bits, other)| *bits |= other);
    }

    /// True if the bytes outside are at most half of all: two quarters of them are inside. Others may be so as well; to count costs more.
    fn is_wide(&self) -> bool {
        self.0.iter().filter(|word| **word == u64::MAX).count() >= 2
    }

    /// Its only byte, if it has just one.
    pub(super) fn single(&self) -> Option<u8> {
        let number = self.0.iter().position(|word| *word != 0)?;
        let word = self.0[number];
        let is_alone = word.is_power_of_two() && self.0[number + 1..] == [0; 3][number..];
        is_alone.then_some((number << 6) as u8 | word.trailing_zeros() as u8)
    }

    /// The bytes that are not in it.
    fn others(&self) -> ByteSet {
        ByteSet(self.0.map(|word| !word))
    }

    fn each(&self, mut with: impl FnMut(u8)) {
        for (number, word) in (0..4u8).zip(self.0) {
            let mut left = word;
            while left != 0 {
                with(number << 6 | left.trailing_zeros() as u8);
                left &= left - 1;
            }
        }
    }

    /// All bytes that are in it once their case is folded.
    fn unfolded(mut self) -> ByteSet {
        for letter in b'A'..=b'Z' {
            self.0[usize::from(letter >> 6)] &= !(1 << (letter & 63));
            if self.has(letter.to_ascii_lowercase()) {
                self.add(letter);
            }
        }
        self
    }
}

/// Reads the class that starts after `[`. Adds its bytes to `members`, and returns the pattern after it.
fn class<'p>(mut class: &'p [u8], ignore_case: bool, members: &mut ByteSet) -> &'p [u8] {
    let is_negated = class.first() == Some(&b'^');
    if is_negated {
        class = &class[1..];
    }
    // Members in lower case that stand for either. All others are members as they stand.
    let mut folded = ByteSet::default();
    loop {
        match *class {
            [] => break,
            [b'\\', escaped, ..] => {
                members.add(escaped);
                class = &class[2..];
            }
            [b']', ..] => {
                class = &class[1..];
                break;
            }
            [start, b'-', end, ..] => {
                add_range(members, &mut folded, start, end, ignore_case);
                class = &class[3..];
            }
            [single, ..] => {
                if ignore_case {
                    folded.add(single.to_ascii_lowercase());
                } else {
                    members.add(single);
                }
                class = &class[1..];
            }
        }
    }
    if ignore_case {
        members.add_all(&folded.unfolded());
    }
    if is_negated {
        *members = members.others();
    }
    class
}

/// Whether a byte is in the class that starts after `[`, where case is not ignored, and the pattern after it: [`class`] for one byte.
#[inline]
pub(super) fn class_takes(mut class: &[u8], byte: u8) -> (bool, &[u8]) {
    let is_negated = class.first() == Some(&b'^');
    if is_negated {
        class = &class[1..];
    }
    let mut is_member = false;
    loop {
        match *class {
            [] => break,
            [b'\\', escaped, ..] => {
                is_member |= escaped == byte;
                class = &class[2..];
            }
            [b']', ..] => {
                class = &class[1..];
                break;
            }
            [start, b'-', end, ..] => {
                let (start, end) = (start.cast_signed(), end.cast_signed());
                is_member |= (start.min(end)..=start.max(end)).contains(&byte.cast_signed());
                class = &class[3..];
            }
            [single, ..] => {
                is_member |= single == byte;
                class = &class[1..];
            }
        }
    }
    (is_member != is_negated, class)
}

/// The ends are put in order as signed bytes and before their case is folded, so `[Z-a]` differs from `[z-a]`; folding then
/// makes all bytes unsigned, as C's `tolower` does.
fn add_range(members: &mut ByteSet, folded: &mut ByteSet, start: u8, end: u8, ignore_case: bool) {
    let (low, high) = if start.cast_signed() > end.cast_signed() { (end, start) } else { (start, end) };
    if ignore_case {
        folded.add_range(low.to_ascii_lowercase(), high.to_ascii_lowercase());
    } else if low.cast_signed() < 0 && high.cast_signed() >= 0 {
        members.add_range(low, 0xff);
        members.add_range(0, high);
    } else {
        members.add_range(low, high);
    }
}

#[cfg(test)]
mod tests {
    use super::{Glob, matches, shift_and, table};
    use crate::base::kept_glob::KeptGlob;
    use crate::base::rng::Rng;

    #[test]
    fn patterns_match_as_in_valkey() {
        let cases: &[(&[u8], &[u8], bool)] = &[
            (b"", b"", true),
            (b"", b"a", false),
            (b"*", b"", false),
            (b"*", b"anything", true),
            (b"**", b"anything", true),
            (b"a", b"", false),
            (b"abc", b"abc", true),
            (b"abc", b"abd", false),
            (b"abc", b"abcd", false),
            (b"h?llo", b"hello", true),
            (b"h?llo", b"hllo", false),
            (b"h*llo", b"hllo", true),
            (b"h*llo", b"heeeello", true),
            (b"h[ae]llo", b"hallo", true),
            (b"h[ae]llo", b"hillo", false),
            (b"h[^e]llo", b"hallo", true),
            (b"h[^e]llo", b"hello", false),
            (b"h[a-b]llo", b"hbllo", true),
            (b"h[b-a]llo", b"hbllo", true),
            (b"h[a-b]llo", b"hcllo", false),
            (b"h\\?llo", b"h?llo", true),
            (b"h\\?llo", b"hello", false),
            (b"a\\", b"a\\", true),
            (b"[\\]]", b"]", true),
            (b"[a\\-z]", b"m", false),
            (b"[a\\-z]", b"-", true),
            (b"[abc", b"b", true),
            (b"[abc", b"d", false),
            (b"[", b"a", false),
            (b"[^", b"a", true),
            (b"a*", b"a", true),
            (b"a**", b"a", true),
            (b"*a", b"ba", true),
            (b"*?", b"", false),
            (b"*?", b"a", true),
            (b"*b*d", b"abcd", true),
            (b"*b*d", b"abcde", false),
            (b"foo*bar*baz", b"foo-bar-bar-baz", true),
            (b"user:[0-9]*", b"user:7:name", true),
            (b"[\xe0-\xf0]", b"\xe5", true),
            (b"[a-\xf0]", b"z", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern, text), *expected, "{} on {}", pattern.escape_ascii(), text.escape_ascii());
        }
    }

    #[test]
    fn case_is_ignored_only_when_asked() {
        let cases: &[(&[u8], &[u8], bool)] =
            &[(b"MAX*", b"maxmemory", true), (b"[A-C]x", b"bX", true), (b"[B]", b"b", true), (b"[\\B]", b"b", false), (b"\\M", b"m", true)];
        for (pattern, text, expected) in cases {
            assert_eq!(Glob::ignoring_case(pattern).matches(text), *expected, "{}", pattern.escape_ascii());
            assert!(!matches(pattern, text), "{}", pattern.escape_ascii());
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_exponential_time() {
        let pattern = b"a*".repeat(50);
        let text = [b"a".repeat(200), b"b".to_vec()].concat();
        assert!(matches(&pattern, &text));
        let pattern = [pattern, b"c".to_vec()].concat();
        assert!(!matches(&pattern, &text));
    }

    #[test]
    fn too_many_nested_stars_match_nothing() {
        let pattern = b"a*".repeat(1100);
        let text = b"a".repeat(2200);
        assert!(!matches(&pattern, &text));
    }

    #[test]
    fn a_hostile_pattern_on_a_long_text_is_linear() {
        let text = b"a".repeat(64_000);
        let class = [b"*[".to_vec(), b"b".repeat(20_000), b"]z".to_vec()].concat();
        let run = [b"*".to_vec(), b"a".repeat(20_000), b"b".to_vec()].concat();
        let gaps = [b"*".to_vec(), b"a?".repeat(10_000), b"b*".to_vec()].concat();
        for pattern in [class, run, gaps] {
            assert!(!matches(&pattern, &text));
        }
        let found = [text, b"xy".to_vec()].concat();
        assert!(matches(&[b"*".to_vec(), b"a?".repeat(10_000), b"x?".to_vec()].concat(), &found));
    }

    /// The definition, by trying everything: what Valkey's function does, without its shortcuts.
    fn by_definition(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
        let Some(first) = pattern.first() else { return text.is_empty() };
        if *first == b'*' {
            return (0..=text.len()).any(|at| by_definition(&pattern[1..], &text[at..], ignore_case));
        }
        let Some((byte, rest_of_text)) = text.split_first() else { return false };
        let same = |left: u8, right: u8| if ignore_case { left.eq_ignore_ascii_case(&right) } else { left == right };
        match *first {
            b'?' => by_definition(&pattern[1..], rest_of_text, ignore_case),
            b'[' => {
                let (is_member, rest) = match_class(&pattern[1..], *byte, ignore_case);
                is_member && by_definition(rest, rest_of_text, ignore_case)
            }
            b'\\' if pattern.len() >= 2 => same(pattern[1], *byte) && by_definition(&pattern[2..], rest_of_text, ignore_case),
            _ => same(*first, *byte) && by_definition(&pattern[1..], rest_of_text, ignore_case),
        }
    }

    fn same(left: u8, right: u8, ignore_case: bool) -> bool {
        if ignore_case { left.eq_ignore_ascii_case(&right) } else { left == right }
    }

    /// Matches one byte against the class that starts after `[`. Returns the verdict and the pattern after the class.
    fn match_class(mut class: &[u8], byte: u8, ignore_case: bool) -> (bool, &[u8]) {
        let is_negated = class.first() == Some(&b'^');
        if is_negated {
            class = &class[1..];
        }
        let mut is_member = false;
        loop {
            match *class {
                [] => break,
                [b'\\', escaped, ..] => {
                    is_member |= escaped == byte;
                    class = &class[2..];
                }
                [b']', ..] => {
                    class = &class[1..];
                    break;
                }
                [start, b'-', end, ..] => {
                    is_member |= in_range(start, end, byte, ignore_case);
                    class = &class[3..];
                }
                [single, ..] => {
                    is_member |= same(single, byte, ignore_case);
                    class = &class[1..];
                }
            }
        }
        (is_member != is_negated, class)
    }

    /// The ends are put in order as signed bytes and before their case is folded, so `[Z-a]` differs from `[z-a]`; folding then
    /// makes all bytes unsigned, as C's `tolower` does.
    fn in_range(start: u8, end: u8, byte: u8, ignore_case: bool) -> bool {
        let (low, high) = if start.cast_signed() > end.cast_signed() { (end, start) } else { (start, end) };
        if ignore_case {
            (low.to_ascii_lowercase()..=high.to_ascii_lowercase()).contains(&byte.to_ascii_lowercase())
        } else {
            (low.cast_signed()..=high.cast_signed()).contains(&byte.cast_signed())
        }
    }

    #[test]
    fn a_compiled_pattern_means_what_the_definition_says() {
        let mut rng = Rng::new(7);
        let mut random = |alphabet: &[u8], len: u64| -> Vec<u8> {
            let len = rng.below(len);
            (0..len).map(|_| alphabet[rng.below(alphabet.len() as u64) as usize]).collect()
        };
        let mut found = 0;
        for _ in 0..100_000 {
            let (pattern, text) = (random(b"abB\xe9**?[]^-\\", 12), random(b"abAB\xe9-]", 10));
            for ignore_case in [false, true] {
                let glob = if ignore_case { Glob::ignoring_case(&pattern) } else { Glob::new(&pattern) };
                let expected = by_definition(&pattern, &text, ignore_case) && (!text.is_empty() || pattern.is_empty());
                found += usize::from(expected);
                assert_eq!(glob.matches(&text), expected, "{} on {} {ignore_case}", pattern.escape_ascii(), text.escape_ascii());
                if !ignore_case {
                    let kept = KeptGlob::new(&pattern);
                    assert_eq!(kept.matches(&pattern, &text), expected, "{} on {}", pattern.escape_ascii(), text.escape_ascii());
                }
                // The long way of finding a piece agrees with the short one.
                for piece in glob.pieces.iter().filter(|piece| piece.len() > 0) {
                    assert_eq!(shift_and(piece.len(), &table(&piece.elements), &text), piece.find(&text));
                }
            }
        }
        assert!(found > 5_000, "{found}");
    }
}
