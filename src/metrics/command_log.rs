//! The command log: the last commands that took long (SLOWLOG), had a large request or a large reply.
//!
//! Invariants: each log is bounded by its `...-max-len`; an entry is bounded by [`ARGS_MAX`] and [`ARG_LEN_MAX`], whatever the
//! command was.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// Arguments kept of one command, the note about the rest included.
pub const ARGS_MAX: usize = 32;
/// Bytes kept of one argument, without the note about the rest.
pub const ARG_LEN_MAX: usize = 128;

/// Which log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By time of execution, in microseconds.
    Slow,
    /// By size of the request, in bytes.
    LargeRequest,
    /// By size of the reply, in bytes.
    LargeReply,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Slow, Kind::LargeRequest, Kind::LargeReply];
}

/// One logged command.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Ascending within its log.
    pub id: u64,
    /// When it was executed, unix seconds.
    pub time_s: i64,
    /// Microseconds or bytes, as the log's kind says.
    pub value: u64,
    /// The arguments, shortened.
    pub args: Vec<Vec<u8>>,
    /// Address of the client.
    pub addr: String,
    /// Name of the client.
    pub name: Vec<u8>,
}

#[derive(Debug, Default)]
struct Log {
    /// Newest first.
    entries: VecDeque<Entry>,
    next_id: u64,
}

/// See the module's page.
#[derive(Debug, Default)]
pub struct CommandLog {
    logs: [Mutex<Log>; 3],
}

impl CommandLog {
    fn log(&self, kind: Kind) -> parking_lot::MutexGuard<'_, Log> {
        self.logs[kind as usize].lock()
    }

    /// Adds an entry (its id is given here) and drops the oldest beyond `len_max`.
    pub fn push(&self, kind: Kind, len_max: u64, mut entry: Entry) {
        let mut log = self.log(kind);
        entry.id = log.next_id;
        log.next_id += 1;
        log.entries.push_front(entry);
        log.trim(len_max);
    }

    /// The newest entries, at most `count`.
    pub fn newest(&self, kind: Kind, count: usize) -> Vec<Entry> {
        self.log(kind).entries.iter().take(count).cloned().collect()
    }

    /// Number of entries.
    pub fn len(&self, kind: Kind) -> usize {
        self.log(kind).entries.len()
    }

    /// Forgets all entries. Ids go on.
    pub fn clear(&self, kind: Kind) {
        self.log(kind).entries.clear();
    }

    /// Drops the oldest entries beyond `len_max`.
    pub fn trim(&self, kind: Kind, len_max: u64) {
        self.log(kind).trim(len_max);
    }
}

impl Log {
    fn trim(&mut self, len_max: u64) {
        self.entries.truncate(usize::try_from(len_max).unwrap_or(usize::MAX));
    }
}

/// The arguments as an entry keeps them; `is_hidden` tells those that are secret.
pub fn shorten(args: &[&[u8]], is_hidden: impl Fn(usize) -> bool) -> Vec<Vec<u8>> {
    let kept = if args.len() > ARGS_MAX { ARGS_MAX - 1 } else { args.len() };
    let mut shortened: Vec<Vec<u8>> = Vec::with_capacity(args.len().min(ARGS_MAX));
    for (at, arg) in args[..kept].iter().enumerate() {
        shortened.push(if is_hidden(at) {
            b"(redacted)".to_vec()
        } else if arg.len() > ARG_LEN_MAX {
            let mut start = arg[..ARG_LEN_MAX].to_vec();
            start.extend_from_slice(format!("... ({} more bytes)", arg.len() - ARG_LEN_MAX).as_bytes());
            start
        } else {
            arg.to_vec()
        });
    }
    if kept < args.len() {
        shortened.push(format!("... ({} more arguments)", args.len() - kept).into_bytes());
    }
    shortened
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(value: u64) -> Entry {
        Entry { id: 0, time_s: 0, value, args: Vec::new(), addr: String::new(), name: Vec::new() }
    }

    #[test]
    fn the_oldest_goes_first() {
        let log = CommandLog::default();
        (0..5).for_each(|value| log.push(Kind::Slow, 3, entry(value)));
        let kept: Vec<_> = log.newest(Kind::Slow, 10).iter().map(|entry| (entry.id, entry.value)).collect();
        assert_eq!(kept, [(4, 4), (3, 3), (2, 2)]);
        assert_eq!(log.len(Kind::LargeReply), 0);
        log.trim(Kind::Slow, 1);
        assert_eq!(log.len(Kind::Slow), 1);
        log.clear(Kind::Slow);
        log.push(Kind::Slow, 3, entry(9));
        assert_eq!(log.newest(Kind::Slow, 1)[0].id, 5);
    }

    #[test]
    fn long_commands_are_shortened() {
        let long = [b'A'; 129];
        let args: Vec<&[u8]> = std::iter::once(&long[..]).chain((0..32).map(|_| &b"x"[..])).collect();
        let short = shorten(&args, |at| at == 1);
        assert_eq!(short.len(), 32);
        assert!(short[0].ends_with(b"A... (1 more bytes)"));
        assert_eq!(short[1], b"(redacted)");
        assert_eq!(short[31], b"... (2 more arguments)");
        assert_eq!(shorten(&args[1..], |_| false).len(), 32);
    }
}
