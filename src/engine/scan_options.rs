//! Cursor and options that SCAN, HSCAN, SSCAN and ZSCAN have in common.

use larder_proto::resp::ReplyBuf;

use super::context::{check_pattern, integer, is_word};
use super::error::CmdError;
use super::slot_argument::parse_slot;
use crate::base::glob::Glob;
use crate::base::limits::PATTERN_LEN_MAX;
use crate::base::number;

/// COUNT where none is given.
const COUNT_DEFAULT: usize = 10;

/// Names that TYPE may be given, as TYPE answers them.
const TYPE_NAMES: &[&str] = &["string", "list", "set", "zset", "hash", "stream"];

/// What is scanned: decides which options make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The keys of a database.
    Keys,
    /// The keys of a database of a whole cluster.
    ClusterKeys,
    /// The fields of a hash.
    Hash,
    /// The members of a set.
    Set,
    /// The members of a sorted set.
    SortedSet,
}

/// See the module's page.
#[derive(Debug, Clone)]
pub struct ScanOptions<'a> {
    /// MATCH, unless it is `*`.
    pub pattern: Option<&'a [u8]>,
    /// The same, compiled.
    glob: Option<Glob>,
    /// COUNT: about how many elements are looked at per call.
    pub count: usize,
    /// TYPE: only keys of this type.
    pub type_name: Option<&'static str>,
    /// SLOT: only the keys of this slot.
    pub slot: Option<u16>,
    /// NOVALUES or NOSCORES.
    pub names_only: bool,
}

impl<'a> ScanOptions<'a> {
    /// Reads the words behind the cursor.
    ///
    /// # Errors
    /// Valkey's texts for what does not belong there.
    pub fn parse(words: &[&'a [u8]], target: Target) -> Result<ScanOptions<'a>, CmdError> {
        let mut options = ScanOptions { pattern: None, glob: None, count: COUNT_DEFAULT, type_name: None, slot: None, names_only: false };
        let mut rest = words;
        while let [word, tail @ ..] = rest {
            let value = tail.first().copied();
            rest = match value {
                Some(count) if is_word(word, "COUNT") => {
                    options.count = usize::try_from(integer(count)?).ok().filter(|count| *count > 0).ok_or(CmdError::Syntax)?;
                    &tail[1..]
                }
                Some(pattern) if is_word(word, "MATCH") => {
                    options.pattern = (pattern != b"*").then_some(pattern);
                    options.glob = options.pattern.map(|pattern| check_pattern(pattern, PATTERN_LEN_MAX)).transpose()?.map(Glob::new);
                    &tail[1..]
                }
                Some(slot) if is_word(word, "SLOT") && target == Target::ClusterKeys => {
                    if options.slot.is_some() {
                        return Err(CmdError::coded("ERR SLOT option can only be specified once"));
                    }
                    options.slot = Some(parse_slot(slot)?);
                    &tail[1..]
                }
                Some(name) if is_word(word, "TYPE") && matches!(target, Target::Keys | Target::ClusterKeys) => {
                    let known = TYPE_NAMES.iter().find(|known| is_word(name, known));
                    let unknown = || CmdError::naming("unknown type name '{}'", name);
                    options.type_name = Some(known.ok_or_else(unknown)?);
                    &tail[1..]
                }
                _ if is_word(word, "NOVALUES") => {
                    options.only_in(target == Target::Hash, "ERR NOVALUES option can only be used in HSCAN")?;
                    tail
                }
                _ if is_word(word, "NOSCORES") => {
                    options.only_in(target == Target::SortedSet, "ERR NOSCORES option can only be used in ZSCAN")?;
                    tail
                }
                _ => return Err(CmdError::Syntax),
            };
        }
        Ok(options)
    }

    fn only_in(&mut self, fits: bool, otherwise: &'static str) -> Result<(), CmdError> {
        self.names_only = true;
        if fits { Ok(()) } else { Err(CmdError::coded(otherwise)) }
    }

    /// Whether a name passes MATCH.
    #[inline]
    pub fn matches(&self, name: &[u8]) -> bool {
        self.glob.as_ref().is_none_or(|glob| glob.matches(name))
    }
}

/// Reads a cursor.
///
/// # Errors
/// `invalid cursor`.
pub fn cursor(arg: &[u8]) -> Result<u64, CmdError> {
    number::parse_u64(arg).ok_or(CmdError::coded("ERR invalid cursor"))
}

/// Replies that there is nothing to scan.
pub fn reply_empty(reply: &mut ReplyBuf) {
    reply.array(2);
    reply.bulk(b"0");
    reply.array(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_refused_as_valkey_does() {
        let parse = |line: &'static str, target| {
            let words: Vec<&'static [u8]> = line.split_whitespace().map(str::as_bytes).collect();
            ScanOptions::parse(&words, target)
        };
        let all = parse("count 7 match a* TYPE ZSET", Target::Keys).expect("complete");
        assert_eq!(
            (all.count, all.matches(b"ab"), all.matches(b"b"), all.type_name, all.names_only),
            (7, true, false, Some("zset"), false)
        );
        assert_eq!(parse("SLOT 16383 TYPE hash", Target::ClusterKeys).expect("complete").slot, Some(16383));
        assert_eq!(parse("MATCH *", Target::Set).expect("complete").pattern, None);
        assert!(parse("NOVALUES", Target::Hash).expect("fits").names_only);
        for (line, target, error) in [
            ("COUNT", Target::Keys, "ERR syntax error"),
            ("COUNT 0", Target::Keys, "ERR syntax error"),
            ("COUNT x", Target::Keys, "ERR value is not an integer or out of range"),
            ("TYPE string", Target::Hash, "ERR syntax error"),
            ("TYPE thing", Target::Keys, "ERR unknown type name 'thing'"),
            ("NOVALUES", Target::Keys, "ERR NOVALUES option can only be used in HSCAN"),
            ("NOSCORES", Target::Hash, "ERR NOSCORES option can only be used in ZSCAN"),
            ("SLOT 1", Target::Keys, "ERR syntax error"),
            ("SLOT 16384", Target::ClusterKeys, "ERR Invalid or out of range slot"),
            ("SLOT 1 SLOT 1", Target::ClusterKeys, "ERR SLOT option can only be specified once"),
            ("WHAT", Target::Keys, "ERR syntax error"),
        ] {
            assert_eq!(parse(line, target).map(|_| ()).expect_err(line).text(), error);
        }
        assert_eq!(cursor(b"18446744073709551615"), Ok(u64::MAX));
        assert!(cursor(b"-1").is_err() && cursor(b"x").is_err() && cursor(b"18446744073709551616").is_err());
    }
}
