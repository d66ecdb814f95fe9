//! Cutting a byte stream into frames and back.

use bytes::{Bytes, BytesMut};
use serde::Serialize;

use super::auth::{SEAL_LEN, Seals};
use super::codec::{self, CodecError};
use super::message::{Frame, Opening};

/// What every frame begins with: "Larder bus". Another protocol on the port is told apart by its first bytes.
pub const MAGIC: [u8; 3] = *b"LDB";

/// Version of the framing and of the opening exchange. Messages evolve by appending to them instead. In version 1 they could not; in version 2 only
/// the opening exchange was authenticated.
pub const VERSION: u8 = 3;

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
    /// The body is not what it should be.
    Body(CodecError),
    /// It is not what the other side sent, or not in its place.
    Seal,
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FrameError::WrongMagic(found) => write!(f, "not a bus stream (begins with {found:02x?})"),
            FrameError::UnknownVersion(found) => {
                write!(f, "the node speaks version {found} of the bus, this one version {VERSION}: update the older of the two")
            }
            FrameError::TooLong { len, most } => write!(f, "frame of {len} bytes (at most {most})"),
            FrameError::Body(error) => write!(f, "frame body: {error}"),
            FrameError::Seal => write!(f, "a frame that the other node did not send"),
        }
    }
}

impl std::error::Error for FrameError {}

fn encode<T: Serialize>(version: u8, value: &T, most: usize, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let body = codec::encode(value).map_err(FrameError::Body)?;
    if body.len() > most {
        return Err(FrameError::TooLong { len: body.len(), most });
    }
    out.reserve(HEADER_LEN + body.len() + SEAL_LEN);
    out.extend_from_slice(&MAGIC);
    out.push(version);
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&body);
    Ok(())
}

/// Appends `opening` to `out`. Nothing is appended when it is refused.
///
/// # Errors
/// If it is too long.
pub fn encode_opening(opening: &Opening, out: &mut Vec<u8>) -> Result<(), FrameError> {
    encode(VERSION, opening, OPENING_LEN_MAX, out)
}

/// The rejection of a node that speaks another version, as it can read it.
pub fn encode_rejection(version: u8, reason: &str, out: &mut Vec<u8>) {
    let mut most = reason.len().min(OPENING_LEN_MAX - 16);
    while !reason.is_char_boundary(most) {
        most -= 1;
    }
    let _ = encode(version, &Opening::Rejected { reason: reason[..most].to_owned() }, OPENING_LEN_MAX, out);
}

/// Appends `frame` to `out` and seals it. Nothing is appended when the frame is refused.
///
/// # Errors
/// If it is too long.
pub fn encode_frame(frame: &Frame, seals: &mut Seals, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let start = out.len();
    encode(VERSION, frame, FRAME_LEN_MAX, out)?;
    let seal = seals.seal(&out[start..]);
    out.extend_from_slice(&seal);
    Ok(())
}

/// The length of the frame at the front of `buffer`, without its seal, once it is known. A length is refused as soon as it is there: what does not
/// fit is not waited for.
fn frame_len(buffer: &[u8], most: usize) -> Result<Option<usize>, FrameError> {
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
    if len > most { Err(FrameError::TooLong { len, most }) } else { Ok(Some(HEADER_LEN + len)) }
}

/// Takes one frame of the opening exchange off the front of `buffer`, and its bytes; `None` when more bytes are needed. After an error the stream
/// must be closed.
///
/// # Errors
/// If there is none.
pub fn decode_opening(buffer: &mut BytesMut) -> Result<Option<(Opening, Bytes)>, FrameError> {
    match frame_len(buffer, OPENING_LEN_MAX)? {
        Some(len) if buffer.len() >= len => {
            let bytes = buffer.split_to(len).freeze();
            let opening = codec::decode(&bytes[HEADER_LEN..]).map_err(FrameError::Body)?;
            Ok(Some((opening, bytes)))
        }
        _ => Ok(None),
    }
}

