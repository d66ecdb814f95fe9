//! HGETDEL: the values of fields, which are taken out. The last one takes the key along.

use super::fields;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::item_reply::item_or_null;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::collection::Collection;
use crate::keyspace::value::hash::Hash;
use smallvec::SmallVec;

pub(crate) static HGETDEL: CommandSpec = CommandSpec {
    name: "hgetdel",
    arity: -5,
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, fields::FIELDS],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the values of fields of a hash and removes them",
        complexity: "O(N) where N is the number of fields.",
        since: "9.1.0",
        group: "hash",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    if !is_word(args[2], "FIELDS") {
        return Err(CmdError::Syntax);
    }
    let names = fields::numbered(&args[3..], 1, fields::wrong_number)?;
    let access = context.keys.field_access();
    let reply = &mut *context.reply;
    let mut key = context.keys.open(args.key(0)?);
    reply.array(names.len());
    let deleted = key.change_if(|hash: &mut Hash| {
        let mut deleted: SmallVec<[&[u8]; 8]> = SmallVec::new();
        for field in names {
            item_or_null(reply, hash.view().get(field, access));
            if hash.remove(field, access) {
                deleted.push(field);
            }
        }
        let is_changed = !deleted.is_empty();
        (deleted, is_changed)
    })?;
    if !deleted.is_empty() {
        key.change_event(class::HASH, "hdel");
        key.count_changes(deleted.len() as u64 - 1);
        drop(key);
        fields::log_removed(&mut context.keys, args.key(0)?, &deleted);
    }
    Ok(())
}
