//! A bus connection's two directions, and the exchange with which it opens.
//!
//! Invariant: of whoever has proved nothing, only frames of the opening exchange are read, each short; every later frame bears its seal
//! ([`larder_proto::bus::auth`]).

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use larder_proto::bus::auth::{Exchange, Key, Seals, Side};
use larder_proto::bus::{Frame, FrameError, Lane, Opening, decode_frame, decode_opening, encode_frame, encode_opening, encode_rejection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::traffic::Traffic;
use crate::base::rng;
use crate::topology::{NodeId, Process};

/// Why a connection could not be opened or broke.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("the connection was closed")]
    Closed,
    #[error("it took too long to open")]
    Slow,
    #[error("unexpected frame in the opening exchange")]
    OutOfTurn,
    #[error("rejected by the other node: {0}")]
    Rejected(String),
    #[error("the other node does not know our cluster-secret, or is of a cluster of another cluster-name")]
    WrongSecret,
    #[error("without cluster-secret only nodes on this machine are talked to")]
    NoSecret,
}

/// Who we are to those whom we talk to.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) me: Process,
    key: Key,
    has_secret: bool,
}

impl Credentials {
    pub(super) fn new(me: Process, secret: Option<&[u8]>, cluster_name: &str) -> Self {
        Credentials { me, key: Key::new(secret.unwrap_or_default(), cluster_name.as_bytes()), has_secret: secret.is_some() }
    }

    /// Without a secret everybody could prove everything, so the address must vouch.
    pub(super) fn permit(&self, address: IpAddr) -> Result<(), WireError> {
        if self.has_secret || address.to_canonical().is_loopback() { Ok(()) } else { Err(WireError::NoSecret) }
    }
}

/// A connection that is not open yet.
struct Door {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    buffer: BytesMut,
    traffic: Arc<Traffic>,
}

impl Door {
    async fn next(&mut self) -> Result<(Opening, Bytes), WireError> {
        loop {
            match decode_opening(&mut self.buffer) {
                Ok(Some(opening)) => return Ok(opening),
                Ok(None) => {}
                Err(error) => {
                    if let FrameError::UnknownVersion(version) = error {
                        // One attempt to say why; the connection closes either way.
                        let mut rejection = Vec::new();
                        encode_rejection(version, &error.to_string(), &mut rejection);
                        let _ = self.write.try_write(&rejection);
                    }
                    return Err(error.into());
                }
            }
            let len = self.read.read_buf(&mut self.buffer).await?;
            if len == 0 {
                return Err(WireError::Closed);
            }
            self.traffic.count_received_bytes(len);
        }
    }

    /// Returns what was sent.
    async fn send(&mut self, opening: &Opening) -> Result<Vec<u8>, WireError> {
        let mut bytes = Vec::new();
        encode_opening(opening, &mut bytes)?;
        self.traffic.count_sent_bytes(bytes.len());
        self.write.write_all(&bytes).await?;
        Ok(bytes)
    }

    /// The connection is open: this side is `side`.
    fn pass(self, exchange: &Exchange, side: Side) -> (Reader, Writer) {
        let traffic = Arc::clone(&self.traffic);
        (
            Reader { half: self.read, buffer: self.buffer, seals: exchange.seals(side.other()), traffic: self.traffic },
            Writer { half: self.write, buffer: Vec::new(), seals: exchange.seals(side), traffic },
        )
    }
}

/// Reads frames.
pub(super) struct Reader {
    half: OwnedReadHalf,
    buffer: BytesMut,
    seals: Seals,
    traffic: Arc<Traffic>,
}

impl Reader {
    /// The next frame; `Closed` at the end of the stream.
    pub(super) async fn next(&mut self) -> Result<Frame, WireError> {
        loop {
            if let Some(frame) = decode_frame(&mut self.buffer, &mut self.seals)? {
                self.traffic.count_received(&frame);
                return Ok(frame);
            }
            let len = self.half.read_buf(&mut self.buffer).await?;
            if len == 0 {
                return Err(WireError::Closed);
            }
            self.traffic.count_received_bytes(len);
        }
    }
}

/// Writes frames.
pub(super) struct Writer {
    half: OwnedWriteHalf,
    buffer: Vec<u8>,
    seals: Seals,
    traffic: Arc<Traffic>,
}

