//! Commands that work on keys of any type.

mod copy;
mod del;
mod exists;
mod expire;
mod expire_engine;
mod expireat;
mod expiretime;
mod keys;
mod move_;
pub mod names;
mod object;
mod persist;
mod pexpire;
mod pexpireat;
mod pexpiretime;
mod pttl;
mod randomkey;
mod rename;
mod renamenx;
mod scan;
pub mod scan_options;
mod touch;
mod ttl;
mod type_;
mod unlink;

use crate::engine::context::{Args, CmdResult, Context, integer};
use crate::engine::error::CmdError;
use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[
    &copy::COPY,
    &del::DEL,
    &exists::EXISTS,
    &expire::EXPIRE,
    &expireat::EXPIREAT,
    &expiretime::EXPIRETIME,
    &keys::KEYS,
    &move_::MOVE,
    &object::OBJECT,
    &persist::PERSIST,
    &pexpire::PEXPIRE,
    &pexpireat::PEXPIREAT,
    &pexpiretime::PEXPIRETIME,
    &pttl::PTTL,
    &randomkey::RANDOMKEY,
    &rename::RENAME,
    &renamenx::RENAMENX,
    &scan::SCAN,
    &touch::TOUCH,
    &ttl::TTL,
    &type_::TYPE,
    &unlink::UNLINK,
];

/// MOVE and COPY onto the very same key.
const SAME_OBJECT: CmdError = CmdError::coded("ERR source and destination objects are the same");

/// The argument as the number of a database that is there.
fn database(context: &Context<'_>, arg: &[u8]) -> Result<u32, CmdError> {
    let Ok(number) = i32::try_from(integer(arg)?) else {
        return Err(CmdError::coded("ERR value is out of range, value must between -2147483648 and 2147483647"));
    };
    u32::try_from(number).ok().filter(|db| (*db as usize) < context.keys.keyspace().databases()).ok_or(CmdError::DbIndex)
}

/// DEL and UNLINK. `in_background`: large values are freed there.
fn delete(context: &mut Context<'_>, args: &Args<'_>, in_background: bool) -> CmdResult {
    let mut count = 0;
    for key in args.keys() {
        count += i64::from(context.keys.open(key).delete_for_user(in_background));
    }
    context.reply.integer(count);
    Ok(())
}

/// RENAME, and RENAMENX with `only_if_free`. False if the new name was taken.
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
