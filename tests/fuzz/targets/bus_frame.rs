//! Frames of the bus: no panic, the same frames and error however the input is cut, and a frame that was read comes back when it is written. What
//! comes of a stranger is read as an opening; what comes of a node, with seals as it would make them.

#![no_main]

use bytes::BytesMut;
use larder_proto::bus::auth::{Exchange, Key, Seals, Side};
use larder_proto::bus::{
    FRAME_LEN_MAX, Frame, FrameError, HEADER_LEN, Opening, Request, Response, decode_frame, decode_opening, encode_frame, encode_opening,
};
use libfuzzer_sys::fuzz_target;

fn seals() -> Seals {
    Exchange::new(&Key::new(b"secret", b"name"), b"open", b"challenge").seals(Side::Opener)
}

/// The first frames of `input`, as far as they are whole, each with its seal; what follows has none.
fn sealed(input: &[u8]) -> Vec<u8> {
    let (mut seals, mut rest, mut out) = (seals(), input, Vec::new());
    while let Some(header) = rest.get(4..HEADER_LEN) {
        let len = u32::from_le_bytes(header.try_into().expect("four bytes")) as usize;
        if len > FRAME_LEN_MAX || rest.len() < HEADER_LEN + len {
            break;
        }
        let (frame, after) = rest.split_at(HEADER_LEN + len);
        out.extend_from_slice(frame);
        out.extend_from_slice(&seals.seal(frame));
        rest = after;
    }
    out.extend_from_slice(rest);
    out
}

/// Decodes `input`, of which `step` bytes arrive at a time.
fn decode<T>(
    input: &[u8],
    step: usize,
    mut take: impl FnMut(&mut BytesMut) -> Result<Option<T>, FrameError>,
) -> (Vec<T>, Option<FrameError>) {
    let (mut buffer, mut frames) = (BytesMut::new(), Vec::new());
    for piece in input.chunks(step) {
        buffer.extend_from_slice(piece);
        loop {
            match take(&mut buffer) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                // A stranger is told apart as soon as its first bytes are there: those that are not there yet are no part of it.
                Err(FrameError::WrongMagic(_)) => return (frames, Some(FrameError::WrongMagic([0; 3]))),
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn decode_openings(input: &[u8], step: usize) -> (Vec<Opening>, Option<FrameError>) {
    decode(input, step, |buffer| Ok(decode_opening(buffer)?.map(|(opening, _)| opening)))
}

fn decode_frames(input: &[u8], step: usize) -> (Vec<Frame>, Option<FrameError>) {
    let mut seals = seals();
    decode(input, step, |buffer| decode_frame(buffer, &mut seals))
}

fuzz_target!(|data: &[u8]| {
    let Some((&control, input)) = data.split_first() else { return };
    let steps = [1, 1 + usize::from(control >> 1)];
    if control & 1 == 0 {
        let whole = decode_openings(input, input.len().max(1));
        for step in steps {
            assert_eq!(decode_openings(input, step), whole);
        }
        for opening in whole.0 {
            let mut bytes = Vec::new();
            encode_opening(&opening, &mut bytes).expect("it came in a frame");
            assert_eq!(decode_openings(&bytes, bytes.len()), (vec![opening], None));
        }
        return;
    }
    let input = sealed(input);
    let whole = decode_frames(&input, input.len().max(1));
    for step in steps {
        assert_eq!(decode_frames(&input, step), whole);
    }
    // What only newer versions know is never written.
    let is_known = |frame: &&Frame| {
        !matches!(frame, Frame::Request { request: Request::Unknown, .. } | Frame::Response { response: Response::Unknown, .. })
    };
    for frame in whole.0.iter().filter(is_known) {
        let mut bytes = Vec::new();
        encode_frame(frame, &mut seals(), &mut bytes).expect("it came in a frame");
        assert_eq!(decode_frames(&bytes, bytes.len()), (vec![frame.clone()], None));
    }
});
