//! ON or OFF as an argument.

use crate::engine::context::is_word;
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind};

/// The argument; the commands give it different names.
pub(super) const SWITCH: Arg = Arg {
    name: "enabled",
    kind: ArgKind::OneOf(&[
        Arg { name: "on", kind: ArgKind::PureToken, token: "ON", ..ARG },
        Arg { name: "off", kind: ArgKind::PureToken, token: "OFF", ..ARG },
    ]),
    ..ARG
};

/// Reads [`SWITCH`].
pub(super) fn on_or_off(word: &[u8]) -> Result<bool, CmdError> {
    match word {
        word if is_word(word, "ON") => Ok(true),
        word if is_word(word, "OFF") => Ok(false),
        _ => Err(CmdError::Syntax),
    }
}
