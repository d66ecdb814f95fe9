//! ZINTER and ZINTERSTORE, and ZINTERCARD: the members that several sorted sets have in common.

use super::combine::{Operation, Sink, combine};
use crate::engine::spec::{
    ARG, Arg, ArgKind, BeginSearch, CommandSpec, DOCS, Docs, Effort, FindKeys, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag,
};

pub(crate) static ZINTER: CommandSpec = CommandSpec {
    name: "zinter",
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
        Arg { name: "weight", kind: ArgKind::Integer, token: "WEIGHTS", optional: true, multiple: true, ..ARG },
        Arg {
            name: "aggregate",
            kind: ArgKind::OneOf(&[
                Arg { name: "sum", kind: ArgKind::PureToken, token: "SUM", ..ARG },
                Arg { name: "min", kind: ArgKind::PureToken, token: "MIN", ..ARG },
                Arg { name: "max", kind: ArgKind::PureToken, token: "MAX", ..ARG },
            ]),
            token: "AGGREGATE",
            optional: true,
            ..ARG
        },
        Arg { name: "withscores", kind: ArgKind::PureToken, token: "WITHSCORES", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(|context, args| combine(context, args, Operation::Inter, Sink::Reply)),
    docs: Docs {
        summary: "Returns the members that several sorted sets have in common",
        complexity: "O(N*K)+O(M*log(M))",
        since: "6.2.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static ZINTERSTORE: CommandSpec = CommandSpec {
    name: "zinterstore",
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
        Arg { name: "weight", kind: ArgKind::Integer, token: "WEIGHTS", optional: true, multiple: true, ..ARG },
        Arg {
            name: "aggregate",
            kind: ArgKind::OneOf(&[
                Arg { name: "sum", kind: ArgKind::PureToken, token: "SUM", ..ARG },
                Arg { name: "min", kind: ArgKind::PureToken, token: "MIN", ..ARG },
                Arg { name: "max", kind: ArgKind::PureToken, token: "MAX", ..ARG },
            ]),
            token: "AGGREGATE",
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(|context, args| combine(context, args, Operation::Inter, Sink::Store)),
    docs: Docs {
        summary: "Stores the members that several sorted sets have in common",
        complexity: "O(N*K)+O(M*log(M))",
        since: "2.0.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static ZINTERCARD: CommandSpec = CommandSpec {
    name: "zintercard",
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
        Arg { name: "limit", kind: ArgKind::Integer, token: "LIMIT", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(|context, args| combine(context, args, Operation::Inter, Sink::Count)),
    docs: Docs {
        summary: "Counts the members that several sorted sets have in common",
        complexity: "O(N*K)",
        since: "7.0.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};
