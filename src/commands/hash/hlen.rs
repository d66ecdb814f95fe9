//! HLEN: the number of fields.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::collection;
use crate::keyspace::value::hash::Hash;

pub(crate) static HLEN: CommandSpec = CommandSpec {
    name: "hlen",
    arity: 2,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Returns the number of fields", complexity: "O(1)", since: "2.0.0", group: "hash", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let hash = context.keys.read(args.key(0)?).map(collection::of::<Hash>).transpose()?;
    context.reply.integer(hash.map_or(0, |hash| hash.len()) as i64);
    Ok(())
}
