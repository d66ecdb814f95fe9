//! ZDIFF and ZDIFFSTORE: the members of the first sorted set that no other has.

use super::combine::{Operation, Sink, combine};
use crate::engine::spec::{
    ARG, Arg, ArgKind, BeginSearch, CommandSpec, DOCS, Docs, Effort, FindKeys, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag,
};

pub(crate) static ZDIFF: CommandSpec = CommandSpec {
    name: "zdiff",
    arity: -3,
    flags: flag::READONLY | flag::MOVABLEKEYS,
    acl: acl::READ | acl::SLOW | acl::SORTEDSET,
    keys: &[KeySpec {
        flags: key_flag::RO | key_flag::ACCESS,
        begin: BeginSearch::Index(1),
        find: FindKeys::Count { number_at: 0, first: 1, step: 1 },
        notes: "",
    }],
    args: &[
        Arg { name: "numkeys", kind: ArgKind::Integer, ..ARG },
        Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG },
        Arg { name: "withscores", kind: ArgKind::PureToken, token: "WITHSCORES", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(|context, args| combine(context, args, Operation::Diff, Sink::Reply)),
    docs: Docs {
        summary: "Returns the members of the first sorted set that no other has",
        complexity: "O(L + (N-K)log(N))",
        since: "6.2.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static ZDIFFSTORE: CommandSpec = CommandSpec {
    name: "zdiffstore",
    arity: -4,
    flags: flag::WRITE | flag::DENYOOM | flag::MOVABLEKEYS,
    acl: acl::SLOW | acl::SORTEDSET | acl::WRITE,
    keys: &[
        KeySpec::one(1, key_flag::OW | key_flag::UPDATE),
        KeySpec {
            flags: key_flag::RO | key_flag::ACCESS,
            begin: BeginSearch::Index(2),
            find: FindKeys::Count { number_at: 0, first: 1, step: 1 },
            notes: "",
        },
    ],
    args: &[
        Arg { name: "destination", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "numkeys", kind: ArgKind::Integer, ..ARG },
        Arg { name: "key", kind: ArgKind::Key(1), multiple: true, ..ARG },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(|context, args| combine(context, args, Operation::Diff, Sink::Store)),
    docs: Docs {
        summary: "Stores the members of the first sorted set that no other has",
        complexity: "O(L + (N-K)log(N))",
        since: "6.2.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};
