//! What is asked for ahead of requests that wait, with the words of each.

use std::ops::Range;

use larder_proto::resp::{Limits, RequestParser};

use super::testing::{Peer, plain_node};
use crate::base::limits::BATCH_REQUESTS_MAX;
use crate::engine::lookahead::Parsed;
use crate::engine::shared::Shared;

/// Parses requests and prepares them; their words lie in the bytes that this returns.
fn parse(parsed: &mut Parsed, shared: &Shared, requests: &[u8]) -> (Vec<u8>, Range<usize>) {
    let mark = parsed.mark();
    let mut buffer = requests.to_vec();
    let limits = Limits { max_bulk_len: 1 << 20, max_multibulk_len: 1000, max_inline_len: 1 << 16, authenticated: true };
    RequestParser::default().parse(&mut buffer, &limits, &mut parsed.batch, BATCH_REQUESTS_MAX).expect("whole requests");
    parsed.prepare(shared, &buffer, Some(0));
    (buffer, parsed.since(mark))
}

#[test]
fn the_words_of_requests_that_wait_lie_elsewhere() {
    let shared = plain_node(&[]);
    let mut peer = Peer::new(&shared);
    let fields: Vec<String> = (0..2000).map(|number| format!("field:{number}")).collect();
    let mut words: Vec<&[u8]> = vec![b"hset", b"a-hash-with-a-long-name"];
    fields.iter().for_each(|field| words.extend([field.as_bytes(), b"v"]));
    assert!(peer.call(&words).is_some());
    let mut parsed = Parsed::default();
    let (long, parked) =
        parse(&mut parsed, &shared, b"hget a-hash-with-a-long-name field:1999\r\nhget a-hash-with-a-long-name field:7\r\n");
    let (short, own) = parse(&mut parsed, &shared, b"ping\r\nping\r\n");
    parsed.look_ahead(&shared.keyspace, &short, own);
    parsed.look_ahead(&shared.keyspace, &long, parked);
}
