//! ZRANGE and its older forms: the elements between two ranks, scores or members.

use super::access;
use super::range_query::{By, Form, RangeQuery};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static ZRANGE: CommandSpec = CommandSpec {
    name: "zrange",
    arity: -4,
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW | acl::SORTEDSET,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "start", ..ARG },
        Arg { name: "stop", ..ARG },
        Arg {
            name: "sortby",
            kind: ArgKind::OneOf(&[
                Arg { name: "byscore", kind: ArgKind::PureToken, token: "BYSCORE", ..ARG },
                Arg { name: "bylex", kind: ArgKind::PureToken, token: "BYLEX", ..ARG },
            ]),
            optional: true,
            since: "6.2.0",
            ..ARG
        },
        Arg { name: "rev", kind: ArgKind::PureToken, token: "REV", optional: true, since: "6.2.0", ..ARG },
        Arg {
            name: "limit",
            kind: ArgKind::Block(&[
                Arg { name: "offset", kind: ArgKind::Integer, ..ARG },
                Arg { name: "count", kind: ArgKind::Integer, ..ARG },
            ]),
            token: "LIMIT",
            optional: true,
            since: "6.2.0",
            ..ARG
        },
        Arg { name: "withscores", kind: ArgKind::PureToken, token: "WITHSCORES", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, None, None)),
    docs: Docs {
        summary: "Returns the members between two ranks, scores or members",
        complexity: "O(log(N)+M)",
        since: "1.2.0",
        group: "sorted-set",
        history: &[("6.2.0", "`REV`, `BYSCORE`, `BYLEX` and `LIMIT`.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static ZREVRANGE: CommandSpec = CommandSpec {
    name: "zrevrange",
    arity: -4,
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW | acl::SORTEDSET,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "start", kind: ArgKind::Integer, ..ARG },
        Arg { name: "stop", kind: ArgKind::Integer, ..ARG },
        Arg { name: "withscores", kind: ArgKind::PureToken, token: "WITHSCORES", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, Some(By::Rank), Some(true))),
    docs: Docs {
        summary: "Returns the members between two ranks, by descending score",
        complexity: "O(log(N)+M)",
        since: "1.2.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static ZRANGEBYSCORE: CommandSpec = CommandSpec {
    name: "zrangebyscore",
    arity: -4,
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW | acl::SORTEDSET,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "min", kind: ArgKind::Double, ..ARG },
        Arg { name: "max", kind: ArgKind::Double, ..ARG },
        Arg { name: "withscores", kind: ArgKind::PureToken, token: "WITHSCORES", optional: true, since: "2.0.0", ..ARG },
        Arg {
            name: "limit",
            kind: ArgKind::Block(&[
                Arg { name: "offset", kind: ArgKind::Integer, ..ARG },
                Arg { name: "count", kind: ArgKind::Integer, ..ARG },
            ]),
            token: "LIMIT",
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, Some(By::Score), Some(false))),
    docs: Docs {
        summary: "Returns the members whose scores lie within a range",
        complexity: "O(log(N)+M)",
        since: "1.0.5",
        group: "sorted-set",
        history: &[("2.0.0", "`WITHSCORES`.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static ZREVRANGEBYSCORE: CommandSpec = CommandSpec {
    name: "zrevrangebyscore",
    arity: -4,
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW | acl::SORTEDSET,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "max", kind: ArgKind::Double, ..ARG },
        Arg { name: "min", kind: ArgKind::Double, ..ARG },
        Arg { name: "withscores", kind: ArgKind::PureToken, token: "WITHSCORES", optional: true, ..ARG },
        Arg {
            name: "limit",
            kind: ArgKind::Block(&[
                Arg { name: "offset", kind: ArgKind::Integer, ..ARG },
                Arg { name: "count", kind: ArgKind::Integer, ..ARG },
            ]),
            token: "LIMIT",
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, Some(By::Score), Some(true))),
    docs: Docs {
        summary: "Returns the members whose scores lie within a range, by descending score",
        complexity: "O(log(N)+M)",
        since: "2.2.0",
        group: "sorted-set",
        history: &[("2.1.6", "Exclusive bounds.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static ZRANGEBYLEX: CommandSpec = CommandSpec {
    name: "zrangebylex",
    arity: -4,
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW | acl::SORTEDSET,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "min", ..ARG },
        Arg { name: "max", ..ARG },
        Arg {
            name: "limit",
            kind: ArgKind::Block(&[
                Arg { name: "offset", kind: ArgKind::Integer, ..ARG },
                Arg { name: "count", kind: ArgKind::Integer, ..ARG },
            ]),
            token: "LIMIT",
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, Some(By::Lex), Some(false))),
    docs: Docs {
        summary: "Returns the members between two, where all scores are equal",
        complexity: "O(log(N)+M)",
        since: "2.8.9",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static ZREVRANGEBYLEX: CommandSpec = CommandSpec {
    name: "zrevrangebylex",
    arity: -4,
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW | acl::SORTEDSET,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "max", ..ARG },
        Arg { name: "min", ..ARG },
        Arg {
            name: "limit",
            kind: ArgKind::Block(&[
                Arg { name: "offset", kind: ArgKind::Integer, ..ARG },
                Arg { name: "count", kind: ArgKind::Integer, ..ARG },
            ]),
            token: "LIMIT",
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, Some(By::Lex), Some(true))),
    docs: Docs {
        summary: "Returns the members between two in reverse, where all scores are equal",
        complexity: "O(log(N)+M)",
        since: "2.8.9",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>, by: Option<By>, is_reverse: Option<bool>) -> CmdResult {
    let query = RangeQuery::parse(&args[2..], Form { by, is_reverse, stores: false })?;
    let haste = context.haste();
    let Some(zset) = access::read(&mut context.keys, args.key(0)?)? else {
        context.reply.empty_array();
        return Ok(());
    };
    let (elements, count) = query.run(zset);
    haste.check_elements(count)?;
    access::reply_header(context.reply, count, query.with_scores);
    elements.for_each(|element| access::reply_element(context.reply, element, query.with_scores));
    Ok(())
}
