//! Which versions this server is compatible with, and its own.

/// The last Redis version whose commands and replies are all there: what clients look at before they use a feature.
pub const REDIS: &str = "7.2.4";

/// The Valkey version whose behaviour is followed.
pub const VALKEY: &str = "9.1.2";

/// Larder's own version.
pub const LARDER: &str = env!("CARGO_PKG_VERSION");
