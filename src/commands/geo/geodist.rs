//! GEODIST: the distance between two members.

use super::arguments::{reply_distance, unit_m};
use crate::commands::sorted_set::access;
use crate::datatypes::geo::Position;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static GEODIST: CommandSpec = CommandSpec {
    name: "geodist",
    arity: -4,
    flags: flag::READONLY,
    acl: acl::GEO | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "member1", ..ARG },
        Arg { name: "member2", ..ARG },
        Arg {
            name: "unit",
            kind: ArgKind::OneOf(&[
                Arg { name: "m", kind: ArgKind::PureToken, token: "M", ..ARG },
                Arg { name: "km", kind: ArgKind::PureToken, token: "KM", ..ARG },
                Arg { name: "ft", kind: ArgKind::PureToken, token: "FT", ..ARG },
                Arg { name: "mi", kind: ArgKind::PureToken, token: "MI", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the distance between the positions of two members",
        complexity: "O(1)",
        since: "3.2.0",
        group: "geo",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let unit_m = match args[4..] {
        [] => 1.0,
        [unit] => unit_m(unit)?,
        _ => return Err(CmdError::Syntax),
    };
    let hasher = context.keys.keyspace().hasher();
    let zset = access::read(&mut context.keys, args.key(0)?)?;
    let position = |member| zset.and_then(|zset| zset.score(member, hasher)).map(Position::decode);
    match (position(args[2]), position(args[3])) {
        (Some(one), Some(other)) => reply_distance(context.reply, one.distance_m(other) / unit_m),
        _ => context.reply.null(),
    }
    Ok(())
}
