//! The request parser: no panic, and the same requests and error however the input is cut.

#![no_main]

use larder_proto::resp::{Batch, Limits, ProtocolError, RequestParser};
use libfuzzer_sys::fuzz_target;

type Outcome = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// Parses `input`, of which `step` bytes arrive at a time.
fn parse(input: &[u8], step: usize, limits: &Limits, max_requests: usize) -> Outcome {
    let mut parser = RequestParser::default();
    let mut batch = Batch::default();
    let (mut buf, mut requests) = (Vec::new(), Vec::new());
    for piece in input.chunks(step) {
        buf.extend_from_slice(piece);
        loop {
            batch.clear();
            let result = parser.parse(&mut buf, limits, &mut batch, max_requests);
            for request in &batch.requests {
                assert!(request.argc > 0);
                requests.push(batch.args_of(request).iter().map(|arg| arg.of(&buf).to_vec()).collect());
            }
            match result {
                Err(error) => return (requests, Some(error)),
                Ok(consumed) => drop(buf.drain(..consumed)),
            }
            if batch.requests.is_empty() {
                break;
            }
        }
    }
    assert!(buf.is_empty() || parser.in_progress());
    (requests, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((&control, input)) = data.split_first() else { return };
    let limits = Limits {
        max_bulk_len: if control & 1 == 0 { 1 << 29 } else { 64 },
        max_multibulk_len: if control & 2 == 0 { i64::from(i32::MAX) } else { 8 },
        authenticated: control & 4 == 0,
        ..Limits::default()
    };
    // The bound on lines applies to what has arrived, so inputs that reach it may differ by their cut.
    if input.len() > limits.max_inline_len {
        return;
    }
    let whole = parse(input, input.len().max(1), &limits, usize::MAX);
    assert_eq!(parse(input, 1, &limits, usize::MAX), whole);
    assert_eq!(parse(input, 1 + usize::from(control >> 3), &limits, 1), whole);
});
