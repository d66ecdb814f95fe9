//! The quoting grammar of inline commands: words separated by blanks; `"..."` with `\n \r \t \b \a \xHH` and `\c` for
//! any other c; `'...'` with `\'` only. Quoted and plain parts may be glued together.
//!
//! Words are unescaped in place: a word is never longer than its source, so it is written over it, from its start.

use super::request::ArgRange;

/// How many bytes must follow an escape inside quotes for it to count as one.
///
/// Valkey reads inline commands with a bounded scanner that wants one more byte after the escape, so that a line
/// ending in `\"` closes the quote after a literal backslash. Its scanner for zero-terminated strings does not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EscapeAtEnd {
    /// Inline commands.
    Literal,
    /// Configuration lines and the CLI.
    Escape,
}

/// There is an open quote.
#[derive(Debug)]
pub(super) struct Unbalanced;

/// Splits `buf[start..end]` into words, unescapes each in place and appends their ranges to `args`.
///
/// Positions must fit `u32`, which the caller has ensured.
pub(super) fn split_in_place(
    buf: &mut [u8],
    start: usize,
    end: usize,
    at_end: EscapeAtEnd,
    args: &mut Vec<ArgRange>,
) -> Result<(), Unbalanced> {
    let line = &mut buf[..end];
    let mut pos = start;
    loop {
        while pos < end && matches!(line[pos], b' ' | b'\t'..=b'\r') {
            pos += 1;
        }
        if pos == end {
            return Ok(());
        }
        let word = pos;
        let (next, word_end) = unescape_word(line, pos, at_end)?;
        pos = next;
        args.push(ArgRange { start: word as u32, end: word_end as u32 });
    }
}

/// Reads the word at `start`; returns the position after it and the end of its unescaped form, which begins at `start`.
fn unescape_word(line: &mut [u8], start: usize, at_end: EscapeAtEnd) -> Result<(usize, usize), Unbalanced> {
    let end = line.len();
    let reach = if at_end == EscapeAtEnd::Literal { end } else { end + 1 };
    let (mut read, mut write) = (start, start);
    let mut quote = None;
    while read < end {
        let byte = line[read];
        let out = match quote {
            Some(b'"') if byte == b'\\' && read + 4 < reach && line[read + 1] == b'x' && hex(line, read + 2).is_some() => {
                let value = hex(line, read + 2);
                read += 4;
                value
            }
            Some(b'"') if byte == b'\\' && read + 2 < reach => {
                read += 2;
                Some(unescaped(line[read - 1]))
            }
            Some(b'\'') if byte == b'\\' && read + 2 < reach && line[read + 1] == b'\'' => {
                read += 2;
                Some(b'\'')
            }
            Some(open) if byte == open => {
                quote = None;
                read += 1;
                None
            }
            None if matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0) => {
                return Ok((read + 1, write));
            }
            None if matches!(byte, b'"' | b'\'') => {
                quote = Some(byte);
                read += 1;
                None
            }
            _ => {
                read += 1;
                Some(byte)
            }
        };
        if let Some(out) = out {
            line[write] = out;
            write += 1;
        }
    }
    if quote.is_some() { Err(Unbalanced) } else { Ok((read, write)) }
}

/// The byte that two hexadecimal digits name.
fn hex(line: &[u8], at: usize) -> Option<u8> {
    let high = char::from(line[at]).to_digit(16)?;
    let low = char::from(line[at + 1]).to_digit(16)?;
    Some((high * 16 + low) as u8)
}

/// What a backslash and this byte stand for inside double quotes.
fn unescaped(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// Splits a configuration line or a line typed at the CLI's prompt into its words. `None`: unbalanced quotes.
///
/// As in Valkey a zero byte ends the line; one inside quotes leaves them unbalanced.
pub fn split_args(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let line = &line[..memchr::memchr(0, line).unwrap_or(line.len())];
    if line.len() > u32::MAX as usize {
        return None;
    }
    let mut copy = line.to_vec();
    let mut ranges = Vec::new();
    split_in_place(&mut copy, 0, line.len(), EscapeAtEnd::Escape, &mut ranges).ok()?;
    Some(ranges.iter().map(|range| range.of(&copy).to_vec()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, inline: Option<&[&str]>, terminated: Option<&[&str]>) {
        let bytes = |words: &[&str]| words.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>();
        let mut buf = line.as_bytes().to_vec();
        let mut ranges = Vec::new();
        let end = buf.len();
        let got = split_in_place(&mut buf, 0, end, EscapeAtEnd::Literal, &mut ranges)
            .ok()
            .map(|()| ranges.iter().map(|r| r.of(&buf).to_vec()).collect::<Vec<_>>());
        assert_eq!(got, inline.map(bytes), "inline: {line:?}");
        assert_eq!(split_args(line.as_bytes()), terminated.map(bytes), "terminated: {line:?}");
    }

    #[test]
    fn words_as_valkey_splits_them() {
        let same = |line: &str, words: Option<&[&str]>| check(line, words, words);
        same("", Some(&[]));
        same("  \t \x0b ", Some(&[]));
        same("set a b", Some(&["set", "a", "b"]));
        same("  set   a\tb  ", Some(&["set", "a", "b"]));
        same("a\x0bb", Some(&["a\x0bb"]));
        same(r#"set "a b" 'c d'"#, Some(&["set", "a b", "c d"]));
        same(r#""\n\r\t\b\a\q\\""#, Some(&["\n\r\t\x08\x07q\\"]));
        same(r#""\x41\x4g" x"#, Some(&["Ax4g", "x"]));
        same(r#"'it\'s' '\n'"#, Some(&["it's", "\\n"]));
        same(r#""""tes"t-'k'e"y" x"#, Some(&["test-key", "x"]));
        same(r#""" ''"#, Some(&["", ""]));
        same(r#"a\nb"#, Some(&["a\\nb"]));
        same(r#""open"#, None);
        same(r#"'open"#, None);
        same(r#"a"b"#, None);
        check(r#""a\""#, Some(&["a\\"]), None);
        check(r"'a\'", Some(&["a\\"]), None);
        check(r#""\x41"#, None, None);
    }
}
