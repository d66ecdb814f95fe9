//! One way to add to an integer, for INCR, INCRBY, DECR and DECRBY.

use crate::base::number::parse_i64;
use crate::engine::context::{CmdResult, Context};
use crate::engine::error::CmdError;
use crate::keyspace::effect::class;
use crate::keyspace::entry::{NewValue, ValueRef};
use crate::keyspace::key::Key;
use crate::keyspace::key_mut::Expiry;

/// Adds `delta` to the integer under `key`, which is 0 if it is not there, and replies the sum.
#[inline]
pub(super) fn add(context: &mut Context<'_>, key: Key<'_>, delta: i64) -> CmdResult {
    let mut key = context.keys.open(key);
    let old = match key.string()? {
        None => 0,
        Some(ValueRef::Int(number)) => number,
        Some(ValueRef::Bytes(bytes)) => parse_i64(bytes).ok_or(CmdError::NotInteger)?,
        // Nothing that long is a number.
        Some(ValueRef::Chunks(_)) => return Err(CmdError::NotInteger),
    };
    let Some(new) = old.checked_add(delta) else {
        return Err(CmdError::coded("ERR increment or decrement would overflow"));
    };
    key.set(NewValue::Int(new), Expiry::Keep);
    key.event(class::STRING, "incrby");
    context.reply.integer(new);
    Ok(())
}
