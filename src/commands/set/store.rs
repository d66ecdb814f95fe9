//! The end of SINTERSTORE, SUNIONSTORE and SDIFFSTORE: a set takes the place of what was under a key, or removes it if it is empty.

use crate::engine::context::{CmdResult, Context};
use crate::keyspace::effect::class;
use crate::keyspace::key::Key;
use crate::keyspace::value::collection::Collection;
use crate::keyspace::value::set::Set;

pub(super) fn put(context: &mut Context<'_>, target: Key<'_>, result: Set, event: &'static str) -> CmdResult {
    let len = result.view().len();
    let mut key = context.keys.open(target);
    if len == 0 {
        key.delete();
    } else {
        key.replace_collection(result);
        key.change_event(class::SET, event);
    }
    context.reply.integer(len as i64);
    Ok(())
}
