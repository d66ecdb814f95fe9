//! The table of all commands: from a name to its row.
//!
//! Invariants: rows never move, so that a row's number identifies it for statistics and logs; a subcommand's row follows its
//! container's. Lookup is by the name's lower-case bytes packed into a word, without allocation.

use super::keys::KeyShape;
use super::spec::CommandSpec;

/// Rows fit a number of 16 bits with room to spare.
const ROWS_MAX: usize = 1024;

/// A command or subcommand in the table.
#[derive(Debug)]
pub struct Row {
    /// Number of this row.
    pub number: u16,
    /// What it is.
    pub spec: &'static CommandSpec,
    /// Name as statistics print it: `get`, `client|list`.
    pub full_name: String,
    /// Row of the container, for a subcommand.
    pub parent: Option<u16>,
    /// Rows of the subcommands.
    pub subcommands: Vec<u16>,
    /// Where its keys stand, prepared.
    pub shape: KeyShape,
}

/// See the module's page.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Row>,
    /// Open addressing; `u16::MAX` marks a free place.
    places: Vec<(u128, u16)>,
    /// Top-level rows that can be called under some name.
    callable: Vec<u16>,
}

/// The first 16 bytes in lower case; longer names are compared whole as well.
#[inline]
fn pack(name: &[u8]) -> u128 {
    let len = name.len().min(16);
    let word = if let Some(bytes) = name.first_chunk::<8>() {
        // Two words that may overlap: the second ends where the name does.
        let low = u64::from_le_bytes(*bytes);
        let rest = len - 8;
        let high = if rest == 0 { 0 } else { last_word(&name[..len]) >> (64 - 8 * rest as u32) };
        u128::from(low) | (u128::from(high) << 64)
    } else if let Some(bytes) = name.first_chunk::<4>() {
        let high = u32::from_le_bytes(name[len - 4..].try_into().expect("4 bytes"));
        u128::from(u64::from(u32::from_le_bytes(*bytes)) | (u64::from(high) << (8 * (len - 4))))
    } else {
        name.iter().rev().fold(0, |word, byte| (word << 8) | u128::from(*byte))
    };
    u128::from(lower(word as u64)) | (u128::from(lower((word >> 64) as u64)) << 64)
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
fn spread(word: u128) -> usize {
    let mixed = (word as u64 ^ (word >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize
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
        let mut table = Table { rows: Vec::new(), places: vec![(0, u16::MAX); ROWS_MAX * 4], callable: Vec::new() };
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
        let number = self.rows.len() as u16;
        self.rows.push(Row { number, spec, full_name, parent, subcommands: Vec::new(), shape: KeyShape::of(spec) });
        number
    }

    fn place(&mut self, name: &str, number: u16) {
        let word = pack(name.as_bytes());
        let mask = self.places.len() - 1;
        let mut at = spread(word) & mask;
        while self.places[at].1 != u16::MAX {
            at = (at + 1) & mask;
        }
        self.places[at] = (word, number);
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
        let mask = self.places.len() - 1;
        let mut at = spread(word) & mask;
        loop {
            let (found, number) = self.places[at];
            if number == u16::MAX {
                return None;
            }
            // Names up to 16 bytes are told apart by the word alone, unless they were renamed to something longer.
            if found == word && (name.len() <= 16 || self.row(number).spec.name.as_bytes().eq_ignore_ascii_case(name)) {
                return (name.len() <= 16 || name.len() == self.row(number).spec.name.len()).then(|| self.row(number));
            }
            at = (at + 1) & mask;
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
    use super::*;

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
            assert_eq!(pack(name.as_bytes()), u128::from_le_bytes(expect), "{name}");
            assert_eq!(pack(name.to_ascii_uppercase().as_bytes()), u128::from_le_bytes(expect), "{name}");
        }
        assert_ne!(pack(b"[et"), pack(b"{et"));
        assert_eq!(lower(u64::from_le_bytes(*b"@AZ[`az{")), u64::from_le_bytes(*b"@az[`az{"));
        assert_eq!(lower(0xc1c2_dada_ffff_8081), 0xc1c2_dada_ffff_8081);
    }
}