impl Writer {
    pub(super) async fn send(&mut self, frame: &Frame) -> Result<(), WireError> {
        self.buffer.clear();
        encode_frame(frame, &mut self.seals, &mut self.buffer)?;
        self.traffic.count_sent(frame, self.buffer.len());
        self.half.write_all(&self.buffer).await?;
        Ok(())
    }
}

/// An open connection.
pub(super) struct Wire {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    pub(super) peer: Process,
    /// Where the other side is, as seen from here.
    pub(super) peer_address: IpAddr,
    pub(super) lane: Lane,
}

fn door(stream: TcpStream, traffic: &Arc<Traffic>) -> Result<(Door, IpAddr), WireError> {
    stream.set_nodelay(true)?;
    let address = stream.peer_addr()?.ip().to_canonical();
    let (read, write) = stream.into_split();
    Ok((Door { read, write, buffer: BytesMut::new(), traffic: Arc::clone(traffic) }, address))
}

/// Turns a connection away from an address that no proof could vouch for. Nothing is read and nothing waited for.
pub(super) fn turn_away(stream: &TcpStream, error: &WireError) {
    let mut rejection = Vec::new();
    if encode_opening(&Opening::Rejected { reason: error.to_string() }, &mut rejection).is_ok() {
        // One attempt to say why; the connection closes either way.
        let _ = stream.try_write(&rejection);
    }
}

/// Opens a connection on a connected socket: proves who we are and has the other side do so.
pub(super) async fn open(stream: TcpStream, credentials: &Credentials, lane: Lane, traffic: &Arc<Traffic>) -> Result<Wire, WireError> {
    let (mut door, peer_address) = door(stream, traffic)?;
    credentials.permit(peer_address)?;
    let Process { node, incarnation } = credentials.me;
    let opened = door.send(&Opening::Open { nonce: rng::secret_bytes(), node: node.0, incarnation, lane }).await?;
    let (peer, challenged) = match door.next().await? {
        (Opening::Challenge { node, incarnation, .. }, bytes) => (Process { node: NodeId(node), incarnation }, bytes),
        (Opening::Rejected { reason }, _) => return Err(WireError::Rejected(reason)),
        _ => return Err(WireError::OutOfTurn),
    };
    let exchange = Exchange::new(&credentials.key, &opened, &challenged);
    door.send(&Opening::Proof { proof: exchange.prove(Side::Opener) }).await?;
    match door.next().await?.0 {
        Opening::Accepted { proof } if exchange.verify(Side::Acceptor, &proof) => {}
        Opening::Accepted { .. } => return Err(WireError::WrongSecret),
        Opening::Rejected { reason } => return Err(WireError::Rejected(reason)),
        _ => return Err(WireError::OutOfTurn),
    }
    let (reader, writer) = door.pass(&exchange, Side::Opener);
    Ok(Wire { reader, writer, peer, peer_address, lane })
}

/// The other side of [`open`]. The caller has asked whether the address is permitted.
pub(super) async fn accept(stream: TcpStream, credentials: &Credentials, traffic: &Arc<Traffic>) -> Result<Wire, WireError> {
    let (mut door, peer_address) = door(stream, traffic)?;
    let (Opening::Open { node, incarnation, lane, .. }, opened) = door.next().await? else {
        return Err(WireError::OutOfTurn);
    };
    let peer = Process { node: NodeId(node), incarnation };
    let Process { node, incarnation } = credentials.me;
    let challenged = door.send(&Opening::Challenge { nonce: rng::secret_bytes(), node: node.0, incarnation }).await?;
    let exchange = Exchange::new(&credentials.key, &opened, &challenged);
    let (Opening::Proof { proof }, _) = door.next().await? else {
        return Err(WireError::OutOfTurn);
    };
    if !exchange.verify(Side::Opener, &proof) {
        let error = WireError::WrongSecret;
        let _ = door.send(&Opening::Rejected { reason: error.to_string() }).await;
        return Err(error);
    }
    door.send(&Opening::Accepted { proof: exchange.prove(Side::Acceptor) }).await?;
    let (reader, writer) = door.pass(&exchange, Side::Acceptor);
    Ok(Wire { reader, writer, peer, peer_address, lane })
}

#[cfg(test)]
mod tests {
    use larder_proto::bus::Id;
    use tokio::net::TcpListener;

    use super::*;

    fn process(n: u8) -> Process {
        Process { node: NodeId(Id([n; 20])), incarnation: u64::from(n) }
    }

