//! NX, XX, GT and LT of EXPIRE, HEXPIRE and their kin.

use super::context::is_word;
use super::error::CmdError;
use super::spec::{ARG, Arg, ArgKind};

/// How the commands document them.
pub const CONDITION_ARG: Arg = Arg {
    name: "condition",
    kind: ArgKind::OneOf(&[
        Arg { name: "nx", kind: ArgKind::PureToken, token: "NX", ..ARG },
        Arg { name: "xx", kind: ArgKind::PureToken, token: "XX", ..ARG },
        Arg { name: "gt", kind: ArgKind::PureToken, token: "GT", ..ARG },
        Arg { name: "lt", kind: ArgKind::PureToken, token: "LT", ..ARG },
    ]),
    optional: true,
    ..ARG
};

/// Under which conditions the expiry is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conditions {
    if_none: bool,
    if_any: bool,
    if_later: bool,
    if_earlier: bool,
}

impl Conditions {
    /// Reads NX, XX, GT and LT.
    ///
    /// # Errors
    /// For other words, and for those that do not go together.
    pub fn parse(words: &[&[u8]]) -> Result<Conditions, CmdError> {
        let mut conditions = Conditions::default();
        for word in words {
            match word {
                _ if is_word(word, "NX") => conditions.if_none = true,
                _ if is_word(word, "XX") => conditions.if_any = true,
                _ if is_word(word, "GT") => conditions.if_later = true,
                _ if is_word(word, "LT") => conditions.if_earlier = true,
                _ => return Err(CmdError::naming("Unsupported option {}", word)),
            }
        }
        if conditions.if_none && (conditions.if_any || conditions.if_later || conditions.if_earlier) {
            return Err(CmdError::coded("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if conditions.if_later && conditions.if_earlier {
            return Err(CmdError::coded("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(conditions)
    }

    /// Whether `new_ms` may replace `old_ms`. What is without expiry lives forever: nothing is later, everything is earlier.
    pub fn allow(self, old_ms: Option<i64>, new_ms: i64) -> bool {
        let refused = match old_ms {
            None => self.if_any || self.if_later,
            Some(old_ms) => self.if_none || (self.if_later && new_ms <= old_ms) || (self.if_earlier && new_ms >= old_ms),
        };
        !refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_compare_with_the_expiry_that_is_there() {
        let cases: &[(&[&str], Option<i64>, i64, bool)] = &[
            (&[], None, 5, true),
            (&["nx"], None, 5, true),
            (&["NX"], Some(3), 5, false),
            (&["XX"], None, 5, false),
            (&["XX"], Some(9), 5, true),
            (&["GT"], None, 5, false),
            (&["GT"], Some(5), 5, false),
            (&["GT"], Some(4), 5, true),
            (&["LT"], None, 5, true),
            (&["LT"], Some(5), 5, false),
            (&["LT"], Some(6), 5, true),
            (&["XX", "LT"], None, 5, false),
            (&["XX", "GT"], Some(4), 5, true),
        ];
        for (words, old_ms, new_ms, expect) in cases {
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            let conditions = Conditions::parse(&words).expect("they go together");
            assert_eq!(conditions.allow(*old_ms, *new_ms), *expect, "{words:?} {old_ms:?} {new_ms}");
        }
        for words in [&[&b"NX"[..], b"XX"][..], &[b"NX", b"GT"], &[b"LT", b"NX"], &[b"GT", b"LT"], &[b"AB"]] {
            assert!(Conditions::parse(words).is_err(), "{words:?}");
        }
    }
}
