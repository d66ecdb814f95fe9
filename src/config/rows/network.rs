//! Options of listeners and connections, TLS included.

use super::shared::{INT_MAX, PORT_MAX, RDMA, TLS, TLS_TUNING, UINT_MAX};
use crate::config::custom;
use crate::config::row::Storage::Kept;
use crate::config::row::{Form, Row, custom, field, in_form, number, text, word, yes_no};

pub(super) static ROWS: &[Row] = &[
    custom("bind", &custom::BIND).multi_arg().doc(
        "Addresses to listen on. * stands for every IPv4 address, ::* for every IPv6 address. With a minus sign in \
         front, an address that this machine does not have is passed over.",
    ),
    number("port", 0, PORT_MAX, 6379, field!(port)).doc("TCP port for clients. With 0 the server does not listen on TCP."),
    yes_no("protected-mode", true, field!(protected_mode)).doc(
        "While the default user has no password, answer only clients on this machine. Switch it off only on a network \
         where every host may read and change everything.",
    ),
    text("unixsocket", "", field!(unixsocket))
        .unset_when_empty()
        .immutable()
        .example("/run/larder.sock")
        .doc("Path of a socket file to listen on, beside or instead of the port."),
    in_form("unixsocketperm", 0, 0o777, 0, Form::Octal, field!(unixsocketperm))
        .immutable()
        .example("700")
        .doc("Permissions of the socket file. With 0 the process's umask decides."),
    text("unixsocketgroup", "", field!(unixsocketgroup)).unset_when_empty().immutable().doc("Group that owns the socket file."),
    number("tcp-backlog", 0, INT_MAX, 511, field!(tcp_backlog))
        .immutable()
        .doc("Connections that may wait to be accepted. The system's net.core.somaxconn caps it."),
    number("timeout", 0, INT_MAX, 0, field!(timeout)).doc("Seconds after which an idle client is disconnected. 0 keeps idle clients."),
    number("tcp-keepalive", 0, INT_MAX, 300, field!(tcp_keepalive))
        .doc("Seconds between probes on an idle connection, so that dead peers are noticed. 0 sends none."),
    number("maxclients", 1, UINT_MAX, 10_000, field!(maxclients))
        .doc("Clients connected at once. One more is told so and disconnected. The limit on open files must allow for it."),
    number("max-new-connections-per-cycle", 1, 1000, 10, Kept)
        .no_effect("new connections are accepted one by one, between requests")
        .doc("Connections accepted at once, in Valkey."),
    text("bind-source-addr", "", Kept)
        .unset_when_empty()
        .no_effect("the system chooses the address that connections to other nodes come from")
        .doc("Local address of connections that the server itself opens."),
    number("socket-mark-id", 0, UINT_MAX, 0, Kept)
        .immutable()
        .later("sockets cannot be marked for packet filters yet")
        .doc("Mark on listening sockets, for the system's packet filter and routing."),
    yes_no("mptcp", false, Kept).immutable().later("Multipath TCP is not supported yet").doc("Listen for Multipath TCP."),
    number("rdma-port", 0, PORT_MAX, 0, Kept).later(RDMA).doc("Port for clients over RDMA."),
    custom("rdma-bind", &custom::RDMA_BIND).multi_arg().later(RDMA).doc("Addresses to listen on for RDMA."),
    number("rdma-rx-size", 65_536, 16_777_216, 1_048_576, Kept)
        .immutable()
        .no_effect(RDMA)
        .doc("Receive buffer of an RDMA connection, in bytes."),
    number("rdma-completion-vector", -1, 1024, -1, Kept).immutable().no_effect(RDMA).doc("Completion vector of RDMA connections."),
];

pub(super) static TLS_ROWS: &[Row] = &[
    number("tls-port", 0, PORT_MAX, 0, Kept).later(TLS).doc("TCP port for clients over TLS. With 0 the server does not listen for TLS."),
    yes_no("tls-cluster", false, Kept).later(TLS).doc("Talk to other cluster nodes over TLS."),
    yes_no("tls-replication", false, Kept).later(TLS).doc("Talk to the primary over TLS."),
    text("tls-cert-file", "", Kept).unset_when_empty().no_effect(TLS_TUNING).doc("Certificate of the server, PEM."),
    text("tls-key-file", "", Kept).unset_when_empty().no_effect(TLS_TUNING).doc("Private key of the server, PEM."),
    text("tls-key-file-pass", "", Kept).unset_when_empty().sensitive().no_effect(TLS_TUNING).doc("Passphrase of the server's private key."),
    text("tls-client-cert-file", "", Kept)
        .unset_when_empty()
        .no_effect(TLS_TUNING)
        .doc("Certificate for connections that the server opens, if not its own."),
    text("tls-client-key-file", "", Kept).unset_when_empty().no_effect(TLS_TUNING).doc("Private key that belongs to tls-client-cert-file."),
    text("tls-client-key-file-pass", "", Kept)
        .unset_when_empty()
        .sensitive()
        .no_effect(TLS_TUNING)
        .doc("Passphrase of tls-client-key-file."),
    text("tls-dh-params-file", "", Kept).unset_when_empty().no_effect(TLS_TUNING).doc("Diffie-Hellman parameters, for old TLS libraries."),
    text("tls-ca-cert-file", "", Kept)
        .unset_when_empty()
        .no_effect(TLS_TUNING)
        .doc("File with the authorities whose certificates are trusted."),
    text("tls-ca-cert-dir", "", Kept)
        .unset_when_empty()
        .no_effect(TLS_TUNING)
        .doc("Directory with the authorities whose certificates are trusted."),
    word("tls-auth-clients", &["no", "yes", "optional"], "yes", Kept)
        .no_effect(TLS_TUNING)
        .doc("Whether clients must, may or need not present a certificate."),
    word("tls-auth-clients-user", &["CN", "URI", "off"], "off", Kept)
        .no_effect(TLS_TUNING)
        .doc("Field of the client's certificate that names its user."),
    text("tls-protocols", "", Kept).unset_when_empty().no_effect(TLS_TUNING).doc("Versions of TLS that are accepted."),
    text("tls-ciphers", "", Kept).unset_when_empty().no_effect(TLS_TUNING).doc("Ciphers for TLS up to 1.2."),
    text("tls-ciphersuites", "", Kept).unset_when_empty().no_effect(TLS_TUNING).doc("Cipher suites for TLS 1.3."),
    yes_no("tls-prefer-server-ciphers", false, Kept)
        .no_effect(TLS_TUNING)
        .doc("Choose the cipher by the server's order instead of the client's."),
    yes_no("tls-session-caching", true, Kept)
        .no_effect(TLS_TUNING)
        .doc("Let clients resume a session, which saves the costly part of a handshake."),
    number("tls-session-cache-size", 0, INT_MAX, 20_480, Kept).no_effect(TLS_TUNING).doc("Sessions kept for resumption. 0 sets no limit."),
    number("tls-session-cache-timeout", 0, INT_MAX, 300, Kept).no_effect(TLS_TUNING).doc("Seconds for which a session can be resumed."),
    number("tls-auto-reload-interval", 0, INT_MAX, 0, Kept)
        .no_effect(TLS_TUNING)
        .doc("Seconds between looks at the certificate files for new content. 0 never looks."),
    number("max-new-tls-connections-per-cycle", 1, 1000, 1, Kept).no_effect(TLS_TUNING).doc("TLS connections accepted at once, in Valkey."),
];
