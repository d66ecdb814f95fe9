//! HDEL: takes fields out of a hash. The last one takes the key along.

use super::fields;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::collection::Collection;
use crate::keyspace::value::hash::{Hash, HashView};
use smallvec::SmallVec;

pub(crate) static HDEL: CommandSpec = CommandSpec {
    name: "hdel",
    arity: -3,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "field", multiple: true, ..ARG }],
    element_at: 2,
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Removes fields of a hash",
        complexity: "O(N) where N is the number of fields.",
        since: "2.0.0",
        group: "hash",
        history: &[("2.4.0", "Several fields at once.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let access = context.keys.field_access();
    let is_logging = context.keys.is_logging();
    let mut key = context.keys.open(args.key(0)?);
    let may_have_ended = is_logging && key.collection::<Hash>()?.is_some_and(HashView::has_expiring);
    let mut removed: SmallVec<[&[u8]; 8]> = SmallVec::new();
    let deleted = key.change_if(|hash: &mut Hash| {
        let mut deleted = 0;
        for field in &args[2..] {
            let is_removed = hash.remove(field, access);
            deleted += u64::from(is_removed);
            if is_removed && may_have_ended {
                removed.push(field);
            }
            if hash.is_empty() {
                break;
            }
        }
        (deleted, deleted > 0)
    })?;
    if deleted > 0 {
        key.change_event(class::HASH, "hdel");
        key.count_changes(deleted - 1);
    }
    drop(key);
    // Who reads the log does not know which of them had ended then, and so stayed for the sweep.
    if !removed.is_empty() && removed.len() < args.len() - 2 {
        fields::log_removed(&mut context.keys, args.key(0)?, &removed);
    }
    context.reply.integer(deleted as i64);
    Ok(())
}
