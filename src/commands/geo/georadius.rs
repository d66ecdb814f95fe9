//! GEORADIUS, GEORADIUSBYMEMBER and their forms that only read: the members within a circle.

use super::search::{Form, keys_of, search};
use crate::engine::spec::{
    ARG, Arg, ArgKind, BeginSearch, CommandSpec, DOCS, Docs, FindKeys, KeySpec, Locks, Run, SPEC, acl, flag, key_flag,
};

pub(crate) static GEORADIUS: CommandSpec = CommandSpec {
    name: "georadius",
    arity: -6,
    flags: flag::WRITE | flag::DENYOOM | flag::MOVABLEKEYS,
    acl: acl::GEO | acl::SLOW | acl::WRITE,
    keys: &[
        KeySpec::one(1, key_flag::RO | key_flag::ACCESS),
        KeySpec {
            flags: key_flag::OW | key_flag::UPDATE | key_flag::VARIABLE_FLAGS,
            begin: BeginSearch::Keyword("STORE", 6),
            find: FindKeys::Range { last: 0, step: 1, limit: 0 },
            notes: "",
        },
        KeySpec {
            flags: key_flag::OW | key_flag::UPDATE | key_flag::VARIABLE_FLAGS,
            begin: BeginSearch::Keyword("STOREDIST", 6),
            find: FindKeys::Range { last: 0, step: 1, limit: 0 },
            notes: "",
        },
    ],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "longitude", kind: ArgKind::Double, ..ARG },
        Arg { name: "latitude", kind: ArgKind::Double, ..ARG },
        Arg { name: "radius", kind: ArgKind::Double, ..ARG },
        Arg {
            name: "unit",
            kind: ArgKind::OneOf(&[
                Arg { name: "m", kind: ArgKind::PureToken, token: "M", ..ARG },
                Arg { name: "km", kind: ArgKind::PureToken, token: "KM", ..ARG },
                Arg { name: "ft", kind: ArgKind::PureToken, token: "FT", ..ARG },
                Arg { name: "mi", kind: ArgKind::PureToken, token: "MI", ..ARG },
            ]),
            ..ARG
        },
        Arg { name: "withcoord", kind: ArgKind::PureToken, token: "WITHCOORD", optional: true, ..ARG },
        Arg { name: "withdist", kind: ArgKind::PureToken, token: "WITHDIST", optional: true, ..ARG },
        Arg { name: "withhash", kind: ArgKind::PureToken, token: "WITHHASH", optional: true, ..ARG },
        Arg {
            name: "count-block",
            kind: ArgKind::Block(&[
                Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", ..ARG },
                Arg { name: "any", kind: ArgKind::PureToken, token: "ANY", optional: true, since: "6.2.0", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
        Arg {
            name: "order",
            kind: ArgKind::OneOf(&[
                Arg { name: "asc", kind: ArgKind::PureToken, token: "ASC", ..ARG },
                Arg { name: "desc", kind: ArgKind::PureToken, token: "DESC", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
        Arg {
            name: "store",
            kind: ArgKind::OneOf(&[
                Arg { name: "storekey", kind: ArgKind::Key(1), token: "STORE", display: "key", ..ARG },
                Arg { name: "storedistkey", kind: ArgKind::Key(2), token: "STOREDIST", display: "key", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    keys_by_hand: Some(|args| keys_of(args, 5)),
    run: Run::Data(|context, args| search(context, args, Form::Radius(true))),
    docs: Docs {
        summary: "Returns or stores the members within a distance of a position",
        complexity: "O(N+log(M))",
        since: "3.2.0",
        group: "geo",
        history: &[("6.2.0", "`ANY` beside `COUNT`."), ("7.0.0", "Units in upper case.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static GEORADIUS_RO: CommandSpec = CommandSpec {
    name: "georadius_ro",
    arity: -6,
    flags: flag::READONLY,
    acl: acl::GEO | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "longitude", kind: ArgKind::Double, ..ARG },
        Arg { name: "latitude", kind: ArgKind::Double, ..ARG },
        Arg { name: "radius", kind: ArgKind::Double, ..ARG },
        Arg {
            name: "unit",
            kind: ArgKind::OneOf(&[
                Arg { name: "m", kind: ArgKind::PureToken, token: "M", ..ARG },
                Arg { name: "km", kind: ArgKind::PureToken, token: "KM", ..ARG },
                Arg { name: "ft", kind: ArgKind::PureToken, token: "FT", ..ARG },
                Arg { name: "mi", kind: ArgKind::PureToken, token: "MI", ..ARG },
            ]),
            ..ARG
        },
        Arg { name: "withcoord", kind: ArgKind::PureToken, token: "WITHCOORD", optional: true, ..ARG },
        Arg { name: "withdist", kind: ArgKind::PureToken, token: "WITHDIST", optional: true, ..ARG },
        Arg { name: "withhash", kind: ArgKind::PureToken, token: "WITHHASH", optional: true, ..ARG },
        Arg {
            name: "count-block",
            kind: ArgKind::Block(&[
                Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", ..ARG },
                Arg { name: "any", kind: ArgKind::PureToken, token: "ANY", optional: true, since: "6.2.0", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
        Arg {
            name: "order",
            kind: ArgKind::OneOf(&[
                Arg { name: "asc", kind: ArgKind::PureToken, token: "ASC", ..ARG },
                Arg { name: "desc", kind: ArgKind::PureToken, token: "DESC", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| search(context, args, Form::Radius(false))),
    docs: Docs {
        summary: "Returns the members within a distance of a position",
        complexity: "O(N+log(M))",
        since: "3.2.10",
        group: "geo",
        history: &[("6.2.0", "`ANY` beside `COUNT`."), ("7.0.0", "Units in upper case.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static GEORADIUSBYMEMBER: CommandSpec = CommandSpec {
    name: "georadiusbymember",
    arity: -5,
    flags: flag::WRITE | flag::DENYOOM | flag::MOVABLEKEYS,
    acl: acl::GEO | acl::SLOW | acl::WRITE,
    keys: &[
        KeySpec::one(1, key_flag::RO | key_flag::ACCESS),
        KeySpec {
            flags: key_flag::OW | key_flag::UPDATE | key_flag::VARIABLE_FLAGS,
            begin: BeginSearch::Keyword("STORE", 5),
            find: FindKeys::Range { last: 0, step: 1, limit: 0 },
            notes: "",
        },
        KeySpec {
            flags: key_flag::OW | key_flag::UPDATE | key_flag::VARIABLE_FLAGS,
            begin: BeginSearch::Keyword("STOREDIST", 5),
            find: FindKeys::Range { last: 0, step: 1, limit: 0 },
            notes: "",
        },
    ],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "member", ..ARG },
        Arg { name: "radius", kind: ArgKind::Double, ..ARG },
        Arg {
            name: "unit",
            kind: ArgKind::OneOf(&[
                Arg { name: "m", kind: ArgKind::PureToken, token: "M", ..ARG },
                Arg { name: "km", kind: ArgKind::PureToken, token: "KM", ..ARG },
                Arg { name: "ft", kind: ArgKind::PureToken, token: "FT", ..ARG },
                Arg { name: "mi", kind: ArgKind::PureToken, token: "MI", ..ARG },
            ]),
            ..ARG
        },
        Arg { name: "withcoord", kind: ArgKind::PureToken, token: "WITHCOORD", optional: true, ..ARG },
        Arg { name: "withdist", kind: ArgKind::PureToken, token: "WITHDIST", optional: true, ..ARG },
        Arg { name: "withhash", kind: ArgKind::PureToken, token: "WITHHASH", optional: true, ..ARG },
        Arg {
            name: "count-block",
            kind: ArgKind::Block(&[
                Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", ..ARG },
                Arg { name: "any", kind: ArgKind::PureToken, token: "ANY", optional: true, ..ARG },
            ]),
            optional: true,
            ..ARG
        },
        Arg {
            name: "order",
            kind: ArgKind::OneOf(&[
                Arg { name: "asc", kind: ArgKind::PureToken, token: "ASC", ..ARG },
                Arg { name: "desc", kind: ArgKind::PureToken, token: "DESC", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
        Arg {
            name: "store",
            kind: ArgKind::OneOf(&[
                Arg { name: "storekey", kind: ArgKind::Key(1), token: "STORE", display: "key", ..ARG },
                Arg { name: "storedistkey", kind: ArgKind::Key(2), token: "STOREDIST", display: "key", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    keys_by_hand: Some(|args| keys_of(args, 5)),
    run: Run::Data(|context, args| search(context, args, Form::RadiusByMember(true))),
    docs: Docs {
        summary: "Returns or stores the members within a distance of another",
        complexity: "O(N+log(M))",
        since: "3.2.0",
        group: "geo",
        history: &[("6.2.0", "`ANY` beside `COUNT`."), ("7.0.0", "Units in upper case.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static GEORADIUSBYMEMBER_RO: CommandSpec = CommandSpec {
    name: "georadiusbymember_ro",
    arity: -5,
    flags: flag::READONLY,
    acl: acl::GEO | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "member", ..ARG },
        Arg { name: "radius", kind: ArgKind::Double, ..ARG },
        Arg {
            name: "unit",
            kind: ArgKind::OneOf(&[
                Arg { name: "m", kind: ArgKind::PureToken, token: "M", ..ARG },
                Arg { name: "km", kind: ArgKind::PureToken, token: "KM", ..ARG },
                Arg { name: "ft", kind: ArgKind::PureToken, token: "FT", ..ARG },
                Arg { name: "mi", kind: ArgKind::PureToken, token: "MI", ..ARG },
            ]),
            ..ARG
        },
        Arg { name: "withcoord", kind: ArgKind::PureToken, token: "WITHCOORD", optional: true, ..ARG },
        Arg { name: "withdist", kind: ArgKind::PureToken, token: "WITHDIST", optional: true, ..ARG },
        Arg { name: "withhash", kind: ArgKind::PureToken, token: "WITHHASH", optional: true, ..ARG },
        Arg {
            name: "count-block",
            kind: ArgKind::Block(&[
                Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", ..ARG },
                Arg { name: "any", kind: ArgKind::PureToken, token: "ANY", optional: true, ..ARG },
            ]),
            optional: true,
            ..ARG
        },
        Arg {
            name: "order",
            kind: ArgKind::OneOf(&[
                Arg { name: "asc", kind: ArgKind::PureToken, token: "ASC", ..ARG },
                Arg { name: "desc", kind: ArgKind::PureToken, token: "DESC", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| search(context, args, Form::RadiusByMember(false))),
    docs: Docs {
        summary: "Returns the members within a distance of another",
        complexity: "O(N+log(M))",
        since: "3.2.10",
        group: "geo",
        history: &[("6.2.0", "`ANY` beside `COUNT`."), ("7.0.0", "Units in upper case.")],
        ..DOCS
    },
    ..SPEC
};
