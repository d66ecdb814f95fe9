//! SET: a string, with conditions and an expiry.
//!
//! It replaces a value of any type, and the key's expiry unless KEEPTTL is given.

use super::options::{Grammar, Options};
use super::set_engine::{self, Answer};
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::spec::KeysAndFlags;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static SET: CommandSpec = CommandSpec {
    name: "set",
    arity: -3,
    flags: flag::WRITE | flag::DENYOOM | flag::CONSTANT_TIME,
    acl: acl::SLOW | acl::STRING | acl::WRITE,
    keys: &[KeySpec {
        notes: "RW and ACCESS due to the optional `GET` argument",
        ..KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::UPDATE | key_flag::VARIABLE_FLAGS)
    }],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "value", ..ARG },
        Arg {
            name: "condition",
            kind: ArgKind::OneOf(&[
                Arg { name: "nx", kind: ArgKind::PureToken, token: "NX", since: "2.6.12", ..ARG },
                Arg { name: "xx", kind: ArgKind::PureToken, token: "XX", since: "2.6.12", ..ARG },
                Arg { name: "comparison-value", token: "IFEQ", since: "8.1.0", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
        Arg { name: "get", kind: ArgKind::PureToken, token: "GET", optional: true, since: "6.2.0", ..ARG },
        Arg {
            name: "expiration",
            kind: ArgKind::OneOf(&[
                Arg { name: "seconds", kind: ArgKind::Integer, token: "EX", since: "2.6.12", ..ARG },
                Arg { name: "milliseconds", kind: ArgKind::Integer, token: "PX", since: "2.6.12", ..ARG },
                Arg { name: "unix-time-seconds", kind: ArgKind::UnixTime, token: "EXAT", since: "6.2.0", ..ARG },
                Arg { name: "unix-time-milliseconds", kind: ArgKind::UnixTime, token: "PXAT", since: "6.2.0", ..ARG },
                Arg { name: "keepttl", kind: ArgKind::PureToken, token: "KEEPTTL", since: "6.0.0", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    keys_by_hand: Some(keys_by_hand),
    docs: Docs {
        summary: "Sets a key to a string, whatever it held before",
        complexity: "O(1)",
        since: "1.0.0",
        group: "string",
        history: &[
            ("2.6.12", "`EX`, `PX`, `NX` and `XX`."),
            ("6.0.0", "`KEEPTTL`."),
            ("6.2.0", "`GET`, `EXAT` and `PXAT`."),
            ("7.0.0", "`NX` and `GET` may stand together."),
            ("8.1.0", "`IFEQ`."),
        ],
        ..DOCS
    },
    ..SPEC
};

/// It reads the key only with GET.
fn keys_by_hand(args: &[&[u8]]) -> KeysAndFlags {
    let reads = args.iter().skip(3).any(|arg| is_word(arg, "GET"));
    let flags = if reads { key_flag::RW | key_flag::ACCESS | key_flag::UPDATE } else { key_flag::OW | key_flag::UPDATE };
    smallvec::smallvec![(1, flags)]
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    if let [_, _, text] = args.words() {
        return set_engine::set_plain(context, args.key(0)?, text);
    }
    let mut options = Options::default();
    options.parse(&args[3..], Grammar::Set)?;
    set_engine::set(context, args.key(0)?, args[2], &options, Answer::Status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_read_with_get_only() {
        let (reads, writes) = (key_flag::RW | key_flag::ACCESS | key_flag::UPDATE, key_flag::OW | key_flag::UPDATE);
        for (request, flags) in [("set k v", writes), ("set k v xx get", reads), ("set k get", writes)] {
            let args: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
            assert_eq!(keys_by_hand(&args).as_slice(), [(1, flags)], "{request}");
        }
    }
}
