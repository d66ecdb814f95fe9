//! What changes become in the write log: requests, as a client would send them, collected while the stripes of a command are held.
//!
//! Invariants:
//! * Records stand in the order of the changes that they tell of, and enter the log before the stripes are released (`KeyAccess::unlock`).
//!   So the log has the changes of one key in their order, and a reader of it the same keyspace as its writer.
//! * What one command, or one transaction, changed enters the log in one piece. What its own time or a lack of memory took away needs no
//!   company: each of those records is true by itself.
//! * A change of which no record tells is a bug: debug builds abort on it when it is committed.
//!
//! A record is kept as the bytes it will be. They are copied once more when they enter the log: to reserve room there first would need the
//! length of what is not made yet, and would keep the log's lock for as long as it is made.

use std::io::Write;

use crate::base::limits::KEPT_RECORDS_LEN_MAX;
use crate::base::requests::{push_header, push_select, push_word};

/// See the module's page. The number of the database a record is about goes along as SELECT, where it is another than before.
#[derive(Debug, Default)]
pub struct Records {
    bytes: Vec<u8>,
    /// The database that the first record is about, and that of the last.
    databases: Option<(u32, u32)>,
    count: usize,
    /// Records that a command is to blame for are among them.
    has_command: bool,
}

impl Records {
    /// Adds a record of `count` words about `db`, for which no command is to blame.
    pub(super) fn push<'w>(&mut self, db: u32, count: usize, words: impl IntoIterator<Item = &'w [u8]>) {
        let first = match self.databases {
            None => db,
            Some((first, last)) => {
                if last != db {
                    push_select(&mut self.bytes, db);
                }
                first
            }
        };
        self.databases = Some((first, db));
        self.count += 1;
        push_header(&mut self.bytes, count);
        let mut pushed = 0;
        for word in words {
            push_word(&mut self.bytes, word);
            pushed += 1;
        }
        assert_eq!(pushed, count, "a record has as many words as it says");
    }

    /// Adds a record of what a command did.
    pub(super) fn push_of_command<'w>(&mut self, db: u32, count: usize, words: impl IntoIterator<Item = &'w [u8]>) {
        self.push(db, count, words);
        self.has_command = true;
    }

    /// The databases that the first and the last record are about. `None` without any.
    pub fn databases(&self) -> Option<(u32, u32)> {
        self.databases
    }

    /// The records, one behind the other.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// True if they must be read as one: a command changed several things, or several commands did.
    pub fn is_transaction(&self) -> bool {
        self.count > 1 && self.has_command
    }

    /// Hands out what [`Records::bytes`] shows, if it is too much to be copied.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Forgets the records. Their room is kept for the next ones, unless there is much of it.
    pub fn clear(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        if bytes.capacity() <= KEPT_RECORDS_LEN_MAX {
            bytes.clear();
            self.bytes = bytes;
        }
        (self.databases, self.count, self.has_command) = (None, 0, false);
    }
}

/// What is known of the command that runs, as far as the log is concerned.
#[derive(Debug, Default)]
pub(super) struct Logging {
    pub(super) records: Records,
    /// Something was changed of which no record tells yet.
    pub(super) is_unlogged: bool,
    /// The command has added records of its own: they stand for it.
    pub(super) is_told: bool,
}

/// The word for a key that was deleted, at once or in the background.
pub fn deletion(in_background: bool) -> &'static [u8] {
    if in_background { b"UNLINK" } else { b"DEL" }
}

/// A number as a word of a record.
#[derive(Debug, Clone, Copy)]
pub struct NumberWord {
    text: [u8; 20],
    len: u8,
}

impl NumberWord {
    /// The word for `number`.
    pub fn new(number: i64) -> NumberWord {
        let mut word = NumberWord { text: [0; 20], len: 0 };
        let mut rest = &mut word.text[..];
        rest.write_all(itoa::Buffer::new().format(number).as_bytes()).expect("twenty bytes are enough for any");
        word.len = (20 - rest.len()) as u8;
        word
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.len)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_requests_with_their_databases_in_between() {
        let mut records = Records::default();
        assert!(records.databases().is_none() && !records.is_transaction());
        records.push(3, 2, [&b"DEL"[..], b"a"]);
        records.push(3, 2, [&b"DEL"[..], b""]);
        records.push(0, 1, [&b"X"[..]]);
        let expected = b"*2\r\n$3\r\nDEL\r\n$1\r\na\r\n*2\r\n$3\r\nDEL\r\n$0\r\n\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*1\r\n$1\r\nX\r\n";
        assert_eq!((records.bytes(), records.databases()), (&expected[..], Some((3, 0))));
        assert!(!records.is_transaction(), "no command is to blame");
        records.clear();
        assert!(records.databases().is_none() && records.bytes().is_empty());
    }

    #[test]
    fn numbers_are_words() {
        for (number, text) in [(0, "0"), (-1, "-1"), (i64::MIN, "-9223372036854775808"), (i64::MAX, "9223372036854775807")] {
            assert_eq!(NumberWord::new(number).as_bytes(), text.as_bytes());
        }
    }
}
