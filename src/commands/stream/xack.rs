//! XACK: entries that were delivered to a group are done.

use super::access::{self, strict_ids};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::Reach;
use crate::keyspace::value::stream::Stream;

pub(crate) static XACK: CommandSpec = CommandSpec {
    name: "xack",
    arity: -4,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::STREAM | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "group", ..ARG }, Arg { name: "id", multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Acknowledges entries that were delivered to a group",
        complexity: "O(log(N)) for each entry, where N is the number of those that are pending",
        since: "5.0.0",
        group: "stream",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let name = args[2];
    let found = access::read(&mut context.keys, args.key(0)?)?;
    if found.and_then(|stream| stream.group(name)).is_none() {
        context.reply.integer(0);
        return Ok(());
    }
    let ids = strict_ids(&args[3..])?;
    let mut key = context.keys.open(args.key(0)?);
    let done = key.change_if(|stream: &mut Stream| {
        let done = stream.group_mut(name).map_or(0, |group| ids.iter().filter(|id| group.acknowledge(**id)).count());
        (done, done > 0)
    })?;
    key.set_reach(Reach::Nobody);
    key.count_changes(done as u64);
    context.reply.integer(done as i64);
    Ok(())
}