/// Takes one sealed frame off the front of `buffer`; `None` when more bytes are needed. After an error the stream must be closed.
///
/// # Errors
/// If there is none, or its seal does not hold: then nothing of it is decoded.
pub fn decode_frame(buffer: &mut BytesMut, seals: &mut Seals) -> Result<Option<Frame>, FrameError> {
    match frame_len(buffer, FRAME_LEN_MAX)? {
        Some(len) if buffer.len() >= len + SEAL_LEN => {
            let bytes = buffer.split_to(len + SEAL_LEN);
            let (frame, seal) = bytes.split_at(len);
            if !seals.verify(frame, seal) {
                return Err(FrameError::Seal);
            }
            codec::decode(&frame[HEADER_LEN..]).map(Some).map_err(FrameError::Body)
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::auth::{Exchange, Key, Side};
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
                name: String::new(),
            },
        )
    }

    fn frame() -> impl Strategy<Value = Frame> {
        let payload = proptest::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from);
        let id = any::<[u8; 20]>().prop_map(Id);
        prop_oneof![
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

    fn seals() -> Seals {
        Exchange::new(&Key::new(b"secret", b""), b"open", b"challenge").seals(Side::Opener)
    }

    /// With what would be its seal if the other side had sent it.
    fn sealed(frame: &[u8]) -> BytesMut {
        BytesMut::from(&[frame, &seals().seal(frame)].concat()[..])
    }

    proptest! {
        #[test]
        fn frames_come_back_however_the_stream_is_cut(frames in proptest::collection::vec(frame(), 1..5), cut in 1usize..40) {
            let (mut stream, mut out, mut into) = (Vec::new(), seals(), seals());
            for frame in &frames {
                encode_frame(frame, &mut out, &mut stream).unwrap();
            }
            let mut buffer = BytesMut::new();
            let mut read = Vec::new();
            for piece in stream.chunks(cut) {
                buffer.extend_from_slice(piece);
                while let Some(frame) = decode_frame(&mut buffer, &mut into).unwrap() {
                    read.push(frame);
                }
            }
            prop_assert_eq!(read, frames);
            prop_assert!(buffer.is_empty());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode_frame(&mut BytesMut::from(&bytes[..]), &mut seals());
            let _ = decode_opening(&mut BytesMut::from(&bytes[..]));
            let mut framed = Vec::from(MAGIC);
            framed.push(VERSION);
            framed.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            framed.extend_from_slice(&bytes);
            let _ = decode_frame(&mut sealed(&framed), &mut seals());
            let _ = decode_opening(&mut BytesMut::from(&framed[..]));
        }

        #[test]
        fn a_damaged_frame_is_none(frame in frame(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut stream = Vec::new();
            encode_frame(&frame, &mut seals(), &mut stream).unwrap();
            let at = at.index(stream.len());
            let is_same = stream[at] == byte;
            stream[at] = byte;
            let read = decode_frame(&mut BytesMut::from(&stream[..]), &mut seals());
            prop_assert!(is_same || !matches!(read, Ok(Some(_))), "{read:?}");
            // What a sender with the secret made up.
            let len = stream.len() - SEAL_LEN;
            let _ = decode_frame(&mut sealed(&stream[..len]), &mut seals());
        }
    }

    #[test]
    fn strangers_are_told_apart() {
        for (bytes, error) in [
            (&b"PING\r\n"[..], FrameError::WrongMagic(*b"PIN")),
            (&b"*"[..], FrameError::WrongMagic([b'*', 0, 0])),
            (&b"LDB\x09\0\0\0\0"[..], FrameError::UnknownVersion(9)),
            (&b"LDB\x03\xff\xff\xff\xff"[..], FrameError::TooLong { len: u32::MAX as usize, most: FRAME_LEN_MAX }),
            (&sealed(b"LDB\x03\0\0\0\0")[..], FrameError::Body(CodecError::Empty)),
            (&b"LDB\x03\0\0\0\0................"[..], FrameError::Seal),
        ] {
            assert_eq!(decode_frame(&mut BytesMut::from(bytes), &mut seals()), Err(error));
        }
    }

    #[test]
    fn what_only_a_newer_version_asks_is_read_as_such() {
        let mut stream = Vec::from(MAGIC);
        // A request of a kind that is not known, in an exchange that is to be answered.
        stream.extend_from_slice(&[VERSION, 8, 0, 0, 0, codec::FORMAT, 0, 7, 4, 250, b'n', b'e', b'w']);
        let frame = decode_frame(&mut sealed(&stream), &mut seals());
        assert_eq!(frame, Ok(Some(Frame::Request { exchange: 7, request: Request::Unknown })));
    }

    #[test]
    fn the_opening_exchange_is_short() {
        let id = Id([255; 20]);
        let reason = "r".repeat(OPENING_LEN_MAX - 16);
        for opening in [
            Opening::Open { nonce: [255; 32], node: id, incarnation: u64::MAX, lane: Lane::Urgent },
            Opening::Challenge { nonce: [255; 32], node: id, incarnation: u64::MAX },
            Opening::Proof { proof: [255; 32] },
            Opening::Accepted { proof: [255; 32] },
            Opening::Rejected { reason },
        ] {
            let mut stream = Vec::new();
            encode_opening(&opening, &mut stream).unwrap();
            let bytes = Bytes::copy_from_slice(&stream);
            assert_eq!(decode_opening(&mut BytesMut::from(&stream[..])), Ok(Some((opening, bytes))));
        }
        // Refused by its header alone.
        let header = b"LDB\x03\x01\x01\0\0";
        let refused = Err(FrameError::TooLong { len: OPENING_LEN_MAX + 1, most: OPENING_LEN_MAX });
        assert_eq!(decode_opening(&mut BytesMut::from(&header[..])), refused);
    }

    #[test]
    fn a_node_of_another_version_is_told() {
        for (reason, told) in [("too old", "too old".to_owned()), (&"\u{e9}".repeat(300), "\u{e9}".repeat((OPENING_LEN_MAX - 16) / 2))] {
            let mut stream = Vec::new();
            encode_rejection(2, reason, &mut stream);
            assert_eq!(stream[3], 2);
            stream[3] = VERSION;
            let read = decode_opening(&mut BytesMut::from(&stream[..])).unwrap().unwrap().0;
            assert_eq!(read, Opening::Rejected { reason: told });
        }
    }
}
