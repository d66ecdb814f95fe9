//! GEOSEARCH and GEOSEARCHSTORE: the members within a circle, a rectangle or a polygon.

use super::search::{Form, search};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static GEOSEARCH: CommandSpec = CommandSpec {
    name: "geosearch",
    arity: -7,
    flags: flag::READONLY,
    acl: acl::GEO | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "from",
            kind: ArgKind::OneOf(&[
                Arg { name: "member", token: "FROMMEMBER", ..ARG },
                Arg {
                    name: "fromlonlat",
                    kind: ArgKind::Block(&[
                        Arg { name: "longitude", kind: ArgKind::Double, ..ARG },
                        Arg { name: "latitude", kind: ArgKind::Double, ..ARG },
                    ]),
                    token: "FROMLONLAT",
                    ..ARG
                },
            ]),
            optional: true,
            ..ARG
        },
        Arg {
            name: "by",
            kind: ArgKind::OneOf(&[
                Arg {
                    name: "circle",
                    kind: ArgKind::Block(&[
                        Arg { name: "radius", kind: ArgKind::Double, token: "BYRADIUS", ..ARG },
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
                    ]),
                    ..ARG
                },
                Arg {
                    name: "box",
                    kind: ArgKind::Block(&[
                        Arg { name: "width", kind: ArgKind::Double, token: "BYBOX", ..ARG },
                        Arg { name: "height", kind: ArgKind::Double, ..ARG },
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
                    ]),
                    ..ARG
                },
                Arg {
                    name: "polygon",
                    kind: ArgKind::Block(&[
                        Arg { name: "num-vertices", kind: ArgKind::Integer, token: "BYPOLYGON", ..ARG },
                        Arg {
                            name: "vertices",
                            kind: ArgKind::Block(&[
                                Arg { name: "longitude", kind: ArgKind::Double, ..ARG },
                                Arg { name: "latitude", kind: ArgKind::Double, ..ARG },
                            ]),
                            multiple: true,
                            ..ARG
                        },
                    ]),
                    since: "9.0.0",
                    ..ARG
                },
            ]),
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
            name: "count-block",
            kind: ArgKind::Block(&[
                Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", ..ARG },
                Arg { name: "any", kind: ArgKind::PureToken, token: "ANY", optional: true, ..ARG },
            ]),
            optional: true,
            ..ARG
        },
        Arg { name: "withcoord", kind: ArgKind::PureToken, token: "WITHCOORD", optional: true, ..ARG },
        Arg { name: "withdist", kind: ArgKind::PureToken, token: "WITHDIST", optional: true, ..ARG },
        Arg { name: "withhash", kind: ArgKind::PureToken, token: "WITHHASH", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| search(context, args, Form::Search)),
    docs: Docs {
        summary: "Returns the members within a circle, a rectangle or a polygon",
        complexity: "O(N+log(M))",
        since: "6.2.0",
        group: "geo",
        history: &[("7.0.0", "Units in upper case."), ("9.0.0", "`BYPOLYGON`.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static GEOSEARCHSTORE: CommandSpec = CommandSpec {
    name: "geosearchstore",
    arity: -8,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::GEO | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::OW | key_flag::UPDATE), KeySpec::one(2, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "destination", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "source", kind: ArgKind::Key(1), ..ARG },
        Arg {
            name: "from",
            kind: ArgKind::OneOf(&[
                Arg { name: "member", token: "FROMMEMBER", ..ARG },
                Arg {
                    name: "fromlonlat",
                    kind: ArgKind::Block(&[
                        Arg { name: "longitude", kind: ArgKind::Double, ..ARG },
                        Arg { name: "latitude", kind: ArgKind::Double, ..ARG },
                    ]),
                    token: "FROMLONLAT",
                    ..ARG
                },
            ]),
            optional: true,
            ..ARG
        },
        Arg {
            name: "by",
            kind: ArgKind::OneOf(&[
                Arg {
                    name: "circle",
                    kind: ArgKind::Block(&[
                        Arg { name: "radius", kind: ArgKind::Double, token: "BYRADIUS", ..ARG },
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
                    ]),
                    ..ARG
                },
                Arg {
                    name: "box",
                    kind: ArgKind::Block(&[
                        Arg { name: "width", kind: ArgKind::Double, token: "BYBOX", ..ARG },
                        Arg { name: "height", kind: ArgKind::Double, ..ARG },
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
                    ]),
                    ..ARG
                },
                Arg {
                    name: "polygon",
                    kind: ArgKind::Block(&[
                        Arg { name: "num-vertices", kind: ArgKind::Integer, token: "BYPOLYGON", ..ARG },
                        Arg {
                            name: "vertices",
                            kind: ArgKind::Block(&[
                                Arg { name: "longitude", kind: ArgKind::Double, ..ARG },
                                Arg { name: "latitude", kind: ArgKind::Double, ..ARG },
                            ]),
                            multiple: true,
                            ..ARG
                        },
                    ]),
                    since: "9.0.0",
                    ..ARG
                },
            ]),
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
            name: "count-block",
            kind: ArgKind::Block(&[
                Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", ..ARG },
                Arg { name: "any", kind: ArgKind::PureToken, token: "ANY", optional: true, ..ARG },
            ]),
            optional: true,
            ..ARG
        },
        Arg { name: "storedist", kind: ArgKind::PureToken, token: "STOREDIST", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| search(context, args, Form::SearchStore)),
    docs: Docs {
        summary: "Stores the members within a circle, a rectangle or a polygon",
        complexity: "O(N+log(M))",
        since: "6.2.0",
        group: "geo",
        history: &[("7.0.0", "Units in upper case."), ("9.0.0", "`BYPOLYGON`.")],
        ..DOCS
    },
    ..SPEC
};
