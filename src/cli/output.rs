//! Replies as text: for people, for pipes, as CSV and as JSON. Layouts are those of `valkey-cli`, byte for byte.

use larder_proto::resp::Value;

/// How replies are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// With types and quotes, for people.
    Standard,
    /// The bytes themselves.
    Raw,
    /// Comma-separated.
    Csv,
    /// JSON; bytes that are no UTF-8 are passed through.
    Json,
    /// JSON in ASCII.
    QuotedJson,
}

/// How replies are printed, with the delimiters of raw output.
#[derive(Clone, Debug)]
pub(super) struct Formatter {
    pub(super) format: Format,
    pub(super) element_delimiter: Vec<u8>,
    pub(super) reply_delimiter: Vec<u8>,
}

impl Formatter {
    /// One reply. `verbatim`: it is a text for people, such as INFO's, and printed as it is.
    pub(super) fn reply(&self, reply: &Value, verbatim: bool) -> Vec<u8> {
        let mut out = Vec::new();
        if verbatim {
            self.raw(reply, &mut out);
            return out;
        }
        match self.format {
            Format::Standard => standard(reply, "", &mut out),
            Format::Raw => {
                self.raw(reply, &mut out);
                out.extend_from_slice(&self.reply_delimiter);
            }
            Format::Csv => {
                csv(reply, &mut out);
                out.push(b'\n');
            }
            Format::Json | Format::QuotedJson => {
                json(reply, self.format == Format::QuotedJson, &mut out);
                out.push(b'\n');
            }
        }
        out
    }

    fn raw(&self, reply: &Value, out: &mut Vec<u8>) {
        match reply {
            Value::Null => {}
            Value::Error(text) => {
                out.extend_from_slice(text);
                out.push(b'\n');
            }
            Value::Simple(text) | Value::Bulk(text) | Value::BigNumber(text) | Value::Verbatim { text, .. } => {
                out.extend_from_slice(text);
            }
            Value::Double { text, .. } => out.extend_from_slice(text),
            Value::Bool(flag) => out.extend_from_slice(if *flag { b"(true)" } else { b"(false)" }),
            Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Value::Array(items) | Value::Set(items) | Value::Push(items) => {
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(&self.element_delimiter);
                    }
                    self.raw(item, out);
                }
            }
            Value::Map(pairs) => {
                for (index, (key, value)) in pairs.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(&self.element_delimiter);
                    }
                    self.raw(key, out);
                    out.push(b' ');
                    self.raw(value, out);
                }
            }
        }
    }
}

/// Whether the standard format of a value has several lines.
fn is_multiline(reply: &Value) -> bool {
    match reply {
        Value::Array(items) | Value::Set(items) | Value::Push(items) => match &items[..] {
            [] => false,
            [item] => is_multiline(item),
            _ => true,
        },
        Value::Map(pairs) => match &pairs[..] {
            [] => false,
            [(_, value)] => is_multiline(value),
            _ => true,
        },
        _ => false,
    }
}

/// The format for people. `indent` stands before every line but the first.
fn standard(reply: &Value, indent: &str, out: &mut Vec<u8>) {
    let mut line = |parts: &[&[u8]]| {
        parts.iter().for_each(|part| out.extend_from_slice(part));
        out.push(b'\n');
    };
    match reply {
        Value::Error(text) => line(&[b"(error) ", text]),
        Value::Simple(text) | Value::Verbatim { text, .. } => line(&[text]),
        Value::Integer(number) => line(&[b"(integer) ", number.to_string().as_bytes()]),
        Value::Double { text, .. } => line(&[b"(double) ", text]),
        Value::BigNumber(text) => line(&[b"(big number) ", text]),
        Value::Bulk(text) => line(&[&quoted(text)]),
        Value::Null => line(&[b"(nil)"]),
        Value::Bool(flag) => line(&[if *flag { b"(true)" } else { b"(false)" }]),
        Value::Array(items) if items.is_empty() => line(&[b"(empty array)"]),
        Value::Map(pairs) if pairs.is_empty() => line(&[b"(empty hash)"]),
        Value::Set(items) if items.is_empty() => line(&[b"(empty set)"]),
        Value::Push(items) if items.is_empty() => line(&[b"(empty push)"]),
        Value::Array(items) | Value::Push(items) => numbered(items.iter().map(|item| (item, None)), ')', indent, out),
        Value::Set(items) => numbered(items.iter().map(|item| (item, None)), '~', indent, out),
        Value::Map(pairs) => numbered(pairs.iter().map(|(key, value)| (key, Some(value))), '#', indent, out),
    }
}

/// Elements, or keys and values, with their numbers.
fn numbered<'a>(items: impl ExactSizeIterator<Item = (&'a Value, Option<&'a Value>)>, separator: char, indent: &str, out: &mut Vec<u8>) {
    let width = items.len().to_string().len();
    let inner = format!("{indent}{}", " ".repeat(width + 2));
    for (index, (item, value)) in items.enumerate() {
        let indent = if index == 0 { "" } else { indent };
        out.extend_from_slice(format!("{indent}{:>width$}{separator} ", index + 1).as_bytes());
        standard(item, &inner, out);
        if let Some(value) = value {
            out.pop();
            out.extend_from_slice(b" => ");
            if is_multiline(value) {
                out.push(b'\n');
                out.extend_from_slice(inner.as_bytes());
            }
            standard(value, &inner, out);
        }
    }
}

