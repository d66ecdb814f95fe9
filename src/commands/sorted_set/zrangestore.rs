//! ZRANGESTORE: stores the elements between two ranks, scores or members.

use super::access;
use super::range_query::{Form, RangeQuery};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::collection::Collection;
use crate::keyspace::effect::class;
use crate::keyspace::value::zset::Zset;

pub(crate) static ZRANGESTORE: CommandSpec = CommandSpec {
    name: "zrangestore",
    arity: -5,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::SLOW | acl::SORTEDSET | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::OW | key_flag::UPDATE), KeySpec::one(2, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "dst", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "src", kind: ArgKind::Key(1), ..ARG },
        Arg { name: "min", ..ARG },
        Arg { name: "max", ..ARG },
        Arg {
            name: "sortby",
            kind: ArgKind::OneOf(&[
                Arg { name: "byscore", kind: ArgKind::PureToken, token: "BYSCORE", ..ARG },
                Arg { name: "bylex", kind: ArgKind::PureToken, token: "BYLEX", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
        Arg { name: "rev", kind: ArgKind::PureToken, token: "REV", optional: true, ..ARG },
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
    place: Place::Offload(Effort::Sum),
    run: Run::Data(exec),
    docs: Docs {
        summary: "Stores the members between two ranks, scores or members under another key",
        complexity: "O(log(N)+M)",
        since: "6.2.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let query = RangeQuery::parse(&args[3..], Form { by: None, is_reverse: None, stores: true })?;
    let limits = access::limits(context.config);
    let hasher = context.keys.keyspace().hasher();
    let mut result = Zset::new();
    if let Some(zset) = access::read(&mut context.keys, args.key(1)?)? {
        let (elements, count) = query.run(zset);
        result.prepare(query.known_len(count), 0, &limits, hasher);
        for element in elements {
            element.member().with_text(|member| result.set(member, element.score, &limits, hasher));
        }
    }
    let mut key = context.keys.open(args.key(0)?);
    let len = access::store(&mut key, result, class::ZSET, "zrangestore");
    drop(key);
    context.reply.integer(len as i64);
    Ok(())
}
