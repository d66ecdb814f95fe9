//! Cutting a byte stream into frames and back.

use bytes::{Buf, BytesMut};

use super::codec::{self, CodecError};
use super::message::Frame;

/// What every frame begins with: "Larder bus". Another protocol on the port is told apart by its first bytes.
pub const MAGIC: [u8; 3] = *b"LDB";

/// Version of the framing and of the opening exchange. Messages evolve by appending to them instead. In version 1 they could not.
pub const VERSION: u8 = 2;

/// Bytes before the body: magic, version, body length.
pub const HEADER_LEN: usize = 8;

/// Longest body. The largest message is a piece of a snapshot (`snapshot_max_chunk_size`, 1 MiB) or a batch of log entries.
pub const FRAME_LEN_MAX: usize = 16 * 1024 * 1024;

/// Longest body in the opening exchange: nonces, proofs and ids, or the reason of a rejection. Whoever has not proved anything yet must not
/// make us keep more.
pub const OPENING_LEN_MAX: usize = 256;

const _: () = assert!(OPENING_LEN_MAX < FRAME_LEN_MAX && FRAME_LEN_MAX <= codec::VALUE_LEN_MAX);

/// Why a byte stream is no longer usable. Each of these closes the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameError {
    /// The stream is not ours.
    WrongMagic([u8; 3]),
    /// The peer frames differently.
    UnknownVersion(u8),
    /// A longer body than may come now.
    TooLong {
        /// Its length.
        len: usize,
        /// The longest that may come.
        most: usize,
    },
    /// The body is not a [`Frame`].
    Body(CodecError),
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FrameError::WrongMagic(found) => write!(f, "not a bus stream (begins with {found:02x?})"),
            FrameError::UnknownVersion(found) => write!(f, "bus version {found} (this node speaks {VERSION})"),
            FrameError::TooLong { len, most } => write!(f, "frame of {len} bytes (at most {most})"),
            FrameError::Body(error) => write!(f, "frame body: {error}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Appends `frame` to `out`. Nothing is appended when the frame is refused.
pub fn encode_frame(frame: &Frame, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let body = codec::encode(frame).map_err(FrameError::Body)?;
    if body.len() > FRAME_LEN_MAX {
        return Err(FrameError::TooLong { len: body.len(), most: FRAME_LEN_MAX });
    }
    out.reserve(HEADER_LEN + body.len());
    out.extend_from_slice(&MAGIC);
    out.push(VERSION);
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&body);
    Ok(())
}

