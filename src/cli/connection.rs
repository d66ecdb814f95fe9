//! A blocking connection: requests out, replies in.
//!
//! Replies of both versions go through larder-proto's decoder: it keeps the order of sets and maps, takes the bytes of a large reply
//! once, and bounds how deeply a reply may nest, so that no server can exhaust the stack here.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bytes::BytesMut;
use larder_proto::resp::{ReplyDecoder, Value};

use super::settings::{Address, Family};

/// Bytes asked for by one read.
const READ_LEN: usize = 256 * 1024;
/// Seconds without traffic after which the system checks the connection.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum ConnectionError {
    /// The server closed it.
    Closed,
    /// Reading or writing failed.
    Io(io::Error),
    /// The server sent something else than RESP.
    Protocol(String),
}

impl ConnectionError {
    /// Whether a new connection may work.
    pub(super) fn is_disconnect(&self) -> bool {
        match self {
            ConnectionError::Closed => true,
            ConnectionError::Io(error) => {
                matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
            }
            ConnectionError::Protocol(_) => false,
        }
    }

    /// What to say if a command failed that only prepares the connection. Valkey says "I/O error" whatever the reason; one that is not the
    /// connection's is told.
    pub(super) fn of_preparation(&self) -> String {
        match self {
            ConnectionError::Closed | ConnectionError::Io(_) => "I/O error".to_owned(),
            ConnectionError::Protocol(text) => format!("Error: {text}"),
        }
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectionError::Closed => f.write_str("Server closed the connection"),
            ConnectionError::Io(error) => f.write_str(&describe(error)),
            ConnectionError::Protocol(text) => f.write_str(text),
        }
    }
}

/// A system error without its number.
pub(super) fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn reader(&mut self) -> &mut dyn Read {
        match self {
            Stream::Tcp(stream) => stream,
            Stream::Unix(stream) => stream,
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Stream::Tcp(stream) => stream,
            Stream::Unix(stream) => stream,
        }
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.set_read_timeout(timeout),
            Stream::Unix(stream) => stream.set_read_timeout(timeout),
        }
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    input: BytesMut,
    decoder: ReplyDecoder,
    /// Whether a reply arrived that only RESP3 knows.
    resp3: bool,
}

impl Connection {
    /// Connects. The error is the system's, in words.
    pub(super) fn open(address: &Address, family: Family, timeout: Option<Duration>) -> Result<Self, String> {
        let stream = match address {
            Address::Tcp(host, port) => Stream::Tcp(connect_tcp(host, *port, family, timeout)?),
            Address::Unix(path) => Stream::Unix(UnixStream::connect(path).map_err(|error| describe(&error))?),
        };
        Ok(Connection::new(stream))
    }

    fn new(stream: Stream) -> Self {
        Connection { stream, input: BytesMut::new(), decoder: ReplyDecoder::default(), resp3: false }
    }

    /// Another handle to the same connection, for writing from a second thread.
    pub(super) fn writer(&self) -> io::Result<Box<dyn Write + Send>> {
        Ok(match &self.stream {
            Stream::Tcp(stream) => Box::new(stream.try_clone()?),
            Stream::Unix(stream) => Box::new(stream.try_clone()?),
        })
    }

    /// Whether a reply arrived in RESP3.
    pub(super) fn is_resp3(&self) -> bool {
        self.resp3
    }

    /// The descriptor, to wait on.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.stream {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }

    /// Sends one request.
    pub(super) fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<(), ConnectionError> {
        self.send_all(std::slice::from_ref(&args))
    }

    /// Sends several requests at once.
    pub(super) fn send_all<A: AsRef<[u8]>, R: AsRef<[A]>>(&mut self, requests: &[R]) -> Result<(), ConnectionError> {
        let mut out = Vec::new();
        for args in requests {
            let args = args.as_ref();
            out.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
            for arg in args.iter().map(AsRef::as_ref) {
                out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
                out.extend_from_slice(arg);
                out.extend_from_slice(b"\r\n");
            }
        }
        self.stream.writer().write_all(&out).map_err(ConnectionError::Io)
    }

    /// Waits for the next reply or push.
    pub(super) fn receive(&mut self) -> Result<Value, ConnectionError> {
        loop {
            if let Some(value) = self.buffered()? {
                return Ok(value);
            }
            self.fill()?;
        }
    }

    /// Waits for the next reply, but no longer than `timeout` for each part of it. `None`: time ran out.
    pub(super) fn receive_within(&mut self, timeout: Duration) -> Result<Option<Value>, ConnectionError> {
        self.stream.set_read_timeout(Some(timeout)).map_err(ConnectionError::Io)?;
        let result = match self.receive() {
            Err(ConnectionError::Io(error)) if is_timeout(&error) => Ok(None),
            other => other.map(Some),
        };
        self.stream.set_read_timeout(None).map_err(ConnectionError::Io)?;
        result
    }

    /// Sends a request and waits for its reply.
    pub(super) fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Value, ConnectionError> {
        self.send(args)?;
        self.receive()
    }

    /// Sends requests together and waits for all their replies.
    pub(super) fn call_all<A: AsRef<[u8]>, R: AsRef<[A]>>(&mut self, requests: &[R]) -> Result<Vec<Value>, ConnectionError> {
        self.send_all(requests)?;
        requests.iter().map(|_| self.receive()).collect()
    }

