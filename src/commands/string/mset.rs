//! MSET and MSETNX: several strings at one moment; with MSETNX none of them if one of the keys is there.

use super::set_engine;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::key_mut::Expiry;

const BASE: CommandSpec = CommandSpec {
    arity: -3,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::SLOW | acl::STRING | acl::WRITE,
    args: &[Arg {
        name: "data",
        kind: ArgKind::Block(&[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "value", ..ARG }]),
        multiple: true,
        ..ARG
    }],
    locks: Locks::Keys,
    docs: Docs { complexity: "O(N) where N is the number of keys to set.", since: "1.0.1", group: "string", ..DOCS },
    ..SPEC
};

pub(crate) static MSET: CommandSpec = CommandSpec {
    name: "mset",
    keys: &[KeySpec::range(1, -1, 2, key_flag::OW | key_flag::UPDATE)],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Sets several keys to strings",
        tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
        ..BASE.docs
    },
    ..BASE
};

pub(crate) static MSETNX: CommandSpec = CommandSpec {
    name: "msetnx",
    keys: &[KeySpec::range(1, -1, 2, key_flag::OW | key_flag::INSERT)],
    run: Run::Data(exec_if_free),
    docs: Docs { summary: "Sets several keys to strings if none of them exists", ..BASE.docs },
    ..BASE
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    check_pairs(context, args)?;
    set_pairs(context, args, &args[1..], Expiry::Clear);
    context.reply.ok();
    Ok(())
}

fn exec_if_free(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    check_pairs(context, args)?;
    let stores = !args.keys().any(|key| context.keys.open(key).exists());
    if stores {
        set_pairs(context, args, &args[1..], Expiry::Clear);
    }
    context.reply.integer(i64::from(stores));
    Ok(())
}

/// Refuses a key without a value.
fn check_pairs(context: &Context<'_>, args: &Args<'_>) -> CmdResult {
    if args.len().is_multiple_of(2) { Err(CmdError::arity(context.command_name())) } else { Ok(()) }
}

/// Stores key after key with its value. A key that comes twice keeps its last value.
pub(super) fn set_pairs(context: &mut Context<'_>, args: &Args<'_>, pairs: &[&[u8]], expiry: Expiry) {
    for (key, pair) in args.keys().zip(pairs.chunks_exact(2)) {
        set_engine::put(&mut context.keys.open(key), pair[1], expiry);
    }
}
