//! What the command line decides.

use std::path::PathBuf;
use std::time::Duration;

use super::manager::Wish;
use super::output::Format;

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// Host name or address, and port.
    Tcp(String, u16),
    /// Path of a socket.
    Unix(PathBuf),
}

/// Which protocol version to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Whatever the server starts with: RESP2.
    Default,
    /// RESP3, and go on without it if the server refuses.
    WishResp3,
    /// RESP3 or nothing.
    Resp3,
}

/// Which addresses of a host to try first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Any,
    V4,
    V6,
}

/// What is to be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Say whether it can be loaded.
    Check,
    /// Say what is in it.
    Info,
    /// Print all of it, a line of JSON for each key.
    Export,
}

impl Look {
    /// What this word asks for.
    pub(super) fn of(word: &[u8]) -> Option<Look> {
        match word {
            b"check" => Some(Look::Check),
            b"info" => Some(Look::Info),
            b"export" => Some(Look::Export),
            _ => None,
        }
    }
}

/// What is to be done with an append only file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AofWish {
    /// What cannot be read is cut off, if it is the end of the last part.
    pub(super) fixes: bool,
    /// Nobody is asked before.
    pub(super) is_sure: bool,
    /// What was written later, unix seconds, is cut off.
    pub(super) until_s: Option<i64>,
    pub(super) file: PathBuf,
}

impl AofWish {
    /// What these words ask for: those behind `aof`.
    pub(super) fn of(words: &[&[u8]], path: impl Fn(&[u8]) -> PathBuf) -> Option<AofWish> {
        let (first, mut rest) = words.split_first()?;
        let mut wish = AofWish { fixes: *first == b"fix", ..AofWish::default() };
        if !wish.fixes && *first != b"check" {
            return None;
        }
        loop {
            rest = match rest {
                [b"--fix", rest @ ..] => {
                    wish.fixes = true;
                    rest
                }
                [b"--yes", rest @ ..] => {
                    wish.is_sure = true;
                    rest
                }
                [b"--truncate-to-timestamp", seconds, rest @ ..] => {
                    wish.until_s = Some(std::str::from_utf8(seconds).ok()?.parse().ok()?);
                    rest
                }
                [file] => {
                    wish.file = path(file);
                    return Some(wish);
                }
                _ => return None,
            };
        }
    }
}

/// From where data is to be taken over, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MigrateWish {
    pub(super) uri: String,
    /// What this server has may go.
    pub(super) replaces: bool,
    /// Nobody is asked before the cut-over.
    pub(super) cuts_over: bool,
}

impl MigrateWish {
    /// What these words ask for: those behind `migrate-from`.
    pub(super) fn of(words: &[&[u8]]) -> Option<MigrateWish> {
        let mut wish = MigrateWish::default();
        for word in words {
            match *word {
                b"--replace" => wish.replaces = true,
                b"--cut-over" => wish.cuts_over = true,
                uri if wish.uri.is_empty() && !uri.starts_with(b"-") => wish.uri = String::from_utf8(uri.to_vec()).ok()?,
                _ => return None,
            }
        }
        (!wish.uri.is_empty()).then_some(wish)
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Repl,
    /// Run one command.
    Command(Vec<Vec<u8>>),
    /// Run a script with keys and arguments.
    Eval(PathBuf, Vec<Vec<u8>>),
    /// Look at a snapshot's file.
    Snapshot(Look, PathBuf),
    /// Look at an append only file.
    AppendOnly(AofWish),
    /// Take over the data of another server.
    Migrate(MigrateWish),
    /// Look after a cluster.
    Manager(Wish),
    Scan,
    BigKeys,
    /// With the number of elements to sample, if not the server's default.
    MemKeys(Option<u64>),
    Stat,
    /// Whether to print a line per interval.
    Latency {
        history: bool,
    },
    /// With the time to wait for the last replies.
    Pipe(Option<Duration>),
    Replica,
    /// Copy data into a file.
    Rdb {
        file: PathBuf,
        functions_only: bool,
    },
}

/// Where an argument comes from the standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FromStdin {
    No,
    Last,
    Tag(Vec<u8>),
}

/// Everything that the command line decides.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) mode: Mode,
    pub(super) address: Address,
    pub(super) family: Family,
    pub(super) timeout: Option<Duration>,
    pub(super) user: Option<Vec<u8>>,
    pub(super) password: Option<Vec<u8>>,
    pub(super) db: u32,
    pub(super) protocol: Protocol,
    pub(super) cluster: bool,
    pub(super) format: Format,
    pub(super) element_delimiter: Vec<u8>,
    pub(super) reply_delimiter: Vec<u8>,
    pub(super) show_pushes: bool,
    pub(super) exit_on_error: bool,
    pub(super) repeat: i64,
    pub(super) interval: Duration,
    pub(super) from_stdin: FromStdin,
    pub(super) pattern: Option<Vec<u8>>,
    pub(super) count: u64,
    pub(super) key_type: Option<Vec<u8>>,
}
