//! HDEL: removes fields.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::hash::Hash;

pub(crate) static HDEL: CommandSpec = CommandSpec {
    name: "hdel",
    arity: -3,
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "field", multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Removes fields from a hash",
        complexity: "O(N) where N is the number of fields removed",
        since: "2.0.0",
        group: "hash",
        history: &[("2.4.0", "Accepts multiple `field` arguments.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let hasher = context.keys.keyspace().hasher();
    let mut key = context.keys.open(args.key(0)?);
    let mut removed = 0;
    if key.collection::<Hash>()?.is_some() {
        removed = key.change(|hash: &mut Hash| args[2..].iter().filter(|field| hash.remove(field, hasher)).count())?;
    }
    if removed > 0 {
        key.further_event(class::HASH, "hdel");
        key.count_changes(removed as u64);
    } else {
        key.mark_unchanged();
    }
    context.reply.integer(removed as i64);
    Ok(())
}
