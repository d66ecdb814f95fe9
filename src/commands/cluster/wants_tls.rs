//! Whether a client is told ports for TLS.

use crate::engine::context::Context;

/// True if the client came over TLS itself.
pub(super) fn wants_tls(_: &Context<'_>) -> bool {
    // No connection is encrypted yet.
    false
}
