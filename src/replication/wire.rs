//! The connection to a primary: what comes is kept until it is taken, and whoever waits for more looks meanwhile whether it is still wanted.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::Duration;

use crate::base::clock;
use crate::base::requests::{push_header, push_word};
use crate::clients::Client;

/// Between two looks whether the link is still wanted.
const LOOK: Duration = Duration::from_millis(100);
/// Read at a time.
const READ_LEN: usize = 256 * 1024;
/// Longest line that a primary answers with.
const LINE_LEN_MAX: usize = 4096;

/// Why a link to a primary ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// Nobody wants it any more.
    #[error("it is not wanted any more")]
    Over,
    /// The other side has ended it.
    #[error("Connection with primary lost.")]
    Closed,
    /// It was silent for too long.
    #[error("PRIMARY timeout: no data nor PING received...")]
    Silent,
    /// The system's error.
    #[error("{0}: {1}")]
    Io(&'static str, io::Error),
    /// The primary said no, or something that is no answer.
    #[error("{0}: {1}")]
    Refused(&'static str, String),
    /// What it sent is not what a primary sends.
    #[error("Bad protocol from PRIMARY: {0}")]
    Garbage(&'static str),
    /// Its full copy cannot be loaded.
    #[error("Failed trying to load the PRIMARY synchronization DB: {0}")]
    Copy(&'static str),
}

/// See the module's page.
pub(super) struct Wire<'s> {
    socket: TcpStream,
    /// What has come and was not taken.
    pub(super) input: Vec<u8>,
    /// Longest silence, milliseconds.
    timeout_ms: u64,
    heard_ms: u64,
    /// False once nobody wants it any more.
    is_wanted: &'s dyn Fn() -> bool,
}

impl std::fmt::Debug for Wire<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl<'s> Wire<'s> {
    /// Connects to the first of the host's addresses that answers.
    pub(super) fn connect(host: &str, port: u16, timeout_ms: u64, is_wanted: &'s dyn Fn() -> bool) -> Result<Wire<'s>, LinkError> {
        const WHAT: &str = "Unable to connect to PRIMARY";
        let failed = |error| LinkError::Io(WHAT, error);
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in (host, port).to_socket_addrs().map_err(failed)? {
            if !is_wanted() {
                return Err(LinkError::Over);
            }
            match TcpStream::connect_timeout(&address, Duration::from_millis(timeout_ms)) {
                Ok(socket) => {
                    socket.set_nodelay(true).map_err(failed)?;
                    socket.set_read_timeout(Some(LOOK)).map_err(failed)?;
                    socket.set_write_timeout(Some(Duration::from_millis(timeout_ms))).map_err(failed)?;
                    return Ok(Wire { socket, input: Vec::new(), timeout_ms, heard_ms: clock::monotonic_ms(), is_wanted });
                }
                Err(error) => last = error,
            }
        }
        Err(failed(last))
    }

    /// The connection as CLIENT LIST shows it.
    pub(super) fn client(&self, number: u64) -> Arc<Client> {
        let text = |address: io::Result<SocketAddr>| address.map_or_else(|_| "?:0".to_owned(), |address| address.to_string());
        let (peer, own) = (text(self.socket.peer_addr()), text(self.socket.local_addr()));
        Client::new(number, peer, own, self.socket.as_raw_fd(), 0, clock::monotonic_ms())
    }

    /// Another handle of the socket, for who writes to it meanwhile.
    pub(super) fn socket(&self) -> Result<TcpStream, LinkError> {
        self.socket.try_clone().map_err(|error| LinkError::Io("Can't use the connection with PRIMARY", error))
    }

    /// Reads what there is, and waits for something for a moment. Returns how much that was.
    pub(super) fn read(&mut self) -> Result<usize, LinkError> {
        if !(self.is_wanted)() {
            return Err(LinkError::Over);
        }
        let had = self.input.len();
        self.input.resize(had + READ_LEN, 0);
        let read = self.socket.read(&mut self.input[had..]);
        self.input.truncate(had + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Err(LinkError::Closed),
            Ok(len) => {
                self.heard_ms = clock::monotonic_ms();
                Ok(len)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted) => {
                let is_silent = clock::monotonic_ms() - self.heard_ms > self.timeout_ms;
                if is_silent { Err(LinkError::Silent) } else { Ok(0) }
            }
            Err(error) => Err(LinkError::Io("I/O error reading from PRIMARY", error)),
        }
    }

    /// Notes that a time ends in which nothing could be heard.
    pub(super) fn listen_again(&mut self) {
        self.heard_ms = clock::monotonic_ms();
    }

    /// The next line that is not empty, without its end: an empty one says that all is well.
    pub(super) fn line(&mut self) -> Result<String, LinkError> {
        loop {
            while let Some(end) = memchr::memchr(b'\n', &self.input) {
                let line = String::from_utf8_lossy(&self.input[..end]).trim_end().to_owned();
                self.input.drain(..=end);
                if !line.is_empty() {
                    return Ok(line);
                }
            }
            if self.input.len() > LINE_LEN_MAX {
                return Err(LinkError::Garbage("a line does not end"));
            }
            self.read()?;
        }
    }

    /// Sends a request.
    pub(super) fn send(&mut self, words: &[&[u8]]) -> Result<(), LinkError> {
        let mut request = Vec::new();
        push_header(&mut request, words.len());
        words.iter().for_each(|word| push_word(&mut request, word));
        self.socket.write_all(&request).map_err(|error| LinkError::Io("I/O error writing to PRIMARY", error))
    }

    /// Sends a request, and returns the line that answers it.
    pub(super) fn ask(&mut self, words: &[&[u8]]) -> Result<String, LinkError> {
        self.send(words)?;
        self.line()
    }
}
