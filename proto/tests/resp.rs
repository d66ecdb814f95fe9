//! Properties of the RESP parser and encoder, and their agreement with the `redis-protocol` crate.

use bytes::{Bytes, BytesMut};
use larder_proto::resp::{Batch, Limits, ProtocolError, ReplyBuf, ReplyDecoder, RequestParser, Value, format_double};
use proptest::collection::vec;
use proptest::prelude::*;
use redis_protocol::resp2::types::OwnedFrame as Frame2;
use redis_protocol::resp3::types::OwnedFrame as Frame3;

type Words = Vec<Vec<u8>>;

/// What a parser made of an input: requests, bytes left over, error.
#[derive(Debug, PartialEq)]
struct Parsed {
    requests: Vec<Words>,
    rest: Vec<u8>,
    error: Option<ProtocolError>,
}

/// Parses `input`, arriving in pieces of the given lengths and then the rest.
fn parse(input: &[u8], pieces: &[usize], max_requests: usize) -> Parsed {
    let limits = Limits { max_bulk_len: 4096, max_multibulk_len: 1024, ..Limits::default() };
    let mut parser = RequestParser::default();
    let mut batch = Batch::default();
    let mut buf = Vec::new();
    let mut requests = Vec::new();
    let mut left = input;
    for piece in pieces.iter().copied().chain([usize::MAX]) {
        let (now, later) = left.split_at(piece.min(left.len()));
        buf.extend_from_slice(now);
        left = later;
        loop {
            batch.clear();
            let result = parser.parse(&mut buf, &limits, &mut batch, max_requests);
            for request in &batch.requests {
                requests.push(batch.args_of(request).iter().map(|arg| arg.of(&buf).to_vec()).collect());
            }
            match result {
                Err(error) => return Parsed { requests, rest: Vec::new(), error: Some(error) },
                Ok(consumed) => {
                    buf.drain(..consumed);
                    if batch.requests.len() < max_requests {
                        break;
                    }
                }
            }
        }
    }
    Parsed { requests, rest: buf, error: None }
}

fn encode_request(words: &Words) -> Vec<u8> {
    let mut out = ReplyBuf::default();
    out.array(words.len());
    for word in words {
        out.bulk(word);
    }
    out.buf.to_vec()
}

fn request() -> impl Strategy<Value = Words> {
    vec(vec(any::<u8>(), 0..20), 1..6)
}