/// Takes one frame with a body of at most `most` bytes off the front of `buffer`; `None` when more bytes are needed. After an error the
/// stream must be closed. A length is refused as soon as it is there: what does not fit is not waited for.
pub fn decode_frame(buffer: &mut BytesMut, most: usize) -> Result<Option<Frame>, FrameError> {
    // The magic is checked as soon as it is there, so that a stranger is not waited for.
    let seen = buffer.len().min(MAGIC.len());
    if buffer[..seen] != MAGIC[..seen] {
        let mut found = [0; 3];
        found[..seen].copy_from_slice(&buffer[..seen]);
        return Err(FrameError::WrongMagic(found));
    }
    if buffer.len() < HEADER_LEN {
        return Ok(None);
    }
    if buffer[3] != VERSION {
        return Err(FrameError::UnknownVersion(buffer[3]));
    }
    let len = u32::from_le_bytes([buffer[4], buffer[5], buffer[6], buffer[7]]) as usize;
    if len > most {
        return Err(FrameError::TooLong { len, most });
    }
    if buffer.len() < HEADER_LEN + len {
        return Ok(None);
    }
    buffer.advance(HEADER_LEN);
    let body = buffer.split_to(len);
    codec::decode(&body).map(Some).map_err(FrameError::Body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::message::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn announcement() -> impl Strategy<Value = Announcement> {
        (any::<[u8; 20]>(), "[a-z0-9.:]{0,20}", "[a-z.]{0,20}", any::<u16>(), any::<u16>(), any::<u16>(), "[a-z0-9-]{0,8}").prop_map(
            |(node, host, hostname, port, bus_port, tls_port, zone)| Announcement {
                node: Id(node),
                shard: Id(node),
                host,
                hostname,
                port,
                bus_port,
                tls_port,
                zone,
                level: port,
            },
        )
    }

    fn frame() -> impl Strategy<Value = Frame> {
        let payload = proptest::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from);
        let id = any::<[u8; 20]>().prop_map(Id);
        prop_oneof![
            (any::<[u8; 32]>(), id.clone()).prop_map(|(nonce, node)| Frame::Open { nonce, node }),
            (any::<[u8; 32]>(), any::<[u8; 32]>(), id.clone()).prop_map(|(nonce, proof, node)| Frame::Challenge { nonce, proof, node }),
            any::<[u8; 32]>().prop_map(|proof| Frame::Proof { proof }),
            Just(Frame::Accepted),
            (any::<u64>(), id.clone(), payload.clone()).prop_map(|(exchange, cluster, payload)| Frame::Request {
                exchange,
                request: Request::Raft { cluster, call: RaftCall::AppendEntries, payload },
            }),
            (any::<u64>(), id.clone(), proptest::collection::vec(announcement(), 0..4), any::<u64>()).prop_map(
                |(exchange, cluster, members, ballot)| Frame::Request {
                    exchange,
                    request: Request::Promise(Founding { ballot, founder: cluster, cluster, members }),
                }
            ),
            (any::<u64>(), announcement(), id, any::<u64>()).prop_map(|(exchange, node, cluster, config_epoch)| Frame::Request {
                exchange,
                request: Request::Join(Join { cluster, node, claims: vec![(0, 5), (7, 7)], config_epoch, only_ask: false }),
            }),
            (any::<u64>(), any::<[u8; 20]>())
                .prop_map(|(exchange, cluster)| Frame::Request { exchange, request: Request::Withdraw { cluster: Id(cluster) } }),
            (any::<u64>(), payload)
                .prop_map(|(exchange, payload)| Frame::Response { exchange, response: Response::Raft { call: RaftCall::Vote, payload } }),
            (any::<u64>(), ".{0,30}")
                .prop_map(|(exchange, why)| Frame::Response { exchange, response: Response::Refused(Refusal::Failed(why)) }),
        ]
    }

    proptest! {
        #[test]
        fn frames_come_back_however_the_stream_is_cut(frames in proptest::collection::vec(frame(), 1..5), cut in 1usize..40) {
            let mut stream = Vec::new();
            for frame in &frames {
                encode_frame(frame, &mut stream).unwrap();
            }
            let mut buffer = BytesMut::new();
            let mut read = Vec::new();
            for piece in stream.chunks(cut) {
                buffer.extend_from_slice(piece);
                while let Some(frame) = decode_frame(&mut buffer, FRAME_LEN_MAX).unwrap() {
                    read.push(frame);
                }
            }
            prop_assert_eq!(read, frames);
            prop_assert!(buffer.is_empty());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode_frame(&mut BytesMut::from(&bytes[..]), FRAME_LEN_MAX);
            let mut framed = Vec::from(MAGIC);
            framed.push(VERSION);
            framed.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            framed.extend_from_slice(&bytes);
            let _ = decode_frame(&mut BytesMut::from(&framed[..]), FRAME_LEN_MAX);
        }

        #[test]
        fn a_damaged_frame_never_panics(frame in frame(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut stream = Vec::new();
            encode_frame(&frame, &mut stream).unwrap();
            let at = at.index(stream.len());
            stream[at] = byte;
            let _ = decode_frame(&mut BytesMut::from(&stream[..]), FRAME_LEN_MAX);
        }
    }

    #[test]
    fn strangers_are_told_apart() {
        for (bytes, error) in [
            (&b"PING\r\n"[..], FrameError::WrongMagic(*b"PIN")),
            (&b"*"[..], FrameError::WrongMagic([b'*', 0, 0])),
            (&b"LDB\x09\0\0\0\0"[..], FrameError::UnknownVersion(9)),
            (&b"LDB\x02\xff\xff\xff\xff"[..], FrameError::TooLong { len: u32::MAX as usize, most: FRAME_LEN_MAX }),
            (&b"LDB\x02\0\0\0\0"[..], FrameError::Body(CodecError::Empty)),
        ] {
            assert_eq!(decode_frame(&mut BytesMut::from(bytes), FRAME_LEN_MAX), Err(error));
        }
    }

    #[test]
    fn what_only_a_newer_version_asks_is_read_as_such() {
        let mut stream = Vec::from(MAGIC);
        // A request of a kind that is not known, in an exchange that is to be answered.
        stream.extend_from_slice(&[VERSION, 8, 0, 0, 0, codec::FORMAT, 5, 7, 4, 250, b'n', b'e', b'w']);
        let frame = decode_frame(&mut BytesMut::from(&stream[..]), FRAME_LEN_MAX);
        assert_eq!(frame, Ok(Some(Frame::Request { exchange: 7, request: Request::Unknown })));
    }

    #[test]
    fn the_opening_exchange_is_short() {
        let id = Id([255; 20]);
        let reason = "r".repeat(OPENING_LEN_MAX - 16);
        for frame in [
            Frame::Open { nonce: [255; 32], node: id },
            Frame::Challenge { nonce: [255; 32], proof: [255; 32], node: id },
            Frame::Proof { proof: [255; 32] },
            Frame::Accepted,
            Frame::Rejected { reason },
        ] {
            let mut stream = Vec::new();
            encode_frame(&frame, &mut stream).unwrap();
            assert_eq!(decode_frame(&mut BytesMut::from(&stream[..]), OPENING_LEN_MAX), Ok(Some(frame)));
        }
        // Refused by its header alone.
        let header = b"LDB\x02\x01\x01\0\0";
        let refused = Err(FrameError::TooLong { len: OPENING_LEN_MAX + 1, most: OPENING_LEN_MAX });
        assert_eq!(decode_frame(&mut BytesMut::from(&header[..]), OPENING_LEN_MAX), refused);
    }
}
