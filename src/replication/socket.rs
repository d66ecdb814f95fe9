//! A replica's socket: TCP or unix.

use std::io;
use std::os::fd::OwnedFd;

use tokio::net::{TcpStream, UnixStream};

/// See the module's page.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// A socket that somebody else has used until now.
    pub(super) fn adopt(socket: OwnedFd, is_unix: bool) -> io::Result<Socket> {
        if is_unix {
            let socket = std::os::unix::net::UnixStream::from(socket);
            socket.set_nonblocking(true)?;
            return UnixStream::from_std(socket).map(Socket::Unix);
        }
        let socket = std::net::TcpStream::from(socket);
        socket.set_nonblocking(true)?;
        TcpStream::from_std(socket).map(Socket::Tcp)
    }

    /// Has small packets wait for others (`repl-disable-tcp-nodelay`), or not.
    pub(super) fn set_delay(&self, yes: bool) {
        if let Socket::Tcp(socket) = self {
            // It is slower or busier without, and no worse.
            let _ = socket.set_nodelay(!yes);
        }
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.readable().await,
            Socket::Unix(socket) => socket.readable().await,
        }
    }

    pub(super) async fn writable(&self) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.writable().await,
            Socket::Unix(socket) => socket.writable().await,
        }
    }

    pub(super) fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => socket.try_read(into),
            Socket::Unix(socket) => socket.try_read(into),
        }
    }

    pub(super) fn try_write_vectored(&self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => socket.try_write_vectored(parts),
            Socket::Unix(socket) => socket.try_write_vectored(parts),
        }
    }
}