/// Bytes that look like requests more often than not.
fn nearly_requests() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => request().prop_map(|words| encode_request(&words)),
        2 => "(set|get|\"a b\"|'c'| |\\\\x41|\"\\\\x41\\\\n\"|\"|'|\\\\){1,6}\r?\n".prop_map(String::into_bytes),
        2 => prop::sample::select(vec!["*", "$", "\r\n", "*2\r\n", "$3\r\n", "*-1\r\n", "*0\r\n", "$-1\r\n", "abc", "\n", "\r", "12", "\0"])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn requests_survive_any_cut(requests in vec(request(), 0..6), pieces in vec(1usize..12, 0..60), max in 1usize..4) {
        let input: Vec<u8> = requests.iter().flat_map(encode_request).collect();
        let expected = Parsed { requests, rest: vec![], error: None };
        prop_assert_eq!(&parse(&input, &[], usize::MAX), &expected);
        prop_assert_eq!(&parse(&input, &pieces, max), &expected);
    }

    #[test]
    fn cuts_change_nothing(input in nearly_requests(), pieces in vec(1usize..12, 0..60), max in 1usize..4) {
        let whole = parse(&input, &[], usize::MAX);
        prop_assert_eq!(&parse(&input, &pieces, max), &whole);
        for cut in 1..input.len() {
            prop_assert_eq!(&parse(&input, &[cut], usize::MAX), &whole);
        }
    }

    #[test]
    fn parser_agrees_with_redis_protocol(requests in vec(request(), 1..6)) {
        let mut input = BytesMut::new();
        for words in &requests {
            let frame = Frame2::Array(words.iter().cloned().map(Frame2::BulkString).collect());
            redis_protocol::resp2::encode::extend_encode(&mut input, &frame.into_bytes_frame(), false).expect("it encodes");
        }
        let parsed = parse(&input, &[], usize::MAX);
        prop_assert_eq!(parsed, Parsed { requests, rest: vec![], error: None });
    }

    /// Every array that ours accepts is the same to theirs.
    #[test]
    fn redis_protocol_agrees_with_parser(input in nearly_requests()) {
        let limits = Limits { max_bulk_len: 4096, ..Limits::default() };
        let (mut parser, mut batch, mut buf) = (RequestParser::default(), Batch::default(), input);
        while buf.first() == Some(&b'*') {
            batch.clear();
            let Ok(consumed) = parser.parse(&mut buf, &limits, &mut batch, 1) else { break };
            let Some(request) = batch.requests.first() else { break };
            // Empty requests before it were skipped.
            let at = consumed - request.wire_len as usize;
            if buf[at] == b'*' {
                let words = batch.args_of(request).iter().map(|arg| Frame2::BulkString(arg.of(&buf).to_vec())).collect();
                let theirs = redis_protocol::resp2::decode::decode(&buf[at..]).expect("ours accepted it");
                prop_assert_eq!(theirs, Some((Frame2::Array(words), request.wire_len as usize)));
            }
            buf.drain(..consumed);
        }
    }

    #[test]
    fn replies_decode_as_they_were_written(values in vec(reply(), 1..4), pieces in vec(1usize..9, 0..40)) {
        for resp3 in [false, true] {
            let mut out = ReplyBuf::default();
            out.set_resp3(resp3);
            values.iter().for_each(|value| write(&mut out, value));
            let expected: Vec<Value> = values.iter().map(|value| if resp3 { value.clone() } else { downgraded(value) }).collect();

            let (mut decoder, mut src, mut got) = (ReplyDecoder::default(), BytesMut::new(), Vec::new());
            let mut left = &out.buf[..];
            for piece in pieces.iter().copied().chain([usize::MAX]) {
                let (now, later) = left.split_at(piece.min(left.len()));
                left = later;
                src.extend_from_slice(now);
                while let Some(value) = decoder.decode(&mut src).expect("it is RESP") {
                    got.push(value);
                }
            }
            prop_assert_eq!(&got, &expected);
            prop_assert!(src.is_empty() && !decoder.in_progress());

            let mut rest = &out.buf[..];
            for value in &expected {
                let len = if resp3 {
                    let (frame, len) = redis_protocol::resp3::decode::complete::decode(rest).expect("RESP3").expect("complete");
                    prop_assert!(same_as_frame3(value, &frame), "{:?} {:?}", value, frame);
                    len
                } else {
                    let (frame, len) = redis_protocol::resp2::decode::decode(rest).expect("RESP2").expect("complete");
                    prop_assert_eq!(&frame2(value), &frame);
                    len
                };
                rest = &rest[len..];
            }
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn the_decoder_takes_rubbish(input in vec(prop_oneof![any::<u8>(), prop::sample::select(b"*$%~>|_#,(=!+-:123\r\n".to_vec())], 0..60)) {
        let (mut decoder, mut src) = (ReplyDecoder::default(), BytesMut::from(&input[..]));
        while let Ok(Some(_)) = decoder.decode(&mut src) {}
    }

    #[test]
    fn doubles_read_back(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        let text = format_double(value);
        let back: f64 = text.as_str().parse().expect("it is a number");
        prop_assert!(back == value || (back.is_nan() && value.is_nan()), "{}", text);
    }
}

/// A reply whose every part both decoders can represent: texts are UTF-8, map keys and set elements are distinct bulks.
fn reply() -> impl Strategy<Value = Value> {
    let text = "[a-z ]{0,12}".prop_map(Bytes::from);
    let leaf = prop_oneof![
        text.clone().prop_map(Value::Simple),
        text.clone().prop_map(Value::Error),
        any::<i64>().prop_map(Value::Integer),
        vec(any::<u8>(), 0..120).prop_map(|bytes| Value::Bulk(bytes.into())),
        Just(Value::Null),
        (-1e9f64..1e9).prop_map(double),
        prop::sample::select(vec![f64::INFINITY, f64::NEG_INFINITY, 0.0, 1e300]).prop_map(double),
        any::<bool>().prop_map(Value::Bool),
        text.clone().prop_map(|text| Value::Verbatim { format: *b"txt", text }),
        "[1-9][0-9]{0,30}".prop_map(|digits| Value::BigNumber(digits.into())),
        prop::collection::btree_set("[a-z]{0,5}", 0..12)
            .prop_map(|set| Value::Set(set.into_iter().map(|text| Value::Bulk(text.into())).collect())),
    ];
    leaf.prop_recursive(3, 24, 12, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..12).prop_map(Value::Array),
            vec(inner.clone(), 0..12).prop_map(Value::Push),
            prop::collection::btree_map("[a-z]{0,5}", inner, 0..12)
                .prop_map(|map| Value::Map(map.into_iter().map(|(key, value)| (Value::Bulk(key.into()), value)).collect())),
        ]
    })
}

fn double(value: f64) -> Value {
    Value::Double { value, text: Bytes::copy_from_slice(&format_double(value)) }
}

fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).expect("the generator makes UTF-8")
}

