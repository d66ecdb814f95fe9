//! What a client is told of a node: clients may be sent to other addresses than nodes are, and it matters how they came.

use serde::{Deserialize, Serialize};

/// Where only clients are sent: empty and 0 stand for what nodes are told.
///
/// Persisted in logs and snapshots: fields are append-only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClientEndpoint {
    /// For clients that came over IPv4.
    pub ipv4: String,
    /// For clients that came over IPv6.
    pub ipv6: String,
    /// Port without TLS.
    pub port: u16,
    /// Port with TLS.
    pub tls_port: u16,
}

/// How a client came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientView {
    /// Over IPv6. Who came over a unix socket counts as a client over IPv4.
    pub ipv6: bool,
    /// Over TLS.
    pub tls: bool,
}

impl ClientEndpoint {
    /// The address for such a client, if it has one of its own.
    pub fn host(&self, view: ClientView) -> Option<&str> {
        let host = if view.ipv6 { &self.ipv6 } else { &self.ipv4 };
        (!host.is_empty()).then_some(host)
    }

    /// The port for such a client, if it has one of its own.
    pub fn port(&self, view: ClientView) -> Option<u16> {
        let port = if view.tls { self.tls_port } else { self.port };
        (port != 0).then_some(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_what_is_meant_for_their_kind() {
        let none = ClientEndpoint::default();
        let both = ClientEndpoint { ipv4: "192.0.2.7".into(), ipv6: "2001:db8::7".into(), port: 80, tls_port: 443 };
        let half = ClientEndpoint { ipv6: String::new(), tls_port: 0, ..both.clone() };
        for (endpoint, ipv6, tls, host, port) in [
            (&none, false, false, None, None),
            (&none, true, true, None, None),
            (&both, false, false, Some("192.0.2.7"), Some(80)),
            (&both, true, false, Some("2001:db8::7"), Some(80)),
            (&both, false, true, Some("192.0.2.7"), Some(443)),
            (&half, true, false, None, Some(80)),
            (&half, false, true, Some("192.0.2.7"), None),
        ] {
            let view = ClientView { ipv6, tls };
            assert_eq!((endpoint.host(view), endpoint.port(view)), (host, port), "{view:?}");
        }
    }
}
