//! MSETNX: several strings at one moment, or none if one of the keys is there.

use super::mset::{check_pairs, set_pairs};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::key_mut::Expiry;

pub(crate) static MSETNX: CommandSpec = CommandSpec {
    name: "msetnx",
    arity: -3,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::SLOW | acl::STRING | acl::WRITE,
    keys: &[KeySpec::range(1, -1, 2, key_flag::OW | key_flag::INSERT)],
    args: &[Arg {
        name: "data",
        kind: ArgKind::Block(&[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "value", ..ARG }]),
        multiple: true,
        ..ARG
    }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Sets several keys to strings if none of them exists",
        complexity: "O(N) where N is the number of keys to set.",
        since: "1.0.1",
        group: "string",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    check_pairs(context, args)?;
    let stores = !args.keys().any(|key| context.keys.open(key).exists());
    if stores {
        set_pairs(context, args, &args[1..], Expiry::Clear);
    }
    context.reply.integer(i64::from(stores));
    Ok(())
}