    /// The next reply among the bytes that have arrived.
    pub(super) fn buffered(&mut self) -> Result<Option<Value>, ConnectionError> {
        let resp3_only = |byte: &u8| b"%~>,#(_=|!".contains(byte);
        self.resp3 |= !self.decoder.in_progress() && self.input.first().is_some_and(resp3_only);
        self.decoder.decode(&mut self.input).map_err(|error| ConnectionError::Protocol(error.to_string()))
    }

    /// Sends bytes as they are.
    pub(super) fn send_raw(&mut self, bytes: &[u8]) -> Result<(), ConnectionError> {
        self.stream.writer().write_all(bytes).map_err(ConnectionError::Io)
    }

    /// The bytes that have arrived and were not decoded, for what is not RESP; waits until there are some. What the
    /// caller leaves in it is decoded next.
    pub(super) fn raw(&mut self) -> Result<&mut BytesMut, ConnectionError> {
        if self.input.is_empty() {
            self.fill()?;
        }
        Ok(&mut self.input)
    }

    /// Waits until more bytes have arrived than [`Self::raw`] shows.
    pub(super) fn read_more(&mut self) -> Result<(), ConnectionError> {
        self.fill().map(drop)
    }

    /// Reads at least one byte.
    fn fill(&mut self) -> Result<usize, ConnectionError> {
        let start = self.input.len();
        self.input.resize(start + READ_LEN, 0);
        let read = loop {
            match self.stream.reader().read(&mut self.input[start..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.input.truncate(start + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Err(ConnectionError::Closed),
            Ok(len) => Ok(len),
            Err(error) => Err(ConnectionError::Io(error)),
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn connect_tcp(host: &str, port: u16, family: Family, timeout: Option<Duration>) -> Result<TcpStream, String> {
    let mut addresses: Vec<_> = (host, port).to_socket_addrs().map_err(|error| describe(&error))?.collect();
    match family {
        Family::Any => {}
        Family::V4 => addresses.sort_by_key(|address| !address.is_ipv4()),
        Family::V6 => addresses.sort_by_key(|address| !address.is_ipv6()),
    }
    let mut last_error = "no address".to_owned();
    for address in addresses {
        let connected = match timeout {
            Some(timeout) => TcpStream::connect_timeout(&address, timeout),
            None => TcpStream::connect(address),
        };
        match connected {
            Ok(stream) => {
                let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
                // Both only make things better; a connection without them works.
                let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive);
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last_error = describe(&error),
        }
    }
    Err(last_error)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// What a connection makes of a peer that sends these bytes.
    fn receive(pieces: &[&[u8]]) -> Result<Vec<Value>, ConnectionError> {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
        std::thread::scope(|scope| {
            // It ends before the scope does: a peer that still sends is waited for.
            let mut connection = Connection::new(Stream::Unix(ours));
            scope.spawn(move || {
                // A client that has seen enough closes while the rest is sent.
                let _ = pieces.iter().try_for_each(|piece| theirs.write_all(piece));
            });
            let mut values = Vec::new();
            loop {
                match connection.receive() {
                    Ok(value) => values.push(value),
                    Err(ConnectionError::Closed) => return Ok(values),
                    Err(error) => return Err(error),
                }
            }
        })
    }

    #[test]
    fn replies_of_both_versions() {
        let bulk = |text: &'static str| Value::Bulk(Bytes::from(text));
        let got = receive(&[b"*2\r\n$1\r\na\r\n", b":1\r\n$-1\r\n-ERR \xff\r\n%1\r\n", b"$1\r\na\r\n~1\r\n%0\r\n*-1\r\n"]);
        assert_eq!(
            got.expect("it is RESP"),
            vec![
                Value::Array(vec![bulk("a"), Value::Integer(1)]),
                Value::Null,
                Value::Error(Bytes::from_static(b"ERR \xff")),
                Value::Map(vec![(bulk("a"), Value::Set(vec![Value::Map(vec![])]))]),
                Value::Null,
            ]
        );
    }

    #[test]
    fn what_is_wrong_with_a_reply_is_named() {
        let deep = "*1\r\n".repeat(100_000) + ":1\r\n";
        for (reply, expected) in [
            (deep.as_str(), "Protocol error, reply is nested more than 128 deep"),
            ("HTTP/1.1\r\n", "Protocol error, got \"H\" as reply type byte"),
            ("\r\n", "Protocol error, got \"\\r\" as reply type byte"),
            (":12x\r\n", "Protocol error, invalid number"),
            ("*1x\r\n", "Protocol error, invalid length"),
            ("$-5\r\n", "Protocol error, invalid length"),
            ("$2\r\nabcd", "Protocol error, line end expected"),
            ("+OK\n", "Protocol error, line end expected"),
            ("#x\r\n", "Protocol error, invalid boolean"),
            ("=2\r\nab\r\n", "Protocol error, invalid verbatim text"),
            ("*1\r\n$?\r\n", "Protocol error, invalid length"),
        ] {
            let got = receive(&[reply.as_bytes()]).expect_err("it is no RESP").to_string();
            assert_eq!(got, expected, "{:?}", &reply[..reply.len().min(20)]);
        }
    }

    #[test]
    fn a_large_reply() {
        let count = 200_000;
        let reply = format!("*{count}\r\n{}", "$10\r\n0123456789\r\n".repeat(count));
        let values = receive(&[reply.as_bytes(), b"+OK\r\n"]).expect("it is RESP");
        assert_eq!(values[0].as_items().map(<[Value]>::len), Some(count));
        assert_eq!(values.len(), 2);
    }
}
