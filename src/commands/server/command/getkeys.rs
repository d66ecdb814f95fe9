//! COMMAND GETKEYS and GETKEYSANDFLAGS: which arguments of a request are keys, and what the command does with each.

use super::info::names;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::key_flags;
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, KeysAndFlags, Run, SPEC, acl, flag, key_flag};
use crate::engine::table::Lookup;

const BASE: CommandSpec = CommandSpec {
    arity: -3,
    flags: flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    args: &[Arg { name: "command", ..ARG }, Arg { name: "arg", optional: true, multiple: true, ..ARG }],
    docs: Docs { complexity: "O(N) where N is the number of arguments to the command", group: "server", ..DOCS },
    ..SPEC
};

pub(crate) static COMMAND_GETKEYS: CommandSpec = CommandSpec {
    name: "getkeys",
    run: Run::Data(keys),
    docs: Docs { summary: "Returns the keys among the arguments of a command", since: "2.8.13", ..BASE.docs },
    ..BASE
};

pub(crate) static COMMAND_GETKEYSANDFLAGS: CommandSpec = CommandSpec {
    name: "getkeysandflags",
    run: Run::Data(keys_and_flags),
    docs: Docs { summary: "Returns the keys among the arguments of a command, with what happens to each", since: "7.0.0", ..BASE.docs },
    ..BASE
};

fn keys(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let keys = find(context, &args[2..])?;
    context.reply.array(keys.len());
    for (at, _) in keys {
        context.reply.bulk(args[at + 2]);
    }
    Ok(())
}

fn keys_and_flags(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let keys = find(context, &args[2..])?;
    context.reply.array(keys.len());
    for (at, flags) in keys {
        context.reply.array(2);
        context.reply.bulk(args[at + 2]);
        names(context.reply, flags, key_flag::NAMES);
    }
    Ok(())
}

/// Positions and flags of the keys of a request.
fn find(context: &Context<'_>, args: &[&[u8]]) -> Result<KeysAndFlags, CmdError> {
    let Lookup::Found(row) = context.shared.table.lookup(args[0], args.get(1).copied()) else {
        return Err(CmdError::err("Invalid command specified"));
    };
    let spec = row.spec;
    if spec.keys.iter().all(|keys| keys.flags & key_flag::NOT_KEY != 0) {
        return Err(CmdError::err("The command has no key arguments"));
    }
    let len = args.len() as i32;
    if (spec.arity > 0 && spec.arity != len) || len < -spec.arity {
        return Err(CmdError::err("Invalid number of arguments specified for command"));
    }
    match key_flags::find(row, args) {
        Some(keys) if !keys.is_empty() => Ok(keys),
        _ if spec.has(flag::NO_MANDATORY_KEYS) => Ok(KeysAndFlags::new()),
        _ => Err(CmdError::err("Invalid arguments specified for command")),
    }
}
