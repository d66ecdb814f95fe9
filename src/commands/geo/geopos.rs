//! GEOPOS and GEOHASH: the positions of members, in degrees or as geohashes.

use super::arguments::reply_position;
use crate::commands::sorted_set::access;
use crate::datatypes::geo::Position;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static GEOPOS: CommandSpec = CommandSpec {
    name: "geopos",
    arity: -2,
    flags: flag::READONLY,
    acl: acl::GEO | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "member", optional: true, multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(positions),
    docs: Docs { summary: "Returns the positions of members", complexity: "O(1) for each member", since: "3.2.0", group: "geo", ..DOCS },
    ..SPEC
};

pub(crate) static GEOHASH: CommandSpec = CommandSpec {
    name: "geohash",
    arity: -2,
    flags: flag::READONLY,
    acl: acl::GEO | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "member", optional: true, multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(geohashes),
    docs: Docs {
        summary: "Returns the positions of members as geohashes",
        complexity: "O(1) for each member",
        since: "3.2.0",
        group: "geo",
        ..DOCS
    },
    ..SPEC
};

/// Calls `each` with the position of each member that is named.
fn visit(
    context: &mut Context<'_>,
    args: &Args<'_>,
    each: impl Fn(&mut larder_proto::resp::ReplyBuf, Option<Position>),
) -> Result<(), CmdError> {
    let hasher = context.keys.keyspace().hasher();
    let zset = access::read(&mut context.keys, args.key(0)?)?;
    context.reply.array(args.len() - 2);
    for member in &args[2..] {
        each(context.reply, zset.and_then(|zset| zset.score(member, hasher)).map(Position::decode));
    }
    Ok(())
}

fn positions(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    visit(context, args, |reply, position| match position {
        Some(position) => reply_position(reply, position),
        None => reply.null_array(),
    })
}

fn geohashes(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    visit(context, args, |reply, position| match position {
        Some(position) => reply.bulk(&position.geohash()),
        None => reply.null(),
    })
}
