//! Listening sockets: TCP on every `bind` address, and a unix socket. Accepts and hands over to the least loaded worker.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::Group;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, UnixListener};

use super::accepted::Accepted;
use super::workers::Workers;
use crate::config::Config;
use crate::engine::shared::Shared;
use crate::metrics::Counters;

/// Why a listening socket could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// A TCP address.
    #[error("Could not create server TCP listening socket {address}: {source}")]
    Tcp {
        /// The address as configured, with the port.
        address: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The unix socket.
    #[error("Failed opening Unix socket: {path}: {source}")]
    Unix {
        /// Its path.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// One listening socket.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// Unix, with the path to remove at the end.
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// What the log calls its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Listener::Tcp(_) => "tcp",
            Listener::Unix(..) => "unix",
        }
    }
}

/// Opens the TCP sockets that the options name, none for port 0. An address with a leading `-` may be missing on this machine.
///
/// # Errors
/// The first one that cannot be opened.
pub fn open_tcp_listeners(config: &Config) -> Result<Vec<Listener>, ListenError> {
    if config.port == 0 { Ok(Vec::new()) } else { tcp(config) }
}

/// Opens the unix socket, if the options name one.
///
/// # Errors
/// The system's.
pub fn open_unix_listener(config: &Config) -> Result<Option<Listener>, ListenError> {
    if config.unixsocket.is_empty() { Ok(None) } else { unix(config).map(Some) }
}

fn tcp(config: &Config) -> Result<Vec<Listener>, ListenError> {
    let mut sockets = Vec::new();
    for name in &config.bind {
        let (name, optional) = name.strip_prefix('-').map_or((name.as_str(), false), |name| (name, true));
        let address: Option<IpAddr> = match name {
            "*" => Some(IpAddr::from([0, 0, 0, 0])),
            "::*" => Some(IpAddr::from([0u16; 8])),
            _ => (name, 0).to_socket_addrs().ok().and_then(|mut all| all.next()).map(|found| found.ip()),
        };
        let opened = match address {
            Some(ip) => open_tcp(SocketAddr::new(ip, config.port), config.tcp_backlog),
            None => Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "Name or service not known")),
        };
        match opened {
            Ok(socket) => sockets.push(Listener::Tcp(socket)),
            Err(error) if optional && matches!(error.kind(), std::io::ErrorKind::AddrNotAvailable | std::io::ErrorKind::Unsupported) => {}
            Err(error) if optional && error.raw_os_error() == Some(97) => {}
            Err(source) => return Err(ListenError::Tcp { address: format!("{name}:{}", config.port), source }),
        }
    }
    Ok(sockets)
}

fn open_tcp(address: SocketAddr, backlog: u32) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}

fn unix(config: &Config) -> Result<Listener, ListenError> {
    let path = PathBuf::from(&config.unixsocket);
    match open_unix(&path, config) {
        Ok(listener) => Ok(Listener::Unix(listener, path)),
        Err(source) => Err(ListenError::Unix { path: config.unixsocket.clone(), source }),
    }
}

/// Permissions and group are set before the socket listens, so that nobody gets in earlier.
fn open_unix(path: &Path, config: &Config) -> std::io::Result<UnixListener> {
    // A file left by a process that was killed would keep us from binding.
    let _ = std::fs::remove_file(path);
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    if config.unixsocketperm != 0 {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(config.unixsocketperm))?;
    }
    if !config.unixsocketgroup.is_empty() {
        let group = Group::from_name(&config.unixsocketgroup)?;
        let group = group.ok_or_else(|| std::io::Error::other(format!("there is no group '{}'", config.unixsocketgroup)))?;
        std::os::unix::fs::chown(path, None, Some(group.gid.as_raw()))?;
    }
    socket.listen(i32::try_from(config.tcp_backlog).unwrap_or(i32::MAX))?;
    UnixListener::from_std(socket.into())
}

impl Listener {
    /// Accepts until the task is aborted.
    pub async fn serve(&self, shared: &Arc<Shared>, workers: &Workers) {
        loop {
            let accepted = match self {
                Listener::Tcp(listener) => listener.accept().await.and_then(|(stream, peer)| Ok(Accepted::Tcp(stream.into_std()?, peer))),
                Listener::Unix(listener, path) => {
                    listener.accept().await.and_then(|(stream, _)| Ok(Accepted::Unix(stream.into_std()?, path.display().to_string())))
                }
            };
            match accepted {
                Ok(socket) => admit(shared, workers, socket).await,
                Err(error) => {
                    tracing::warn!("Accepting client connection: {error}");
                    // Out of descriptors: trying again at once would spin.
                    shared.timers.sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

/// How long a connection beyond `maxclients` waits before it is refused: its client may have hung up another one just before, which the
/// worker of that one has yet to see.
const HANG_UP_TIME: Duration = Duration::from_millis(5);

async fn admit(shared: &Arc<Shared>, workers: &Workers, socket: Accepted) {
    let config = shared.config.load();
    if workers.connections() >= config.maxclients as usize {
        shared.timers.sleep(HANG_UP_TIME).await;
    }
    if let Some(refusal) = refusal(workers, &config, &socket) {
        Counters::one(&shared.counters.connections_rejected);
        // As Valkey: one attempt to say why; the socket closes either way.
        let _ = match &socket {
            Accepted::Tcp(stream, _) => SockRef::from(stream).send(refusal.as_bytes()),
            Accepted::Unix(stream, _) => SockRef::from(stream).send(refusal.as_bytes()),
        };
        return;
    }
    Counters::one(&shared.counters.connections_received);
    if let Accepted::Tcp(stream, _) = &socket {
        let socket = SockRef::from(stream);
        let _ = socket.set_tcp_nodelay(true);
        if config.tcp_keepalive > 0 {
            let interval = Duration::from_secs(u64::from(config.tcp_keepalive));
            let keepalive =
                TcpKeepalive::new().with_time(interval).with_interval((interval / 3).max(Duration::from_secs(1))).with_retries(3);
            let _ = socket.set_tcp_keepalive(&keepalive);
        }
    }
    workers.serve(socket).await;
}

/// What to tell a client that is not let in.
fn refusal(workers: &Workers, config: &Config, socket: &Accepted) -> Option<&'static str> {
    // Not the clients that the workers know: of a burst, many would be on the way to them.
    if workers.connections() >= config.maxclients as usize {
        return Some("-ERR max number of clients reached\r\n");
    }
    let Accepted::Tcp(_, peer) = socket else { return None };
    let open = config.protected_mode && config.requirepass.is_empty() && !peer.ip().to_canonical().is_loopback();
    open.then_some(
        "-DENIED Larder is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers, either disable protected mode with 'CONFIG SET protected-mode no' from the loopback interface (and CONFIG REWRITE to keep it), or set it in the configuration file, or set a password for the default user.\r\n",
    )
}