/// Text in double quotes that the prompt and `--quoted-input` understand.
pub(super) fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for &byte in text {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    out.push(b'"');
    out
}

fn csv(reply: &Value, out: &mut Vec<u8>) {
    let mut list = |items: &mut dyn Iterator<Item = &Value>| {
        for (index, item) in items.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            csv(item, out);
        }
    };
    match reply {
        Value::Array(items) | Value::Set(items) | Value::Push(items) => list(&mut items.iter()),
        Value::Map(pairs) => list(&mut pairs.iter().flat_map(|(key, value)| [key, value])),
        Value::Error(text) => {
            out.extend_from_slice(b"ERROR,");
            out.extend(quoted(text));
        }
        Value::Simple(text) | Value::Bulk(text) | Value::Verbatim { text, .. } => out.extend(quoted(text)),
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Double { text, .. } | Value::BigNumber(text) => out.extend_from_slice(text),
        Value::Null => out.extend_from_slice(b"NULL"),
        Value::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
    }
}

fn json(reply: &Value, ascii: bool, out: &mut Vec<u8>) {
    match reply {
        Value::Error(text) => {
            out.extend_from_slice(b"error:");
            json_string(text, ascii, out);
        }
        Value::Simple(text) | Value::Bulk(text) | Value::Verbatim { text, .. } => json_string(text, ascii, out),
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Double { text, .. } | Value::BigNumber(text) => out.extend_from_slice(text),
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Array(items) | Value::Set(items) | Value::Push(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                json(item, ascii, out);
            }
            out.push(b']');
        }
        Value::Map(pairs) => {
            out.push(b'{');
            for (index, (key, value)) in pairs.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                let is_text = matches!(key, Value::Error(_) | Value::Simple(_) | Value::Bulk(_) | Value::Verbatim { .. });
                // JSON wants texts as keys.
                if !is_text {
                    out.push(b'"');
                }
                json(key, ascii, out);
                if !is_text {
                    out.push(b'"');
                }
                out.push(b':');
                json(value, ascii, out);
            }
            out.push(b'}');
        }
    }
}

fn json_string(text: &[u8], ascii: bool, out: &mut Vec<u8>) {
    if ascii {
        for byte in quoted(text) {
            if byte == b'\\' {
                out.push(b'\\');
            }
            out.push(byte);
        }
        return;
    }
    out.push(b'"');
    for &byte in text {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            ..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn bulk(text: &'static str) -> Value {
        Value::Bulk(Bytes::from(text))
    }

    fn check(reply: &Value, standard: &str, raw: &str, csv: &str, json: &str) {
        for (format, expected) in [(Format::Standard, standard), (Format::Raw, raw), (Format::Csv, csv), (Format::Json, json)] {
            let formatter = Formatter { format, element_delimiter: b";".to_vec(), reply_delimiter: b"!".to_vec() };
            let got = formatter.reply(reply, false);
            assert_eq!(String::from_utf8_lossy(&got), expected, "{format:?}");
        }
    }

    #[test]
    fn values() {
        check(&bulk("a\"\n\u{1}"), "\"a\\\"\\n\\x01\"\n", "a\"\n\u{1}!", "\"a\\\"\\n\\x01\"\n", "\"a\\\"\\n\\u0001\"\n");
        check(&Value::Null, "(nil)\n", "!", "NULL\n", "null\n");
        check(&Value::Integer(-1), "(integer) -1\n", "-1!", "-1\n", "-1\n");
        let error = Value::Error(Bytes::from("ERR x"));
        check(&error, "(error) ERR x\n", "ERR x\n!", "ERROR,\"ERR x\"\n", "error:\"ERR x\"\n");
        check(&Value::Bool(true), "(true)\n", "(true)!", "true\n", "true\n");
        check(&Value::Simple(Bytes::from("OK")), "OK\n", "OK!", "\"OK\"\n", "\"OK\"\n");
        let nested = Value::Array(vec![bulk("a"), Value::Array(vec![bulk("b"), Value::Array(vec![])])]);
        check(&nested, "1) \"a\"\n2) 1) \"b\"\n   2) (empty array)\n", "a;b;!", "\"a\",\"b\",\n", "[\"a\",[\"b\",[]]]\n");
        let map = Value::Map(vec![(bulk("k"), Value::Integer(1)), (Value::Integer(2), Value::Set(vec![bulk("x"), bulk("y")]))]);
        check(
            &map,
            "1# \"k\" => (integer) 1\n2# (integer) 2 => \n   1~ \"x\"\n   2~ \"y\"\n",
            "k 1;2 x;y!",
            "\"k\",1,2,\"x\",\"y\"\n",
            "{\"k\":1,\"2\":[\"x\",\"y\"]}\n",
        );
    }

    #[test]
    fn numbers_align() {
        let items = (1..=10).map(Value::Integer).collect();
        let formatter = Formatter { format: Format::Standard, element_delimiter: vec![], reply_delimiter: vec![] };
        let text = formatter.reply(&Value::Array(items), false);
        assert!(text.starts_with(b" 1) (integer) 1\n 2) ") && text.ends_with(b"\n10) (integer) 10\n"));
    }

    #[test]
    fn ascii_json() {
        let formatter = Formatter { format: Format::QuotedJson, element_delimiter: vec![], reply_delimiter: vec![] };
        assert_eq!(formatter.reply(&Value::Bulk(Bytes::from_static(b"\xf0e")), false), b"\"\\\\xf0e\"\n");
    }
}
