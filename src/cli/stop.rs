//! Why the client ends early.

use std::fmt::Display;
use std::io::{self, Write};

/// The program ends. What there was to say has been said.
#[derive(Debug)]
pub(super) enum Stop {
    /// With this status.
    Exit(u8),
    /// Standard input or output failed.
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Stop::Io(error)
    }
}

/// Complains and ends with status 1.
pub(super) fn fail(message: impl Display) -> Stop {
    complain(message);
    Stop::Exit(1)
}

/// Writes a line to the standard error output. There is nobody left to tell if that fails.
pub(super) fn complain(message: impl Display) {
    let _ = writeln!(io::stderr(), "{message}");
}
