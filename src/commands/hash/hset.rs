//! HSET and HMSET: give fields values. HSET answers how many are new.

use super::fields;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::hash::{FieldExpiry, FieldWas, Hash};

pub(crate) static HMSET: CommandSpec = CommandSpec {
    name: "hmset",
    arity: -4,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "data", kind: ArgKind::Block(&[Arg { name: "field", ..ARG }, Arg { name: "value", ..ARG }]), multiple: true, ..ARG },
    ],
    element_at: 2,
    locks: Locks::Keys,
    run: Run::Data(|context, args| {
        store(context, args)?;
        context.reply.ok();
        Ok(())
    }),
    docs: Docs {
        summary: "Sets several fields of a hash",
        complexity: "O(N) where N is the number of fields.",
        since: "2.0.0",
        group: "hash",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static HSET: CommandSpec = CommandSpec {
    name: "hset",
    arity: -4,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "data", kind: ArgKind::Block(&[Arg { name: "field", ..ARG }, Arg { name: "value", ..ARG }]), multiple: true, ..ARG },
    ],
    element_at: 2,
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Sets fields of a hash, which is made if it is not there",
        complexity: "O(N) where N is the number of fields.",
        since: "2.0.0",
        group: "hash",
        history: &[("4.0.0", "Several fields at once.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let created = store(context, args)?;
    context.reply.integer(created as i64);
    Ok(())
}

/// Stores all pairs. How many fields are new.
fn store(context: &mut Context<'_>, args: &Args<'_>) -> Result<usize, CmdError> {
    let (pairs, rest) = args[2..].as_chunks::<2>();
    if !rest.is_empty() {
        return Err(CmdError::arity(context.command_name()));
    }
    let (limits, access) = (fields::limits(context.config), context.keys.field_access());
    let mut key = context.keys.open(args.key(0)?);
    let (created, expired) = key.change(|hash: &mut Hash| {
        hash.expect(pairs.len(), limits, access);
        let (mut created, mut expired) = (0, 0);
        for [field, value] in pairs {
            let was = hash.set(field, value, FieldExpiry::Clear, limits, access);
            created += usize::from(was != FieldWas::Present);
            expired += usize::from(was == FieldWas::Expired);
        }
        (created, expired)
    })?;
    if expired > 0 {
        key.further_event(class::HASH, "hexpired");
    }
    key.change_event(class::HASH, "hset");
    key.count_changes(pairs.len() as u64 - 1);
    drop(key);
    if expired > 0 {
        context.keys.count_expired_fields(args.key(0)?, expired);
    }
    Ok(created)
}
