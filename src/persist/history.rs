//! Names of histories of changes (replication IDs), as files and other nodes say them.

/// Digits of a name.
pub const ID_LEN: usize = 40;

/// True if this can be a name.
pub fn is_id(text: &str) -> bool {
    text.len() == ID_LEN && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
