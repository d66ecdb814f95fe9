//! HPERSIST: removes the expiry of fields.

use super::fields;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::hash::{ExpiryChange, Hash};

pub(crate) static HPERSIST: CommandSpec = CommandSpec {
    name: "hpersist",
    arity: -5,
    flags: flag::WRITE | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, fields::FIELDS],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Removes the expiry of fields of a hash",
        complexity: "O(N) where N is the number of fields.",
        since: "9.0.0",
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
    let mut key = context.keys.open(args.key(0)?);
    let mut results = Vec::with_capacity(names.len());
    let changes = key.change_if(|hash: &mut Hash| {
        results.extend(names.iter().map(|field| hash.set_expiry(field, None, false, access, |old_ms| old_ms.is_some())));
        let changes = results.iter().filter(|result| **result == ExpiryChange::Done).count();
        (changes, changes > 0)
    })?;
    if changes > 0 {
        key.change_event(class::HASH, "hpersist");
        key.count_changes(changes as u64 - 1);
    }
    drop(key);
    if changes > 0 && context.keys.is_logging() {
        let changed = fields::changed(names, &results, |result| *result == ExpiryChange::Done);
        fields::log_expiry(&mut context.keys, args.key(0)?, None, &changed);
    }
    context.reply.array(results.len());
    for result in results {
        context.reply.integer(match result {
            ExpiryChange::Done => 1,
            ExpiryChange::NoField => -2,
            ExpiryChange::Refused | ExpiryChange::Expired => -1,
        });
    }
    Ok(())
}
