//! The table of all commands: from a name to its row.
//!
//! Invariants: rows never move, so that a row's number identifies it for statistics and logs; a subcommand's row follows its
//! container's. Lookup is by the name's lower-case bytes packed into a word, without allocation.

use smallvec::SmallVec;

use super::command::{BINS, Bin, ROWS_MAX, Word};
use super::command::{CommandSpec, Locks, Place, Run};
pub use super::command::{Row, Table};
use super::grammar::key_flag;
use super::keys::{self, KeyShape};
use crate::keyspace::Keyspace;
use crate::keyspace::key::ResolvedKey;

/// The keys of a request.
pub type ResolvedKeys = SmallVec<[ResolvedKey; 2]>;

impl Row {
    /// True if a request of so many arguments, the name included, has the right number.
    #[inline]
    pub fn takes(&self, len: usize) -> bool {
        len.wrapping_sub(self.args_min) <= self.args_more
    }

    /// True if it does nothing but work on the one key at 1.
    #[inline]
    pub fn is_single_key(&self) -> bool {
        self.single_key.is_some()
    }

    /// True if it is EXEC: what was queued decides what it locks, and why it is refused.
    #[inline]
    pub fn is_exec(&self) -> bool {
        self.spec.locks == Locks::Queued
    }

    /// True if a request holds the stripes of all keys, since it may read any of them. In cluster mode it reads none of another slot, and
    /// so of another stripe.
    pub fn holds_all(&self, keyspace: &Keyspace, words: &[&[u8]]) -> bool {
        self.spec.reads_any_key.is_some_and(|reads_any_key| !keyspace.by_slot() && reads_any_key(words))
    }

    /// Finds where the keys of a request lie: once, for routing, locking and execution alike.
    pub fn resolve(&self, keyspace: &Keyspace, words: &[&[u8]]) -> ResolvedKeys {
        let resolve = |at: usize| ResolvedKey { place: keyspace.place(words[at]), hint: None, argument: at as u32 };
        let specs = self.spec.keys;
        let are_complete = || !specs.iter().any(|keys| keys.flags & (key_flag::INCOMPLETE | key_flag::VARIABLE_FLAGS) != 0);
        match self.spec.keys_by_hand {
            Some(by_hand) if self.shape == KeyShape::General && (keys::are_unknown(specs) || are_complete()) => {
                by_hand(words).into_iter().map(|(at, _)| resolve(at)).collect()
            }
            _ => self.shape.positions(specs, words).into_iter().map(resolve).collect(),
        }
    }
}

/// A command that names keys without locking them would get none of them: each call of it would be an internal error. What is only routed
/// like a key (SPUBLISH's channel) needs no stripe.
fn check_locks(spec: &CommandSpec, full_name: &str) {
    let works_on_keys = spec.keys.iter().any(|key| key.flags & key_flag::NOT_KEY == 0);
    let is_safe = !works_on_keys || spec.locks == Locks::Keys || matches!(spec.run, Run::Container);
    assert!(is_safe, "the specification of '{full_name}' names keys: it must say `locks: Locks::Keys`");
}

const FREE: u16 = u16::MAX;
const FREE_BIN: Bin = Bin { word: Word { low: 0, high: 0 }, len: 0, row: FREE };

/// The first 16 bytes in lower case; longer names are compared whole as well.
#[inline]
fn pack(name: &[u8]) -> Word {
    match name {
        [_, _, _, _, _, _, _, _, _, ..] => pack_long(name),
        _ => Word { low: lower(pack_short(name)), high: 0 },
    }
}

/// The name's up to eight bytes as a word, from loads that may overlap.
#[inline]
fn pack_short(name: &[u8]) -> u64 {
    let len = name.len();
    if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) | (u64::from(u32::from_le_bytes(*last)) << (8 * (len - 4)));
    }
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return 0 };
    // Up to three bytes; the middle one of two is the last, of one the only one.
    let middle = len / 2;
    u64::from(*first) | (u64::from(name[middle]) << (8 * middle)) | (u64::from(*last) << (8 * (len - 1)))
}

#[inline(never)]
fn pack_long(name: &[u8]) -> Word {
    let name = &name[..name.len().min(16)];
    let low = name.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let high = last_word(name) >> (64 - 8 * (name.len() - 8) as u32);
    Word { low: lower(low), high: lower(high) }
}

#[inline]
fn last_word(name: &[u8]) -> u64 {
    u64::from_le_bytes(name[name.len() - 8..].try_into().expect("8 bytes"))
}

