//! Lines in colours, where the terminal has some, and questions.

use std::fmt::Display;
use std::io::{self, Write};

/// What a line is, which is its colour.
#[derive(Clone, Copy)]
pub(super) enum Tone {
    Step,
    Good,
    Note,
    Bad,
}

/// Prints text as it is.
pub(super) fn tell(tone: Tone, text: impl Display) -> io::Result<()> {
    let has_colours = std::env::var_os("TERM").is_some_and(|term| term.to_string_lossy().contains("xterm"));
    let mut out = io::stdout().lock();
    if !has_colours {
        return write!(out, "{text}");
    }
    let colour = match tone {
        Tone::Step => "29;1m",
        Tone::Good => "32;1m",
        Tone::Note => "33;1m",
        Tone::Bad => "31;1m",
    };
    write!(out, "\x1b[{colour}{text}\x1b[0m")
}

/// Asks for a yes, unless it was given on the command line.
pub(super) fn confirm(is_given: bool, question: &str) -> io::Result<bool> {
    if is_given {
        return Ok(true);
    }
    write!(io::stdout(), "{question} (type 'yes' to accept): ")?;
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim_end() == "yes")
}
