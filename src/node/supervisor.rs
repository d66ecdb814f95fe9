//! Telling the supervisor that the node is up (`supervised`): systemd by a datagram, upstart by a stop signal.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::config::{Config, Supervised};

/// Who is told, if anybody.
#[derive(Debug)]
pub(super) enum Supervisor {
    /// Nobody asked.
    None,
    /// systemd, at this address.
    Systemd(SocketAddr),
}

impl Supervisor {
    /// Finds the supervisor that the options name. With upstart the process stops here until it is told to go on.
    pub(super) fn find(config: &Config) -> Supervisor {
        let upstart = std::env::var_os("UPSTART_JOB").is_some();
        let notify = std::env::var("NOTIFY_SOCKET").ok();
        let chosen = match config.supervised {
            Supervised::Auto if upstart => Supervised::Upstart,
            Supervised::Auto if notify.is_some() => Supervised::Systemd,
            Supervised::Auto => Supervised::No,
            chosen => chosen,
        };
        match (chosen, notify) {
            (Supervised::Upstart, _) if upstart => {
                tracing::info!("supervised by upstart, will stop to signal readiness.");
                if let Err(error) = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP) {
                    tracing::warn!("cannot stop to signal readiness: {error}");
                }
                Supervisor::None
            }
            (Supervised::Upstart, _) => {
                tracing::warn!("upstart supervision requested, but UPSTART_JOB not found!");
                Supervisor::None
            }
            (Supervised::Systemd, Some(path)) => match address(&path) {
                Ok(address) => {
                    tracing::info!(
                        "supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and TimeoutStopSec in your service unit."
                    );
                    Supervisor::Systemd(address)
                }
                Err(error) => {
                    tracing::warn!("systemd supervision error: NOTIFY_SOCKET {path}: {error}");
                    Supervisor::None
                }
            },
            (Supervised::Systemd, None) => {
                tracing::warn!("systemd supervision requested, but NOTIFY_SOCKET not found!");
                Supervisor::None
            }
            (Supervised::No | Supervised::Auto, _) => Supervisor::None,
        }
    }

    /// The node serves.
    pub(super) fn ready(&self) {
        self.tell("STATUS=Ready to accept connections\nREADY=1\n");
    }

    /// The node is ending.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\n");
    }

    fn tell(&self, message: &str) {
        let Supervisor::Systemd(address) = self else { return };
        let sent = UnixDatagram::unbound().and_then(|socket| socket.send_to_addr(message.as_bytes(), address));
        if let Err(error) = sent {
            tracing::warn!("systemd supervision error: {error}");
        }
    }
}

/// A path, or with a leading `@` a name in the abstract namespace.
fn address(path: &str) -> std::io::Result<SocketAddr> {
    match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_hears_of_start_and_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let supervisor = Supervisor::Systemd(address(path.to_str().unwrap()).unwrap());
        let mut buffer = [0; 100];
        supervisor.ready();
        let len = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"STATUS=Ready to accept connections\nREADY=1\n");
        supervisor.stopping();
        let len = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"STOPPING=1\n");
        assert!(address("@larder").is_ok());
    }
}
