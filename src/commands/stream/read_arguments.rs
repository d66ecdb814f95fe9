//! The arguments that XREAD and XREADGROUP share.

use crate::base::words::PackedWords;
use crate::engine::blocking::until_ms_of_milliseconds;
use crate::engine::context::{Args, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{BeginSearch, FindKeys, KeySpec, KeysAndFlags, key_flag};
use crate::keyspace::blocked::{Nothing, Wait};
use crate::keyspace::value::Type;

/// Where the keys stand that are read, with the keyword searched from this argument on.
pub(super) const fn keys(from: i32) -> KeySpec {
    KeySpec {
        flags: key_flag::RO | key_flag::ACCESS,
        begin: BeginSearch::Keyword("STREAMS", from),
        find: FindKeys::Range { last: -1, step: 1, limit: 2 },
        notes: "",
    }
}

/// Where they really stand: a group may be called `streams`, too.
pub(super) fn keys_by_hand(args: &[&[u8]]) -> KeysAndFlags {
    let mut at = 1;
    while let Some(word) = args.get(at) {
        if is_word(word, "STREAMS") {
            let rest = args.len() - at - 1;
            let keys = if rest.is_multiple_of(2) { at + 1..at + 1 + rest / 2 } else { 0..0 };
            return keys.map(|at| (at, 0)).collect();
        }
        at += match () {
            () if is_word(word, "BLOCK") || is_word(word, "COUNT") => 2,
            () if is_word(word, "GROUP") => 3,
            () if is_word(word, "NOACK") => 1,
            () => break,
        };
    }
    KeysAndFlags::new()
}

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    /// Until when to wait, monotonic milliseconds; 0 for ever. `None`: not at all.
    pub(super) wait_until_ms: Option<u64>,
    /// Most entries of each stream, 0 for no limit.
    pub(super) count: u64,
    /// Group and consumer.
    pub(super) group: Option<(&'a [u8], &'a [u8])>,
    /// What is delivered needs no acknowledgement.
    pub(super) no_ack: bool,
    /// Behind which ID each stream is read: as many as there are keys.
    pub(super) ids: &'a [&'a [u8]],
}

impl<'a> Reading<'a> {
    /// Parses the arguments of XREAD, or of XREADGROUP.
    pub(super) fn parse(args: &Args<'a>, is_group: bool) -> Result<Self, CmdError> {
        let mut reading = Reading { wait_until_ms: None, count: 0, group: None, no_ack: false, ids: &[] };
        let words = args.words();
        let mut at = 1;
        let streams = loop {
            let Some(word) = words.get(at) else { return Err(CmdError::Syntax) };
            let rest = &words[at + 1..];
            match rest {
                [value, ..] if is_word(word, "BLOCK") => {
                    reading.wait_until_ms = Some(until_ms_of_milliseconds(value)?);
                    at += 2;
                }
                [value, ..] if is_word(word, "COUNT") => {
                    reading.count = integer(value)?.max(0) as u64;
                    at += 2;
                }
                [_, ..] if is_word(word, "STREAMS") => break rest,
                [_, _, ..] if is_word(word, "GROUP") && !is_group => {
                    return Err(CmdError::coded("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead."));
                }
                [group, consumer, ..] if is_word(word, "GROUP") => {
                    reading.group = Some((group, consumer));
                    at += 3;
                }
                _ if is_word(word, "NOACK") && !is_group => {
                    return Err(CmdError::coded("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead."));
                }
                _ if is_word(word, "NOACK") => {
                    reading.no_ack = true;
                    at += 1;
                }
                _ => return Err(CmdError::Syntax),
            }
        };
        if !streams.len().is_multiple_of(2) {
            let (name, symbol) = if is_group { ("xreadgroup", '>') } else { ("xread", '$') };
            return Err(CmdError::err(format!(
                "Unbalanced '{name}' list of streams: for each stream key an ID or '{symbol}' must be specified."
            )));
        }
        if is_group && reading.group.is_none() {
            return Err(CmdError::coded("ERR Missing GROUP option for XREADGROUP"));
        }
        reading.ids = &streams[streams.len() / 2..];
        Ok(reading)
    }

    /// What a client waits for that found nothing; one that does not want to wait is told so. `words` is what it asks then, if that is
    /// something else.
    pub(super) fn wait(&self, context: &mut Context<'_>, words: Option<PackedWords>) -> Option<Wait> {
        let Some(until_ms) = self.wait_until_ms else {
            context.reply.null_array();
            return None;
        };
        // A group goes with its stream; who reads without one waits for the stream, be it for ever.
        let ends_without_key = self.group.is_some();
        Some(Wait {
            ends_without_key,
            reads_repeats: true,
            words,
            ..Wait::for_any(self.ids.len(), Type::Stream, until_ms, Nothing::NullArray)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_behind_options_that_look_like_them() {
        let cases: [(&str, &[usize]); 5] = [
            ("XREAD COUNT 1 STREAMS a b 0 0", &[4, 5]),
            ("XREADGROUP COUNT 1 GROUP STREAMS c STREAMS a >", &[7]),
            ("XREADGROUP GROUP streams streams STREAMS streams >", &[5]),
            ("XREAD STREAMS a b 0", &[]),
            ("XREAD STRANGE a 0", &[]),
        ];
        for (request, keys) in cases {
            let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
            assert_eq!(keys_by_hand(&words).iter().map(|(at, _)| *at).collect::<Vec<_>>(), keys, "{request}");
        }
    }
}