/// Eight ASCII letters at once to lower case; other bytes stay.
#[inline]
fn lower(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low_bits = word & (0x7f * ONES);
    // Bit 7 of each byte: set if the byte is at least 'A', and if it is more than 'Z'.
    let from_a = low_bits + (0x80 - u64::from(b'A')) * ONES;
    let beyond_z = low_bits + (0x7f - u64::from(b'Z')) * ONES;
    let upper = (from_a & !beyond_z & !word) & (0x80 * ONES);
    word | (upper >> 2)
}

#[inline]
fn spread(word: Word) -> usize {
    let mixed = (word.low ^ word.high).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize % BINS
}

/// What a request's first words name.
#[derive(Debug, Clone, Copy)]
pub enum Lookup<'t> {
    /// This row.
    Found(&'t Row),
    /// A container, but not this subcommand of it.
    UnknownSubcommand(&'t Row),
    /// Nothing.
    Unknown,
}

impl Table {
    /// The table of `families`, with commands renamed (or, to "", removed) as `rename-command` says.
    ///
    /// # Errors
    /// The number of the rename that is wrong, from 0, and why: there is no such command, or one of that name already.
    pub fn new(families: &[&[&'static CommandSpec]], renames: &[(String, String)]) -> Result<Table, (usize, &'static str)> {
        let mut table = Table { rows: Vec::new(), bins: Box::new([FREE_BIN; BINS]), callable: Vec::new(), to_come: &[] };
        let mut names = Vec::new();
        for spec in families.iter().copied().flatten() {
            let number = table.push(spec, spec.name.to_owned(), None);
            names.push((spec.name.to_owned(), number));
            for sub in spec.subcommands {
                let row = table.push(sub, format!("{}|{}", spec.name, sub.name), Some(number));
                table.rows[number as usize].subcommands.push(row);
            }
        }
        for (number_of_rename, (old, new)) in renames.iter().enumerate() {
            let (old, new) = (old.to_ascii_lowercase(), new.to_ascii_lowercase());
            let Some(at) = names.iter().position(|(name, _)| *name == old) else {
                return Err((number_of_rename, "No such command in rename-command"));
            };
            let (_, number) = names.remove(at);
            if new.is_empty() {
                continue;
            }
            if names.iter().any(|(name, _)| *name == new) {
                return Err((number_of_rename, "Target command name already exists"));
            }
            names.push((new, number));
        }
        for (name, number) in names {
            table.place(&name, number);
            table.callable.push(number);
        }
        table.callable.sort_unstable();
        Ok(table)
    }

    fn push(&mut self, spec: &'static CommandSpec, full_name: String, parent: Option<u16>) -> u16 {
        assert!(self.rows.len() < ROWS_MAX, "raise ROWS_MAX");
        check_locks(spec, &full_name);
        let number = self.rows.len() as u16;
        let shape = KeyShape::of(spec.keys);
        let single_key = match spec.run {
            Run::Data(execute) if shape == KeyShape::First && spec.locks == Locks::Keys && spec.place == Place::Worker => Some(execute),
            _ => None,
        };
        self.rows.push(Row {
            number,
            spec,
            full_name,
            called: String::new(),
            parent,
            subcommands: Vec::new(),
            shape,
            single_key,
            args_min: spec.arity.unsigned_abs() as usize,
            args_more: if spec.arity < 0 { usize::MAX / 2 } else { 0 },
        });
        number
    }

    fn place(&mut self, name: &str, number: u16) {
        let word = pack(name.as_bytes());
        let mut at = spread(word);
        while self.bins[at].row != FREE {
            at = (at + 1) % BINS;
        }
        self.bins[at] = Bin { word, len: name.len() as u32, row: number };
        self.rows[number as usize].called = name.to_owned();
    }

    /// Notes commands that are known and not there yet: their full names, sorted.
    #[must_use]
    pub fn with_to_come(mut self, names: &'static [&'static str]) -> Table {
        assert!(names.is_sorted(), "they are looked up by halves");
        self.to_come = names;
        self
    }

    /// True if this is the full name of a command that is known and not there yet.
    pub fn is_to_come(&self, full_name: &str) -> bool {
        self.to_come.binary_search(&full_name).is_ok()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row with this number.
    #[inline]
    pub fn row(&self, number: u16) -> &Row {
        &self.rows[number as usize]
    }

    /// The name under which the first word of a command's requests is known elsewhere, if that is another one here (rename-command).
    pub fn renamed(&self, row: &Row) -> Option<&'static str> {
        let first = row.parent.map_or(row, |parent| self.row(parent));
        (first.called != first.spec.name).then_some(first.spec.name)
    }

    /// The command of a request by the name that its specification gives it, however it is called here.
    pub fn by_own_name(&self, words: &[&[u8]]) -> Option<&Row> {
        let is_named = |row: &&Row, word: &[u8]| word.eq_ignore_ascii_case(row.spec.name.as_bytes());
        let row = self.rows.iter().find(|row| row.parent.is_none() && is_named(row, words[0]))?;
        let Some(word) = words.get(1).filter(|_| !row.subcommands.is_empty()) else { return Some(row) };
        row.subcommands.iter().map(|number| self.row(*number)).find(|row| is_named(row, word))
    }

    /// All rows, subcommands included.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// All top-level commands that can be called.
    pub fn top_level(&self) -> impl Iterator<Item = &Row> {
        self.callable.iter().map(|number| self.row(*number))
    }

    /// The top-level command of this name, whatever its case.
    #[inline]
    pub fn command(&self, name: &[u8]) -> Option<&Row> {
        let word = pack(name);
        let mut at = spread(word);
        loop {
            let bin = self.bins[at];
            if bin.row == FREE {
                return None;
            }
            // Names up to 16 bytes are told apart by word and length alone.
            if bin.word == word && bin.len as usize == name.len() {
                let row = self.row(bin.row);
                if name.len() <= 16 || row.called.as_bytes().eq_ignore_ascii_case(name) {
                    return Some(row);
                }
            }
            at = (at + 1) % BINS;
        }
    }

    /// The command or subcommand that a request's first argument and (if it has one) second name.
    #[inline]
    pub fn lookup(&self, name: &[u8], second: Option<&[u8]>) -> Lookup<'_> {
        let Some(row) = self.command(name) else { return Lookup::Unknown };
        let Some(second) = second else { return Lookup::Found(row) };
        if row.subcommands.is_empty() {
            return Lookup::Found(row);
        }
        let sub = row.subcommands.iter().map(|number| self.row(*number));
        match sub.into_iter().find(|sub| second.eq_ignore_ascii_case(sub.spec.name.as_bytes())) {
            Some(sub) => Lookup::Found(sub),
            None => Lookup::UnknownSubcommand(row),
        }
    }

    /// The row of a full name as ACL rules and COMMAND INFO write it: `get`, `client|list`.
    pub fn by_full_name(&self, name: &[u8]) -> Option<&Row> {
        let mut parts = name.splitn(2, |byte| *byte == b'|');
        let row = self.command(parts.next()?)?;
        match parts.next() {
            None => Some(row),
            Some(sub) => row.subcommands.iter().map(|n| self.row(*n)).find(|row| sub.eq_ignore_ascii_case(row.spec.name.as_bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::grammar::KeySpec;
    use super::super::spec::SPEC;
    use super::*;

    #[test]
    fn keys_that_are_named_must_be_locked() {
        static FORGETS: CommandSpec =
            CommandSpec { name: "forgets", arity: 2, keys: &[KeySpec::one(1, key_flag::RO)], run: Run::Data(|_, _| Ok(())), ..SPEC };
        static ROUTED: CommandSpec = CommandSpec { name: "routed", keys: &[KeySpec::one(1, key_flag::NOT_KEY)], ..FORGETS };
        static LOCKS: CommandSpec = CommandSpec { name: "locks", locks: Locks::Keys, ..FORGETS };
        assert!(Table::new(&[&[&ROUTED, &LOCKS]], &[]).is_ok());
        let refusal = std::panic::catch_unwind(|| Table::new(&[&[&FORGETS]], &[]).is_ok()).expect_err("it is refused");
        let text = refusal.downcast_ref::<String>().expect("a text");
        assert_eq!(text, "the specification of 'forgets' names keys: it must say `locks: Locks::Keys`");
    }

    #[test]
    fn names_pack_without_regard_to_case() {
        for name in [
            "a",
            "get",
            "mget",
            "lcs",
            "append",
            "hexpire",
            "getrange",
            "bitfield_ro",
            "incrbyfloat",
            "pexpiretime",
            "zremrangebyscore",
            "latency|histogram",
        ] {
            let mut expect = [0u8; 16];
            let len = name.len().min(16);
            expect[..len].copy_from_slice(&name.as_bytes()[..len]);
            let expect = u128::from_le_bytes(expect);
            let expect = Word { low: expect as u64, high: (expect >> 64) as u64 };
            assert_eq!(pack(name.as_bytes()), expect, "{name}");
            assert_eq!(pack(name.to_ascii_uppercase().as_bytes()), expect, "{name}");
        }
        assert_ne!(pack(b"[et"), pack(b"{et"));
        assert_eq!(lower(u64::from_le_bytes(*b"@AZ[`az{")), u64::from_le_bytes(*b"@az[`az{"));
        assert_eq!(lower(0xc1c2_dada_ffff_8081), 0xc1c2_dada_ffff_8081);
    }
}
