//! RENAME and RENAMENX: give a key another name; RENAME in place of what had that name, RENAMENX only if nothing has it.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

const BASE: CommandSpec = CommandSpec {
    arity: 3,
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "newkey", kind: ArgKind::Key(1), ..ARG }],
    locks: Locks::Keys,
    docs: Docs { complexity: "O(1)", since: "1.0.0", group: "generic", ..DOCS },
    ..SPEC
};

pub(crate) static RENAME: CommandSpec = CommandSpec {
    name: "rename",
    flags: flag::WRITE | flag::CONSTANT_TIME,
    acl: acl::KEYSPACE | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE), KeySpec::one(2, key_flag::OW | key_flag::UPDATE)],
    run: Run::Data(exec),
    docs: Docs { summary: "Gives a key another name, whatever had that name before", ..BASE.docs },
    ..BASE
};

pub(crate) static RENAMENX: CommandSpec = CommandSpec {
    name: "renamenx",
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::KEYSPACE | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE), KeySpec::one(2, key_flag::OW | key_flag::INSERT)],
    run: Run::Data(exec_if_free),
    docs: Docs {
        summary: "Gives a key another name if that name is free",
        history: &[("3.2.0", "No error any more when both names are the same.")],
        ..BASE.docs
    },
    ..BASE
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    rename(context, args, false)?;
    context.reply.ok();
    Ok(())
}

fn exec_if_free(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let renamed = rename(context, args, true)?;
    context.reply.integer(i64::from(renamed));
    Ok(())
}

/// False if the new name was taken, and only a free one was wanted.
fn rename(context: &mut Context<'_>, args: &Args<'_>, only_if_free: bool) -> Result<bool, CmdError> {
    let (source, target) = (args.key(0)?, args.key(1)?);
    let keys = &mut context.keys;
    if !keys.open(source).exists() {
        return Err(CmdError::NoSuchKey);
    }
    if source.name() == target.name() {
        return Ok(!only_if_free);
    }
    if only_if_free && keys.open(target).exists() {
        return Ok(false);
    }
    keys.rename(source, target);
    Ok(true)
}
