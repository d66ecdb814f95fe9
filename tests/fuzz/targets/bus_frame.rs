//! Frames of the bus: no panic, the same frames and error however the input is cut, and a frame that was read comes back when it is written.

#![no_main]

use bytes::BytesMut;
use larder_proto::bus::{FRAME_LEN_MAX, Frame, FrameError, OPENING_LEN_MAX, Request, Response, decode_frame, encode_frame};
use libfuzzer_sys::fuzz_target;

/// Decodes `input`, of which `step` bytes arrive at a time.
fn decode(input: &[u8], step: usize, most: usize) -> (Vec<Frame>, Option<FrameError>) {
    let (mut buffer, mut frames) = (BytesMut::new(), Vec::new());
    for piece in input.chunks(step) {
        buffer.extend_from_slice(piece);
        loop {
            match decode_frame(&mut buffer, most) {
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

fuzz_target!(|data: &[u8]| {
    let Some((&control, input)) = data.split_first() else { return };
    let most = if control & 1 == 0 { FRAME_LEN_MAX } else { OPENING_LEN_MAX };
    let whole = decode(input, input.len().max(1), most);
    assert_eq!(decode(input, 1, most), whole);
    assert_eq!(decode(input, 1 + usize::from(control >> 1), most), whole);
    // What only newer versions know is never written.
    let is_known = |frame: &&Frame| {
        !matches!(frame, Frame::Request { request: Request::Unknown, .. } | Frame::Response { response: Response::Unknown, .. })
    };
    for frame in whole.0.iter().filter(is_known) {
        let mut bytes = Vec::new();
        encode_frame(frame, &mut bytes).expect("it came in a frame");
        assert_eq!(decode(&bytes, bytes.len(), FRAME_LEN_MAX), (vec![frame.clone()], None));
    }
});
