//! Glob-style matching of byte strings, as `KEYS`, `SCAN MATCH`, `PSUBSCRIBE`, `CONFIG GET` and ACL patterns use it.
//!
//! Syntax: `*` any run, `?` one byte, `[abc]` `[a-z]` `[^a]` one byte of (or outside) a class, `\x` the byte `x` itself.
//! The corner cases are Valkey's, because clients see them: an unclosed class ends with the pattern, a range may be
//! written backwards, range ends compare as signed bytes unless case is ignored, an escaped byte inside a class is always case-sensitive.
//!
//! Invariant: the cost is bounded by pattern length times text length per `*`, never exponential. Once the rest of the
//! pattern after some `*` was found nowhere in the remaining text, no earlier `*` is tried with a longer run: that could
//! only make the remaining text shorter.

/// Patterns that nest `*` deeper than this match nothing: it bounds the stack, and no honest pattern comes near.
const NESTING_MAX: u32 = 1000;

/// Whether `text` as a whole matches `pattern`, byte for byte.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match_from(pattern, text, false, &mut false, 0)
}

/// Like [`matches()`], but ASCII letters match in either case.
pub fn matches_ignoring_case(pattern: &[u8], text: &[u8]) -> bool {
    match_from(pattern, text, true, &mut false, 0)
}

/// Whether `pattern` holds a byte that gives it a meaning beyond its literal text.
pub fn is_pattern(pattern: &[u8]) -> bool {
    pattern.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'))
}

fn same(left: u8, right: u8, ignore_case: bool) -> bool {
    if ignore_case { left.eq_ignore_ascii_case(&right) } else { left == right }
}

fn match_from(mut pattern: &[u8], mut text: &[u8], ignore_case: bool, give_up: &mut bool, nesting: u32) -> bool {
    if nesting > NESTING_MAX {
        return false;
    }
    while let (Some(&first), Some(&byte)) = (pattern.first(), text.first()) {
        match first {
            b'*' => {
                let rest = skip_stars(pattern);
                return rest.is_empty() || match_tail(rest, text, ignore_case, give_up, nesting);
            }
            b'?' => pattern = &pattern[1..],
            b'[' => {
                let (is_member, rest) = match_class(&pattern[1..], byte, ignore_case);
                if !is_member {
                    return false;
                }
                pattern = rest;
            }
            _ => {
                if first == b'\\' && pattern.len() >= 2 {
                    pattern = &pattern[1..];
                }
                if !same(pattern[0], byte, ignore_case) {
                    return false;
                }
                pattern = &pattern[1..];
            }
        }
        text = &text[1..];
        if text.is_empty() {
            pattern = skip_stars(pattern);
        }
    }
    pattern.is_empty() && text.is_empty()
}

fn skip_stars(pattern: &[u8]) -> &[u8] {
    let stars = pattern.iter().take_while(|&&byte| byte == b'*').count();
    &pattern[stars..]
}

/// Looks for the first suffix of `text` that matches `rest`, the pattern after a run of `*`. The empty suffix is never
/// tried: a pattern that could match it would have to consist of `*` alone.
fn match_tail(rest: &[u8], mut text: &[u8], ignore_case: bool, give_up: &mut bool, nesting: u32) -> bool {
    while !text.is_empty() {
        if match_from(rest, text, ignore_case, give_up, nesting + 1) {
            return true;
        }
        if *give_up {
            return false;
        }
        text = &text[1..];
    }
    *give_up = true;
    false
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

#[cfg(test)]
mod tests {
    use super::{is_pattern, matches, matches_ignoring_case};

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
            assert_eq!(matches_ignoring_case(pattern, text), *expected, "{}", pattern.escape_ascii());
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
    fn literal_text_is_told_from_patterns() {
        for literal in [&b"abc"[..], b"", b"a]b", b"a^b"] {
            assert!(!is_pattern(literal));
        }
        for pattern in [&b"a*"[..], b"?", b"[a]", b"a\\b"] {
            assert!(is_pattern(pattern));
        }
    }
}
