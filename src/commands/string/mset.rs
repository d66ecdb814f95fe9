//! MSET: several strings at one moment.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::key_mut::Expiry;

pub(crate) static MSET: CommandSpec = CommandSpec {
    name: "mset",
    arity: -3,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::SLOW | acl::STRING | acl::WRITE,
    keys: &[KeySpec::range(1, -1, 2, key_flag::OW | key_flag::UPDATE)],
    args: &[Arg {
        name: "data",
        kind: ArgKind::Block(&[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "value", ..ARG }]),
        multiple: true,
        ..ARG
    }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Sets several keys to strings",
        complexity: "O(N) where N is the number of keys to set.",
        since: "1.0.1",
        group: "string",
        tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    check_pairs(context, args)?;
    set_pairs(context, args, &args[1..], Expiry::Clear);
    context.reply.ok();
    Ok(())
}

/// Refuses a key without a value.
pub(super) fn check_pairs(context: &Context<'_>, args: &Args<'_>) -> CmdResult {
    if args.len().is_multiple_of(2) { Err(CmdError::arity(context.command_name())) } else { Ok(()) }
}

/// Stores key after key with its value. A key that comes twice keeps its last value.
pub(super) fn set_pairs(context: &mut Context<'_>, args: &Args<'_>, pairs: &[&[u8]], expiry: Expiry) {
    for (key, pair) in args.keys().zip(pairs.chunks_exact(2)) {
        let mut key = context.keys.open(key);
        key.set_text(pair[1], expiry);
        key.event(class::STRING, "set");
        if let Expiry::At(_) = expiry {
            key.also_event(class::GENERIC, "expire");
        }
    }
}
