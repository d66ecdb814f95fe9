//! A bus connection's two directions, and the exchange with which it opens.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::BytesMut;
use larder_proto::bus::auth::{Exchange, Side};
use larder_proto::bus::{FRAME_LEN_MAX, Frame, FrameError, Id, OPENING_LEN_MAX, decode_frame, encode_frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::traffic::Traffic;
use crate::base::rng;
use crate::topology::NodeId;

/// Why a connection could not be opened or broke.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("the connection was closed")]
    Closed,
    #[error("unexpected frame in the opening exchange")]
    OutOfTurn,
    #[error("rejected by the other node: {0}")]
    Rejected(String),
    #[error("the other node does not know our cluster-secret")]
    WrongSecret,
    #[error("without cluster-secret only nodes on this machine are talked to")]
    NoSecret,
}

/// Who we are to those whom we talk to.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) me: NodeId,
    pub(super) secret: Option<Vec<u8>>,
}

impl Credentials {
    fn key(&self) -> &[u8] {
        self.secret.as_deref().unwrap_or_default()
    }

    /// Without a secret everybody could prove everything, so the address must vouch.
    pub(super) fn permit(&self, address: IpAddr) -> Result<(), WireError> {
        if self.secret.is_some() || address.to_canonical().is_loopback() { Ok(()) } else { Err(WireError::NoSecret) }
    }
}

/// Reads frames.
pub(super) struct Reader {
    half: OwnedReadHalf,
    buffer: BytesMut,
    /// Longest frame that may come: short until the other side has proved itself.
    frame_len_max: usize,
    traffic: Arc<Traffic>,
}

impl Reader {
    /// From here on the other side may send whatever nodes send.
    fn trusted(self) -> Self {
        Reader { frame_len_max: FRAME_LEN_MAX, ..self }
    }

    /// The next frame; `Closed` at the end of the stream.
    pub(super) async fn next(&mut self) -> Result<Frame, WireError> {
        loop {
            if let Some(frame) = decode_frame(&mut self.buffer, self.frame_len_max)? {
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
    traffic: Arc<Traffic>,
}

impl Writer {
    pub(super) async fn send(&mut self, frame: &Frame) -> Result<(), WireError> {
        self.buffer.clear();
        encode_frame(frame, &mut self.buffer)?;
        self.traffic.count_sent(frame, self.buffer.len());
        self.half.write_all(&self.buffer).await?;
        Ok(())
    }
}

/// An open connection.
pub(super) struct Wire {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    pub(super) peer: NodeId,
    /// Where the other side is, as seen from here.
    pub(super) peer_address: IpAddr,
}

fn split(stream: TcpStream, traffic: &Arc<Traffic>) -> Result<(Reader, Writer, IpAddr), WireError> {
    stream.set_nodelay(true)?;
    let address = stream.peer_addr()?.ip().to_canonical();
    let (read, write) = stream.into_split();
    Ok((
        Reader { half: read, buffer: BytesMut::new(), frame_len_max: OPENING_LEN_MAX, traffic: Arc::clone(traffic) },
        Writer { half: write, buffer: Vec::new(), traffic: Arc::clone(traffic) },
        address,
    ))
}

/// Turns a connection away from an address that no proof could vouch for. Nothing is read and nothing waited for.
pub(super) fn turn_away(stream: &TcpStream, error: &WireError) {
    let mut rejection = Vec::new();
    if encode_frame(&Frame::Rejected { reason: error.to_string() }, &mut rejection).is_ok() {
        // One attempt to say why; the connection closes either way.
        let _ = stream.try_write(&rejection);
    }
}

/// Opens a connection on a connected socket: proves who we are and has the other side do so.
pub(super) async fn open(stream: TcpStream, credentials: &Credentials, traffic: &Arc<Traffic>) -> Result<Wire, WireError> {
    let (mut reader, mut writer, peer_address) = split(stream, traffic)?;
    credentials.permit(peer_address)?;
    let opener_nonce = rng::secret_bytes();
    writer.send(&Frame::Open { nonce: opener_nonce, node: credentials.me.0 }).await?;
    let (acceptor_nonce, proof, acceptor) = match reader.next().await? {
        Frame::Challenge { nonce, proof, node } => (nonce, proof, node),
        Frame::Rejected { reason } => return Err(WireError::Rejected(reason)),
        _ => return Err(WireError::OutOfTurn),
    };
    let exchange = Exchange { opener_nonce, acceptor_nonce, opener: credentials.me.0, acceptor };
    if !exchange.verify(credentials.key(), Side::Acceptor, &proof) {
        return Err(WireError::WrongSecret);
    }
    writer.send(&Frame::Proof { proof: exchange.prove(credentials.key(), Side::Opener) }).await?;
    match reader.next().await? {
        Frame::Accepted => Ok(Wire { reader: reader.trusted(), writer, peer: NodeId(acceptor), peer_address }),
        Frame::Rejected { reason } => Err(WireError::Rejected(reason)),
        _ => Err(WireError::OutOfTurn),
    }
}

/// The other side of [`open`]. The caller has asked whether the address is permitted.
pub(super) async fn accept(stream: TcpStream, credentials: &Credentials, traffic: &Arc<Traffic>) -> Result<Wire, WireError> {
    let (mut reader, mut writer, peer_address) = split(stream, traffic)?;
    let opened = exchange(&mut reader, &mut writer, credentials).await;
    match opened {
        Ok(opener) => {
            writer.send(&Frame::Accepted).await?;
            Ok(Wire { reader: reader.trusted(), writer, peer: NodeId(opener), peer_address })
        }
        Err(error) => {
            if matches!(error, WireError::WrongSecret) {
                let _ = writer.send(&Frame::Rejected { reason: error.to_string() }).await;
            }
            Err(error)
        }
    }
}

async fn exchange(reader: &mut Reader, writer: &mut Writer, credentials: &Credentials) -> Result<Id, WireError> {
    let Frame::Open { nonce: opener_nonce, node: opener } = reader.next().await? else {
        return Err(WireError::OutOfTurn);
    };
    let exchange = Exchange { opener_nonce, acceptor_nonce: rng::secret_bytes(), opener, acceptor: credentials.me.0 };
    let proof = exchange.prove(credentials.key(), Side::Acceptor);
    writer.send(&Frame::Challenge { nonce: exchange.acceptor_nonce, proof, node: credentials.me.0 }).await?;
    let Frame::Proof { proof } = reader.next().await? else {
        return Err(WireError::OutOfTurn);
    };
    if exchange.verify(credentials.key(), Side::Opener, &proof) { Ok(opener) } else { Err(WireError::WrongSecret) }
}
