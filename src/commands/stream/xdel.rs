//! XDEL: deletes entries of a stream.

use super::access::strict_ids;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::stream::Stream;

pub(crate) static XDEL: CommandSpec = CommandSpec {
    name: "xdel",
    arity: -3,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::STREAM | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "id", multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Deletes entries of a stream",
        complexity: "O(log(N)) for each entry, where N is the number of entries in the stream",
        since: "5.0.0",
        group: "stream",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut key = context.keys.open(args.key(0)?);
    if key.collection::<Stream>()?.is_none() {
        context.reply.integer(0);
        return Ok(());
    }
    let ids = strict_ids(&args[2..])?;
    let deleted = key.change_if(|stream: &mut Stream| {
        let deleted = stream.delete(&ids);
        (deleted, deleted > 0)
    })?;
    if deleted > 0 {
        key.change_event(class::STREAM, "xdel");
        key.count_changes(deleted - 1);
    }
    context.reply.integer(deleted as i64);
    Ok(())
}
