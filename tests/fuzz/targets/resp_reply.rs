//! The reply decoder: no panic, and the same values and error however the input is cut.

#![no_main]

use bytes::BytesMut;
use larder_proto::resp::{DecodeError, ReplyDecoder};
use libfuzzer_sys::fuzz_target;

/// Decodes `input`, of which `step` bytes arrive at a time. Values as text, since NaN is not equal to itself.
fn decode(input: &[u8], step: usize) -> (String, Option<DecodeError>) {
    let mut decoder = ReplyDecoder::default();
    let (mut src, mut values) = (BytesMut::new(), String::new());
    for piece in input.chunks(step) {
        src.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut src) {
                Ok(Some(value)) => values += &format!("{value:?}\n"),
                Ok(None) => break,
                Err(error) => return (values, Some(error)),
            }
        }
    }
    (values, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((&control, input)) = data.split_first() else { return };
    let whole = decode(input, input.len().max(1));
    assert_eq!(decode(input, 1), whole);
    assert_eq!(decode(input, 1 + usize::from(control)), whole);
});