    fn block_on<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (opened, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        (opened.unwrap(), accepted.unwrap().0)
    }

    /// How both sides fare with these secrets and names.
    async fn meet(ours: (&[u8], &str), theirs: (&[u8], &str)) -> (Result<Wire, WireError>, Result<Wire, WireError>) {
        let (opened, accepted) = pair().await;
        let (opener, acceptor) =
            (Credentials::new(process(1), Some(ours.0), ours.1), Credentials::new(process(2), Some(theirs.0), theirs.1));
        let traffic = Arc::default();
        tokio::join!(open(opened, &opener, Lane::Urgent, &traffic), accept(accepted, &acceptor, &traffic))
    }

    #[test]
    fn only_nodes_of_one_secret_and_one_name_meet() {
        block_on(async {
            let (opened, accepted) = meet((b"secret", "name"), (b"secret", "name")).await;
            let (mut opened, mut accepted) = (opened.unwrap(), accepted.unwrap());
            assert_eq!((opened.peer, accepted.peer, accepted.lane), (process(2), process(1), Lane::Urgent));
            let frame = |exchange| Frame::Request { exchange, request: larder_proto::bus::Request::ReadIndex { cluster: Id([3; 20]) } };
            for exchange in 0..3 {
                opened.writer.send(&frame(exchange)).await.unwrap();
                accepted.writer.send(&frame(exchange + 10)).await.unwrap();
            }
            for exchange in 0..3 {
                assert_eq!(accepted.reader.next().await.unwrap(), frame(exchange));
                assert_eq!(opened.reader.next().await.unwrap(), frame(exchange + 10));
            }
            for theirs in [(&b"Secret"[..], "name"), (b"secret", "staging")] {
                let (opened, accepted) = meet((b"secret", "name"), theirs).await;
                assert!(matches!(opened, Err(WireError::Rejected(_))) && matches!(accepted, Err(WireError::WrongSecret)));
            }
        });
    }

    #[test]
    fn who_proves_nothing_is_told_nothing() {
        block_on(async {
            let (mut stranger, accepted) = pair().await;
            let acceptor = Credentials::new(process(2), Some(b"secret"), "");
            let accepting = tokio::spawn(async move { accept(accepted, &acceptor, &Arc::default()).await.map(|wire| wire.peer) });
            let mut opening = Vec::new();
            encode_opening(&Opening::Open { nonce: [7; 32], node: Id([9; 20]), incarnation: 1, lane: Lane::Bulk }, &mut opening).unwrap();
            stranger.write_all(&opening).await.unwrap();
            let mut buffer = BytesMut::new();
            let told = loop {
                match decode_opening(&mut buffer).unwrap() {
                    Some((told, _)) => break told,
                    None => assert_ne!(stranger.read_buf(&mut buffer).await.unwrap(), 0, "it is answered"),
                }
            };
            assert!(matches!(told, Opening::Challenge { .. }), "no proof yet: {told:?}");
            // A question instead of a proof.
            opening.clear();
            let exchange = Exchange::new(&Key::new(b"", b""), b"", b"");
            let frame = Frame::Request { exchange: 1, request: larder_proto::bus::Request::ReadIndex { cluster: Id([3; 20]) } };
            encode_frame(&frame, &mut exchange.seals(Side::Opener), &mut opening).unwrap();
            stranger.write_all(&opening).await.unwrap();
            let refused = accepting.await.unwrap();
            assert!(matches!(refused, Err(WireError::OutOfTurn | WireError::Frame(_))), "{refused:?}");
        });
    }

    #[test]
    fn a_node_of_another_version_is_told_in_its_own() {
        block_on(async {
            let (mut older, accepted) = pair().await;
            let acceptor = Credentials::new(process(2), Some(b"secret"), "");
            older.write_all(b"LDB\x02\x01\0\0\0\x02").await.unwrap();
            let refused = accept(accepted, &acceptor, &Arc::default()).await.map(|wire| wire.peer);
            assert!(matches!(refused, Err(WireError::Frame(FrameError::UnknownVersion(2)))), "{refused:?}");
            let mut told = Vec::new();
            older.read_to_end(&mut told).await.unwrap();
            assert_eq!(told[..4], *b"LDB\x02");
            let text = String::from_utf8_lossy(&told);
            assert!(text.ends_with("the node speaks version 2 of the bus, this one version 3: update the older of the two"), "{text}");
        });
    }
}
