//! What AUTH and HELLO AUTH share.

use crate::engine::context::{CmdResult, Context};
use crate::engine::error::CmdError;
use crate::metrics::Counters;

/// The only user.
pub(super) const DEFAULT_USER: &[u8] = b"default";

/// Lets the client in, or says that it may not. Without `requirepass`, the default user has no password and takes any.
pub(super) fn authenticate(context: &mut Context<'_>, user: &[u8], password: &[u8]) -> CmdResult {
    let required = &context.config.requirepass;
    if user == DEFAULT_USER && (required.is_empty() || same(password, required.as_bytes())) {
        context.caller.set_authenticated(true);
        return Ok(());
    }
    Counters::one(&context.shared.counters.auth_failures);
    Err(CmdError::coded("WRONGPASS invalid username-password pair or user is disabled."))
}

/// Compares in a time that depends on the given text alone, so that it tells nothing about the secret.
fn same(given: &[u8], secret: &[u8]) -> bool {
    let mut difference = given.len() ^ secret.len();
    for (at, byte) in given.iter().enumerate() {
        let other = secret.get(at).copied().unwrap_or(!byte);
        difference |= usize::from(byte ^ other);
    }
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn passwords() {
        for (given, secret, expected) in
            [("a", "a", true), ("a", "b", false), ("", "", true), ("", "a", false), ("ab", "a", false), ("a", "ab", false)]
        {
            assert_eq!(same(given.as_bytes(), secret.as_bytes()), expected, "{given} {secret}");
        }
    }
}
