//! One line of a configuration file: splitting it into arguments and quoting an argument so that it reads back.
//!
//! Invariant: `split_args(&quote(bytes))` gives `bytes` back as one argument, for any bytes without NUL.

/// Splits a line into arguments as the configuration file and inline commands do.
///
/// Blanks separate. `"..."` knows `\n \r \t \b \a \xHH` and takes any other escaped byte as itself; `'...'` knows only
/// `\'`. A quoted part and what follows it without a blank are one argument. `None` when a quote is not closed.
pub fn split_args(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut args = Vec::new();
    let mut rest = line;
    loop {
        rest = skip_blanks(rest);
        if rest.is_empty() || rest[0] == 0 {
            return Some(args);
        }
        let (arg, after) = split_first(rest)?;
        args.push(arg);
        rest = after;
    }
}

/// C's `isspace`: blanks between arguments include vertical tab and form feed, blanks that end one do not.
fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| matches!(byte, b'\t'..=b'\r' | b' ')).count();
    &text[blanks..]
}

fn split_first(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut arg = Vec::new();
    loop {
        match *rest {
            [] | [0, ..] => return Some((arg, rest)),
            [b' ' | b'\n' | b'\r' | b'\t', ..] => return Some((arg, &rest[1..])),
            [b'"', ..] => rest = take_double_quoted(&rest[1..], &mut arg)?,
            [b'\'', ..] => rest = take_single_quoted(&rest[1..], &mut arg)?,
            [byte, ..] => {
                arg.push(byte);
                rest = &rest[1..];
            }
        }
    }
}

fn take_double_quoted<'line>(mut rest: &'line [u8], arg: &mut Vec<u8>) -> Option<&'line [u8]> {
    loop {
        match *rest {
            [] | [0, ..] => return None,
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                arg.push(hex_value(high) << 4 | hex_value(low));
                rest = &rest[4..];
            }
            [b'\\', escaped, ..] if escaped != 0 => {
                arg.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => other,
                });
                rest = &rest[2..];
            }
            [b'"', ..] => return Some(&rest[1..]),
            [byte, ..] => {
                arg.push(byte);
                rest = &rest[1..];
            }
        }
    }
}

fn take_single_quoted<'line>(mut rest: &'line [u8], arg: &mut Vec<u8>) -> Option<&'line [u8]> {
    loop {
        match *rest {
            [] | [0, ..] => return None,
            [b'\\', b'\'', ..] => {
                arg.push(b'\'');
                rest = &rest[2..];
            }
            [b'\'', ..] => return Some(&rest[1..]),
            [byte, ..] => {
                arg.push(byte);
                rest = &rest[1..];
            }
        }
    }
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

/// The text in double quotes, with everything that is not printable ASCII escaped.
pub fn quote(text: &[u8]) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for &byte in text {
        match byte {
            b'\\' => quoted.push_str("\\\\"),
            b'"' => quoted.push_str("\\\""),
            b'\n' => quoted.push_str("\\n"),
            b'\r' => quoted.push_str("\\r"),
            b'\t' => quoted.push_str("\\t"),
            0x07 => quoted.push_str("\\a"),
            0x08 => quoted.push_str("\\b"),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => {
                let hex = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
                quoted.push_str("\\x");
                quoted.push(hex(byte >> 4));
                quoted.push(hex(byte & 15));
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::{quote, split_args};

    #[test]
    fn lines_split_as_in_valkey() {
        let cases: &[(&[u8], Option<&[&[u8]]>)] = &[
            (b"", Some(&[])),
            (b"   \t ", Some(&[])),
            (b"port 6379", Some(&[b"port", b"6379"])),
            (b"  port\t6379\r", Some(&[b"port", b"6379"])),
            (b"save \"\"", Some(&[b"save", b""])),
            (b"save ''", Some(&[b"save", b""])),
            (b"a \"b c\"", Some(&[b"a", b"b c"])),
            (b"a 'b c'", Some(&[b"a", b"b c"])),
            (b"\"a\"b", Some(&[b"ab"])),
            (b"a\"b c\"d", Some(&[b"ab cd"])),
            (br#""\n\r\t\b\a\x41\q\"""#, Some(&[b"\n\r\t\x08\x07Aq\""])),
            (br"'\n\''", Some(&[br"\n'"])),
            (br#""\xZZ""#, Some(&[b"xZZ"])),
            (b"a \"b", None),
            (b"a 'b", None),
            (b"a \"b\\", None),
            (b"\xc3\xa9 \xff", Some(&[b"\xc3\xa9", b"\xff"])),
        ];
        for (line, expected) in cases {
            let expected: Option<Vec<Vec<u8>>> = expected.map(|args| args.iter().map(|arg| arg.to_vec()).collect());
            assert_eq!(split_args(line), expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_quoted_argument_reads_back() {
        let all: Vec<u8> = (1..=255).collect();
        for bytes in [&b""[..], b"plain", b"two words", b"\"quoted\" \\ back", &all] {
            assert_eq!(split_args(quote(bytes).as_bytes()), Some(vec![bytes.to_vec()]));
        }
        assert_eq!(quote(b"a\x00\xffb\n"), r#""a\x00\xffb\n""#);
    }
}