/// Writes a value. Aggregates other than pushes alternate between known and deferred lengths.
fn write(out: &mut ReplyBuf, value: &Value) {
    match value {
        Value::Simple(bytes) => out.simple(text(bytes)),
        Value::Error(bytes) => out.error(bytes),
        Value::Integer(number) => out.integer(*number),
        Value::Bulk(bytes) if bytes.len() % 2 == 0 => out.bulk(bytes),
        Value::Bulk(bytes) => out.bulk_parts(&[&bytes[..1], &bytes[1..]]),
        Value::Null => out.null(),
        Value::Double { value, .. } => out.double(*value),
        Value::Bool(flag) => out.bool(*flag),
        Value::Verbatim { text, .. } => out.verbatim("txt", text),
        Value::BigNumber(digits) => out.big_number(text(digits)),
        Value::Array(items) | Value::Push(items) | Value::Set(items) => {
            let deferred = match value {
                Value::Push(_) => {
                    out.push(items.len());
                    None
                }
                Value::Array(_) if items.len() % 2 == 0 => {
                    out.array(items.len());
                    None
                }
                Value::Array(_) => Some(out.deferred_array()),
                _ if items.len() % 2 == 0 => {
                    out.set(items.len());
                    None
                }
                _ => Some(out.deferred_set()),
            };
            items.iter().for_each(|item| write(out, item));
            if let Some(deferred) = deferred {
                out.end_deferred(deferred, items.len());
            }
        }
        Value::Map(pairs) => {
            let deferred = out.deferred_map();
            for (key, value) in pairs {
                write(out, key);
                write(out, value);
            }
            out.end_deferred(deferred, pairs.len());
        }
    }
}

/// What a RESP2 client sees.
fn downgraded(value: &Value) -> Value {
    match value {
        Value::Double { text, .. } => Value::Bulk(text.clone()),
        Value::Bool(flag) => Value::Integer((*flag).into()),
        Value::Verbatim { text, .. } => Value::Bulk(text.clone()),
        Value::BigNumber(digits) => Value::Bulk(digits.clone()),
        Value::Array(items) | Value::Push(items) | Value::Set(items) => Value::Array(items.iter().map(downgraded).collect()),
        Value::Map(pairs) => Value::Array(pairs.iter().flat_map(|(key, value)| [downgraded(key), downgraded(value)]).collect()),
        other => other.clone(),
    }
}

fn frame2(value: &Value) -> Frame2 {
    match value {
        Value::Simple(bytes) => Frame2::SimpleString(bytes.to_vec()),
        Value::Error(bytes) => Frame2::Error(text(bytes).to_owned()),
        Value::Integer(number) => Frame2::Integer(*number),
        Value::Bulk(bytes) => Frame2::BulkString(bytes.to_vec()),
        Value::Null => Frame2::Null,
        Value::Array(items) => Frame2::Array(items.iter().map(frame2).collect()),
        other => panic!("{other:?} is not RESP2"),
    }
}

/// Whether their frame is our value. Theirs has no order in maps and sets.
fn same_as_frame3(value: &Value, frame: &Frame3) -> bool {
    let all = |items: &[Value], data: &[Frame3]| items.len() == data.len() && items.iter().zip(data).all(|(v, f)| same_as_frame3(v, f));
    match (value, frame) {
        (Value::Simple(ours), Frame3::SimpleString { data, .. }) => ours == data,
        (Value::Error(ours), Frame3::SimpleError { data, .. }) => ours == data.as_bytes(),
        (Value::Integer(ours), Frame3::Number { data, .. }) => ours == data,
        (Value::Bulk(ours), Frame3::BlobString { data, .. }) => ours == data,
        (Value::Null, Frame3::Null) => true,
        (Value::Double { value, .. }, Frame3::Double { data, .. }) => value == data,
        (Value::Bool(ours), Frame3::Boolean { data, .. }) => ours == data,
        (Value::Verbatim { text, .. }, Frame3::VerbatimString { data, .. }) => text == data,
        (Value::BigNumber(ours), Frame3::BigNumber { data, .. }) => ours == data,
        (Value::Array(ours), Frame3::Array { data, .. }) | (Value::Push(ours), Frame3::Push { data, .. }) => all(ours, data),
        (Value::Set(ours), Frame3::Set { data, .. }) => {
            ours.len() == data.len() && ours.iter().all(|item| data.iter().any(|frame| same_as_frame3(item, frame)))
        }
        (Value::Map(ours), Frame3::Map { data, .. }) => {
            ours.len() == data.len()
                && ours.iter().all(|(key, value)| data.iter().any(|(k, v)| same_as_frame3(key, k) && same_as_frame3(value, v)))
        }
        _ => false,
    }
}
