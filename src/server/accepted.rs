//! A socket on its way from the listener to its worker.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;

/// See the module's page.
#[derive(Debug)]
pub(super) enum Accepted {
    Tcp(std::net::TcpStream, SocketAddr),
    Unix(std::os::unix::net::UnixStream, String),
}

impl Accepted {
    /// Addresses of both ends and the descriptor, as CLIENT LIST prints them.
    pub(super) fn describe(&self) -> (String, String, i32) {
        match self {
            Accepted::Tcp(stream, peer) => {
                let local = stream.local_addr().map_or_else(|_| "?:0".to_owned(), |local| local.to_string());
                (peer.to_string(), local, stream.as_raw_fd())
            }
            Accepted::Unix(stream, path) => (format!("{path}:0"), format!("{path}:0"), stream.as_raw_fd()),
        }
    }
}
